"""What a run over all saw of its records: made by two processes, page by page, and staged on the connection until it is noted.

Of a million records it comes to a gigabyte, so it is not held here; it is sealed under the record's own subject.
"""

import struct
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import msgspec
import numpy as np
import psycopg

from steelthread import identity
from steelthread.identity import load_match
from steelthread.store import field
from steelthread.thread.asked import Asked
from steelthread.thread.models import context_of, homely_contacts
from steelthread.thread.space import Space
from steelthread.thread.types import Stage, silent
from steelthread.vault import seal

Connection = psycopg.Connection[Any]
_PAGE = 10_000
_ROW = struct.Struct(">hiq").pack
_NUMBER = struct.Struct(">iq").pack
_KEYS = struct.Struct(">iiiiii").pack
_KEY = np.dtype([("size", ">i4"), ("value", ">i8")])
_INT8 = 20
"""The type of PostgreSQL by which an array names that of its items."""


class Heard(NamedTuple):
    """What a part of a model said of all records of a kind; its answers stand behind so many others."""

    party: Any
    asked: Asked
    resolution: Any
    behind: int


class Staged(msgspec.Struct):
    """What stays at hand of what was staged."""

    records: int
    common: list[int] | None
    """The keys that find nobody, because too many have them; None where nobody looked."""
    homely: dict[int, tuple[str, ...]]
    """The kinds of contacts of people's records that stand in a home and not in a pocket, where there are any."""


class _Page(msgspec.Struct, array_like=True):
    """A page as one process tells it to the other."""

    hashes: bytes
    homely: list[tuple[int, tuple[str, ...]]]
    rows: bytes


_told = msgspec.msgpack.Decoder(_Page).decode


def stage_all(space: Space, conn: Connection, heard: Sequence[Heard], at: Stage = silent) -> Staged:
    """Stage what was seen of all records; they are in the transaction that is open, or in one of their own."""
    staged = Staged(0, [], {})
    with load_match().nothing_collected():
        staged.records = identity.stage_seen(conn, chain.from_iterable(_rows(space, one, staged, at) for one in heard))
    return staged


def _rows(space: Space, heard: Heard, staged: Staged, at: Stage) -> Iterator[bytes]:
    """Yield what was seen of the records of a kind as rows of COPY."""
    match = load_match()
    count = len(heard.asked.records)
    pages = [range(start, min(start + _PAGE, count)) for start in range(0, count, _PAGE)]
    work = _Pages(space, heard)
    hashes = [np.zeros(0, dtype=np.int64)]
    for number, told in enumerate(match.pages_beside(pages, work.page)):
        at("keeping what was compared", number * _PAGE, count)
        page = _told(told)
        hashes.append(np.frombuffer(page.hashes, dtype=np.int64))
        staged.homely.update(page.homely)
        yield page.rows
    keys = np.concatenate(hashes)
    hashes.clear()
    assert staged.common is not None
    staged.common += match.common_of(keys, count)


class _Pages:
    """Makes pages."""

    def __init__(self, space: Space, heard: Heard) -> None:
        self._vault = space.vault
        self._paged = heard.resolution.paged
        self._asked = heard.asked
        self._is_of_people = heard.party is load_match().PEOPLE

    def page(self, page: range) -> bytes:
        """Return a page as bytes."""
        part = slice(page.start, page.stop)
        records, subjects = self._asked.records[part].tolist(), self._asked.subjects[part].tolist()
        hashes, begins = self._paged.keys(page, self._vault.tokens)
        packed = np.empty(len(hashes), dtype=_KEY)
        packed["size"], packed["value"] = 8, hashes
        keys, at = packed.tobytes(), begins.tolist()
        own = self._vault.keys(set(subjects))
        rows: list[bytes] = []
        seen = zip(records, subjects, self._asked.digests[part], self._paged.packed(page), at, at[1:], strict=False)
        for record, subject, digest, cells, start, end in seen:
            key = own.get(subject)  # None: destroyed meanwhile, and the record goes with it
            rows += (
                _ROW(5, 8, record), field(digest), _KEYS(20 + 12 * (end - start), 1, 0, _INT8, end - start, 1),
                keys[12 * start : 12 * end], _NUMBER(8, subject),
                field(seal(key, cells, context_of(record)) if key else b""),
            )  # fmt: skip
        return msgspec.msgpack.encode(_Page(hashes.tobytes(), self._homely(page, records), b"".join(rows)))

    def _homely(self, page: range, records: Sequence[int]) -> list[tuple[int, tuple[str, ...]]]:
        if not self._is_of_people:
            return []
        names = ("open", "mails", "phones")
        columns = zip(*(self._paged.column(name, page) for name in names), strict=True)
        rows = ((record, dict(zip(names, row, strict=True))) for record, row in zip(records, columns, strict=True))
        found = ((record, homely_contacts(row)) for record, row in rows if row["open"])
        return [(record, kinds) for record, kinds in found if kinds]
