"""Finding all that is of a person: records open and closed, events, identifiers, refused rows; and who else has a part in it."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from steelthread import identity, intake
from steelthread.intake import RecordRow
from steelthread.kit import NotFound, SteelthreadError
from steelthread.profiles import Opener, View
from steelthread.rights.holders import Reach
from steelthread.store import Byteas, Int8s
from steelthread.thread import Space

Connection = psycopg.Connection[Any]


class Person(msgspec.Struct):
    """What is of a person, as it was found; `values` are the identifiers as (hash, as shown), for searching only."""

    rows: list[RecordRow]
    nodes: dict[int, bytes]
    """Identifiers and records that are hers or his, others' too as far as they share them: number -> hash."""
    births: dict[int, UUID]
    individuals: list[UUID]
    values: list[tuple[bytes, str]]
    kinds: dict[bytes, str] = {}
    """Kind of each of these identifiers."""

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
    return gather_all(space, conn, [start], [records])[0]


def gather_all(
    space: Space, conn: Connection, starts: Sequence[Collection[int]], records: Sequence[Collection[int]]
) -> list[Person]:
    """Find what is of each person with these nodes, and these records; what two of them have a part in is the first one's."""
    of = _Owners()
    for number, nodes in enumerate(starts):
        of.take(number, nodes)
    parties = {row.record_id: row for row in intake.records_by_id(conn, of.all())}
    of.hand_on(_former_records(conn, of.all() - parties.keys()))
    closed = of.all() - {node for nodes in starts for node in nodes}
    of.hand_on(_former_identifiers(conn, parties.keys() | closed))
    events = _Owners()
    for number, told in enumerate(records):
        events.take(number, told)
    for record, owner in _events(conn, of.all()):
        events.take(of.number(owner), [record])
    of.hand_on(_refused_identifiers(conn, of.all(), events.all()))
    nodes = of.all()
    missing = (closed | events.all()) - parties.keys()
    rows: list[list[RecordRow]] = [[] for _ in starts]
    for row in [*parties.values(), *(intake.records_by_id(conn, missing) if missing else ())]:
        rows[of.number(row.record_id) if row.record_id in nodes else events.number(row.record_id)].append(row)
    return _named(space, conn, of, rows)


