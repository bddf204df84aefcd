"""Looking things up in the identity tables: who answers to a reference, why two nodes are one, how it was before."""

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, Literal
from uuid import UUID

import msgspec
import psycopg

from steelthread.identity import evidence
from steelthread.identity.graph import Part, Policy, atoms, micro, part_of, share_of, words_of
from steelthread.identity.ledger import (
    APART,
    GENERIC,
    LINK_COLUMNS,
    MODEL,
    NODE_COLUMNS,
    OUTSIDE,
    LinkRow,
    NodeRow,
    graph_link,
    links_touching,
)
from steelthread.identity.persons import first_of, grouped_atoms
from steelthread.kit import NotFound

Connection = psycopg.Connection[Any]
_BIRTH = itemgetter(7)


class Resolved(msgspec.Struct):
    """What a universal ID, present or former, stands for."""

    status: Literal["current", "alias", "former"]
    individual_id: UUID
    cluster_id: int


class Member(msgspec.Struct):
    """A node of a cluster."""

    node_id: int
    kind: int
    hash: bytes
    birth: UUID
    evidence: int


def node_of_individual(conn: Connection, individual: UUID) -> int:
    """Return the node whose birth this universal ID is; NotFound when there is none."""
    row = conn.execute(
        "select n.node_id from identity.cluster c join identity.node n using (cluster_id) "
        "where c.individual_id = %s and n.birth = %s "
        "union select node_id from identity.alias where individual_id = %s limit 1",
        (individual, individual, individual),
    ).fetchone()
    if row is None:
        raise NotFound("There is no individual with this universal ID, now or formerly.")
    return int(row[0])


def node_of_hash(conn: Connection, node_hash: bytes) -> int | None:
    """Return the node with this hash, if there is one."""
    row = conn.execute("select node_id from identity.node where hash = %s", (node_hash,)).fetchone()
    return None if row is None else int(row[0])


def present(conn: Connection, node: int) -> tuple[int, UUID, int]:
    """Return (cluster, universal ID, evidence) of a node."""
    row = conn.execute(
        "select cluster_id, individual_id, c.evidence from identity.node n join identity.cluster c using (cluster_id) "
        "where n.node_id = %s",
        (node,),
    ).fetchone()
    if row is None:
        raise NotFound("There is no such node.")
    return int(row[0]), row[1], int(row[2])


def as_of(conn: Connection, node: int, at: datetime) -> UUID:
    """Return the individual to which a node belonged at a moment."""
    row = conn.execute(
        "select individual_id from identity.membership where node_id = %s and valid_to > %s order by valid_to limit 1",
        (node, at),
    ).fetchone()
    return present(conn, node)[1] if row is None else row[0]


def former_ids(conn: Connection, cluster: int) -> list[UUID]:
    """Return the former universal IDs that answer with this cluster now."""
    rows = conn.execute(
        "select a.individual_id from identity.alias a join identity.node n using (node_id) where n.cluster_id = %s "
        "order by 1",
        (cluster,),
    )
    return [individual for (individual,) in rows]


def members(conn: Connection, cluster: int) -> list[Member]:
    """Return the nodes of a cluster."""
    rows = conn.execute(
        "select node_id, kind, hash, birth, evidence from identity.node where cluster_id = %s order by birth",
        (cluster,),
    )
    return [Member(*row) for row in rows]


def nodes_of_individuals(conn: Connection, individuals: Collection[UUID]) -> dict[UUID, list[bytes]]:
    """Return universal ID, present or former -> the hashes of all nodes of whoever answers to it now; none of nobody."""
    rows = conn.execute(
        "with placed as (select individual_id, cluster_id from identity.cluster where individual_id = any(%(ids)s) union "
        "select a.individual_id, n.cluster_id from identity.alias a join identity.node n using (node_id) "
        "where a.individual_id = any(%(ids)s)) "
        "select p.individual_id, m.hash from placed p join identity.node m using (cluster_id)",
        {"ids": sorted(individuals)},
        binary=True,
    )
    found: dict[UUID, list[bytes]] = {}
    for individual, hashed in rows:
        found.setdefault(individual, []).append(hashed)
    return found


