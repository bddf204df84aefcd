"""Pairs in doubt: atoms that model links nearly join, atoms that they barely do, and atoms that a wall keeps from being joined."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from steelthread.identity.evidence import ModelRow
from steelthread.identity.ledger import MODEL, RECORD
from steelthread.store import Int8s

Connection = psycopg.Connection[Any]
_OUTVOTED = "an identifier of which a person has one, a limit, or their other pairs"
"""What else keeps two atoms apart whose mean is far above the threshold."""
BELOW, ABOVE = 6.0, 4.0
"""How far from the threshold a mean weight may be to be in doubt, in log2 odds."""


class Doubt(msgspec.Struct):
    """Two atoms, the mean weight between them and the two records that speak for it the most."""

    a: int
    b: int
    mean: float
    pairs: int
    one: int
    other: int
    joined: bool
    evidence: int
    """How many records and events the persons have."""
    wall: str
    """Why they are two whatever the mean says; empty where nothing but the mean decides."""


def doubts(conn: Connection, model: ModelRow, actor: str, most: int, events: str) -> list[Doubt]:
    """Return pairs in doubt without what was decided or skipped by this reviewer.

    First come those that are near the threshold and have many records: uncertainty times the logarithm of their number.
    Of pairs with a wall those are in doubt that the mean alone would join: half of what it is sure of, for a wall has a
    reason of its own. `events` is SQL that counts the events of persons; `{}` in it stands for an array of their clusters.
    """
    rows = conn.execute(
        f"""
        with said as (
            select l.a, l.b, l.weight, l.refused, x.cluster_id as one, y.cluster_id as other,
                coalesce(x.atom_id, x.cluster_id) as p, coalesce(y.atom_id, y.cluster_id) as q
            from identity.link l join identity.node x on x.node_id = l.a join identity.node y on y.node_id = l.b
            where l.closed_at is null and l.strength = {MODEL}
        ), pair as (
            select (array_agg(a order by weight desc, a, b))[1] as a, (array_agg(b order by weight desc, a, b))[1] as b,
                avg(greatest(-12, least(12, weight))) as mean, count(*) as pairs,
                min(least(one, other)) as one, min(greatest(one, other)) as other, max(refused) as wall
            from said where p <> q group by least(p, q), greatest(p, q)
        ), doubt as (
            select *, 1 / (1 + power(2::float8, %(threshold)s - mean)) as chance from (
                select a, b, mean, pairs, one, other, case
                    when wall = '' and mean > %(threshold)s + %(above)s and one <> other then %(outvoted)s else wall
                end as wall from pair
            ) p where case
                when wall = '' then mean between %(threshold)s - %(below)s and %(threshold)s + %(above)s
                else mean >= %(threshold)s and one <> other
            end
        )
        select p.a, p.b, p.mean, p.pairs, p.one, p.other, p.one = p.other, e.evidence, p.wall
        from doubt p cross join lateral (
                select count(*) + {events.format("array[p.one, p.other]")} as evidence from identity.node r
                where r.cluster_id = any(array[p.one, p.other]) and r.evidence & {RECORD} > 0
            ) e
        where not exists (select from identity.skipped s where s.a = p.a and s.b = p.b and s.actor = %(actor)s)
            and not exists (
                select from identity.decision d join identity.node x on x.node_id = d.a
                join identity.node y on y.node_id = d.b
                where d.superseded_at is null and d.verdict <> 'withdrawn'
                    and least(x.cluster_id, y.cluster_id) = p.one and greatest(x.cluster_id, y.cluster_id) = p.other
            )
        order by case when p.wall = '' then 1 - abs(2 * p.chance - 1) else p.chance / 2 end
            * ln(1 + greatest(e.evidence, 0)) desc, p.a, p.b
        limit %(most)s
        """,
        {
            "threshold": model.threshold, "below": BELOW, "above": ABOVE, "outvoted": _OUTVOTED, "actor": actor, "most": most,
        },
    ).fetchall()  # fmt: skip
    return [Doubt(*row) for row in rows]


def skip(conn: Connection, a: int, b: int, actor: str, at: datetime) -> None:
    """Remember that a reviewer put a pair aside."""
    conn.execute(
        "insert into identity.skipped (a, b, actor, at) values (%s, %s, %s, %s) "
        "on conflict (a, b, actor) do update set at = excluded.at",
        (a, b, actor, at),
    )


def skipped_by(conn: Connection, actor: str) -> set[tuple[int, int]]:
    """Return the pairs that a reviewer put aside."""
    return set(conn.execute("select a, b from identity.skipped where actor = %s", (actor,)).fetchall())


def evidence_of(conn: Connection, persons: Collection[int], events: str) -> dict[int, int]:
    """Return how many records and events each of these persons has; `events` as for `doubts`."""
    rows = conn.execute(
        f"select p.one, (select count(*) from identity.node r where r.cluster_id = p.one and r.evidence & {RECORD} > 0)"
        f" + {events.format('array[p.one]')} from unnest(%s::int8[]) as p (one)",
        (Int8s(persons),),
    )
    return dict(rows.fetchall())


def are_records(conn: Connection, nodes: Collection[int]) -> bool:
    """Whether all of these nodes are records that there are."""
    row = conn.execute(
        "select count(*) from identity.node where kind = 0 and evidence > 0 and node_id = any(%s)", (Int8s(nodes),)
    ).fetchone()
    assert row is not None
    return int(row[0]) == len(set(nodes))


def last_word(conn: Connection, a: int, b: int) -> tuple[str, str] | None:
    """Return (verdict, who) of the decision in force on a pair."""
    row = conn.execute(
        "select verdict, actor from identity.decision where superseded_at is null and verdict <> 'withdrawn' "
        "and (a, b) in ((%s, %s), (%s, %s))",
        (a, b, b, a),
    ).fetchone()
    return None if row is None else (row[0], row[1])


def decided_pairs(conn: Connection, records: Collection[int]) -> list[tuple[int, int, bool]]:
    """Return the pairs of these records on which a person's word holds, and whether it says that they are one person."""
    rows = conn.execute(
        "select a, b, verdict = 'same' from identity.decision where superseded_at is null and verdict <> 'withdrawn' "
        "and a = any(%s) and b = any(%s) order by a, b",
        (Int8s(records), Int8s(records)),
    )
    return [(a, b, same) for a, b, same in rows]
