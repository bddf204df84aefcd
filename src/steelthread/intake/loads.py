"""The ledger of loads: how far each came, and which records it showed."""

import zlib
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from steelthread.kit import Conflict
from steelthread.store import carry_out

Connection = psycopg.Connection[Any]
_MARKS = 1 << 24
_PRUNED = 4
"""Loads before a load that are looked through for what it showed again; those before them have been."""
_TOGETHER = 400
"""Batches of a former load that are looked through at once: some two million records."""


class Load(msgspec.Struct):
    """A load and its counters; `rows_done` is where it resumes."""

    load_id: int
    as_of: datetime
    edition: int = 0
    rows_done: int = 0
    read: int = 0
    accepted: int = 0
    unchanged: int = 0
    updated: int = 0
    closed: int = 0
    rejected: int = 0
    set_aside: int = 0
    created: int = 0
    merged: int = 0


_COUNTERS = Load.__struct_fields__[3:]


def begin_load(
    conn: Connection, source: int, fingerprint: bytes, as_of: datetime, edition: int, *, snapshot: bool
) -> Load:
    """Return the load that was cut off on this very file, or a new one."""
    columns = ", ".join(Load.__struct_fields__)
    row = conn.execute(
        f"select {columns} from intake.load where source_id = %s and fingerprint = %s and finished_at is null "
        "order by load_id desc limit 1",
        (source, fingerprint),
    ).fetchone()
    if row is None:
        row = conn.execute(
            f"insert into intake.load (source_id, fingerprint, as_of, edition, snapshot) values (%s, %s, %s, %s, %s) "
            f"returning {columns}",
            (source, fingerprint, as_of, edition, snapshot),
        ).fetchone()
    assert row is not None
    return Load(*row)


def drop_load(conn: Connection, load: Load) -> None:
    """Forget a load that read nothing: it is no load to go on with."""
    conn.execute("delete from intake.load where load_id = %s and read = 0", (load.load_id,))


def editions(conn: Connection, loads: Collection[int]) -> dict[int, int]:
    """Return the edition of the mapping under which each load was read."""
    rows = conn.execute("select load_id, edition from intake.load where load_id = any(%s)", (list(loads),))
    return dict(rows.fetchall())


def begin_replay(conn: Connection, source: int, as_of: datetime, edition: int) -> Load:
    """Return a load for rows that were refused by loads of this time; it has no file and never resumes."""
    columns = ", ".join(Load.__struct_fields__)
    row = conn.execute(
        "insert into intake.load (source_id, fingerprint, as_of, edition, finished_at) values (%s, '', %s, %s, now()) "
        f"returning {columns}",
        (source, as_of, edition),
    ).fetchone()
    assert row is not None
    return Load(*row)


def save_load(conn: Connection, load: Load, *, finished: datetime | None = None) -> None:
    """Write a load's counters and cursor; refuse when another process has moved it meanwhile.

    On a connection that writes behind, as they are now, and the refusal comes with what is asked next.
    """
    sets = ", ".join(f"{name} = %s" for name in _COUNTERS)
    values = (*(getattr(load, name) for name in _COUNTERS), finished, load.load_id, load.rows_done)

    def save(conn: Connection) -> None:
        done = conn.execute(
            f"update intake.load set {sets}, finished_at = %s where load_id = %s and rows_done <= %s", values
        ).rowcount
        if done != 1:
            raise Conflict("This load is being carried on by another process: let it finish, then load again.")

    carry_out(conn, save)


class Seen:
    """Which records a load has shown without writing them, a bitmap before sorted chunks: small, and exact."""

    def __init__(self, chunks: Iterable[bytes] = ()) -> None:
        self._marks = bytearray(_MARKS >> 3)
        self._chunks: list[array[int]] = []
        for chunk in chunks:
            numbers: array[int] = array("q")
            numbers.frombytes(zlib.decompress(chunk))
            self.add(numbers)

    def add(self, records: Iterable[int]) -> None:
        """Add the records of a batch."""
        chunk = array("q", sorted(records))
        for record in chunk:
            self._marks[(record % _MARKS) >> 3] |= 1 << (record & 7)
        self._chunks.append(chunk)

    def __contains__(self, record: int) -> bool:
        if not self._marks[(record % _MARKS) >> 3] & 1 << (record & 7):
            return False
        for chunk in self._chunks:
            place = bisect_left(chunk, record)
            if place < len(chunk) and chunk[place] == record:
                return True
        return False


class Witness:
    """When records were last shown: by the load that wrote them, or unchanged by this one or one of a later time.

    A load of an earlier time than others, and a key that comes twice in one file, are decided by it, so that the
    order of loads and rows does not matter.
    """

    def __init__(self, conn: Connection, source: int, load: Load) -> None:
        self._as_of = load.as_of
        self.own = Seen(_chunks(conn, load.load_id))
        self._later = [
            (as_of, number, Seen(_chunks(conn, number)))
            for number, as_of in conn.execute(
                "select load_id, as_of from intake.load where source_id = %s and as_of >= %s and load_id <> %s",
                (source, load.as_of, load.load_id),
            ).fetchall()
        ]

    def last_shown(self, record: int, as_of: datetime, since: int = 0) -> datetime:
        """Return when a record was last shown as it stands; `as_of` is the time of the load that wrote it.

        With `since`, the number of that load, what loads before it showed does not count.
        """
        last = max(as_of, self._as_of) if as_of < self._as_of and record in self.own else as_of
        for later, number, seen in self._later:
            if later > last and number > since and record in seen:
                last = later
        return last


