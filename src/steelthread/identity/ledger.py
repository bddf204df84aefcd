"""The identity tables in PostgreSQL: reading nodes, links and decisions, and writing what a batch changed.

All SQL of the package stands here and in `queries.py`; the rules stand in `graph` and `stitch`.
"""

import struct
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from steelthread.identity.graph import Link, Node
from steelthread.store import NULL, Byteas, Int8s, Texts, Uuids, copy_rows, field, micros_2000, write

Connection = psycopg.Connection[Any]

NODE_COLUMNS = (
    "node_id, kind, hash, birth, durable, coalesce(atom_id, cluster_id), first_name, suffix, unique_source, seen, "
    "exclusive, degree, generic, evidence, since, cluster_id"
)
_NODE_TARGET = (
    "identity.node (node_id, kind, hash, birth, durable, cluster_id, first_name, unique_source, seen, exclusive, "
    "degree, generic, evidence, since, suffix, atom_id)"
)
_NODE = struct.Struct(">hiqihi16si16si?iqiqiiiqihiii?iiiq").pack
_LINK_TARGET = "identity.link (a, b, strength, weak, weight, first, asserted, opened_at, rule, refused, actor, reason)"
_LINK = struct.Struct(">hiqiqihi?idiqiiiq").pack
_MEMBERSHIP = struct.Struct(">hiqi16siqiq").pack
_CLUSTER = struct.Struct(">hiqi16sii").pack
_INT8 = struct.Struct(">iq").pack


RECORD, EVENTS = 1, 2
"""What a node has to show, bit by bit: an open record of a party, events that it owns."""


class NodeRow(Node, eq=False):
    """A node as the table has it: the graph works on it as it is. Its `cluster` is its atom, `person` its person."""

    degree: int = 0
    generic: bool = False
    evidence: int = 0
    """What it has to show: `RECORD`, `EVENTS`, both or nothing."""
    since: datetime = datetime.max.replace(tzinfo=UTC)
    person: int = 0


class LinkRow(msgspec.Struct):
    """An open link as the table has it."""

    a: int
    b: int
    rule: str
    strength: int
    weak: bool
    weight: float
    first: int
    asserted: int
    refused: str


class ClusterRow(msgspec.Struct):
    """A cluster as the table has it."""

    cluster_id: int
    individual_id: UUID
    evidence: int
    """How many pieces its nodes have to show: open records, and owners of events."""
    load_id: int | None


GENERIC = "generic identifier"
"""The mark of links that are not open because one end is generic."""
DOUBTED = "a contact of several people, and no first name to tell them apart: evidence in sum decides"
"""The mark of links that are not open because a model is asked whom a record without a first name belongs to."""
DISPUTED = "a contact of two people, as far as all else that is known of them tells: evidence in sum decides"
"""The mark of links that are not open because a model holds the records at their contact to be two people."""
ASIDE = (DOUBTED, DISPUTED)
"""The marks of links that a run set aside."""
APART = "visitors stay apart from customers"
"""The mark of links that tell of a visitor who was a customer, and do not join the two."""
APART_FROM = 500
"""What the strength of such links begins with: a pair may have one of them beside one that joins."""
OUTSIDE = (GENERIC, APART, *ASIDE)
"""The marks of links that the graph does not hear of."""


def nodes_by_hash(conn: Connection, hashes: Collection[bytes]) -> list[NodeRow]:
    """Return the nodes with these hashes."""
    sql = f"select {NODE_COLUMNS} from identity.node where hash = any(%s)"
    return [NodeRow(*row) for row in _binary(conn, sql, (Byteas(hashes),))]


def nodes_by_id(conn: Connection, ids: Collection[int]) -> list[NodeRow]:
    """Return the nodes with these numbers."""
    sql = f"select {NODE_COLUMNS} from identity.node where node_id = any(%s)"
    return [NodeRow(*row) for row in _binary(conn, sql, (Int8s(ids),))]


def nodes_of_clusters(conn: Connection, clusters: Collection[int]) -> list[NodeRow]:
    """Return all nodes of these persons."""
    sql = f"select {NODE_COLUMNS} from identity.node where cluster_id = any(%s)"
    return [NodeRow(*row) for row in _binary(conn, sql, (Int8s(clusters),))]


def nodes_of_atoms(conn: Connection, atoms: Collection[int]) -> list[NodeRow]:
    """Return all nodes of these atoms."""
    sql = (
        f"select {NODE_COLUMNS} from identity.node where cluster_id = any(%s) and atom_id is null "
        f"union all select {NODE_COLUMNS} from identity.node where atom_id = any(%s)"
    )
    ids = Int8s(atoms)
    return [NodeRow(*row) for row in _binary(conn, sql, (ids, ids))]


def clusters_by_id(conn: Connection, clusters: Collection[int]) -> list[ClusterRow]:
    """Return the rows of these clusters."""
    sql = "select cluster_id, individual_id, evidence, load_id from identity.cluster where cluster_id = any(%s)"
    return [ClusterRow(*row) for row in _binary(conn, sql, (Int8s(clusters),))]


