"""What the events of an owner come to: how many of each entity, how much money of each currency, first and last.

Events that only came and have no lines are added up; whatever else happened to an owner's events has its tallies
counted anew from them. Both give the same: `differing` compares.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import psycopg

from steelthread.profiles.events import Event
from steelthread.store import Int8s, write

Connection = psycopg.Connection[Any]
_COUNTED = """
select v.owner, v.entity_id, count(*), sum(coalesce(v.amount, l.amount)),
    case when coalesce(v.amount, l.amount) is null then '' else coalesce(v.currency, l.currency, '') end,
    min(v.at), max(v.at)
from profiles.event v left join lateral (
    select sum(amount) as amount, max(currency) as currency from profiles.event c where c.parent_id = v.record_id
) l on true
where v.parent_id is null and not v.uncounted and {} group by 1, 2, 5
"""


class _Sum(msgspec.Struct):
    count: int = 0
    amount: Decimal | None = None
    first: tuple[datetime, str] | None = None
    last: tuple[datetime, str] | None = None

    def add(self, event: Event) -> None:
        self.count += 1
        if event.amount is not None:
            self.amount = event.amount if self.amount is None else self.amount + event.amount
        if event.at is not None:
            at = _moment(event.at)
            self.first = at if self.first is None else min(self.first, at)
            self.last = at if self.last is None else max(self.last, at)


def _moment(said: datetime | str) -> tuple[datetime, str]:
    """Return a time as a moment, and as it is written: the texts of a second do not sort, with a fraction and without."""
    text = said if isinstance(said, str) else said.isoformat()
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)), text


def add(conn: Connection, events: Iterable[Event]) -> None:
    """Add events that came: each has an owner, none has lines or a record above it, and none was there before."""
    sums: dict[tuple[int, int, str], _Sum] = {}
    for event in events:
        assert event.owner is not None
        key = (event.owner, event.entity_id, "" if event.amount is None else event.currency or "")
        if key not in sums:
            sums[key] = _Sum()
        sums[key].add(event)
    if sums:
        rows = [
            (owner, entity, one.count, one.amount, currency, one.first and one.first[1], one.last and one.last[1])
            for (owner, entity, currency), one in sorted(sums.items(), key=lambda item: item[0])
        ]
        write(
            conn,
            "insert into profiles.tally select * from unnest(%s::int8[], %s::int4[], %s::int8[], %s::numeric[], %s::text[], "
            "%s::timestamptz[], %s::timestamptz[]) on conflict (owner, entity_id, currency) do update set "
            "count = tally.count + excluded.count, amount = case when tally.amount is null then excluded.amount "
            "when excluded.amount is null then tally.amount else tally.amount + excluded.amount end, "
            "first = least(tally.first, excluded.first), "
            "last = greatest(tally.last, excluded.last)",
            tuple(list(column) for column in zip(*rows, strict=True)),
        )


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