class _Owners:
    """Whose of several people something is: the first one's who takes it."""

    def __init__(self) -> None:
        self._of: dict[int, int] = {}

    def take(self, person: int, things: Iterable[int]) -> None:
        for one in things:
            self._of.setdefault(one, person)

    def hand_on(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Give each second thing to whoever has the first."""
        for one, other in list(pairs):
            self._of.setdefault(other, self._of[one])

    def number(self, thing: int) -> int:
        return self._of[thing]

    def all(self) -> set[int]:
        return set(self._of)


def _named(space: Space, conn: Connection, of: _Owners, rows: Sequence[list[RecordRow]]) -> list[Person]:
    """Add to the rows of each person what the nodes are called, and all universal IDs of theirs."""
    people = [Person(found, {}, {}, [], []) for found in rows]
    wanted = Int8s(sorted(of.all()))
    present: list[set[UUID]] = [set() for _ in rows]
    with conn.cursor(binary=True) as cursor:
        nodes = cursor.execute(
            "select n.node_id, n.hash, n.birth, c.individual_id from identity.node n left join identity.cluster c "
            "using (cluster_id) where node_id = any(%s) order by 1",
            (wanted,),
        ).fetchall()
    for node, hashed, birth, individual in nodes:
        person = people[of.number(node)]
        person.nodes[node], person.births[node] = bytes(hashed), birth
        present[of.number(node)].add(individual)
    former = conn.execute(
        "select distinct node_id, individual_id from identity.membership where node_id = any(%s)", (wanted,)
    )
    for node, individual in former:
        present[of.number(node)].add(individual)
    for number, person in enumerate(people):
        person.individuals = list(present[number] & set(person.births.values()))
    aliases = conn.execute("select node_id, individual_id from identity.alias where node_id = any(%s)", (wanted,))
    for node, individual in aliases:
        people[of.number(node)].individuals.append(individual)
    opener = Opener(conn, space.vault, adaptation=space.model.adaptation)
    views = {view.record_id: view for view in opener.open([row for person in people for row in person.rows])}
    for person in people:
        person.individuals = sorted(set(person.individuals))
        _know_values(space, person, [views[row.record_id] for row in person.rows if row.record_id in views])
    return people


def _former_records(conn: Connection, identifiers: Collection[int]) -> list[tuple[int, int]]:
    """Return (identifier, record) of closed records that asserted these once, and that no link keeps with anybody else."""
    return conn.execute(
        "select distinct l.b, l.a from identity.link l join intake.record r on r.record_id = l.a where l.b = any(%s) "
        "and l.closed_at is not null and r.closed_at is not null and r.is_party order by 1, 2",
        (Int8s(sorted(identifiers)),),
    ).fetchall()


def _former_identifiers(conn: Connection, records: Collection[int]) -> list[tuple[int, int]]:
    """Return (record, identifier) of identifiers that these records asserted once, and nobody asserts now."""
    return conn.execute(
        "select distinct l.a, l.b from identity.link l where l.a = any(%s) and l.closed_at is not null and not exists "
        "(select from identity.link o where o.closed_at is null and o.b = l.b) and not exists "
        "(select from identity.link o where o.closed_at is null and o.a = l.b) "
        "and not exists (select from profiles.event e where e.owner = l.b) order by 1, 2",
        (Int8s(sorted(records)),),
    ).fetchall()


def _refused_identifiers(conn: Connection, nodes: Collection[int], events: Collection[int]) -> list[tuple[int, int]]:
    """Return (node, identifier) of links that a constraint refused, to identifiers that nobody else asserts.

    Such an identifier is no part of the person's cluster, and yet it is nobody else's: it goes with whoever asserts it.
    What another one asserts, too, is another one's.
    """
    return conn.execute(
        "select l.a, l.b from identity.link l where l.a = any(%(nodes)s) and l.closed_at is null and l.refused <> '' "
        "and not l.b = any(%(nodes)s) "
        "and not exists (select from identity.link o where o.closed_at is null and o.b = l.b and not o.a = any(%(nodes)s)) "
        "and not exists (select from identity.link o where o.closed_at is null and o.a = l.b) "
        "and not exists (select from intake.record r where r.record_id = l.b) and not exists "
        "(select from profiles.event e where e.nodes @> array[l.b] and not e.record_id = any(%(events)s)) order by 1, 2",
        {"nodes": Int8s(sorted(nodes)), "events": Int8s(sorted(events))},
    ).fetchall()


def _events(conn: Connection, owners: Collection[int]) -> list[tuple[int, int]]:
    """Return (record, owner) of the events of these owners, with all that hangs below them."""
    return conn.execute(
        "with recursive below as (select record_id, owner from profiles.event where owner = any(%s) union "
        "select e.record_id, b.owner from profiles.event e join below b on e.parent_id = b.record_id) "
        "select record_id, owner from below order by 1",
        (Int8s(sorted(owners)),),
    ).fetchall()


def _know_values(space: Space, person: Person, views: Iterable[View]) -> None:
    for kind, value in sorted({pair for view in views for pair in view.identifiers}):
        name = space.vault.blind(identity.NODES_OF.get(kind, kind), value)
        person.values.append((name, value.partition("/")[2] if space.rules.kind(kind).scoped else value))
        person.kinds[name] = kind


def requesters_of(conn: Connection, hashes: Collection[bytes]) -> list[tuple[bytes, int]]:
    """Return (identifier, number under whose key it is sealed) of who asked for something about these, and mails to them."""
    return conn.execute(
        "select node_hash, subject from privacy.requester where node_hash = any(%(names)s) union "
        "select node_hash, subject from privacy.mail where node_hash = any(%(names)s) and subject is not null",
        {"names": list(hashes)},
    ).fetchall()


def shared_nodes(conn: Connection, nodes: Collection[int]) -> set[int]:
    """Return those of these nodes that somebody else asserts: it takes an open link, or an event of somebody else."""
    return shared_with_others(conn, nodes, [], of=[])


def shared_with_others(
    conn: Connection, nodes: Collection[int], records: Collection[int], *, of: Collection[int] | None = None
) -> set[int]:
    """Return those of these nodes that somebody else asserts, while this person's records (and nodes `of` hers) are there."""
    own = sorted(nodes if of is None else of)
    rows = conn.execute(
        "select l.a from identity.link l where l.closed_at is null and l.a = any(%(nodes)s) and not l.b = any(%(own)s) "
        "union select l.b from identity.link l where l.closed_at is null and l.b = any(%(nodes)s) and not l.a = any(%(own)s) "
        # node by node: an index of arrays takes twenty times as long for all of them together (&&)
        "union select n from unnest(%(nodes)s) n cross join lateral (select e.record_id from profiles.event e "
        "where e.nodes @> array[n] offset 0) e where not e.record_id = any(%(records)s)",
        {"nodes": Int8s(sorted(nodes)), "own": Int8s(own), "records": Int8s(records)},
    )
    return {node for (node,) in rows}


def clusters_of(conn: Connection, nodes: Collection[int]) -> dict[int, int]:
    """Return the clusters in which only these nodes stand, each with one of them."""
    wanted = Int8s(sorted(nodes))
    rows = conn.execute(
        "select cluster_id, min(node_id) from identity.node where cluster_id in "
        "(select cluster_id from identity.node where node_id = any(%s)) group by 1 having bool_and(node_id = any(%s))",
        (wanted, wanted),
    )
    return dict(rows.fetchall())


def members_of(space: Space, conn: Connection, refs: Sequence[str]) -> list[list[int] | str]:
    """Return for each reference the nodes of whoever it names, none when nobody does; or what is wrong with it."""
    reader = space.reader(conn)
    found: list[list[bytes] | str] = []
    for ref in refs:
        try:
            found.append(reader.hashes(ref))
        except NotFound:
            found.append([])
        except SteelthreadError as error:
            found.append(str(error))
    wanted = {one for hashes in found if not isinstance(hashes, str) for one in hashes}
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(
            "select h.hash, n.node_id from identity.node h join identity.node n using (cluster_id) where h.hash = any(%s) "
            "order by 2",
            (Byteas(sorted(wanted)),),
        ).fetchall()
    members: dict[bytes, list[int]] = {}
    for name, node in rows:
        members.setdefault(bytes(name), []).append(node)
    return [
        one if isinstance(one, str) else sorted({node for name in one for node in members.get(name, ())})
        for one in found
    ]