class Family(msgspec.Struct):
    """A cluster with all that belongs to it, as one question to the database gives it."""

    cluster_id: int
    individual_id: UUID
    evidence: int
    members: list[Member]
    aliases: list[UUID]


FAMILY_COLUMNS = (
    "name", "cluster_id", "individual_id", "shown", "node_id", "kind", "hash", "birth", "evidence", "former_id",
)  # fmt: skip
FAMILIES_SQL = (
    "select n.hash as name, n.cluster_id, c.individual_id, c.evidence as shown, m.node_id, m.kind, m.hash, m.birth, "
    "m.evidence, a.individual_id as former_id from "
    "(select hash, cluster_id from identity.node where hash = any(%s) offset 0) n cross join lateral "
    "(select individual_id, evidence from identity.cluster where cluster_id = n.cluster_id offset 0) c cross join lateral "
    "(select node_id, kind, hash, birth, evidence from identity.node where cluster_id = n.cluster_id offset 0) m "
    "left join lateral (select individual_id from identity.alias where node_id = m.node_id offset 0) a on true"
)
"""Who has one of these hashes: a row for each node of the cluster, and of each of its former universal IDs.

One after another, each by its key (`offset 0` holds the planner to it): a plan that was made while there were few people, and read
all of them at once, would go on doing so.
"""


def families_of_hashes(conn: Connection, hashes: Collection[bytes]) -> dict[bytes, Family]:
    """Return the cluster of each node with one of these hashes, with its nodes and its former universal IDs."""
    return as_families(conn.execute(FAMILIES_SQL, (list(hashes),), binary=True).fetchall())


def as_families(rows: Iterable[Sequence[Any]]) -> dict[bytes, Family]:
    """Put rows of `FAMILIES_SQL` together; the nodes of a family come by birth."""
    found: dict[bytes, Family] = {}
    for name, cluster, individual, shown, node, kind, hashed, birth, own, alias in sorted(rows, key=_BIRTH):
        family = found.setdefault(name, Family(cluster, individual, shown, [], []))
        family.members.append(Member(node, kind, hashed, birth, own))
        if alias is not None:
            family.aliases.append(alias)
    for family in found.values():
        family.aliases.sort()
    return found


def families_after(conn: Connection, last: UUID | None, limit: int) -> list[Family]:
    """Return the clusters that have something to show, by universal ID after `last`, each with its nodes."""
    rows = conn.execute(
        "with page as materialized (select cluster_id, individual_id, evidence from identity.cluster where evidence > 0 "
        "and (%s::uuid is null or individual_id > %s::uuid) order by individual_id limit %s) "
        "select p.cluster_id, p.individual_id, p.evidence, m.node_id, m.kind, m.hash, m.birth, m.evidence, a.individual_id "
        "from page p join identity.node m on m.cluster_id = p.cluster_id "
        "left join identity.alias a on a.node_id = m.node_id order by p.individual_id, m.birth",
        (last, last, limit),
        binary=True,
    )
    found: dict[UUID, Family] = {}
    for cluster, individual, weight, node, kind, hashed, birth, own, alias in rows:
        family = found.setdefault(individual, Family(cluster, individual, weight, [], []))
        family.members.append(Member(node, kind, hashed, birth, own))
        if alias is not None:
            family.aliases.append(alias)
    for family in found.values():
        family.aliases.sort()
    return list(found.values())


class Step(msgspec.Struct):
    """One link on the way from one node to another."""

    start: int
    end: int
    kind: str
    reason: str
    at: datetime
    actor: str


