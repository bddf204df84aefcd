"""Events and name tokens in PostgreSQL."""

import struct
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from steelthread.store import NULL, Byteas, Int8s, Utf8s, Uuids, copy_rows, field, micros_2000, numeric, write

_HEAD = struct.Struct(">hiq").pack
_PROFILE = struct.Struct(">hi16si").pack
_COUNT = struct.Struct(">ii").pack
_MOMENT = struct.Struct(">iq").pack
_EVENT = struct.Struct(">hiqii").pack
_ONE_NODE = struct.Struct(">iiiIiiiq").pack
"""An array of one node, as `Int8s` packs it, after its length."""
_NO_MONEY = 3 * NULL
_NEVER = -(1 << 63)
Connection = psycopg.Connection[Any]


class Event(msgspec.Struct):
    """An order, a line, a case, a visit: what happened, and who owns it."""

    record_id: int
    entity_id: int
    owner: int | None
    nodes: list[int]
    parent_id: int | None
    at: datetime | str | None
    amount: Decimal | None
    currency: str | None
    quantity: Decimal | None
    uncounted: bool = False
    """Whether it is shown but makes no count, sum or trait: a robot did it, or it is no happening but a device."""


_COLUMNS = ", ".join(Event.__struct_fields__)


def events_by_record(conn: Connection, records: Collection[int]) -> list[Event]:
    """Return the events of these records."""
    return _events(conn, "record_id = any(%s)", list(records))


def events_through(conn: Connection, nodes: Collection[int]) -> list[Event]:
    """Return the events whose trace has one of these nodes."""
    return _events(conn, "nodes && %s::int8[]", list(nodes))


def _events(conn: Connection, condition: str, values: list[int]) -> list[Event]:
    rows = conn.execute(f"select {_COLUMNS} from profiles.event where {condition}", (values,)).fetchall()
    return [Event(*row) for row in rows]


def insert_events(conn: Connection, events: Sequence[Event]) -> None:
    """Write events; an event that is there already is replaced."""
    if not events:
        return
    copy_rows(conn, f"profiles.event ({_COLUMNS})", [_packed(event) for event in events])


def _packed(one: Event) -> bytes:
    nodes = one.nodes
    money = _NO_MONEY
    if not (one.amount is None and one.currency is None and one.quantity is None):
        currency = NULL if one.currency is None else field(one.currency.encode())
        money = numeric(one.amount) + currency + numeric(one.quantity)
    return b"".join((
        _EVENT(10, 8, one.record_id, 4, one.entity_id), _number(one.owner),
        _ONE_NODE(32, 1, 0, 20, 1, 1, 8, nodes[0]) if len(nodes) == 1 else field(Int8s(nodes).packed),
        _number(one.parent_id), NULL if one.at is None else _MOMENT(8, micros_2000(moment_of(one.at))), money,
        b"\0\0\0\1\1" if one.uncounted else b"\0\0\0\1\0",
    ))  # fmt: skip


def _number(value: int | None) -> bytes:
    return NULL if value is None else _MOMENT(8, value)


def moment_of(said: datetime | str) -> datetime:
    """Return when an event was, of what it says; in UTC where it names no zone."""
    at = datetime.fromisoformat(said) if isinstance(said, str) else said
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def delete_events(conn: Connection, records: Collection[int]) -> None:
    """Remove events: their records have gone or changed."""
    conn.execute("delete from profiles.event where record_id = any(%s)", (list(records),))
    conn.execute("delete from profiles.awaiting where record_id = any(%s)", (list(records),))


def await_parents(conn: Connection, waiting: Sequence[tuple[bytes, int]]) -> None:
    """Note that events (key hash of the record above, record) came before the record above them."""
    if waiting:
        conn.cursor().executemany("insert into profiles.awaiting values (%s, %s) on conflict do nothing", waiting)


def adopt(conn: Connection, parents: Mapping[bytes, int]) -> set[int]:
    """Give events that wait for one of these records (key hash -> record) to it; return the records that got some."""
    if not parents:
        return set()
    rows = conn.execute(
        "delete from profiles.awaiting where parent = any(%s) and exists (select from profiles.awaiting) "
        "returning parent, record_id",
        (Byteas(parents),),
    ).fetchall()
    if rows:
        conn.execute(
            "update profiles.event e set parent_id = c.parent from unnest(%s::int8[], %s::int8[]) as c (parent, record_id) "
            "where e.record_id = c.record_id",
            ([parents[bytes(parent)] for parent, _ in rows], [record for _, record in rows]),
        )
    return {parents[bytes(parent)] for parent, _ in rows}