MODEL = 1000
"""The strength of model links: they come after all rules."""
LINK_COLUMNS = "a, b, rule, strength, weak, weight, first, asserted, refused"


def links_touching(conn: Connection, nodes: Collection[int]) -> list[LinkRow]:
    """Return every open link with an end among these nodes, generic ones included; the model's are asked for apart."""
    sql = (
        f"select {LINK_COLUMNS} from identity.link where closed_at is null and strength < {MODEL} and a = any(%s) "
        f"union select {LINK_COLUMNS} from identity.link where closed_at is null and strength < {MODEL} and b = any(%s)"
    )
    ids = Int8s(nodes)
    return [LinkRow(*row) for row in _binary(conn, sql, (ids, ids))]


def links_from(conn: Connection, nodes: Collection[int]) -> list[LinkRow]:
    """Return every open link whose stronger end is among these nodes."""
    sql = f"select {LINK_COLUMNS} from identity.link where closed_at is null and strength < {MODEL} and a = any(%s)"
    return [LinkRow(*row) for row in _binary(conn, sql, (Int8s(nodes),))]


def cannots_touching(conn: Connection, nodes: Collection[int]) -> list[tuple[int, int]]:
    """Return the pairs that a person said are never the same, with an end among these nodes."""
    if not _any(conn, "identity.decision"):
        return []
    sql = (
        "select a, b from identity.decision where superseded_at is null and verdict = 'never' "
        "and (a = any(%s) or b = any(%s))"
    )
    ids = Int8s(nodes)
    return [(a, b) for a, b in conn.execute(sql, (ids, ids))]


def reserve(conn: Connection, count: int) -> range:
    """Reserve `count` node numbers; numbers of a rolled back batch are never used again."""
    if not count:
        return range(0)
    row = conn.execute("select setval('identity.node_seq', nextval('identity.node_seq') + %s)", (count - 1,)).fetchone()
    assert row is not None
    return range(row[0] - count + 1, row[0] + 1)


def insert_nodes(conn: Connection, rows: Iterable[NodeRow]) -> None:
    """Write new nodes."""
    copy_rows(conn, _NODE_TARGET, [_packed_node(row) for row in rows])


def _packed_node(row: NodeRow) -> bytes:
    return _NODE(
        16, 8, row.id, 2, row.kind, 16, row.hash, 16, row.birth.bytes, 1, row.durable, 8, row.person,
        8, row.first, 4, row.unique, 8, row.seen, 2, row.exclusive, 4, row.degree, 1, row.generic,
        4, row.evidence, 8, micros_2000(row.since),
    ) + field(row.suffix.encode()) + (NULL if row.cluster == row.person else _INT8(8, row.cluster))  # fmt: skip


def update_nodes(conn: Connection, rows: Sequence[NodeRow]) -> None:
    """Write what changed of existing nodes."""
    if not rows:
        return
    numbers = [
        Int8s([getattr(row, name) for row in rows])
        for name in ("id", "person", "first", "unique", "seen", "degree", "generic", "evidence", "cluster")
    ]
    write(
        conn,
        """
        update identity.node n set cluster_id = c.cluster_id, first_name = c.first_name,
            unique_source = c.unique_source, seen = c.seen, degree = c.degree, generic = c.generic <> 0,
            evidence = c.evidence, since = timestamptz '2000-01-01 00:00Z' + c.since * interval '1 microsecond',
            suffix = c.suffix, atom_id = nullif(c.atom_id, c.cluster_id)
        from unnest(%s::int8[], %s::int8[], %s::int8[], %s::int8[], %s::int8[], %s::int8[], %s::int8[], %s::int8[],
                    %s::int8[], %s::int8[], %s::text[])
            as c (node_id, cluster_id, first_name, unique_source, seen, degree, generic, evidence, atom_id, since, suffix)
        where n.node_id = c.node_id
        """,
        (*numbers, Int8s([micros_2000(row.since) for row in rows]), Texts([row.suffix for row in rows])),
    )


def write_walls(conn: Connection, rows: Sequence[NodeRow]) -> None:
    """Write of which group of identifiers a person has one, of existing nodes of which that was not known."""
    if rows:
        write(
            conn,
            "update identity.node n set exclusive = c.exclusive from unnest(%s::int8[], %s::int8[]) as c (node_id, exclusive) "
            "where n.node_id = c.node_id",
            (Int8s([row.id for row in rows]), Int8s([row.exclusive for row in rows])),
        )


def write_evidence(conn: Connection, rows: Sequence[NodeRow]) -> None:
    """Write what nodes have to show of which nothing else changed."""
    if rows:
        write(
            conn,
            "update identity.node n set evidence = c.evidence from unnest(%s::int8[], %s::int8[]) as c (node_id, evidence) "
            "where n.node_id = c.node_id",
            (Int8s([row.id for row in rows]), Int8s([row.evidence for row in rows])),
        )


def insert_links(conn: Connection, rows: Iterable[LinkRow], at: datetime, actor: str, reason: str) -> None:
    """Write new links."""
    moment, tail = micros_2000(at), field(actor.encode()) + field(reason.encode())
    copy_rows(conn, _LINK_TARGET, [_packed_link(row, moment, tail) for row in rows])