def path(conn: Connection, start: int, end: int) -> list[Step]:
    """Return the shortest chain of accepted links between two nodes of one cluster; rules go before models."""
    cluster = present(conn, start)[0]
    nodes = [member.node_id for member in members(conn, cluster)]
    told = {
        (row[0], row[1], row[2]): row[3:]
        for row in conn.execute(
            "select a, b, strength, opened_at, actor, reason from identity.link where closed_at is null and a = any(%s)",
            (nodes,),
        )
    }
    neighbours: dict[int, list[tuple[int, Step]]] = {}
    inside = set(nodes)

    def add(a: int, b: int, strength: int, words: str) -> None:
        at, actor, reason = told[(a, b, strength)]
        kind = "must" if strength == 0 else "model" if strength == MODEL else "rule"
        neighbours.setdefault(a, []).append((b, Step(a, b, kind, reason or words, at, actor)))
        neighbours.setdefault(b, []).append((a, Step(b, a, kind, reason or words, at, actor)))

    for row in sorted(links_touching(conn, nodes), key=lambda row: (row.strength, row.a, row.b)):
        if not row.refused and row.a in inside and row.b in inside:
            add(row.a, row.b, row.strength, "a person said so" if row.strength == 0 else f"same {row.rule}")
    threshold = evidence.threshold_in_force(conn)
    if threshold is not None:
        links = evidence.model_links(conn, nodes)
        for link in sorted(links, key=lambda link: (-link.weight, link.a, link.b)):
            if not link.wall and link.weight >= threshold and link.a in inside and link.b in inside:
                add(link.a, link.b, MODEL, f"alike in sum: {link.weight:+.1f}")
    return _shortest(neighbours, start, end)


def _shortest(neighbours: dict[int, list[tuple[int, Step]]], start: int, end: int) -> list[Step]:
    came: dict[int, Step] = {}
    seen = {start}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for other, step in neighbours.get(node, ()):
            if other not in seen:
                seen.add(other)
                came[other] = step
                queue.append(other)
    steps: list[Step] = []
    while end != start and end in came:
        steps.append(came[end])
        end = came[end].start
    return steps[::-1]


def strongest_between(conn: Connection, one: Collection[int], other: Collection[int]) -> tuple[int, int] | None:
    """Return the two records of two persons of which the model says the most, None when it says nothing of any."""
    sides = (set(one), set(other))
    links = [
        link
        for link in evidence.model_links(conn, one)
        if (link.a in sides[0] and link.b in sides[1]) or (link.b in sides[0] and link.a in sides[1])
    ]
    best = max(links, key=lambda link: (bool(link.wall), link.weight, -link.a, -link.b), default=None)
    return None if best is None else (best.a, best.b)


class Refusal(msgspec.Struct):
    """A link that is asserted but does not join, and why."""

    a: int
    b: int
    rule: str
    reason: str


def refusals(conn: Connection, nodes: Collection[int]) -> list[Refusal]:
    """Return the refused links at these nodes."""
    return [
        Refusal(row.a, row.b, row.rule, row.refused)
        for row in links_touching(conn, nodes)
        if row.refused and row.refused != GENERIC
    ]


def apart(conn: Connection, nodes: Collection[int]) -> list[tuple[UUID, str]]:
    """Return (universal ID, rule) of the visitors, or the customers, that stay apart from whoever has these nodes."""
    rows = conn.execute(
        "with tied as (select case when a = any(%(nodes)s) then b else a end as node_id, rule from identity.link "
        "where closed_at is null and refused = %(apart)s and (a = any(%(nodes)s) or b = any(%(nodes)s))) "
        "select distinct c.individual_id, t.rule from tied t join identity.node n using (node_id) "
        "join identity.cluster c using (cluster_id) where c.evidence > 0 order by 1, 2",
        {"nodes": list(nodes), "apart": APART},
    ).fetchall()
    return [(individual, rule) for individual, rule in rows]


def clusters_csv(conn: Connection) -> Any:
    """Return a cursor over (record number, universal ID) of every open party record."""
    cursor = conn.cursor(name="clusters")
    cursor.execute(
        "select r.record_id, r.source_id, r.entity_id, r.subject, r.sealed, r.key_hash, c.individual_id "
        "from intake.record r join identity.node n on n.node_id = r.record_id join identity.cluster c using (cluster_id) "
        "where r.is_party and r.closed_at is null order by r.record_id"
    )
    return cursor


def count(conn: Connection) -> int:
    """Return how many individuals there are: clusters that have something to show."""
    row = conn.execute("select count(*) from identity.cluster where evidence > 0").fetchone()
    assert row is not None
    return int(row[0])


def kind_names(conn: Connection) -> dict[int, str]:
    """Return the names of identifier kinds by number."""
    return dict(conn.execute("select kind_id, name from identity.kind").fetchall())


