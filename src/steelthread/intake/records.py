"""The kept records, loads and rejects in PostgreSQL."""

import zlib
from array import array
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from steelthread.kit import Conflict, NotFound
from steelthread.vault import Vault

Connection = psycopg.Connection[Any]


class RecordRow(msgspec.Struct):
    """A kept record, current version."""

    record_id: int
    source_id: int
    entity_id: int
    key_hash: bytes
    digest: bytes
    row_digest: bytes
    observed_at: datetime
    changed_at: datetime | None
    loaded_at: datetime
    first_observed_at: datetime
    load_id: int
    subject: int
    is_party: bool
    sealed: bytes
    clear: dict[str, Any]
    closed_at: datetime | None


_COLUMNS = ", ".join(RecordRow.__struct_fields__)
_TYPES = (
    "int8", "int4", "int4", "bytea", "bytea", "bytea", "timestamptz", "timestamptz", "timestamptz", "timestamptz",
    "int8", "int8", "bool", "bytea", "jsonb", "timestamptz",
)  # fmt: skip
_JSON = msgspec.json.Encoder().encode
_TABLES = ("source", "entity")


def key_hash(vault: Vault, source: str, entity: str, key: str) -> bytes:
    """Return the blind index of a record's name."""
    return vault.blind("record", f"{source}\x00{entity}\x00{key}")


def source_row(conn: Connection, vault: Vault, name: str, priority: int, *, unique: bool) -> tuple[int, int]:
    """Return (source number, subject of what belongs to nobody), making the source when it is new."""
    sql = "select source_id, subject, priority, is_unique from intake.source where name = %s"
    row = conn.execute(sql, (name,)).fetchone()
    if row is None:
        ((subject, _),) = vault.new_subjects(1)
        conn.execute(
            "insert into intake.source (name, priority, is_unique, subject) values (%s, %s, %s, %s) "
            "on conflict do nothing",
            (name, priority, unique, subject),
        )
        row = conn.execute(sql, (name,)).fetchone()
    assert row is not None
    if (row[2], row[3]) != (priority, unique):
        conn.execute(
            "update intake.source set priority = %s, is_unique = %s where source_id = %s", (priority, unique, row[0])
        )
    return row[0], row[1]


def entity_ids(conn: Connection, names: Iterable[str]) -> dict[str, int]:
    """Return the number of each entity, making those that are new."""
    wanted = sorted(set(names))
    for name in wanted:
        conn.execute("insert into intake.entity (name) values (%s) on conflict do nothing", (name,))
    rows = conn.execute("select name, entity_id from intake.entity where name = any(%s)", (wanted,)).fetchall()
    return dict(rows)


def entity_names(conn: Connection) -> dict[int, str]:
    """Return the entities by number."""
    return dict(conn.execute("select entity_id, name from intake.entity").fetchall())


def source_names(conn: Connection) -> dict[int, tuple[str, int]]:
    """Return (name, priority) of the sources by number."""
    rows = conn.execute("select source_id, name, priority from intake.source").fetchall()
    return {number: (name, priority) for number, name, priority in rows}


def row_digests(conn: Connection, hashes: Collection[bytes]) -> dict[bytes, tuple[int, bytes, bool]]:
    """Return key hash -> (record, digest of its source row, whether it is open): what tells an unchanged row."""
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(
            "select key_hash, record_id, row_digest, closed_at is null from intake.record where key_hash = any(%s)",
            (list(hashes),),
        ).fetchall()
    return {name: (record, digest, is_open) for name, record, digest, is_open in rows}


def records_by_hash(conn: Connection, hashes: Collection[bytes]) -> dict[bytes, RecordRow]:
    """Return the records with these key hashes."""
    rows = _select(conn, "key_hash = any(%s)", list(hashes))
    return {row.key_hash: row for row in rows}


def records_by_id(conn: Connection, ids: Collection[int]) -> list[RecordRow]:
    """Return the records with these numbers."""
    return _select(conn, "record_id = any(%s)", list(ids))