def move_events(conn: Connection, events: Sequence[Event]) -> None:
    """Write new owners."""
    if events:
        conn.execute(
            "update profiles.event e set owner = c.owner from unnest(%s::int8[], %s::int8[]) as c (record_id, owner) "
            "where e.record_id = c.record_id",
            ([event.record_id for event in events], [event.owner for event in events]),
        )


def write_tokens(
    conn: Connection, again: Sequence[tuple[int, list[int]]], new: Sequence[tuple[int, list[int]]]
) -> None:
    """Write the name tokens of records; those of records that were there take the place of their former ones."""
    if again:
        records = Int8s(record for record, _ in again)
        write(conn, "delete from profiles.name_words where record_id = any(%s)", (records,))
    copy_rows(
        conn,
        "profiles.name_words (record_id, tokens)",
        [_HEAD(2, 8, record) + field(Int8s(words).packed) for record, words in (*again, *new) if words],
    )


class Folded(msgspec.Struct):
    """A folded profile, as it is stored: pseudonymous. Times are microseconds since 2000."""

    individual: UUID
    body: bytes
    records: int
    first: int | None
    last: int | None


def insert_profiles(conn: Connection, rows: Sequence[Folded]) -> None:
    """Write profiles of individuals that have none."""
    packed = []
    for one in rows:
        first = NULL if one.first is None else _MOMENT(8, one.first)
        last = NULL if one.last is None else _MOMENT(8, one.last)
        head = _PROFILE(5, 16, one.individual.bytes, len(one.body) + 1)
        packed.append(b"".join((head, b"\x01", one.body, _COUNT(4, one.records), first, last)))
    copy_rows(conn, "profiles.profile (individual_id, body, records, first_seen, last_seen)", packed)


def update_profiles(conn: Connection, rows: Sequence[Folded]) -> None:
    """Write profiles in place of their former selves."""
    if rows:
        moment = "timestamptz '2000-01-01 00:00Z' + nullif(c.{}, %s) * interval '1 microsecond'"
        write(
            conn,
            f"update profiles.profile p set body = c.body::jsonb, records = c.records, first_seen = {moment.format('first')}, "
            f"last_seen = {moment.format('last')}, folded_at = now() "
            "from unnest(%s::uuid[], %s::text[], %s::int8[], %s::int8[], %s::int8[]) as c (individual, body, records, first, last) "
            "where p.individual_id = c.individual",
            (
                _NEVER, _NEVER, Uuids([one.individual for one in rows]), Utf8s([one.body for one in rows]),
                Int8s([one.records for one in rows]),
                Int8s([_NEVER if one.first is None else one.first for one in rows]),
                Int8s([_NEVER if one.last is None else one.last for one in rows]),
            ),
        )  # fmt: skip


def delete_profiles(conn: Connection, individuals: Collection[Any]) -> None:
    """Remove profiles of individuals that are no longer."""
    if individuals:
        write(conn, "delete from profiles.profile where individual_id = any(%s)", (Uuids(individuals),))


def traced_since(conn: Connection, owners: Collection[int]) -> dict[tuple[int, int], tuple[int, datetime]]:
    """Return how many events of these owners name another identifier with them, and since when."""
    rows = conn.execute(
        "select owner, node, count(*), min(first_observed_at) from profiles.event join intake.record using (record_id) "
        "cross join unnest(nodes[2:]) as node where owner = any(%s) group by 1, 2",
        (Int8s(owners),),
    )
    return {(owner, node): (count, first) for owner, node, count, first in rows}


def traced(conn: Connection, owners: Collection[int]) -> dict[tuple[int, int], int]:
    """Return how many events of these owners name another identifier with them, by (owner, identifier).

    A record is always the strongest identifier of a trace and never generic: events that name it are its own.
    """
    rows = conn.execute(
        "select owner, node, count(*) from profiles.event cross join unnest(nodes[2:]) as node "
        "where owner = any(%s) group by 1, 2",
        (Int8s(owners),),
    )
    return {(owner, node): count for owner, node, count in rows}
