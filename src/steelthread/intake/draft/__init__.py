"""`source new`: a mapping drafted from header and values. It loads unedited, and quotes no value of the file."""

from steelthread.intake.draft.kinds import draft

__all__ = ["draft"]
