"""`python -m cssim`."""

from cssim.cli import main

if __name__ == "__main__":
    main(prog_name="python -m cssim")
