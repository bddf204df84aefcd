"""Finding all that is of a person: records open and closed, events, identifiers, refused rows; and who else has a part in it."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from steelthread import identity, intake
from steelthread.intake import RecordRow
from steelthread.kit import NotFound
from steelthread.profiles import Opener, View
from steelthread.rights.holders import Reach
from steelthread.thread import Space
from steelthread.vault import unseal

Connection = psycopg.Connection[Any]
_PAGE = 2000
_SHORTEST = 5
"""Letters of the shortest identifier that is looked for in refused rows: shorter ones stand in anything."""
_UNPACK = msgspec.msgpack.Decoder(tuple[list[str], list[str]]).decode


class Person(msgspec.Struct):
    """What is of a person, as it was found; `values` are the identifiers as (hash, as shown), for searching only."""

    rows: list[RecordRow]
    nodes: dict[int, bytes]
    """Identifiers and records that are hers or his, others' too as far as they share them: number -> hash."""
    births: dict[int, UUID]
    individuals: list[UUID]
    values: list[tuple[bytes, str]]

    def reach(
        self,
        nodes: Collection[int],
        clusters: Sequence[int] = (),
        rejects: Sequence[int] = (),
        samples: Sequence[int] = (),
    ) -> Reach:
        """Return it for the holders, with these nodes only."""
        return Reach(
            records=[row.record_id for row in self.rows],
            rejects=list(rejects),
            samples=list(samples),
            nodes=sorted(nodes),
            hashes=[self.nodes[node] for node in sorted(nodes)],
            individuals=self.individuals,
            clusters=list(clusters),
        )


def find_person(space: Space, conn: Connection, ref: str) -> Person:
    """Find whoever a reference names; NotFound when nobody answers to it."""
    members = space.reader(conn).members(ref)
    if not members:
        raise NotFound("Nobody answers to this reference: whoever it was is not here, or was erased.")
    return gather(space, conn, [member.node_id for member in members])


def gather(space: Space, conn: Connection, start: Collection[int], records: Collection[int] = ()) -> Person:
    """Find what is of the person with these nodes, and these records."""
    nodes = set(start)
    parties = {row.record_id for row in intake.records_by_id(conn, nodes)}
    parties |= _former_records(conn, nodes - parties)
    nodes |= parties | _former_identifiers(conn, parties)
    events = _events(conn, nodes)
    rows = intake.records_by_id(conn, parties | events | set(records))
    found = conn.execute(
        "select n.node_id, n.hash, n.birth, c.individual_id from identity.node n left join identity.cluster c using (cluster_id) "
        "where node_id = any(%s)",
        (sorted(nodes),),
    ).fetchall()
    aliases = conn.execute("select individual_id from identity.alias where node_id = any(%s)", (sorted(nodes),))
    births = {node: birth for node, _, birth, _ in found}
    present = {one for _, _, birth, one in found if one is not None and one in births.values()}
    former = conn.execute(
        "select distinct individual_id from identity.membership where node_id = any(%s)", (sorted(nodes),)
    )
    was = {one for (one,) in former if one in births.values()}
    individuals = sorted(present | was | {one for (one,) in aliases})
    values = _values(space, Opener(conn, space.vault, adaptation=space.model.adaptation).open(rows))
    return Person(rows, {node: bytes(hashed) for node, hashed, _, _ in found}, births, individuals, values)


def _former_records(conn: Connection, identifiers: Collection[int]) -> set[int]:
    """Return closed records that asserted these identifiers once, and that no link keeps with anybody else."""
    rows = conn.execute(
        "select distinct l.a from identity.link l join intake.record r on r.record_id = l.a where l.b = any(%s) "
        "and l.closed_at is not null and r.closed_at is not null and r.is_party",
        (sorted(identifiers),),
    )
    return {record for (record,) in rows}


def _former_identifiers(conn: Connection, records: Collection[int]) -> set[int]:
    """Return identifiers that these records asserted once, and nobody asserts now."""
    rows = conn.execute(
        "select distinct l.b from identity.link l where l.a = any(%s) and l.closed_at is not null and not exists "
        "(select from identity.link o where o.closed_at is null and (o.b = l.b or o.a = l.b)) "
        "and not exists (select from profiles.event e where e.owner = l.b)",
        (sorted(records),),
    )
    return {node for (node,) in rows}


def _events(conn: Connection, owners: Collection[int]) -> set[int]:
    rows = conn.execute(
        "with recursive below as (select record_id from profiles.event where owner = any(%s) union "
        "select e.record_id from profiles.event e join below b on e.parent_id = b.record_id) select record_id from below",
        (sorted(owners),),
    )
    return {record for (record,) in rows}


