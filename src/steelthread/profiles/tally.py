"""What the events of an owner come to: how many of each entity, how much money of each currency, first and last.

Events that only came and have no lines are added up; whatever else happened to an owner's events has its tallies
counted anew from them. Both give the same: `differing` compares.
"""

import struct
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Context, Decimal
from typing import Any

import msgspec
import psycopg

from steelthread.profiles.events import Event, moment_of
from steelthread.store import (
    NULL,
    Int8s,
    Moments,
    Numerics,
    Words,
    carry_out,
    copy_packed,
    field,
    micros_2000,
    numeric,
    write,
)

Connection = psycopg.Connection[Any]
Tallies = dict[tuple[int, int, str], "Tally"]
"""What events come to, by owner, entity and currency (empty for no money)."""
_Row = tuple[tuple[int, int, str], "Tally"]
EXACT = Context(prec=2000, traps=[])
"""Sums as PostgreSQL makes them: no digit is lost, what is no number stays none."""
_NOUGHT = Decimal(0)
"""Added to an amount it gives it as PostgreSQL writes it: without an exponent, zero without a sign."""
_HEAD = struct.Struct(">hiqii").pack
_MOMENT = struct.Struct(">iq").pack
_COUNTED = """
select v.owner, v.entity_id, count(*), sum(coalesce(v.amount, l.amount)),
    case when coalesce(v.amount, l.amount) is null then '' else coalesce(v.currency, l.currency, '') end,
    min(v.at), max(v.at)
from profiles.event v left join lateral (
    select sum(amount) as amount, max(currency) as currency from profiles.event c where c.parent_id = v.record_id
) l on true
where v.parent_id is null and not v.uncounted and {} group by 1, 2, 5
"""


class Tally(msgspec.Struct):
    """What events of one owner, of one entity and in one currency come to."""

    count: int = 0
    amount: Decimal | None = None
    first: datetime | None = None
    last: datetime | None = None

    def add(self, event: Event) -> None:
        """Take an event in."""
        self.count += 1
        if event.amount is not None:
            self.amount = EXACT.add(event.amount, _NOUGHT if self.amount is None else self.amount)
        if event.at is not None:
            at = moment_of(event.at)
            self.first = at if self.first is None or at < self.first else self.first
            self.last = at if self.last is None or at > self.last else self.last

    def join(self, other: "Tally") -> None:
        """Take what other events come to in."""
        self.count += other.count
        if other.amount is not None:
            self.amount = other.amount if self.amount is None else EXACT.add(self.amount, other.amount)
        if other.first is not None:
            self.first = other.first if self.first is None else min(self.first, other.first)
        if other.last is not None:
            self.last = other.last if self.last is None else max(self.last, other.last)


def sums(events: Iterable[Event]) -> Tallies:
    """Return what events that came give: each has an owner, none has lines or a record above it, and none was there before."""
    found: Tallies = {}
    for event in events:
        assert event.owner is not None
        key = (event.owner, event.entity_id, "" if event.amount is None else event.currency or "")
        if key not in found:
            found[key] = Tally()
        found[key].add(event)
    return found


def add(conn: Connection, more: Tallies) -> None:
    """Add to the tallies what events that came give, under the identity lane's lock.

    Those that there are take it in; the others are copied in. An insert that meets them would lock each before it changes it.
    """
    if more:
        rows = sorted(more.items(), key=_by_key)
        carry_out(conn, lambda conn: _add(conn, rows))


def _add(conn: Connection, rows: Sequence[_Row]) -> None:
    found = {
        (owner, entity, currency)
        for owner, entity, currency in conn.execute(
            "update profiles.tally t set count = t.count + c.count, "
            "amount = case when t.amount is null then c.amount when c.amount is null then t.amount else t.amount + c.amount end, "
            "first = least(t.first, c.first), last = greatest(t.last, c.last) from unnest("
            "%s::int8[], %s::int8[], %s::text[], %s::int8[], %s::numeric[], %s::timestamptz[], %s::timestamptz[]) "
            "as c (owner, entity_id, currency, count, amount, first, last) "
            "where t.owner = c.owner and t.entity_id = c.entity_id and t.currency = c.currency "
            "returning t.owner, t.entity_id, t.currency",
            (
                Int8s([owner for (owner, _, _), _ in rows]),
                Int8s([entity for (_, entity, _), _ in rows]),
                Words([currency for (_, _, currency), _ in rows]),
                Int8s([one.count for _, one in rows]),
                Numerics([one.amount for _, one in rows]),
                Moments([one.first for _, one in rows]),
                Moments([one.last for _, one in rows]),
            ),
            binary=True,
        )
    }
    new = [_packed(*row) for row in rows if row[0] not in found]
    if new:
        copy_packed(conn, "profiles.tally (owner, entity_id, currency, count, amount, first, last)", new)