def standing(conn: Connection, a: int, b: int) -> tuple[int, str] | None:
    """Return (decision, verdict) in force on a pair, if a person has said anything."""
    row = conn.execute(
        "select decision_id, verdict from identity.decision where superseded_at is null "
        "and (a, b) in ((%s, %s), (%s, %s))",
        (a, b, b, a),
    ).fetchone()
    return None if row is None else (int(row[0]), str(row[1]))


def record_decision(
    conn: Connection, a: int, b: int, verdict: str, actor: str, reason: str, at: datetime, part_of: int | None = None
) -> tuple[int, list[tuple[int, int]]]:
    """Keep a person's word on a pair; it takes the place of the former one, and of the 'never' that came with that.

    Return its number, and the pairs of which what came with the former word holds no more. `part_of` is the decision that
    this one comes with.
    """
    former = conn.execute(
        "update identity.decision set superseded_at = %s where superseded_at is null "
        "and (a, b) in ((%s, %s), (%s, %s)) returning decision_id",
        (at, a, b, b, a),
    ).fetchall()
    freed = conn.execute(
        "update identity.decision set superseded_at = %s where superseded_at is null and part_of = any(%s) returning a, b",
        (at, [one for (one,) in former]),
    ).fetchall()
    row = conn.execute(
        "insert into identity.decision (a, b, verdict, at, actor, reason, part_of) values (%s, %s, %s, %s, %s, %s, %s) "
        "returning decision_id",
        (a, b, verdict, at, actor, reason, part_of),
    ).fetchone()
    assert row is not None
    return int(row[0]), freed


def compare_with_batch(conn: Connection, policy: Policy) -> int:
    """Return how many nodes stand in another cluster, or under another ID, than the batch definition gives.

    Links that are refused here and accepted there count too.
    """
    sql = f"select {NODE_COLUMNS} from identity.node"
    with conn.cursor(binary=True) as cursor:
        rows = [NodeRow(*row) for row in cursor.execute(sql).fetchall()]
    hashes = {row.id: row.hash for row in rows}
    links = [
        LinkRow(*row)
        for row in conn.execute(
            f"select {LINK_COLUMNS} from identity.link where closed_at is null and strength < {MODEL} and refused <> all(%s)",
            (list(OUTSIDE),),
        )
    ]
    cannots = conn.execute(
        "select a, b from identity.decision where superseded_at is null and verdict = 'never'"
    ).fetchall()
    pairs = [graph_link(row, hashes[row.a], hashes[row.b]) for row in links]
    parts, refused = atoms(rows, pairs, cannots, policy)
    wrong = sum(bool(link.refused) != bool(refused[link]) for link in pairs)
    wrong += sum(len(part) for part in parts if len({node.cluster for node in part}) > 1)
    stored = dict(conn.execute("select cluster_id, individual_id from identity.cluster").fetchall())
    by_id = {row.id: row for row in rows}
    for group in _persons(conn, [[by_id[node.id] for node in part] for part in parts], cannots, policy):
        labels = {row.person for row in group}
        if len(labels) > 1 or stored.get(group[0].person) != first_of(group).birth:
            wrong += len(group)
    return wrong


def _persons(
    conn: Connection, parts: list[list[NodeRow]], cannots: list[tuple[int, int]], policy: Policy
) -> list[list[NodeRow]]:
    """Return the persons that the definition makes of these atoms."""
    threshold = evidence.threshold_in_force(conn)
    if threshold is None:
        return parts
    place = {row.id: number for number, part in enumerate(parts) for row in part}
    links = [
        (place[link.a], place[link.b], None if link.wall else micro(link.weight), share_of(link.said))
        for link in evidence.all_model_links(conn)
    ]
    words = words_of(cannots)

    def part(number: int) -> Part:
        return part_of(parts[number], policy, words)

    groups = grouped_atoms(len(parts), links, threshold, policy, part)
    return [[row for number in group for row in parts[number]] for group in groups]


def keep_kind(conn: Connection, index: int, name: str) -> None:
    """Keep the name of an identifier kind's number."""
    conn.execute("insert into identity.kind (kind_id, name) values (%s, %s) on conflict do nothing", (index, name))
