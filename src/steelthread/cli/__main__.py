"""`python -m steelthread.cli`."""

from steelthread.cli import main

main()
