"""Taking people away within one transaction: tombstones, out of the graph, rows deleted. Any number at once.

What goes is the same as if one after the other went; what goes of each is told apart, by what found the rows.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from steelthread import privacy
from steelthread.kit import uuid7
from steelthread.privacy import Tombstones
from steelthread.rights.holders import HOLDERS, Reach
from steelthread.rights.people import Person, clusters_of, requesters_of, shared_nodes
from steelthread.rights.seeking import Found, Sought, find_sealed
from steelthread.rights.tables import Tables
from steelthread.thread import Space, take_out, tell_erased

Connection = psycopg.Connection[Any]
MOST_NODES = 4000
"""Nodes of the people in one transaction: PostgreSQL has a lock for each."""


class Removed(msgspec.Struct):
    """What went of a person."""

    request_id: UUID
    person: Person
    names: list[bytes]
    """Hashes of the identifiers that were this person's alone."""
    identifiers: list[tuple[str, str]]
    """The same as (kind, as shown), as far as records tell them."""
    tokens: list[bytes]
    """The tombstones."""
    shared: int
    """Identifiers that another living person asserts: they stay, with that person."""
    stores: Counter[str]
    subjects: list[int]
    """Whose data keys are to be destroyed after the commit."""
    keys: int = 0
    """How many of them there are."""

    def told(self) -> list[dict[str, Any]]:
        """Return what is said of the stores."""
        return [{"store": one.table, "method": "delete", "rows": self.stores[one.table]} for one in HOLDERS if one.by]


class _Whose:
    """Tells by what found a row whose of several people it is."""

    def __init__(self) -> None:
        self._of: dict[str, dict[Any, int]] = {name: {} for name in Reach.__struct_fields__}

    def take(self, by: str, number: int, things: Collection[Any]) -> None:
        for one in things:
            self._of[by].setdefault(one, number)

    def reach(self) -> Reach:
        return Reach(**{name: sorted(found) for name, found in self._of.items()})

    def number(self, by: str, thing: Any) -> int:
        return self._of[by][thing]

    def counted(
        self, table: str, by: Mapping[str, str], rows: Sequence[tuple[Any, ...]], into: list[Counter[str]]
    ) -> None:
        for row in rows:
            number = next(
                self._of[kind][value] for kind, value in zip(by.values(), row, strict=True) if value in self._of[kind]
            )
            into[number][table] += 1


def remove(
    space: Space, conn: Connection, people: Sequence[Person], requests: Sequence[UUID], at: datetime,
    *, remembers: bool = True, sealed: bool = True,
) -> list[Removed]:  # fmt: skip
    """Set the tombstones and delete the rows of people, in the caller's transaction, with the identity lane locked.

    Whoever tells a receiver of these people at this moment, or says something for them, is waited for; whoever would
    after that waits until they are gone.

    Without `remembers` no tombstone is set; without `sealed` refused rows are left to the caller, who looks for them
    once for many.
    """
    privacy.lock_nodes(conn, [name for person in people for name in sorted(person.nodes.values())[:MOST_NODES]])
    before = _folded(conn, people)
    take_out(space, conn, [row for person in people for row in person.rows], at)
    shared = shared_nodes(conn, [node for person in people for node in person.nodes])
    for person in people:
        _rename_shared(conn, person, shared)
    gone = [_own_of(person, request, shared) for person, request in zip(people, requests, strict=True)]
    found = find_sealed(space, conn, [sought(one) for one in gone]) if sealed else Found()
    whose = _whose(conn, gone, shared, found)
    requesters = requesters_of(conn, whose.reach().hashes)
    for one, earlier in zip(gone, before, strict=True):
        one.stores = earlier
    _delete(conn, whose, [one.stores for one in gone])
    _keys(space, conn, gone, found, [(whose.number("hashes", bytes(name)), subject) for name, subject in requesters])
    _name(space, gone)
    if remembers:
        Tombstones(space.vault).set_all(conn, at, {one.request_id: one.tokens for one in gone})
    tables = Tables(space)
    for one in gone:
        tables.leave(conn, one.request_id, at, one.tokens)
    individuals = sorted(one for person in people for one in person.individuals)
    if individuals:
        tell_erased(space, conn, individuals)
    conn.cursor().executemany(
        "insert into privacy.erasure (request_id, at, subjects) values (%s, %s, %s) on conflict (request_id) do update "
        "set subjects = excluded.subjects, finished_at = null",
        [(one.request_id, at, one.subjects) for one in gone],
    )
    return gone


