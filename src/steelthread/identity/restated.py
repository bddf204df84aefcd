"""Kinds of identifiers as the rules have them now, in PostgreSQL: which nodes and links differ, and who is concerned."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Literal
from uuid import UUID

import msgspec
import psycopg

from steelthread.identity.config import Kind
from steelthread.identity.ledger import APART, GENERIC, MODEL
from steelthread.store import Int8s

Connection = psycopg.Connection[Any]
_BY_RULES = f"l.closed_at is null and l.strength between 1 and {MODEL - 1}"
_MARKED_BY_RECORD = "user_id"
"""A kind of which the record says itself whether a person has one: logins of live sources."""


def strengths_in_use(conn: Connection) -> list[tuple[str, int]]:
    """Return the rules of open links, each with the strengths that their links have."""
    return conn.execute(f"select distinct l.rule, l.strength from identity.link l where {_BY_RULES}").fetchall()


def restate_kinds(conn: Connection, kinds: Sequence[Kind], windowed: Collection[int]) -> int:
    """Have nodes and links say of their kinds what these say; return how many said otherwise.

    Identifiers of `windowed` kinds are as old as the oldest link that asserts them. Of which namespace a person has one
    (`IdentityRules.group`) only the record that tells it knows: that stays as it was when it was told.
    """
    nodes = conn.execute(
        "with k as (select unnest(%s::int[]) as kind, unnest(%s::bool[]) as durable, unnest(%s::int[]) as exclusive, "
        "unnest(%s::bool[]) as marked), o as (select n.node_id, k.durable, case when k.marked "
        "then n.exclusive else k.exclusive end as exclusive from identity.node n join k using (kind)) "
        "update identity.node n set durable = o.durable, exclusive = o.exclusive from o "
        "where n.node_id = o.node_id and (n.durable, n.exclusive) <> (o.durable, o.exclusive)",
        (
            [kind.index for kind in kinds],
            [kind.durable for kind in kinds],
            [kind.index if kind.exclusive else 0 for kind in kinds],
            [kind.scoped if kind.exclusive else kind.name == _MARKED_BY_RECORD for kind in kinds],
        ),
    ).rowcount
    links = conn.execute(
        "update identity.link l set weak = k.weak from (select unnest(%s::text[]) as name, unnest(%s::bool[]) as weak) k "
        f"where l.rule = k.name and l.weak <> k.weak and {_BY_RULES}",
        ([kind.name for kind in kinds], [kind.weak for kind in kinds]),
    ).rowcount
    dated = conn.execute(
        "update identity.node n set seen = o.first from (select l.b, min(l.first) as first from identity.link l "
        f"join identity.node m on m.node_id = l.b where m.kind = any(%s) and {_BY_RULES} group by 1) o "
        "where n.node_id = o.b and n.seen <> o.first",
        (list(windowed),),
    ).rowcount if windowed else 0  # fmt: skip
    return nodes + links + dated


def generic_otherwise(conn: Connection, limits: Mapping[int, int]) -> list[int]:
    """Return the identifiers that turn generic, or back, where these are the degrees above which a kind is."""
    rows = conn.execute(
        "select n.node_id from identity.node n left join (select unnest(%s::int[]) as kind, unnest(%s::int[]) as above) k "
        "on k.kind = n.kind where n.generic <> coalesce(n.degree > k.above, false)",
        (list(limits.keys()), list(limits.values())),
    )
    return [node for (node,) in rows]


def linked_persons(conn: Connection) -> dict[int, int]:
    """Return the persons of whom rules or people said anything, each with the number of nodes."""
    rows = conn.execute(
        "select cluster_id, count(*) from identity.node where cluster_id in (select cluster_id from identity.node "
        f"where node_id in (select a from identity.link where closed_at is null and strength < {MODEL} "
        f"union select b from identity.link where closed_at is null and strength < {MODEL})) group by 1"
    )
    return dict(rows.fetchall())


def persons_refused(conn: Connection, flips: Collection[int]) -> Iterable[tuple[int, int]]:
    """Return pairs of persons between whom a link was refused, or is one of an identifier that turns generic or back."""
    return conn.execute(
        "select distinct o.cluster_id, p.cluster_id from identity.link l join identity.node o on o.node_id = l.a "
        f"join identity.node p on p.node_id = l.b where l.closed_at is null and l.strength < {MODEL} "
        f"and o.cluster_id <> p.cluster_id and l.refused <> '{APART}' "
        f"and (l.refused <> '{GENERIC}' or l.a = any(%s) or l.b = any(%s))",
        (Int8s(flips),) * 2,
    ).fetchall()


# -- what differs ----------------------------------------------------------------------------------------------------


class Moved(msgspec.Struct):
    """A person who merged, or split: the open records of each part, by universal ID."""

    change: Literal["merge", "split"]
    parts: dict[UUID, list[int]]


_NOW = "identity.node n join identity.cluster c on c.cluster_id = n.cluster_id and c.evidence > 0"


def note_persons(conn: Connection) -> None:
    """Remember until the end of the transaction who is who."""
    conn.execute(
        "create temporary table person_before on commit drop as select n.node_id, n.kind, c.individual_id "
        f"from {_NOW} where n.evidence > 0"
    )
    conn.execute("analyze person_before")


def count_links(conn: Connection) -> tuple[int, int]:
    """Return how many links there ever were, and how many of them are closed."""
    row = conn.execute("select count(*), count(closed_at) from identity.link").fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def moved(conn: Connection) -> tuple[int, int]:
    """Return how many individuals went and came since `note_persons`."""
    row = conn.execute(
        "select count(*) filter (where is_now is null), count(*) filter (where was is null) from "
        "(select distinct individual_id as was from person_before) b full join "
        "(select individual_id as is_now from identity.cluster where evidence > 0) c on was = is_now"
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def telling(conn: Connection, most: int) -> list[Moved]:
    """Return the cases that tell the most since `note_persons`: those of the most records, merges and splits in turn."""
    conn.execute(
        "create temporary table person_moved on commit drop as select b.individual_id as was, c.individual_id as is_now, "
        "coalesce(array_agg(n.node_id order by n.node_id) filter (where n.kind = 0), '{}') as records "
        f"from {_NOW} join person_before b using (node_id) group by 1, 2"
    )
    merges = _several(conn, "merge", "is_now", "was", most)
    splits = _several(conn, "split", "was", "is_now", most)
    mixed = [one for pair in zip_longest(merges, splits) for one in pair if one is not None]
    return mixed[:most]


def _several(conn: Connection, change: Literal["merge", "split"], whole: str, part: str, most: int) -> list[Moved]:
    """Return the persons of several parts, those of the most records first."""
    rows = conn.execute(
        f"select m.{whole}, m.{part}, m.records from person_moved m join (select {whole} as one, sum(cardinality(records)) as size "
        f"from person_moved group by 1 having count(*) > 1 order by 2 desc, 1 limit %s) s on s.one = m.{whole} "
        f"order by s.size desc, m.{whole}, cardinality(m.records) desc, m.{part}",
        (most,),
    )
    found: dict[UUID, Moved] = {}
    for person, one, records in rows:
        found.setdefault(person, Moved(change, {})).parts[one] = records
    return list(found.values())
