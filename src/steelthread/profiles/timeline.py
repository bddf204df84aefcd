"""What happened to a person, page by page, filtered. The filters look at what is kept in the clear."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import psycopg

from steelthread.intake import DEVICE, ORDER
from steelthread.kit import Invalid, iso
from steelthread.profiles.computed.definition import ORDER_COMPLETED
from steelthread.profiles.views import Opener, View

Connection = psycopg.Connection[Any]
_NAME = f"coalesce(r.clear->'v'->>'eventType', case n.name when 'SalesOrder' then '{ORDER_COMPLETED}' end, n.name)"


class Entry(msgspec.Struct):
    """Something that happened."""

    record: int
    at: datetime
    name: str
    amount: Decimal | None
    currency: str | None
    lines: int
    view: View

    @property
    def cursor(self) -> str:
        """Where the next page begins."""
        return f"{iso(self.at)}~{self.record}"


class Wanted(msgspec.Struct, frozen=True):
    """What is wanted of a timeline: times are half open, names are those of events (`Product Viewed`)."""

    since: datetime | None = None
    until: datetime | None = None
    entities: Sequence[str] = ()
    sources: Sequence[str] = ()
    names: Sequence[str] = ()
    without: Sequence[str] = ()
    after: tuple[datetime, int] | None = None
    """(time, record) of the last entry of the former page."""
    limit: int = 50
    oldest_first: bool = False


def read_timeline(conn: Connection, opener: Opener, nodes: Sequence[int], wanted: Wanted) -> list[Entry]:
    """Return what happened to the owner of these nodes, newest first unless asked otherwise."""
    where, parameters = _conditions(wanted)
    order = "asc" if wanted.oldest_first else "desc"
    rows = conn.execute(
        f"""
        select e.record_id, e.at, {_NAME}, coalesce(e.amount, l.amount), coalesce(e.currency, l.currency), coalesce(l.lines, 0)
        from profiles.event e join intake.record r using (record_id) join intake.entity n on n.entity_id = e.entity_id
        left join lateral (
            select sum(amount) as amount, max(currency) as currency, count(*) as lines
            from profiles.event c where c.parent_id = e.record_id
        ) l on true
        where e.owner = any(%(nodes)s) and e.parent_id is null and e.at is not null {where}
        order by e.at {order}, e.record_id {order} limit %(limit)s
        """,
        {"nodes": list(nodes), "limit": wanted.limit, **parameters},
    ).fetchall()
    views = {view.record_id: view for view in opener.by_id([row[0] for row in rows])}
    names = Entry.__struct_fields__[:-1]
    return [Entry(**dict(zip(names, row, strict=True)), view=views[row[0]]) for row in rows if row[0] in views]


def _conditions(wanted: Wanted) -> tuple[str, dict[str, Any]]:
    """Return conditions of SQL and their parameters; what is not wanted costs nothing."""
    given: list[tuple[str, str, Any]] = [
        ("since", "e.at >= %(since)s", wanted.since),
        ("until", "e.at < %(until)s", wanted.until),
        ("entities", "n.name = any(%(entities)s)", list(wanted.entities)),
        ("devices", f"n.name <> '{DEVICE}'", not wanted.entities),
        ("placed", f"not (n.name = '{ORDER}' and e.uncounted)", not wanted.entities),
        ("names", f"lower({_NAME}) = any(%(names)s)", [name.lower() for name in wanted.names]),
        ("without", f"lower({_NAME}) <> all(%(without)s)", [name.lower() for name in wanted.without]),
        (
            "sources",
            "r.source_id in (select source_id from intake.source where name = any(%(sources)s))",
            list(wanted.sources),
        ),
    ]
    used = [one for one in given if one[2]]
    conditions = [condition for _, condition, _ in used]
    parameters = {name: value for name, _, value in used if name not in ("devices", "placed")}
    if wanted.after:
        parameters["at"], parameters["record"] = wanted.after
        side = ">" if wanted.oldest_first else "<"
        conditions.append(f"(e.at, e.record_id) {side} (%(at)s::timestamptz, %(record)s::int8)")
    return "".join(f" and {one}" for one in conditions), parameters


def shown(entry: Entry) -> dict[str, Any]:
    """Return an entry as the API shows it."""
    view = entry.view
    return {
        "at": iso(entry.at), "entity": view.entity, "event": entry.name, "source": view.source, "key": view.key,
        "amount": None if entry.amount is None else format(entry.amount, "f"), "currency": entry.currency,
        "lines": entry.lines, "values": view.values, "record": view.ref, "cursor": entry.cursor,
    }  # fmt: skip


def parsed_cursor(text: str) -> tuple[datetime, int] | None:
    """Return what a cursor says; Invalid for one that no page gave."""
    if not text:
        return None
    moment, _, record = text.partition("~")
    try:
        at = datetime.fromisoformat(moment)
        number = int(record)
    except ValueError:
        raise Invalid("cursor is not one that this API gave: leave it out for the first page.") from None
    if at.tzinfo is None or not 0 <= number < 1 << 63:
        raise Invalid("cursor is not one that this API gave: leave it out for the first page.")
    return at, number