def sought(one: Removed) -> Sought:
    """Return what is looked for of a person in what lies sealed without a name."""
    digests = [row.row_digest for row in one.person.rows if row.row_digest]
    return Sought([value for _, value in one.identifiers], digests)


def _folded(conn: Connection, people: Sequence[Person]) -> list[Counter[str]]:
    """Return how many rows there are in what taking people out of the graph deletes itself."""
    whose = _Whose()
    for number, person in enumerate(people):
        whose.take("records", number, [row.record_id for row in person.rows])
        whose.take("nodes", number, person.nodes)
        whose.take("individuals", number, person.individuals)
    counts: list[Counter[str]] = [Counter() for _ in people]
    reach = whose.reach()
    for one in HOLDERS:
        if one.table.startswith("profiles.") and one.by:
            whose.counted(one.table, one.by, one.found(conn, reach), counts)
    return counts


def _rename_shared(conn: Connection, person: Person, shared: Collection[int]) -> None:
    """An identifier that stays with somebody else gives up the universal ID that was the erased person's."""
    for node in sorted(person.nodes.keys() & shared):
        birth = person.births[node]
        if birth in person.individuals:
            fresh = uuid7()
            conn.execute("update identity.node set birth = %s where node_id = %s", (fresh, node))
            conn.execute("update identity.cluster set individual_id = %s where individual_id = %s", (fresh, birth))
            conn.execute("update profiles.profile set individual_id = %s where individual_id = %s", (fresh, birth))


def _own_of(person: Person, request: UUID, shared: Collection[int]) -> Removed:
    names = [hashed for node, hashed in person.nodes.items() if node not in shared]
    alone = set(names)
    own = [(person.kinds[name], value) for name, value in person.values if name in alone]
    return Removed(request, person, names, own, [], len(person.nodes.keys() & shared), Counter(), [])


def _whose(conn: Connection, gone: Sequence[Removed], shared: Collection[int], found: Found) -> _Whose:
    whose = _Whose()
    for number, one in enumerate(gone):
        nodes = {node: hashed for node, hashed in one.person.nodes.items() if node not in shared}
        whose.take("records", number, [row.record_id for row in one.person.rows])
        whose.take("nodes", number, nodes)
        whose.take("hashes", number, nodes.values())
        whose.take("individuals", number, one.person.individuals)
    for cluster, node in clusters_of(conn, whose.reach().nodes).items():
        whose.take("clusters", whose.number("nodes", node), [cluster])
    for reject, (number, _) in found.rejects.items():
        whose.take("rejects", number, [reject])
    for subject, number in found.samples.items():
        whose.take("samples", number, [subject])
    return whose


def _delete(conn: Connection, whose: _Whose, stores: list[Counter[str]]) -> None:
    """Delete; of a table of which taking out deleted rows already, the larger count is told."""
    reach = whose.reach()
    for one in HOLDERS:
        if one.by:
            counts: list[Counter[str]] = [Counter() for _ in stores]
            whose.counted(one.table, one.by, one.erase(conn, reach), counts)
            for number, count in enumerate(counts):
                stores[number] |= count


def _keys(
    space: Space, conn: Connection, gone: Sequence[Removed], found: Found, requesters: Sequence[tuple[int, int]]
) -> None:
    """Say of each person whose data keys go: those of nobody in particular stay."""
    common = {subject for (subject,) in conn.execute("select subject from intake.source")}
    subjects = [{row.subject for row in one.person.rows} for one in gone]
    for number, subject in [
        *found.rejects.values(),
        *((person, one) for one, person in found.samples.items()),
        *requesters,
    ]:
        subjects[number].add(subject)
    for one, own in zip(gone, subjects, strict=True):
        one.subjects = sorted(own - common)
    there = space.vault.keys([subject for one in gone for subject in one.subjects])
    for one in gone:
        one.keys = sum(subject in there for subject in one.subjects)


def _name(space: Space, gone: Sequence[Removed]) -> None:
    """Make the tombstones: of each identifier that was a person's alone, each record, each universal ID."""
    stones = Tombstones(space.vault)
    for one in gone:
        names = [*one.names, *(row.key_hash for row in one.person.rows), *(own.bytes for own in one.person.individuals)]
        one.tokens = [stones.token(name) for name in names]