def _select(conn: Connection, condition: str, values: list[Any]) -> list[RecordRow]:
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(f"select {_COLUMNS} from intake.record where {condition}", (values,)).fetchall()
    return [RecordRow(*row) for row in rows]


def insert_records(conn: Connection, rows: Iterable[RecordRow]) -> None:
    """Write new records."""
    with conn.cursor() as cursor, cursor.copy(f"copy intake.record ({_COLUMNS}) from stdin (format binary)") as copy:
        copy.set_types(_TYPES)
        for row in rows:
            values = list(msgspec.structs.astuple(row))
            values[14] = _Json(_JSON(row.clear))
            copy.write_row(values)


class _Json(bytes):
    """JSON that is encoded already."""


class _JsonDumper(psycopg.adapt.Dumper):
    format = psycopg.pq.Format.BINARY
    oid = psycopg.adapters.types["jsonb"].oid

    def dump(self, obj: _Json) -> bytes:
        return b"\x01" + obj


psycopg.adapters.register_dumper(_Json, _JsonDumper)


def update_records(conn: Connection, rows: Sequence[RecordRow]) -> None:
    """Write new versions of records that there are."""
    if not rows:
        return
    conn.cursor().executemany(
        """
        update intake.record set digest = %s, row_digest = %s, observed_at = %s, changed_at = %s, loaded_at = %s,
            first_observed_at = %s, load_id = %s, sealed = %s, clear = %s, closed_at = %s
        where record_id = %s
        """,
        [
            (
                row.digest, row.row_digest, row.observed_at, row.changed_at, row.loaded_at, row.first_observed_at,
                row.load_id, row.sealed, _Json(_JSON(row.clear)), row.closed_at, row.record_id,
            )
            for row in rows
        ],
    )  # fmt: skip


def keep_versions(conn: Connection, rows: Sequence[tuple[int, bytes, datetime]]) -> None:
    """Keep when versions that are not current were first loaded: (record, digest, time)."""
    if rows:
        conn.execute(
            "insert into intake.record_version select distinct on (1, 2) * "
            "from unnest(%s::int8[], %s::bytea[], %s::timestamptz[]) as v (a, b, c) order by 1, 2, 3 "
            "on conflict (record_id, digest) do update "
            "set loaded_at = least(record_version.loaded_at, excluded.loaded_at)",
            ([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]),
        )


def versions(conn: Connection, records: Collection[int]) -> dict[tuple[int, bytes], datetime]:
    """Return when each former version of these records was first loaded."""
    rows = conn.execute(
        "select record_id, digest, loaded_at from intake.record_version where record_id = any(%s)", (list(records),)
    ).fetchall()
    return {(record, digest): at for record, digest, at in rows}


class Load(msgspec.Struct):
    """A load and its counters; `rows_done` is where it resumes."""

    load_id: int
    as_of: datetime
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


_COUNTERS = Load.__struct_fields__[2:]


def begin_load(conn: Connection, source: int, fingerprint: bytes, as_of: datetime) -> Load:
    """Return the load that was cut off on this very file, or a new one."""
    columns = ", ".join(Load.__struct_fields__)
    row = conn.execute(
        f"select {columns} from intake.load where source_id = %s and fingerprint = %s and finished_at is null "
        "order by load_id desc limit 1",
        (source, fingerprint),
    ).fetchone()
    if row is None:
        row = conn.execute(
            f"insert into intake.load (source_id, fingerprint, as_of) values (%s, %s, %s) returning {columns}",
            (source, fingerprint, as_of),
        ).fetchone()
    assert row is not None
    return Load(*row)


def save_load(conn: Connection, load: Load, *, finished: datetime | None = None) -> None:
    """Write a load's counters and cursor; refuse when another process has moved it meanwhile."""
    sets = ", ".join(f"{name} = %s" for name in _COUNTERS)
    values = [getattr(load, name) for name in _COUNTERS]
    done = conn.execute(
        f"update intake.load set {sets}, finished_at = %s where load_id = %s and rows_done <= %s",
        (*values, finished, load.load_id, load.rows_done),
    ).rowcount
    if done != 1:
        raise Conflict("This load is being carried on by another process: let it finish, then load again.")


