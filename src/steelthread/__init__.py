"""Steelthread: an open, self-hosted Customer 360.

Source systems in, one profile per customer under one universal ID out. Read `thread` first: it shows the whole way.
"""

__version__ = "0.1.0"
