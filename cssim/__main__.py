"""`python -m cssim`."""

from cssim.config import share_processors

if __name__ == "__main__":
    share_processors()  # before anything can load torch

    from cssim.cli import main

    main(prog_name="python -m cssim")
