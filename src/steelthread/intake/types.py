"""What mapping gives to the rooms above.

Values are canonical: text, numbers, booleans; decimals as plain text, dates and times as ISO 8601 (UTC with Z); empty
values are absent.
"""

from typing import Any

import msgspec

from steelthread.kit import Invalid


class MappedPart(msgspec.Struct, array_like=True):
    """An entity that has no key of its own: a contact point, an identification."""

    entity: str
    values: dict[str, Any]


class MappedRecord(msgspec.Struct, array_like=True):
    """A record: an entity with a key, its parts, and to whom it belongs."""

    entity: str
    key: str
    values: dict[str, Any]
    parts: list[MappedPart]
    identifiers: list[tuple[str, str, str]]
    """(kind, namespace or "", value) of identifiers that are no attribute."""
    party: tuple[str, str, str] | None = None
    """(source, entity, key) of the person's record."""
    parent: tuple[str, str] | None = None
    """(entity, key) of the record above."""
    parent_source: str = ""
    """The source of the record above, when it is another one."""


class Issue(msgspec.Struct, array_like=True):
    """A value that could not be understood: set aside, the row is kept."""

    column: str
    reason: str
    entity: str
    attribute: str
    value: str


class MappedRow(msgspec.Struct, array_like=True):
    """All records of a source row; the first one is the row's own."""

    records: list[MappedRecord]
    observed_at: int | None
    issues: list[Issue]
    extras: dict[str, str]


class RowRejected(Invalid):
    """The row has no key or no structure."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(f"column {column}: {reason}")
        self.column = column
        self.reason = reason


class Unreadable(Exception):  # it is a verdict on a value, and never leaves this package
    """A value that cannot be understood; the message is the reason, without the value."""
