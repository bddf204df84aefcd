"""The kept records in PostgreSQL."""

import struct
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from steelthread.kit import NotFound
from steelthread.store import NULL, Byteas, Int8s, Texts, copy_rows, field, micros_2000, write
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
    as_of: datetime
    load_id: int
    subject: int
    is_party: bool
    sealed: bytes
    clear: bytes
    """Values that are not direct, as JSON: {"v": values, "p": [[entity, values]], "f": {direct: [token, length]}}."""
    closed_at: datetime | None


_COLUMNS = ", ".join(RecordRow.__struct_fields__)
RECORD_COLUMNS = _COLUMNS.replace("clear", "convert_to(clear::text, 'UTF8')")
"""What is selected of `intake.record` for a `RecordRow`."""
_TARGET = (
    "intake.record (record_id, source_id, entity_id, key_hash, digest, row_digest, observed_at, loaded_at, "
    "first_observed_at, as_of, load_id, subject, is_party, changed_at, sealed, clear)"
)
_FIXED = struct.Struct(">hiqiiiii16si16si16siqiqiqiqiqiqi?").pack
_INT8 = struct.Struct(">iq").pack


def key_prefix(source: str, entity: str) -> str:
    """Return what stands before the key in a record's name."""
    return f"{source}\x00{entity}\x00"


def key_hash(vault: Vault, source: str, entity: str, key: str) -> bytes:
    """Return the blind index of a record's name."""
    return vault.blind("record", key_prefix(source, entity) + key)


def source_row(
    conn: Connection, vault: Vault, name: str, priority: int, mapping: bytes, *, unique: bool
) -> tuple[int, int, int]:
    """Return (source number, subject of what belongs to nobody, edition of the mapping), making a source that is new."""
    sql = "select source_id, subject, priority, is_unique, mapping, edition from intake.source where name = %s"
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
    edition = row[5] + (row[4] != mapping)
    if (*row[2:5],) != (priority, unique, mapping):
        conn.execute(
            "update intake.source set priority = %s, is_unique = %s, mapping = %s, edition = %s where source_id = %s",
            (priority, unique, mapping, edition, row[0]),
        )
    return row[0], row[1], edition


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


def names_of_all(conn: Connection) -> tuple[dict[int, tuple[str, int]], dict[int, str]]:
    """Return what `source_names` and `entity_names` do, by one question."""
    rows = conn.execute(
        "select true, source_id, name, priority from intake.source "
        "union all select false, entity_id, name, 0 from intake.entity"
    ).fetchall()
    sources = {number: (name, priority) for is_source, number, name, priority in rows if is_source}
    return sources, {number: name for is_source, number, name, _ in rows if not is_source}


def row_digests(conn: Connection, hashes: Collection[bytes]) -> dict[bytes, tuple[int, bytes, bool, datetime]]:
    """Return key hash -> (record, digest of its source row, whether it is open, when this version was first loaded).

    It is what tells an unchanged row.
    """
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(
            "select key_hash, record_id, row_digest, closed_at is null, loaded_at from intake.record where key_hash = any(%s)",
            (Byteas(hashes),),
        ).fetchall()
    return {name: (record, digest, is_open, loaded_at) for name, record, digest, is_open, loaded_at in rows}


def records_by_hash(conn: Connection, hashes: Collection[bytes]) -> dict[bytes, RecordRow]:
    """Return the records with these key hashes."""
    if not hashes:
        return {}
    rows = _select(conn, "key_hash = any(%s)", Byteas(hashes))
    return {row.key_hash: row for row in rows}


def records_by_id(conn: Connection, ids: Collection[int]) -> list[RecordRow]:
    """Return the records with these numbers."""
    return _select(conn, "record_id = any(%s)", Int8s(ids))


def open_records(conn: Connection, ids: Collection[int], limit: int) -> list[RecordRow]:
    """Return those of these records that are open, the oldest `limit` of them."""
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(
            f"select {RECORD_COLUMNS} from intake.record where record_id = any(%s) and closed_at is null "
            "order by record_id limit %s",
            (Int8s(ids), limit),
        ).fetchall()
    return [RecordRow(*row) for row in rows]


def _select(conn: Connection, condition: str, values: Byteas | Int8s) -> list[RecordRow]:
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(f"select {RECORD_COLUMNS} from intake.record where {condition}", (values,)).fetchall()
    return [RecordRow(*row) for row in rows]


def insert_records(conn: Connection, rows: Iterable[RecordRow]) -> None:
    """Write new records."""
    copy_rows(conn, _TARGET, [_packed(row) for row in rows])


def _packed(row: RecordRow) -> bytes:
    observed = micros_2000(row.observed_at)
    fixed = _FIXED(
        16, 8, row.record_id, 4, row.source_id, 4, row.entity_id, 16, row.key_hash, 16, row.digest, 16, row.row_digest,
        8, observed, 8, micros_2000(row.loaded_at), 8, micros_2000(row.first_observed_at), 8, micros_2000(row.as_of),
        8, row.load_id, 8, row.subject, 1, row.is_party,
    )  # fmt: skip
    changed = NULL if row.changed_at is None else _INT8(8, micros_2000(row.changed_at))
    return fixed + changed + field(row.sealed) + field(b"\x01" + row.clear)