def note_seen(conn: Connection, load: int, first_row: int, records: Sequence[int]) -> None:
    """Keep which records a batch saw unchanged."""
    if records:
        body = zlib.compress(array("q", sorted(records)).tobytes(), 1)
        conn.execute("insert into intake.load_seen values (%s, %s, %s)", (load, first_row, body))


def gone_records(conn: Connection, source: int, load: int, entity: str) -> list[int]:
    """Return the open records of a source that a snapshot load did not show: neither written nor seen by it."""
    seen: set[int] = set()
    for (body,) in conn.execute("select records from intake.load_seen where load_id = %s", (load,)):
        numbers = array("q")
        numbers.frombytes(zlib.decompress(body))
        seen.update(numbers)
    rows = conn.execute(
        "select record_id from intake.record join intake.entity e using (entity_id) "
        "where source_id = %s and load_id <> %s and e.name = %s and closed_at is null",
        (source, load, entity),
    )
    return [record for (record,) in rows if record not in seen]


class Reject(msgspec.Struct):
    """A refused row or a value set aside, ready to be kept."""

    line: int
    column: str
    reason: str
    is_row: bool
    content: str


def keep_rejects(
    conn: Connection, vault: Vault, seal: Any, source: int, load: int, file: str, rejects: Sequence[Reject]
) -> None:
    """Keep what was refused, each sealed under a key of its own; the same thing refused twice is kept once."""
    if not rejects:
        return
    subjects = vault.new_subjects(len(rejects))
    conn.cursor().executemany(
        'insert into intake.reject (source_id, load_id, file, line, "column", reason, is_row, row_hash, subject, sealed) '
        'values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict (source_id, row_hash, "column", reason) do update set load_id = excluded.load_id, replayed_at = null',
        [
            (
                source, load, file, reject.line, reject.column, reject.reason, reject.is_row,
                vault.digest(reject.content.encode()), subject, seal(key, reject.content.encode(), b"reject"),
            )
            for reject, (subject, key) in zip(rejects, subjects, strict=True)
        ],
    )  # fmt: skip


def find_record(conn: Connection, vault: Vault, source: str, entity: str, key: str) -> RecordRow:
    """Return a record by its name; NotFound without quoting the key."""
    found = records_by_hash(conn, [key_hash(vault, source, entity, key)])
    for row in found.values():
        return row
    raise NotFound(f"Source {source} has no {entity} record with this key.")


def list_rejects(conn: Connection, source: str, limit: int) -> list[dict[str, Any]]:
    """List what was refused and not replayed, newest first; without its content."""
    rows = conn.execute(
        'select s.name, file, line, "column", reason, is_row, at from intake.reject join intake.source s using (source_id) '
        "where replayed_at is null and (%s = '' or s.name = %s) order by reject_id desc limit %s",
        (source, source, limit),
    )
    names = ("source", "file", "line", "column", "reason", "row", "at")
    return [dict(zip(names, row, strict=True)) for row in rows]


def waiting_rejects(conn: Connection, source: str) -> list[tuple[str, int]]:
    """Return (source, how many refused rows wait) of the sources that have any."""
    return conn.execute(
        "select s.name, count(*) from intake.reject join intake.source s using (source_id) "
        "where replayed_at is null and is_row and (%s = '' or s.name = %s) group by 1 order by 1",
        (source, source),
    ).fetchall()


def settle_rejects(conn: Connection, source: str) -> None:
    """Close the rejects that the newest load of a source no longer refused."""
    conn.execute(
        "update intake.reject set replayed_at = now() where replayed_at is null "
        "and source_id = (select source_id from intake.source where name = %s) "
        "and load_id < (select max(load_id) from intake.load join intake.source s using (source_id) where s.name = %s)",
        (source, source),
    )


def reserve(conn: Connection, count: int) -> list[int]:
    """Reserve record numbers, from the same sequence as the nodes."""
    if not count:
        return []
    row = conn.execute("select setval('identity.node_seq', nextval('identity.node_seq') + %s)", (count - 1,)).fetchone()
    assert row is not None
    return list(range(row[0] - count + 1, row[0] + 1))
