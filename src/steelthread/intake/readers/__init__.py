"""Reading files as streams of rows, in constant memory."""

from steelthread.intake.readers.detection import detect
from steelthread.intake.readers.table import Table
from steelthread.intake.readers.tabular import open_rows
from steelthread.intake.readers.types import BadRow, Batch, Format

__all__ = ["BadRow", "Batch", "Format", "Table", "detect", "open_rows"]
