"""What the identity tables tell about their own quality."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

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


def sizes_of_persons(conn: Connection) -> dict[int, int]:
    """Return how many persons have so many records: records -> persons."""
    rows = conn.execute(
        "select size, count(*) from (select count(*) as size from identity.node where kind = 0 and evidence > 0 "
        "group by cluster_id) s group by 1"
    )
    return dict(rows.fetchall())


def rules_told(conn: Connection) -> list[tuple[str, int, int, int, int]]:
    """Return per rule: open links, those refused, records that it reaches, and pairs of records that it alone joins.

    A model reaches the records between which it says more than nothing; it alone joins what no rule puts in one atom.
    """
    rows = conn.execute(
        f"""
        select case when l.strength = {MODEL} then 'model' else l.rule end as rule, count(*),
            count(*) filter (where l.refused <> ''), count(distinct x.node_id) filter (where x.kind = 0),
            count(*) filter (where l.refused = '' and x.cluster_id = y.cluster_id
                and coalesce(x.atom_id, x.cluster_id) <> coalesce(y.atom_id, y.cluster_id))
        from identity.link l join identity.node x on x.node_id = l.a join identity.node y on y.node_id = l.b
        where l.closed_at is null group by 1 order by 2 desc, 1
        """
    )
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]


def suspects(conn: Connection, most: int) -> Sequence[tuple[UUID, int, int, int]]:
    """Return persons who look like several: (individual, records, distinct birth dates, distinct first names)."""
    rows = conn.execute(
        "select individual_id, records, births, firsts from (select c.individual_id, count(*) as records, "
        "count(distinct r.clear->'v'->>'birthDate') as births, count(distinct nullif(n.first_name, 0)) as firsts "
        "from identity.node n join identity.cluster c using (cluster_id) join intake.record r on r.record_id = n.node_id "
        "where n.kind = 0 and n.evidence > 0 group by 1) s where births > 1 and firsts > 1 "
        "order by births + firsts desc, records desc, individual_id limit %s",
        (most,),
    )
    return rows.fetchall()
