"""Lake: Delta tables of the company that hold people, as files: found, read by person, rewritten without somebody.

Who somebody is, this room does not know: it is told which values of a column go.
"""

from steelthread.lake.configuration import FILE, Subject, TableConfig, load_tables
from steelthread.lake.table import Described, LakeTable, Rewritten

__all__ = ["FILE", "Described", "LakeTable", "Rewritten", "Subject", "TableConfig", "load_tables"]
