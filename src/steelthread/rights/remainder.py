"""Counts that stay true: what people who were anonymised had, by month, of all of them together; and the totals with them."""

from typing import Any

import psycopg

from steelthread.rights.people import Person

Connection = psycopg.Connection[Any]
_PER_EVENT = """
select t.name as entity, date_trunc('month', e.at at time zone 'UTC')::date as month,
    case when coalesce(e.amount, l.amount) is null then '' else coalesce(e.currency, l.currency, '') end as currency,
    count(*) as total, coalesce(sum(coalesce(e.amount, l.amount)), 0) as amount, coalesce(sum(e.quantity), 0) as quantity
from profiles.event e join intake.entity t using (entity_id) left join lateral (
    select sum(amount) as amount, max(currency) as currency from profiles.event c where c.parent_id = e.record_id
) l on true
"""
_KEEP = """
insert into privacy.remainder (entity, month, currency, total, amount, quantity) {rows}
on conflict (entity, month, currency) do update set total = privacy.remainder.total + excluded.total,
    amount = privacy.remainder.amount + excluded.amount, quantity = privacy.remainder.quantity + excluded.quantity
"""
_PEOPLE = """
select 'Individual', date_trunc('month', p.first_seen at time zone 'UTC')::date, '', count(*), 0, 0
from profiles.profile p {condition} group by 1, 2
"""


def keep_counts(conn: Connection, person: Person) -> None:
    """Add what a person comes to to the counts of nobody in particular, before the rows go; in the caller's transaction."""
    records = [row.record_id for row in person.rows]
    events = f"{_PER_EVENT} where e.record_id = any(%s) group by 1, 2, 3"
    conn.execute(_KEEP.format(rows=events), (records,))
    people = _PEOPLE.format(condition="where p.individual_id = any(%s)")
    conn.execute(_KEEP.format(rows=people), (person.individuals,))


def totals(conn: Connection) -> list[dict[str, Any]]:
    """Return how many people and events there are by month, those who were anonymised included, and what they come to."""
    rows = conn.execute(
        "select entity, month, currency, sum(total)::bigint, sum(amount), sum(quantity) from ("
        f"{_PER_EVENT} group by 1, 2, 3 union all {_PEOPLE.format(condition='')} union all "
        "select entity, month, currency, total, amount, quantity from privacy.remainder) one "
        "group by 1, 2, 3 order by 1, 2, 3"
    ).fetchall()
    return [
        {
            "entity": entity, "month": f"{month:%Y-%m}" if month else None, "currency": currency or None,
            "count": count, "amount": str(amount) if currency or amount else None, "quantity": str(quantity) if quantity else None,
        }
        for entity, month, currency, count, amount, quantity in rows
    ]  # fmt: skip
