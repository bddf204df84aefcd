"""Events and name tokens in PostgreSQL."""

import struct
from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import psycopg

from steelthread.store import Int8s, Uuids, copy_rows

_TOKEN = struct.Struct(">hiqiq").pack
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
    with conn.cursor() as cursor, cursor.copy(f"copy profiles.event ({_COLUMNS}) from stdin") as copy:
        for event in events:
            copy.write_row(msgspec.structs.astuple(event))


def delete_events(conn: Connection, records: Collection[int]) -> None:
    """Remove events: their records have gone or changed."""
    conn.execute("delete from profiles.event where record_id = any(%s)", (list(records),))


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
        conn.execute("delete from profiles.name_token where record_id = any(%s)", (records,))
    packed = [_TOKEN(2, 8, word, 8, record) for record, words in (*again, *new) for word in words]
    copy_rows(conn, "profiles.name_token (token, record_id)", packed)


def delete_profiles(conn: Connection, individuals: Collection[Any]) -> None:
    """Remove profiles of individuals that are no longer."""
    if individuals:
        conn.execute("delete from profiles.profile where individual_id = any(%s)", (Uuids(individuals),))


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