def _chunks(conn: Connection, load: int) -> list[bytes]:
    return [body for (body,) in conn.execute("select records from intake.load_seen where load_id = %s", (load,))]


def note_seen(conn: Connection, load: int, first_row: int, records: Sequence[int]) -> None:
    """Keep which records a batch showed unchanged; for a snapshot, all that it showed."""
    if records:
        body = zlib.compress(array("q", sorted(records)).tobytes(), 1)
        conn.execute("insert into intake.load_seen values (%s, %s, %s)", (load, first_row, body))


def prune_seen(conn: Connection, source: int, load: Load) -> None:
    """Forget of the loads before what this one, now finished, has shown again.

    That a record was shown then says nothing that its being shown at a later time does not say, whatever load still
    comes; so what is kept of a source is what its newest load showed, and of former ones only what went or changed.
    """
    own = _all(_chunks(conn, load.load_id))
    if not own:
        return
    before = conn.execute(
        "select load_id from intake.load l where source_id = %s and as_of <= %s and load_id <> %s and finished_at is not null "
        "and exists (select from intake.load_seen s where s.load_id = l.load_id) order by as_of desc, load_id desc limit %s",
        (source, load.as_of, load.load_id, _PRUNED),
    ).fetchall()
    import pyarrow.compute  # noqa: PLC0415  # a seventh of the start of a command

    shown = _packed(own)
    for (number,) in before:
        rows = conn.execute("select first_row, records from intake.load_seen where load_id = %s", (number,)).fetchall()
        for start in range(0, len(rows), _TOGETHER):
            group = rows[start : start + _TOGETHER]
            there = _packed(_all([body for _, body in group]))
            left = there.filter(pyarrow.compute.invert(pyarrow.compute.is_in(there, value_set=shown))).to_pylist()
            if len(left) < len(there):
                conn.execute(
                    "delete from intake.load_seen where load_id = %s and first_row = any(%s)",
                    (number, [first for first, _ in group]),
                )
                note_seen(conn, number, group[0][0], left)


def _packed(numbers: "array[int]") -> Any:
    import pyarrow as pa  # noqa: PLC0415

    return pa.Array.from_buffers(pa.int64(), len(numbers), [None, pa.py_buffer(numbers)])


def _all(chunks: Iterable[bytes]) -> "array[int]":
    numbers: array[int] = array("q")
    for chunk in chunks:
        numbers.frombytes(zlib.decompress(chunk))
    return numbers


def gone_records(conn: Connection, source: int, load: Load, entity: str) -> list[int]:
    """Return the open records of a source that a snapshot does not show, and no load of a later time either."""
    shown = Seen(_chunks(conn, load.load_id))
    witness = Witness(conn, source, load)
    rows = conn.execute(
        "select record_id, as_of from intake.record join intake.entity e using (entity_id) "
        "where source_id = %s and load_id <> %s and as_of <= %s and e.name = %s and closed_at is null",
        (source, load.load_id, load.as_of, entity),
    )
    return [record for record, as_of in rows if record not in shown and witness.last_shown(record, as_of) <= load.as_of]


def gone_before(conn: Connection, source: int, load: Load, entity: str) -> list[int]:
    """Return the records that are closed at a later time than this snapshot's, which does not show them either."""
    shown = Seen(_chunks(conn, load.load_id))
    witness = Witness(conn, source, load)
    rows = conn.execute(
        "select record_id, as_of from intake.record join intake.entity e using (entity_id) "
        "where source_id = %s and as_of < %s and e.name = %s and closed_at > %s",
        (source, load.as_of, entity, load.as_of),
    )
    return [record for record, as_of in rows if record not in shown and witness.last_shown(record, as_of) < load.as_of]


def outdated_records(conn: Connection, source: int, load: Load, entity: str) -> list[tuple[datetime, list[int]]]:
    """Return what a load of an earlier time brought that a snapshot of a later time no longer showed, by its time."""
    snapshots = conn.execute(
        "select load_id, as_of from intake.load where source_id = %s and as_of > %s and snapshot "
        "and finished_at is not null order by as_of",
        (source, load.as_of),
    ).fetchall()
    if not snapshots:
        return []
    witness = Witness(conn, source, load)
    own = _chunks(conn, load.load_id)
    numbers = {record for chunk in own for record in _numbers(chunk)}
    rows = conn.execute(
        "select record_id, as_of from intake.record join intake.entity e using (entity_id) "
        "where source_id = %s and e.name = %s and closed_at is null and (load_id = %s or record_id = any(%s))",
        (source, entity, load.load_id, sorted(numbers)),
    ).fetchall()
    last = {record: witness.last_shown(record, as_of) for record, as_of in rows}
    found = []
    for number, as_of in snapshots:
        shown = Seen(_chunks(conn, number))
        gone = [record for record, moment in last.items() if moment < as_of and record not in shown]
        found.append((as_of, gone))
        for record in gone:
            del last[record]
    return [(as_of, gone) for as_of, gone in found if gone]


def _numbers(chunk: bytes) -> "array[int]":
    numbers: array[int] = array("q")
    numbers.frombytes(zlib.decompress(chunk))
    return numbers
