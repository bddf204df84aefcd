"""`python -m steelthread`: the command line."""

from steelthread.cli import main

if __name__ == "__main__":
    main()
