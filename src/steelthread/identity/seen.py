"""Which version of a record the model in force has seen, and how others like it are found, in PostgreSQL."""

import struct
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import psycopg

from steelthread.store import Int8s, copy_streamed, field, write

Connection = psycopg.Connection[Any]


class Seen(msgspec.Struct):
    """A record as a model saw it."""

    record: int
    digest: bytes
    """Of the version that was looked at."""
    keys: Sequence[int]
    """Keyed hashes by which it is found."""
    subject: int
    sealed: bytes
    """What is compared of it, sealed under its subject."""


class Like(msgspec.Struct, array_like=True):
    """A record that may be who is looked for: what is compared of it, sealed."""

    record: int
    subject: int | None
    sealed: bytes | None


_STAGED = "pg_temp.seen"
_TO_INDEX = "256MB"
"""Memory in which the index of a whole run is made: with PostgreSQL's own 64 MB it is written in many parts."""
_ROW = struct.Struct(">hiq").pack
_SUBJECT = struct.Struct(">iq").pack
_SEEN = "record_id, digest, keys, subject, sealed"


def note_judged(conn: Connection, rows: Iterable[Seen]) -> None:
    """Keep what a model has seen of these records."""
    stage_seen(conn, packed_seen(rows))
    conn.execute(
        f"insert into identity.judged ({_SEEN}) select {_SEEN} from {_STAGED} on conflict (record_id) do update "
        "set digest = excluded.digest, keys = excluded.keys, subject = excluded.subject, sealed = excluded.sealed"
    )
    conn.execute(f"delete from identity.unjudged u using {_STAGED} s where u.record_id = s.record_id")
    conn.execute(f"drop table {_STAGED}")


def packed_seen(rows: Iterable[Seen]) -> Iterator[bytes]:
    """Yield records as a model saw them as rows of COPY."""
    for row in rows:
        yield b"".join((
            _ROW(5, 8, row.record), field(row.digest), field(Int8s(row.keys).packed), _SUBJECT(8, row.subject), field(row.sealed),
        ))  # fmt: skip


def stage_seen(conn: Connection, parts: Iterable[bytes]) -> int:
    """Put rows of COPY of what a model saw where only this connection sees them, until they are noted; return how many."""
    conn.execute(f"drop table if exists {_STAGED}")
    conn.execute(
        "create temporary table seen (record_id bigint, digest bytea, keys bigint[], subject bigint, sealed bytea)"
    )
    return copy_streamed(conn, _STAGED, parts)


def stale_staged(conn: Connection) -> list[int]:
    """Return the records staged that changed or went since they were looked at."""
    rows = conn.execute(
        f"select s.record_id from {_STAGED} s left join intake.record r on r.record_id = s.record_id and r.closed_at is null "
        "where r.digest is distinct from s.digest"
    )
    return [record for (record,) in rows]


def settle_seen(conn: Connection) -> None:
    """Note that what a whole run has seen is visible to all: else whoever reads a page of it first writes it anew.

    The connection commits by itself (VACUUM does).
    """
    conn.execute("vacuum (freeze) identity.judged")


def note_all_judged(conn: Connection, stale: Collection[int], entities: Collection[int]) -> None:
    """Keep the records staged, but for the stale ones, in place of all that a former model saw.

    Records of these entities that came or changed meanwhile are new to the model.
    """
    conn.execute("truncate identity.judged, identity.unjudged")
    conn.execute("drop index if exists identity.judged_keys")  # made at once it takes a fraction of the time
    conn.execute(
        f"insert into identity.judged ({_SEEN}) select {_SEEN} from {_STAGED} where record_id <> all(%s)",
        (Int8s(stale),),
    )
    conn.execute(f"drop table {_STAGED}")
    conn.execute(f"set local maintenance_work_mem = '{_TO_INDEX}'")
    conn.execute("create index judged_keys on identity.judged using gin (keys) with (fastupdate = off)")
    conn.execute("analyze identity.judged")
    conn.execute(
        "insert into identity.unjudged select r.record_id from intake.record r left join identity.judged j using (record_id) "
        "where r.is_party and r.closed_at is null and r.entity_id = any(%s) and j.digest is distinct from r.digest",
        (list(entities),),
    )


def note_unjudged(conn: Connection, records: Collection[int]) -> None:
    """Remember that these records are new or changed, if there is a model that has not seen them so."""
    if records:
        write(
            conn,
            "insert into identity.unjudged select unnest(%s) where exists (select from identity.model) on conflict do nothing",
            (Int8s(records),),
        )