def _values(space: Space, views: Iterable[View]) -> list[tuple[bytes, str]]:
    told = sorted({pair for view in views for pair in view.identifiers})
    scoped = {kind for kind, _ in told if space.rules.kind(kind).scoped}
    blind = space.vault.blind
    return [
        (blind(identity.NODES_OF.get(kind, kind), value), value.partition("/")[2] if kind in scoped else value)
        for kind, value in told
    ]


def find_rejects(space: Space, conn: Connection, rows: Sequence[RecordRow], values: Collection[str]) -> dict[int, int]:
    """Return number -> subject of the refused rows and values that are of a record, or in which an identifier stands.

    Every reject is opened for it: they lie sealed, and nothing about them tells whose they are.
    """
    needles = _needles(values)
    digests = {row.row_digest for row in rows if row.row_digest}
    found: dict[int, int] = {}
    after = 0
    while page := conn.execute(
        "select reject_id, subject, row_digest, sealed from intake.reject where reject_id > %s order by 1 limit %s",
        (after, _PAGE),
    ).fetchall():
        after = page[-1][0]
        keys = space.vault.keys({subject for _, subject, _, _ in page})
        for number, subject, digest, sealed in page:
            told = bytes(digest) in digests
            if not told and subject in keys:
                told = _stands("\n".join(_UNPACK(unseal(keys[subject], sealed, b"reject"))[1]), needles)
            if told:
                found[number] = subject
    return found


def find_samples(space: Space, conn: Connection, values: Collection[str]) -> list[int]:
    """Return the subjects of the samples of broken contracts in which an identifier stands; each is opened for it."""
    needles = _needles(values)
    rows = conn.execute("select subject, sealed from intake.violation").fetchall()
    keys = space.vault.keys({subject for subject, _ in rows})
    opened = ((subject, unseal(keys[subject], sealed, b"violation")) for subject, sealed in rows if subject in keys)
    return [subject for subject, sample in opened if _stands(str(msgspec.msgpack.decode(sample)), needles)]


def requesters_of(conn: Connection, hashes: Collection[bytes]) -> list[int]:
    """Return the numbers under whose keys it is sealed who asked for something about these identifiers, and mails to them."""
    rows = conn.execute(
        "select subject from privacy.requester where node_hash = any(%(names)s) union "
        "select subject from privacy.mail where node_hash = any(%(names)s) and subject is not null",
        {"names": list(hashes)},
    )
    return [subject for (subject,) in rows]


def _needles(values: Collection[str]) -> list[str]:
    needles = [value.casefold() for value in values if len(value) >= _SHORTEST]
    return needles + ["".join(filter(str.isdigit, value))[-9:] for value in values if value.startswith("+")]


def _stands(text: str, needles: Collection[str]) -> bool:
    folded = text.casefold()
    return any(one in folded or one in folded.replace(" ", "") for one in needles)


def shared_nodes(conn: Connection, nodes: Collection[int]) -> set[int]:
    """Return those of these nodes that somebody else asserts: it takes an open link, or an event of somebody else."""
    rows = conn.execute(
        "select n from unnest(%s::int8[]) n where exists (select from identity.link l where l.closed_at is null "
        "and (l.a = n or l.b = n)) or exists (select from profiles.event e where e.nodes @> array[n])",
        (sorted(nodes),),
    )
    return {node for (node,) in rows}


def shared_with_others(conn: Connection, nodes: Collection[int], records: Collection[int]) -> set[int]:
    """Return those of these nodes that somebody else asserts, while this person's records are there."""
    rows = conn.execute(
        "select n from unnest(%(nodes)s::int8[]) n where exists (select from identity.link l where l.closed_at is null "
        "and (l.a = n and not l.b = any(%(nodes)s) or l.b = n and not l.a = any(%(nodes)s))) or exists (select from "
        "profiles.event e where e.nodes @> array[n] and not e.record_id = any(%(records)s))",
        {"nodes": sorted(nodes), "records": list(records)},
    )
    return {node for (node,) in rows}


def clusters_of(conn: Connection, nodes: Collection[int]) -> list[int]:
    """Return the clusters in which only these nodes stand."""
    rows = conn.execute(
        "select cluster_id from identity.node where cluster_id in (select cluster_id from identity.node where node_id = any(%s)) "
        "group by 1 having bool_and(node_id = any(%s))",
        (sorted(nodes), sorted(nodes)),
    )
    return [cluster for (cluster,) in rows]


def nodes_of(conn: Connection, hashes: Collection[bytes]) -> list[int]:
    """Return the nodes with these hashes."""
    found = (identity.node_of_hash(conn, one) for one in hashes)
    return [node for node in found if node is not None]
