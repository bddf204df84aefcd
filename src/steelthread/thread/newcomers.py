"""`steelthread resolve --incremental`: new and changed records against all, under the model in force.

Candidates are found in the database by keyed hashes of their blocking keys, so only those who may be meant are unsealed.
They are scored by our own scorer, which gives Splink's weights; what a newcomer connects is compared pair by pair, as a
full run would.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from itertools import combinations
from typing import Any

import psycopg

from steelthread import identity
from steelthread.identity import SAYS, Judgement, ModelRow, load_match
from steelthread.thread.people import Person, apart, people, person_entities
from steelthread.thread.resolving import (
    Findings,
    ResolveResult,
    homely_contacts,
    keys_of,
    opened_model,
    resolve_all,
    write,
)
from steelthread.thread.space import Space

Connection = psycopg.Connection[Any]
CANDIDATES = 200
"""How many records a newcomer is compared with at most."""
COMMON = 400
"""A key on more records than this finds nobody."""
LARGEST = 600
"""What connects more records than this is compared with newcomers only, not within itself."""
Pair = tuple[int, int]


def resolve_new(space: Space) -> ResolveResult:
    """Look at the records that are new or changed since the last run; the first run of a space is a full one."""
    began = time.monotonic()
    with space.database.connect() as conn:
        row = identity.model_in_force(conn)
        if row is None:
            conn.rollback()
            return resolve_all(space)
        fresh = identity.unjudged(conn, person_entities(space, conn))
        findings = Newcomers(space, conn, row).judge(fresh)
        conn.rollback()
        result = write(space, conn, row, findings, fresh)
        conn.commit()
    result.seconds = round(time.monotonic() - began, 3)
    return result


class Newcomers:
    """New records, whom they may be, and what the model says."""

    def __init__(self, space: Space, conn: Connection, row: ModelRow) -> None:
        self._space = space
        self._conn = conn
        self.model = opened_model(space, row)
        self._connects: float = load_match().CONNECTS
        self.scorer = load_match().Scorer(self.model)
        self._rows: dict[int, Any] = {}
        self._singles: dict[int, dict[str, set[str]]] = {}
        self._pairs = 0

    def judge(self, fresh: Collection[int]) -> Findings:
        """Return what the model says of these records and of what they connect."""
        found = list(people(self._space, self._conn, fresh))
        self._know(found)
        keys = keys_of(self._space, {one.record: self._rows[one.record] for one in found})
        near = {pair for pair in self._candidates(keys) if self._weight(*pair) >= self._connects}
        judged = [
            one for one in (self._judgement(*pair) for pair in self._pairs_within(set(keys), near)) if one is not None
        ]
        homely = {one.record: homely_contacts(self._rows[one.record]) for one in found}
        return Findings(judged, {one.record: one.digest for one in found}, keys, self._pairs, homely=homely)

    def _candidates(self, keys: dict[int, list[int]]) -> Iterator[Pair]:
        """Yield newcomers with those who share keys with them: known ones and each other."""
        common = identity.common_keys(self._conn, sorted({key for own in keys.values() for key in own}), COMMON)
        rare = {record: [key for key in own if key not in common] for record, own in keys.items()}
        known = identity.found_by(self._conn, rare, CANDIDATES)
        self.open({other for others in known.values() for other in others})
        pairs = {_pair(record, other) for record, others in known.items() for other in others if record != other}
        holders: dict[int, list[int]] = defaultdict(list)
        for record, own in rare.items():
            for key in own:
                holders[key].append(record)
        for records in holders.values():
            if len(records) <= COMMON:
                pairs.update(_pair(one, other) for one, other in combinations(records, 2))
        yield from (pair for pair in sorted(pairs) if pair[0] in self._rows and pair[1] in self._rows)

    def open(self, records: Collection[int]) -> None:
        """Have the prepared values of these records."""
        missing = set(records) - self._rows.keys()
        self._know(people(self._space, self._conn, missing))

    def _know(self, found: Iterable[Person]) -> None:
        for one in found:
            self._rows[one.record] = self.scorer.prepare(one.values)
            self._singles[one.record] = one.singles

    def _weight(self, one: int, other: int) -> float:
        self._pairs += 1
        weight: float = self.scorer.weight(self._rows[one], self._rows[other])
        return weight

    def _judgement(self, one: int, other: int) -> Judgement | None:
        a, b = self._rows[one], self._rows[other]
        levels, steps = self.scorer.judge(a, b)
        wall = self.scorer.wall(a, b) or apart(self._singles[one], self._singles[other], sum(steps))
        if not wall and sum(map(abs, steps[1:])) < SAYS:
            return None
        return Judgement(one, other, sum(steps), levels, steps, wall)

    def _pairs_within(self, fresh: set[int], near: set[Pair]) -> Iterator[Pair]:
        """Yield the pairs of what newcomers connect: theirs, and those that were never compared before."""
        members, links, doubted = self._connected(fresh | {end for pair in near for end in pair})
        self.open(members)
        told = set(links) | {_pair(*pair) for pair in links}
        joined = [*near, *doubted, *(pair for pair, weight in links.items() if weight >= self._connects)]
        for group in _groups(members, joined, identity.atoms_of_records(self._conn, sorted(members))):
            for one, other in combinations(sorted(group), 2):
                new = one in fresh or other in fresh
                if one not in self._rows or other not in self._rows or (not new and len(group) > LARGEST):
                    continue
                if new or (one, other) not in told:
                    self._pairs += 1
                    yield one, other

    def _connected(self, records: set[int]) -> tuple[set[int], dict[Pair, float], set[Pair]]:
        """Return these records with all that atoms, model links and contacts in doubt connect with them, and those links."""
        members, frontier = set(records), set(records)
        links: dict[Pair, float] = {}
        doubted: set[Pair] = set()
        while frontier:
            found = identity.records_of_atoms_of(self._conn, frontier)
            near = set(identity.contacts_in_doubt(self._conn, found))
            doubted |= near
            found |= {end for pair in near for end in pair}
            for link in identity.model_links(self._conn, sorted(frontier | found)):
                links[(link.a, link.b)] = link.weight
                if link.weight >= self._connects:
                    found |= {link.a, link.b}
            frontier = found - members
            members |= found
        return members, links, doubted


def _pair(one: int, other: int) -> Pair:
    return (one, other) if one < other else (other, one)


def _groups(members: set[int], joined: Iterable[Pair], atoms: dict[int, int]) -> list[list[int]]:
    """Return which members pairs and common atoms connect."""
    parent = {member: member for member in members}

    def root(member: int) -> int:
        while parent[member] != member:
            parent[member] = parent[parent[member]]
            member = parent[member]
        return member

    first: dict[int, int] = {}
    for member in members:
        parent[root(member)] = root(first.setdefault(atoms.get(member, member), member))
    for one, other in joined:
        if one in parent and other in parent:
            parent[root(one)] = root(other)
    groups: dict[int, list[int]] = defaultdict(list)
    for member in members:
        groups[root(member)].append(member)
    return [group for group in groups.values() if len(group) > 1]
