"""The identity tables in PostgreSQL: reading nodes, links and decisions, and writing what a batch changed.

All SQL of the package stands here and in `queries.py`; the rules stand in `graph` and `stitch`.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from steelthread.identity.graph import Link, Node

Connection = psycopg.Connection[Any]

NODE_COLUMNS = (
    "node_id, kind, hash, birth, durable, cluster_id, first_name, suffix, unique_source, seen, exclusive, "
    "degree, generic, evidence, since"
)


class NodeRow(msgspec.Struct):
    """A node as the table has it."""

    node_id: int
    kind: int
    hash: bytes
    birth: UUID
    durable: bool
    cluster_id: int
    first_name: int
    suffix: str
    unique_source: int
    seen: int
    exclusive: int
    degree: int
    generic: bool
    evidence: int
    since: datetime

    def node(self) -> Node:
        """Return what the graph needs to know of it."""
        return Node(
            id=self.node_id,
            kind=self.kind,
            hash=self.hash,
            birth=self.birth,
            durable=self.durable,
            cluster=self.cluster_id,
            first=self.first_name,
            suffix=self.suffix,
            unique=self.unique_source,
            seen=self.seen,
            exclusive=self.exclusive,
        )


class LinkRow(msgspec.Struct):
    """An open link as the table has it."""

    link_id: int
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
    load_id: int | None


GENERIC = "generic identifier"
"""The mark of links that are not open because one end is generic."""


def nodes_by_hash(conn: Connection, hashes: Collection[bytes]) -> list[NodeRow]:
    """Return the nodes with these hashes."""
    sql = f"select {NODE_COLUMNS} from identity.node where hash = any(%s)"
    return [NodeRow(*row) for row in _binary(conn, sql, (list(hashes),))]


def nodes_by_id(conn: Connection, ids: Collection[int]) -> list[NodeRow]:
    """Return the nodes with these numbers."""
    sql = f"select {NODE_COLUMNS} from identity.node where node_id = any(%s)"
    return [NodeRow(*row) for row in _binary(conn, sql, (list(ids),))]


def nodes_of_clusters(conn: Connection, clusters: Collection[int]) -> list[NodeRow]:
    """Return all nodes of these clusters."""
    sql = f"select {NODE_COLUMNS} from identity.node where cluster_id = any(%s)"
    return [NodeRow(*row) for row in _binary(conn, sql, (list(clusters),))]


def clusters_by_id(conn: Connection, clusters: Collection[int]) -> list[ClusterRow]:
    """Return the rows of these clusters."""
    sql = "select cluster_id, individual_id, evidence, load_id from identity.cluster where cluster_id = any(%s)"
    return [ClusterRow(*row) for row in _binary(conn, sql, (list(clusters),))]


LINK_COLUMNS = "link_id, a, b, rule, strength, weak, weight, first, asserted, refused"


def links_touching(conn: Connection, nodes: Collection[int]) -> list[LinkRow]:
    """Return every open link with an end among these nodes, generic ones included."""
    sql = (
        f"select {LINK_COLUMNS} from identity.link where closed_at is null and a = any(%s) "
        f"union select {LINK_COLUMNS} from identity.link where closed_at is null and b = any(%s)"
    )
    ids = list(nodes)
    return [LinkRow(*row) for row in _binary(conn, sql, (ids, ids))]


def links_from(conn: Connection, nodes: Collection[int]) -> list[LinkRow]:
    """Return every open link whose stronger end is among these nodes."""
    sql = f"select {LINK_COLUMNS} from identity.link where closed_at is null and a = any(%s)"
    return [LinkRow(*row) for row in _binary(conn, sql, (list(nodes),))]


def cannots_touching(conn: Connection, nodes: Collection[int]) -> list[tuple[int, int]]:
    """Return the pairs that a person said are never the same, with an end among these nodes."""
    sql = (
        "select a, b from identity.decision where superseded_at is null and verdict = 'never' "
        "and (a = any(%s) or b = any(%s))"
    )
    ids = list(nodes)
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
    types = (
        "int8", "int2", "bytea", "uuid", "bool", "int8", "int8", "text", "int4", "int8", "int2", "int4", "bool",
        "int4", "timestamptz",
    )  # fmt: skip
    copy_in(conn, f"identity.node ({NODE_COLUMNS})", types, (msgspec.structs.astuple(row) for row in rows))


def update_nodes(conn: Connection, rows: Sequence[NodeRow]) -> None:
    """Write what changed of existing nodes."""
    if not rows:
        return
    conn.execute(
        """
        update identity.node n set cluster_id = c.cluster_id, first_name = c.first_name, suffix = c.suffix,
            unique_source = c.unique_source, seen = c.seen, degree = c.degree, generic = c.generic,
            evidence = c.evidence, since = c.since
        from unnest(%s::int8[], %s::int8[], %s::int8[], %s::text[], %s::int4[], %s::int8[], %s::int4[], %s::bool[],
                    %s::int4[], %s::timestamptz[])
            as c (node_id, cluster_id, first_name, suffix, unique_source, seen, degree, generic, evidence, since)
        where n.node_id = c.node_id
        """,
        (
            [row.node_id for row in rows],
            [row.cluster_id for row in rows],
            [row.first_name for row in rows],
            [row.suffix for row in rows],
            [row.unique_source for row in rows],
            [row.seen for row in rows],
            [row.degree for row in rows],
            [row.generic for row in rows],
            [row.evidence for row in rows],
            [row.since for row in rows],
        ),
    )


def insert_links(conn: Connection, rows: Iterable[LinkRow], at: datetime, actor: str, reason: str) -> None:
    """Write new links; `link_id` of the rows is ignored."""
    columns = "a, b, rule, strength, weak, weight, first, asserted, refused, opened_at, actor, reason"
    types = (
        "int8", "int8", "text", "int2", "bool", "float4", "int8", "int4", "text", "timestamptz", "text", "text",
    )  # fmt: skip
    copy_in(
        conn,
        f"identity.link ({columns})",
        types,
        (
            (r.a, r.b, r.rule, r.strength, r.weak, r.weight, r.first, r.asserted, r.refused, at, actor, reason)
            for r in rows
        ),
    )


def update_links(conn: Connection, rows: Sequence[LinkRow]) -> None:
    """Write how often links are asserted, since when, and whether they are refused."""
    if not rows:
        return
    conn.execute(
        """
        update identity.link l set asserted = c.asserted, first = c.first, refused = c.refused
        from unnest(%s::int8[], %s::int4[], %s::int8[], %s::text[]) as c (link_id, asserted, first, refused)
        where l.link_id = c.link_id
        """,
        ([r.link_id for r in rows], [r.asserted for r in rows], [r.first for r in rows], [r.refused for r in rows]),
    )


def close_links(conn: Connection, ids: Sequence[int], at: datetime) -> None:
    """Close links: nothing asserts them any more."""
    if ids:
        conn.execute("update identity.link set closed_at = %s, asserted = 0 where link_id = any(%s)", (at, list(ids)))


def replace_clusters(conn: Connection, gone: Sequence[int], rows: Iterable[ClusterRow]) -> None:
    """Write the clusters that a batch touched in place of their former rows."""
    if gone:
        conn.execute("delete from identity.cluster where cluster_id = any(%s)", (list(gone),))
    copy_in(
        conn,
        "identity.cluster (cluster_id, individual_id, evidence, load_id)",
        ("int8", "uuid", "int4", "int8"),
        (msgspec.structs.astuple(row) for row in rows),
    )


def insert_memberships(conn: Connection, rows: Iterable[tuple[int, UUID, datetime, datetime]]) -> None:
    """Keep past memberships: (node, individual, from, to)."""
    copy_in(
        conn,
        "identity.membership (node_id, individual_id, valid_from, valid_to)",
        ("int8", "uuid", "timestamptz", "timestamptz"),
        rows,
    )


def write_aliases(conn: Connection, gone: Sequence[tuple[UUID, int]], back: Sequence[UUID]) -> None:
    """Former IDs answer through the alias table; one that has come back stands for itself again."""
    if back:
        conn.execute("delete from identity.alias where individual_id = any(%s)", (list(back),))
    if gone:
        conn.execute(
            "insert into identity.alias select * from unnest(%s::uuid[], %s::int8[]) on conflict do nothing",
            ([individual for individual, _ in gone], [node for _, node in gone]),
        )


def graph_link(row: LinkRow, hashes: dict[int, bytes]) -> Link:
    """Return what the graph needs to know of a link."""
    low, high = sorted((hashes[row.a], hashes[row.b]))
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


def copy_in(conn: Connection, target: str, types: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """COPY rows into a table in binary form."""
    iterator: Iterator[Sequence[Any]] = iter(rows)
    first = next(iterator, None)
    if first is None:
        return
    with conn.cursor() as cursor, cursor.copy(f"copy {target} from stdin (format binary)") as copy:
        copy.set_types(types)
        copy.write_row(first)
        write = copy.write_row
        for row in iterator:
            write(row)


def _binary(conn: Connection, sql: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    with conn.cursor(binary=True) as cursor:
        return cursor.execute(sql, parameters).fetchall()