def unjudged(conn: Connection, entities: Collection[int]) -> list[int]:
    """Return the open records of these entities that are new, or changed, since a model saw them."""
    conn.execute(
        "delete from identity.unjudged u where not exists (select from intake.record r where r.record_id = u.record_id "
        "and r.closed_at is null and r.entity_id = any(%s))",
        (list(entities),),
    )
    return [record for (record,) in conn.execute("select record_id from identity.unjudged order by 1")]


def count_unjudged(conn: Connection, most: int) -> int:
    """Return how many records wait for a model, up to so many."""
    row = conn.execute("select count(*) from (select from identity.unjudged limit %s) waiting", (most,)).fetchone()
    assert row is not None
    return int(row[0])


def seen_of(conn: Connection, records: Collection[int]) -> list[Like]:
    """Return these records as a model saw them."""
    sql = "select record_id, subject, sealed from identity.judged where record_id = any(%s)"
    with conn.cursor(binary=True) as cursor:
        return [Like(*row) for row in cursor.execute(sql, (Int8s(records),)).fetchall()]


def first_seen(conn: Connection, most: int) -> list[int]:
    """Return the records that a model has seen, at most so many of them."""
    rows = conn.execute("select record_id from identity.judged limit %s", (most,))
    return [record for (record,) in rows]


def found_by(conn: Connection, keys: Mapping[int, Collection[int]], most: int) -> dict[int, list[int]]:
    """Return for each asker the records that share keys with it, at most so many: those with the most in common first."""
    found: dict[int, list[int]] = {asker: [] for asker in keys}
    found |= _found(conn, keys, most + 1, "")
    many = {asker: keys[asker] for asker, records in found.items() if len(records) > most}
    if many:
        found |= _found(conn, many, most, _IN_COMMON)
    return found


def likes_of(conn: Connection, keys: Mapping[int, Collection[int]], most: int) -> list[tuple[int, Like]]:
    """Return the same with what is compared of each, sealed: (asker, record)."""
    found = _likes(conn, keys, most + 1, "")
    counts = Counter(asker for asker, _ in found)
    many = {asker: keys[asker] for asker, count in counts.items() if count > most}
    if many:
        found = [one for one in found if one[0] not in many] + _likes(conn, many, most, _IN_COMMON)
    return found


def _likes(conn: Connection, keys: Mapping[int, Collection[int]], most: int, order: str) -> list[tuple[int, Like]]:
    question = (
        f"{_ASKED} select asker, record_id, subject, sealed from asked cross join lateral (select record_id, subject, sealed "
        f"from identity.judged j where j.keys && asked.keys {order} limit %s) found"
    )
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(question, (*_asking(keys), most)).fetchall()
    return [(asker, Like(*like)) for asker, *like in rows]


def _found(conn: Connection, keys: Mapping[int, Collection[int]], most: int, order: str) -> dict[int, list[int]]:
    question = (
        f"{_ASKED} select asker, array(select record_id from identity.judged j where j.keys && asked.keys "
        f"{order} limit %s) from asked"
    )
    return dict(conn.execute(question, (*_asking(keys), most)).fetchall())


_ASKED = "with asked as (select asker, array_agg(key) as keys from unnest(%s::int8[], %s::int8[]) as a (asker, key) group by 1)"
_IN_COMMON = "order by (select count(*) from unnest(j.keys) k where k = any(asked.keys)) desc, record_id"


def _asking(keys: Mapping[int, Collection[int]]) -> tuple[Int8s, Int8s]:
    askers = Int8s([asker for asker, wanted in keys.items() for _ in wanted])
    return askers, Int8s([key for own in keys.values() for key in own])


def common_keys(conn: Connection, keys: Collection[int], most: int) -> set[int]:
    """Return those of these keys that stand on more than so many records: they find too much to be of use."""
    rows = conn.execute(
        "select key from unnest(%s::int8[]) key where (select count(*) from (select from identity.judged "
        "where keys @> array[key] limit %s) found) > %s",
        (Int8s(keys), most + 1, most),
    )
    return {key for (key,) in rows}


def note_common(conn: Connection, keys: Iterable[int]) -> None:
    """Keep which keys find nobody, in place of those that did before."""
    conn.execute("truncate identity.common_key")
    with conn.cursor().copy("copy identity.common_key from stdin (format binary)") as copy:
        copy.set_types(("int8",))
        for key in keys:
            copy.write_row((key,))
    conn.execute("analyze identity.common_key")


def known_common(conn: Connection, keys: Collection[int]) -> set[int]:
    """Return those of these keys that found nobody when all records were looked at."""
    rows = conn.execute("select key from identity.common_key where key = any(%s)", (Int8s(keys),))
    return {key for (key,) in rows}
