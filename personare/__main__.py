"""`python -m personare` is the command line."""

from personare.cli import main

if __name__ == "__main__":
    main()
