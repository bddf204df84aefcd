"""What a profile says of events, where nothing changes of a person but that more of them came.

Most of what happens is of this kind: the attributes stay as they are, so no record is read and nothing else is folded. The
sums give what folding gives, since both are sums of the same tallies.
"""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from steelthread.profiles.tally import EXACT, Tally
from steelthread.store import Moments, Utf8s, Uuids, write

Connection = psycopg.Connection[Any]
_JSON = msgspec.json.Encoder(order="sorted").encode


class _Sum(msgspec.Struct):
    count: int
    amounts: dict[str, Decimal]


_EVENTS = msgspec.json.Decoder(dict[str, _Sum]).decode


class Sums(msgspec.Struct):
    """How many events of each entity a person has and how much money they come to per currency; first and last seen."""

    individual: UUID
    events: dict[str, _Sum]
    first: datetime | None
    last: datetime | None

    def add(self, entity: str, currency: str, more: Tally) -> None:
        """Take more events of an entity in."""
        known = self.events.get(entity)
        if known is None:
            known = self.events[entity] = _Sum(0, {})
        known.count += more.count
        if more.amount is not None:
            before = known.amounts.get(currency)
            known.amounts[currency] = more.amount if before is None else EXACT.add(before, more.amount)
        if more.first is not None and (self.first is None or more.first < self.first):
            self.first = more.first
        if more.last is not None and (self.last is None or more.last > self.last):
            self.last = more.last


def sums_before(conn: Connection, individuals: Collection[UUID]) -> dict[UUID, Sums]:
    """Return what the stored profiles of these individuals say of events; nothing of whoever has none, or one of an older form."""
    if not individuals:
        return {}
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(
            "select individual_id, (body -> 'events')::text, first_seen, last_seen from profiles.profile "
            "where individual_id = any(%s)",
            (Uuids(individuals),),
        ).fetchall()
    found = {}
    for one, events, first, last in rows:
        known = _read(events)
        if known is not None:
            found[one] = Sums(one, known, first, last)
    return found


def _read(events: str | None) -> dict[str, _Sum] | None:
    try:
        return _EVENTS(events or "null")
    except msgspec.ValidationError:
        return None


def update_sums(conn: Connection, rows: Collection[Sums]) -> None:
    """Write what profiles say of events; all else stays as it is."""
    if rows:
        write(
            conn,
            "update profiles.profile p set body = jsonb_set(p.body, '{events}', c.events::jsonb), first_seen = c.first, "
            "last_seen = c.last, folded_at = now() from unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::timestamptz[]) "
            "as c (individual, events, first, last) where p.individual_id = c.individual",
            (
                Uuids([one.individual for one in rows]), Utf8s([_JSON(one.events) for one in rows]),
                Moments([one.first for one in rows]), Moments([one.last for one in rows]),
            ),
        )  # fmt: skip
