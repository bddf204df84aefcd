"""What a file looks like, and what comes out of it."""

from collections.abc import Iterator
from typing import Protocol

import msgspec


class Format(msgspec.Struct, forbid_unknown_fields=True):
    """How to read a file; what is empty is found by looking at it."""

    type: str = ""
    delimiter: str = ""
    quote: str = '"'
    encoding: str = ""
    header: bool | None = None
    sheet: str = ""
    root: str = ""
    compression: str = ""
    member: str = ""


class BadRow(msgspec.Struct):
    """A row without structure."""

    line: int
    column: str
    reason: str
    raw: str


class Batch(msgspec.Struct):
    """Some rows: cells are text, "" for nothing; `lines` has the line of each."""

    first_line: int
    lines: list[int]
    rows: list[list[str]]
    bad: list[BadRow]


class Rows(Protocol):
    """Rows of an open file, as a stream of batches."""

    columns: list[str]
    total_bytes: int
    position: int
    warnings: list[str]

    def __iter__(self) -> Iterator[Batch]: ...