def _packed_link(row: LinkRow, moment: int, tail: bytes) -> bytes:
    fixed = _LINK(
        12, 8, row.a, 8, row.b, 2, row.strength, 1, row.weak, 8, row.weight, 8, row.first, 4, row.asserted, 8, moment
    )
    return fixed + field(row.rule.encode()) + field(row.refused.encode()) + tail


def update_links(conn: Connection, rows: Sequence[LinkRow]) -> None:
    """Write how often links are asserted, since when, and whether they are refused."""
    if not rows:
        return
    write(
        conn,
        """
        update identity.link l set asserted = c.asserted, first = c.first, refused = c.refused
        from unnest(%s::int8[], %s::int8[], %s::int8[], %s::int8[], %s::int8[], %s::text[])
            as c (a, b, strength, asserted, first, refused)
        where l.a = c.a and l.b = c.b and l.strength = c.strength and l.closed_at is null
        """,
        (
            *_names_of_links((r.a, r.b, r.strength) for r in rows),
            Int8s([r.asserted for r in rows]),
            Int8s([r.first for r in rows]),
            Texts([r.refused for r in rows]),
        ),
    )


def _names_of_links(pairs: Iterable[tuple[int, int, int]]) -> tuple[Int8s, Int8s, Int8s]:
    listed = list(pairs)
    return Int8s([a for a, _, _ in listed]), Int8s([b for _, b, _ in listed]), Int8s([one for _, _, one in listed])


def close_links(conn: Connection, pairs: Sequence[tuple[int, int, int]], at: datetime) -> None:
    """Close links, by (a, b, strength): nothing asserts them any more."""
    if pairs:
        write(
            conn,
            "update identity.link l set closed_at = %s, asserted = 0 "
            "from unnest(%s::int8[], %s::int8[], %s::int8[]) as c (a, b, strength) "
            "where l.a = c.a and l.b = c.b and l.strength = c.strength and l.closed_at is null",
            (at, *_names_of_links(pairs)),
        )


def update_clusters(conn: Connection, rows: Sequence[ClusterRow]) -> None:
    """Write how many pieces of evidence clusters have that keep their universal ID."""
    if rows:
        write(
            conn,
            "update identity.cluster k set evidence = c.evidence from unnest(%s::int8[], %s::int8[]) as c (cluster_id, evidence) "
            "where k.cluster_id = c.cluster_id",
            (Int8s([row.cluster_id for row in rows]), Int8s([row.evidence for row in rows])),
        )


def replace_clusters(conn: Connection, gone: Sequence[int], rows: Iterable[ClusterRow]) -> None:
    """Write the clusters that a batch touched in place of their former rows."""
    if gone:
        write(conn, "delete from identity.cluster where cluster_id = any(%s)", (Int8s(gone),))
    copy_rows(
        conn,
        "identity.cluster (cluster_id, individual_id, evidence, load_id)",
        [
            _CLUSTER(4, 8, row.cluster_id, 16, row.individual_id.bytes, 4, row.evidence)
            + (NULL if row.load_id is None else _INT8(8, row.load_id))
            for row in rows
        ],
    )


def insert_memberships(conn: Connection, rows: Iterable[tuple[int, UUID, datetime, datetime]]) -> None:
    """Keep past memberships: (node, individual, from, to)."""
    copy_rows(
        conn,
        "identity.membership (node_id, individual_id, valid_from, valid_to)",
        [
            _MEMBERSHIP(4, 8, node, 16, individual.bytes, 8, micros_2000(start), 8, micros_2000(end))
            for node, individual, start, end in rows
        ],
    )


def write_aliases(conn: Connection, gone: Sequence[tuple[UUID, int]], back: Sequence[UUID]) -> None:
    """Former IDs answer through the alias table; one that has come back stands for itself again."""
    if back:
        write(
            conn,
            "delete from identity.alias where individual_id = any(%s) and exists (select from identity.alias)",
            (Uuids(back),),
        )
    if gone:
        write(
            conn,
            "insert into identity.alias select * from unnest(%s::uuid[], %s::int8[]) on conflict do nothing",
            (Uuids(individual for individual, _ in gone), Int8s(node for _, node in gone)),
        )


def graph_link(row: LinkRow, low: bytes, high: bytes) -> Link:
    """Return what the graph needs to know of a link; `low` and `high` are the hashes of its ends in any order."""
    if high < low:
        low, high = high, low
    return Link(
        a=row.a,
        b=row.b,
        strength=row.strength,
        weak=row.weak,
        weight=row.weight,
        first=row.first,
        key=low + high + row.rule.encode(),
        refused=row.refused,
        id=(row.a, row.b, row.strength),
    )


def _any(conn: Connection, table: str) -> bool:
    """Whether a table, which is often empty, has any row."""
    row = conn.execute(f"select exists (select from {table})").fetchone()
    return bool(row and row[0])


def _binary(conn: Connection, sql: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    with conn.cursor(binary=True) as cursor:
        return cursor.execute(sql, parameters).fetchall()
