"""What the identity tables tell about their own quality."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from steelthread.identity.ledger import MODEL

Connection = psycopg.Connection[Any]


class Run(msgspec.Struct):
    """What a run of matching did."""

    at: datetime
    model: str
    records: int
    pairs: int
    added: int
    closed: int
    after: int
    merged: int
    split: int


def last_runs(conn: Connection, most: int) -> list[Run]:
    """Return the latest runs, newest first."""
    rows = conn.execute(
        "select at, model, records, pairs, added, closed, after, merged, split from identity.run "
        "order by run_id desc limit %s",
        (most,),
    )
    return [Run(*row) for row in rows]


def sizes_of_persons(conn: Connection, entities: Collection[int] | None = None) -> dict[int, int]:
    """Return how many persons have so many records: records -> persons; of records of these entities only, where some are told."""
    if entities is not None and not entities:
        return {}
    of = "" if entities is None else "join intake.record on record_id = node_id and entity_id = any(%s) "
    rows = conn.execute(
        f"select size, count(*) from (select count(*) as size from identity.node {of}where kind = 0 and evidence > 0 "
        "group by cluster_id) s group by 1",
        () if entities is None else (list(entities),),
    )
    return dict(rows.fetchall())


_LIVING = "l.closed_at is null and l.refused = ''"
_TIES = f"""
select record, rule from (select l.a as record, l.rule, count(*) over (partition by l.b) as holders
    from identity.link l join identity.node x on x.node_id = l.a join identity.node y on y.node_id = l.b
    where {_LIVING} and l.strength < {MODEL} and x.kind = 0 and y.kind <> 0) held where holders > 1
union select unnest(array[l.a, l.b]), case when l.strength = {MODEL} then 'model' else l.rule end
    from identity.link l join identity.node x on x.node_id = l.a join identity.node y on y.node_id = l.b
    where {_LIVING} and x.kind = 0 and y.kind = 0 and x.cluster_id = y.cluster_id
        and (l.strength < {MODEL} or coalesce(x.atom_id, x.cluster_id) <> coalesce(y.atom_id, y.cluster_id))
"""
"""Which rule ties which record to another record of its person."""


def rules_told(conn: Connection) -> list[tuple[str, int, int, int, int]]:
    """Return per rule: open links, those refused, records that it reaches, and records that nothing else ties to another.

    A model reaches the records between which it says more than nothing; it ties those that no rule has in one atom.
    """
    rows = conn.execute(
        f"""
        with alone as (select rule, count(*) as records from (select record, min(rule) as rule from ({_TIES}) ties
            group by record having count(distinct rule) = 1) single group by rule)
        select rule, links, refused, reached, coalesce(alone.records, 0) from (
            select case when l.strength = {MODEL} then 'model' else l.rule end as rule, count(*) as links,
                count(*) filter (where l.refused <> '') as refused,
                count(distinct x.node_id) filter (where x.kind = 0) as reached
            from identity.link l join identity.node x on x.node_id = l.a join identity.node y on y.node_id = l.b
            where l.closed_at is null group by 1
        ) told left join alone using (rule) order by 2 desc, 1
        """
    )
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]