def update_records(conn: Connection, rows: Sequence[RecordRow]) -> None:
    """Write new versions of records that there are."""
    if not rows:
        return
    changed = [row.changed_at or row.observed_at for row in rows]
    times = [
        Int8s([micros_2000(moment) for moment in column])
        for column in (
            [row.observed_at for row in rows], changed, [row.loaded_at for row in rows],
            [row.first_observed_at for row in rows], [row.as_of for row in rows],
        )
    ]  # fmt: skip
    write(
        conn,
        f"""
        update intake.record r set digest = c.digest, row_digest = c.row_digest, observed_at = {_moment("observed")},
            changed_at = case when c.has_changed = 1 then {_moment("changed")} end, loaded_at = {_moment("loaded")},
            first_observed_at = {_moment("first")}, as_of = {_moment("as_of")}, load_id = c.load_id,
            subject = c.subject, sealed = c.sealed, clear = c.clear::jsonb, closed_at = null
        from unnest(%s::int8[], %s::bytea[], %s::bytea[], %s::int8[], %s::int8[], %s::int8[], %s::int8[], %s::int8[],
                    %s::int8[], %s::int8[], %s::int8[], %s::bytea[], %s::text[])
            as c (record_id, digest, row_digest, observed, changed, loaded, first, as_of, has_changed, load_id, subject,
                  sealed, clear)
        where r.record_id = c.record_id
        """,
        (
            Int8s([row.record_id for row in rows]), Byteas([row.digest for row in rows]),
            Byteas([row.row_digest for row in rows]), *times, Int8s([row.changed_at is not None for row in rows]),
            Int8s([row.load_id for row in rows]), Int8s([row.subject for row in rows]),
            Byteas([row.sealed for row in rows]), Texts([row.clear.decode() for row in rows]),
        ),
    )  # fmt: skip


def _moment(name: str) -> str:
    return f"timestamptz '2000-01-01 00:00Z' + c.{name} * interval '1 microsecond'"


def backdate_records(conn: Connection, firsts: Sequence[tuple[int, datetime]]) -> None:
    """Say that records were first observed earlier than was known: (record, time)."""
    if firsts:
        conn.execute(
            f"update intake.record r set first_observed_at = {_moment('first')} "
            "from unnest(%s::int8[], %s::int8[]) as c (record_id, first) where r.record_id = c.record_id",
            (Int8s([record for record, _ in firsts]), Int8s([micros_2000(first) for _, first in firsts])),
        )


def confirm_rows(conn: Connection, rows: Sequence[tuple[int, bytes]]) -> None:
    """Keep the digest of a source row that gives the same content under a changed mapping: (record, digest)."""
    if rows:
        conn.execute(
            "update intake.record r set row_digest = c.digest from unnest(%s::int8[], %s::bytea[]) as c (record_id, digest) "
            "where r.record_id = c.record_id",
            (Int8s([record for record, _ in rows]), Byteas([digest for _, digest in rows])),
        )


def close_records(conn: Connection, records: Sequence[int], load: int, at: datetime) -> None:
    """Close records that have gone from their source at a time."""
    conn.execute(
        "update intake.record set closed_at = %s, load_id = %s where record_id = any(%s)", (at, load, Int8s(records))
    )


def keep_versions(conn: Connection, rows: Sequence[tuple[int, bytes, datetime]]) -> None:
    """Keep when versions that are not current were first loaded: (record, digest, time)."""
    if rows:
        write(
            conn,
            "insert into intake.record_version select distinct on (1, 2) * "
            "from unnest(%s::int8[], %s::bytea[], %s::timestamptz[]) as v (a, b, c) order by 1, 2, 3 "
            "on conflict (record_id, digest) do update "
            "set loaded_at = least(record_version.loaded_at, excluded.loaded_at)",
            (Int8s([row[0] for row in rows]), Byteas([row[1] for row in rows]), [row[2] for row in rows]),
        )


def versions(conn: Connection, records: Collection[int]) -> dict[tuple[int, bytes], datetime]:
    """Return when each former version of these records was first loaded."""
    rows = conn.execute(
        "select record_id, digest, loaded_at from intake.record_version where record_id = any(%s)", (Int8s(records),)
    ).fetchall()
    return {(record, digest): at for record, digest, at in rows}


def find_record(conn: Connection, vault: Vault, source: str, entity: str, key: str) -> RecordRow:
    """Return a record by its name; NotFound without quoting the key."""
    found = records_by_hash(conn, [key_hash(vault, source, entity, key)])
    for row in found.values():
        return row
    raise NotFound(f"Source {source} has no {entity} record with this key.")


def reserve(conn: Connection, count: int) -> list[int]:
    """Reserve record numbers, from the same sequence as the nodes."""
    if not count:
        return []
    row = conn.execute("select setval('identity.node_seq', nextval('identity.node_seq') + %s)", (count - 1,)).fetchone()
    assert row is not None
    return list(range(row[0] - count + 1, row[0] + 1))
