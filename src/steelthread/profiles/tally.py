"""What the events of an owner come to: how many of each entity, how much money of each currency, first and last.

Events that only came and have no lines are added up; whatever else happened to an owner's events has its tallies
counted anew from them. Both give the same: `differing` compares.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import Context, Decimal
from typing import Any

import msgspec
import psycopg

from steelthread.profiles.events import Event, moment_of
from steelthread.store import Int8s, write

Connection = psycopg.Connection[Any]
Tallies = dict[tuple[int, int, str], "Tally"]
"""What events come to, by owner, entity and currency (empty for no money)."""
_EXACT = Context(prec=2000, traps=[])
"""Sums as PostgreSQL makes them: no digit is lost, what is no number stays none."""
_NOUGHT = Decimal(0)
"""Added to an amount it gives it as PostgreSQL writes it: without an exponent, zero without a sign."""
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
        at = None if event.at is None else moment_of(event.at)
        self.join(Tally(1, None if event.amount is None else _EXACT.add(event.amount, _NOUGHT), at, at))

    def join(self, other: "Tally") -> None:
        """Take what other events come to in."""
        self.count += other.count
        if other.amount is not None:
            self.amount = other.amount if self.amount is None else _EXACT.add(self.amount, other.amount)
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
    """Add to the tallies what events that came give."""
    if more:
        rows = [(*key, one.count, one.amount, one.first, one.last) for key, one in sorted(more.items(), key=_by_key)]
        write(
            conn,
            "insert into profiles.tally (owner, entity_id, currency, count, amount, first, last) select * from unnest("
            "%s::int8[], %s::int4[], %s::text[], %s::int8[], %s::numeric[], %s::timestamptz[], %s::timestamptz[]) "
            "on conflict (owner, entity_id, currency) do update set "
            "count = tally.count + excluded.count, amount = case when tally.amount is null then excluded.amount "
            "when excluded.amount is null then tally.amount else tally.amount + excluded.amount end, "
            "first = least(tally.first, excluded.first), "
            "last = greatest(tally.last, excluded.last)",
            tuple(list(column) for column in zip(*rows, strict=True)),
        )


def _by_key(item: tuple[tuple[int, int, str], Tally]) -> tuple[int, int, str]:
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


def differing(conn: Connection) -> int:
    """Return how many tallies differ from what the events give."""
    counted = _COUNTED.format("v.owner is not null")
    row = conn.execute(
        f"select count(*) from ((select * from profiles.tally except ({counted})) "
        f"union all (({counted}) except select * from profiles.tally)) d"
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
