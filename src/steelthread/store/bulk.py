"""Bulk parameters and COPY rows in PostgreSQL's binary formats, packed without a Python call per value and column.

A batch sends thousands of hashes and numbers at once: as text arrays these cost more than the query. The types below
are parameters like any other (`where hash = any(%s)` with `Byteas(...)`).
"""

import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, ClassVar
from uuid import UUID

import psycopg
from psycopg.abc import Buffer
from psycopg.types.numeric import DecimalBinaryDumper

Connection = psycopg.Connection[Any]
_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_INT8 = struct.Struct(">iq").pack
_LENGTH = struct.Struct(">i").pack
_HEAD = struct.Struct(">iiIii").pack
_EPOCH_2000 = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NUMERIC = DecimalBinaryDumper(Decimal)
NULL = _LENGTH(-1)
"""A field without a value in a COPY row."""


class _Array:
    """A one-dimensional array, packed already."""

    element: ClassVar[int]
    array: ClassVar[int]
    __slots__ = ("packed",)

    def __init__(self, body: Iterable[bytes]) -> None:
        parts = list(body)
        head = _HEAD(1, 0, self.element, len(parts), 1) if parts else _HEAD(0, 0, self.element, 0, 0)[:12]
        self.packed = head + b"".join(parts)


class Int8s(_Array):
    """bigint[]."""

    element, array = 20, 1016

    def __init__(self, values: Iterable[int]) -> None:
        super().__init__([_INT8(8, value) for value in values])


class Byteas(_Array):
    """bytea[], with None for no value."""

    element, array = 17, 1001

    def __init__(self, values: Iterable[bytes | None]) -> None:
        super().__init__([NULL if value is None else _LENGTH(len(value)) + value for value in values])


class Uuids(_Array):
    """uuid[]."""

    element, array = 2950, 2951

    def __init__(self, values: Iterable[UUID]) -> None:
        super().__init__([b"\0\0\0\x10" + value.bytes for value in values])


class Moments(_Array):
    """timestamptz[], with None for what has no time."""

    element, array = 1184, 1185

    def __init__(self, values: Iterable[datetime | None]) -> None:
        super().__init__([NULL if value is None else _INT8(8, micros_2000(value)) for value in values])


class Numerics(_Array):
    """numeric[], with None for no number."""

    element, array = 1700, 1231

    def __init__(self, values: Iterable[Decimal | None]) -> None:
        super().__init__([numeric(value) for value in values])


class Utf8s(_Array):
    """text[], of texts encoded already."""

    element, array = 25, 1009

    def __init__(self, values: Iterable[bytes]) -> None:
        super().__init__([_LENGTH(len(value)) + value for value in values])


class Texts(Utf8s):
    """text[]."""

    def __init__(self, values: Iterable[str]) -> None:
        super().__init__([value.encode() for value in values])


class Words(Utf8s):
    """text[], of a few different texts: each is encoded once."""

    def __init__(self, values: Sequence[str]) -> None:
        packed = {one: _LENGTH(len(raw)) + raw for one in set(values) for raw in (one.encode(),)}
        super(Utf8s, self).__init__([packed[one] for one in values])


def _dumper(kind: type[_Array]) -> type[psycopg.adapt.Dumper]:
    class Dumper(psycopg.adapt.Dumper):
        format = psycopg.pq.Format.BINARY
        oid = kind.array

        def dump(self, obj: Any) -> Buffer | None:
            packed: bytes = obj.packed
            return packed

    return Dumper


for _kind in (Int8s, Byteas, Uuids, Moments, Numerics, Utf8s, Texts, Words):
    psycopg.adapters.register_dumper(_kind, _dumper(_kind))


@lru_cache(maxsize=16_384)  # of a whole batch
def micros_2000(moment: datetime) -> int:
    """Return a moment as PostgreSQL keeps it: microseconds since 2000-01-01 UTC."""
    return (moment - _EPOCH_2000) // _MICROSECOND


def field(value: bytes) -> bytes:
    """Return a field of a COPY row: its length, then its bytes."""
    return _LENGTH(len(value)) + value


def numeric(value: Decimal | None) -> bytes:
    """Return a field of a COPY row, or an item of an array: a number, exactly, or none."""
    packed = None if value is None else _NUMERIC.dump(value)
    return NULL if packed is None else field(bytes(packed))


def copy_packed(conn: Connection, target: str, rows: Iterable[bytes]) -> None:
    """COPY rows that are packed already; each begins with its number of columns (int16)."""
    with conn.cursor() as cursor, cursor.copy(f"copy {target} from stdin (format binary)") as copy:
        copy.write(b"".join((_SIGNATURE, *rows, _TRAILER)))


def copy_streamed(conn: Connection, target: str, parts: Iterable[bytes]) -> int:
    """COPY such rows as they come, some or many at a time: of millions few are in memory; return how many there were."""
    with conn.cursor() as cursor:
        with cursor.copy(f"copy {target} from stdin (format binary)") as copy:
            copy.write(_SIGNATURE)
            for part in parts:
                copy.write(part)
            copy.write(_TRAILER)
        return cursor.rowcount