def _packed(key: tuple[int, int, str], one: Tally) -> bytes:
    owner, entity, currency = key
    times = [NULL if at is None else _MOMENT(8, micros_2000(at)) for at in (one.first, one.last)]
    return b"".join(
        (_HEAD(7, 8, owner, 4, entity), field(currency.encode()), _MOMENT(8, one.count), numeric(one.amount), *times)
    )


def _by_key(item: _Row) -> tuple[int, int, str]:
    return item[0]


def stored(conn: Connection, owners: Collection[int]) -> Tallies:
    """Return the tallies of owners."""
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(
            "select owner, entity_id, currency, count, amount, first, last from profiles.tally where owner = any(%s)",
            (Int8s(owners),),
        ).fetchall()
    return {row[:3]: Tally(*row[3:]) for row in rows}


def count_anew(conn: Connection, owners: Collection[int]) -> None:
    """Count the tallies of owners anew from their events, as these stand now."""
    if owners:
        packed = Int8s(sorted(owners))
        write(conn, "delete from profiles.tally where owner = any(%s)", (packed,))
        write(conn, "insert into profiles.tally " + _COUNTED.format("v.owner = any(%s)"), (packed,))


def owners_of(conn: Connection, records: Collection[int]) -> set[int]:
    """Return who owns these events."""
    if not records:
        return set()
    rows = conn.execute(
        "select owner from profiles.event where record_id = any(%s) and owner is not null", (Int8s(records),)
    )
    return {owner for (owner,) in rows}


def owning(conn: Connection, owners: Collection[int]) -> set[int]:
    """Return which of these nodes own any event."""
    rows = conn.execute(
        "select node from unnest(%s::int8[]) as node where exists (select from profiles.event where owner = node)",
        (Int8s(owners),),
    )
    return {node for (node,) in rows}


def differing(conn: Connection) -> int:
    """Return how many tallies differ from what the events give."""
    counted = _COUNTED.format("v.owner is not null")
    row = conn.execute(
        f"select count(*) from ((select * from profiles.tally except ({counted})) "
        f"union all (({counted}) except select * from profiles.tally)) d"
    ).fetchone()
    assert row is not None
    return int(row[0])


EVENTS_SQL = (
    "(select coalesce(sum(t.count), 0)::int8 from identity.node n join profiles.tally t on t.owner = n.node_id "
    "where n.cluster_id = any({}))"
)
"""How many events persons have, as a part of a statement; `{}` stands for an array of their clusters."""


def evidence_differing(conn: Connection) -> int:
    """Return how many nodes and clusters say otherwise than their records and events what they have to show."""
    row = conn.execute(
        "with shown as materialized (select n.node_id, n.cluster_id, n.evidence, count(r.record_id)::int + "
        "2 * (exists (select from profiles.event v where v.owner = n.node_id))::int as given from identity.node n "
        "left join intake.record r on r.record_id = n.node_id and r.is_party and r.closed_at is null group by n.node_id) "
        "select (select count(*) from shown where evidence <> given) + (select count(*) from (select c.evidence, "
        "sum((s.given & 1) + (s.given >> 1)) as given from identity.cluster c join shown s using (cluster_id) "
        "group by c.cluster_id) k where evidence <> given)"
    ).fetchone()
    assert row is not None
    return int(row[0])


def revenue_of(conn: Connection, clusters: Collection[int]) -> dict[int, Decimal]:
    """Return how much money the events of each person come to, whatever the currency: it ranks, it is not shown as a sum."""
    rows = conn.execute(
        "select n.cluster_id, sum(t.amount) from identity.node n join profiles.tally t on t.owner = n.node_id "
        "where n.cluster_id = any(%s) and t.amount is not null group by 1",
        (Int8s(clusters),),
    )
    return dict(rows.fetchall())
