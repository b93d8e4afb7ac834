"""`python -m cssim`, and `cssim` where the package is installed."""

from cssim.config import share_processors


def main() -> None:
    """Run the command line."""
    share_processors()  # before anything can load torch

    from cssim.cli import main as commands

    commands(prog_name="python -m cssim")


if __name__ == "__main__":
    main()
