"""`steelthread resolve --incremental`: new and changed records against all, under the model in force.

Candidates are found in the database by keyed hashes of their blocking keys, so only those who may be meant are unsealed.
They are scored by our own scorer, which gives Splink's weights; what a newcomer connects is compared pair by pair, as a
full run would.
"""

import math
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import psycopg

from steelthread import identity
from steelthread.identity import SAYS, Judgement, ModelRow, load_match
from steelthread.thread.people import Person, apart, people, person_entities, singles_in
from steelthread.thread.resolving import (
    Findings,
    ResolveResult,
    context_of,
    homely_contacts,
    opened_model,
    resolve_all,
    seen_of,
    write,
)
from steelthread.thread.space import Space, look_up_by_key
from steelthread.vault import unseal

Connection = psycopg.Connection[Any]
CANDIDATES = 200
"""How many records a newcomer is compared with at most."""
FEW = 50_000
"""Up to so many newcomers everything is looked up by key, whatever the planner holds of lists of thousands of keys."""
COMMON = 400
"""A key on more records than this finds nobody."""
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
        if len(fresh) <= FEW:
            look_up_by_key(conn)
            conn.commit()  # the switches are the connection's then, and outlast what is taken back
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
        self._joins: float = max(getattr(row, space.rules.confidence), self._connects)
        self.scorer = load_match().Scorer(self.model)
        self._rows: dict[int, Any] = {}
        self._singles: dict[int, dict[str, set[str]]] = {}
        self._pairs = 0

    def judge(self, fresh: Collection[int]) -> Findings:
        """Return what the model says of these records and of what they connect."""
        found = list(people(self._space, self._conn, fresh))
        self._know(found)
        seen = {one.record: one for one in seen_of(self._space, [(one, self._rows[one.record]) for one in found])}
        keys = {record: one.keys for record, one in seen.items()}
        near = self._near(list(self._candidates(keys)))
        judged = list(self._judgements(list(self._pairs_within(set(keys), near))))
        homely = {one.record: homely_contacts(self._rows[one.record]) for one in found}
        return Findings(judged, seen, self._pairs, homely=homely)

    def _candidates(self, keys: Mapping[int, Sequence[int]]) -> Iterator[Pair]:
        """Yield newcomers with those who share keys with them: known ones and each other."""
        holders: dict[int, list[int]] = defaultdict(list)
        for record, own in keys.items():
            for key in own:
                holders[key].append(record)
        common = identity.known_common(self._conn, holders)
        rare = {record: [key for key in own if key not in common] for record, own in keys.items()}
        known = identity.found_by(self._conn, rare, CANDIDATES)
        self.open({other for others in known.values() for other in others})
        pairs = {_pair(record, other) for record, others in known.items() for other in others if record != other}
        for key, records in holders.items():
            if key not in common and len(records) <= COMMON:
                pairs.update(_pair(one, other) for one, other in combinations(records, 2))
        yield from (pair for pair in sorted(pairs) if pair[0] in self._rows and pair[1] in self._rows)

    def open(self, records: Collection[int]) -> None:
        """Have the prepared values of these records: as they were sealed when a model saw them, else from themselves."""
        missing = set(records) - self._rows.keys()
        likes = [one for one in identity.seen_of(self._conn, missing) if one.sealed and one.subject is not None]
        keys = self._space.vault.keys({one.subject for one in likes if one.subject is not None})
        exclusive, unpacked = self._space.rules.exclusive_schemes, load_match().unpacked
        for one in likes:
            if one.subject in keys and one.sealed:
                row = unpacked(unseal(keys[one.subject], one.sealed, context_of(one.record)))
                self._rows[one.record] = row
                self._singles[one.record] = singles_in(row, exclusive)
        self._know(people(self._space, self._conn, missing - {one.record for one in likes}))

    def _know(self, found: Iterable[Person]) -> None:
        for one in found:
            self._rows[one.record] = self.scorer.prepare(one.values)
            self._singles[one.record] = one.singles

    def _near(self, pairs: Sequence[Pair]) -> dict[Pair, float]:
        """Return the pairs that connect, and their weights."""
        self._pairs += len(pairs)
        weighing, records, left, right = self._weighing(pairs)
        heavy = zip(*(end.tolist() for end in weighing.heavy(left, right, self._connects)), strict=True)
        return {(records[one], records[other]): weight for one, other, weight in heavy}

    def _judgements(self, pairs: Sequence[Pair]) -> Iterator[Judgement]:
        """Yield what the model says of pairs of which it says anything."""
        self._pairs += len(pairs)
        weighing, _, left, right = self._weighing(pairs)
        judged = weighing.judge(left, right)
        walls = ["", *(wall.label for wall in self.model.walls)]
        said = zip(
            judged.levels.tolist(), judged.steps.tolist(), judged.wall.tolist(), judged.said.tolist(), strict=True
        )
        for (one, other), (levels, steps, wall, bits) in zip(pairs, said, strict=True):
            weight = sum(steps)
            word = walls[wall] or apart(self._singles[one], self._singles[other], weight)
            if word or bits >= SAYS:
                yield Judgement(one, other, weight, levels, steps, word)

    def _weighing(self, pairs: Sequence[Pair]) -> tuple[Any, list[int], Any, Any]:
        """Return what weighs these pairs, the records in order, and the places of the pairs' ends among them."""
        ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        records, places = np.unique(ends, return_inverse=True)
        places = places.reshape(-1, 2)
        numbers = records.tolist()
        weighing = load_match().Weighing(self.model, [self._rows[record] for record in numbers])
        return weighing, numbers, places[:, 0], places[:, 1]

    def _pairs_within(self, fresh: set[int], near: dict[Pair, float]) -> Iterator[Pair]:
        """Yield the pairs of what newcomers connect: theirs, and those that were never compared before.

        Two parts join at a mean from a threshold on, so one of their pairs is so heavy: what is not connected by such pairs
        is compared with the newcomers that are near, and not within itself.
        """
        members, doubted = self._connected(fresh | {end for pair in near for end in pair})
        links = identity.model_weights(self._conn, sorted(members))
        self.open(members)
        groups = list(self._groups(members, links | near | dict.fromkeys(doubted, math.inf)))
        of = {record: group for group in groups for record in group}
        pairs = {
            (one, other)
            for group in groups
            for one, other in combinations(group, 2)
            if one in fresh or other in fresh or (one, other) not in links
        }
        for ends in near:
            for one, other in (ends, ends[::-1]):
                if one in fresh:
                    pairs.update(_pair(one, mate) for mate in of[other] if mate != one)
        yield from (pair for pair in sorted(pairs) if pair[0] in self._rows and pair[1] in self._rows)

    def _groups(self, members: set[int], weights: dict[Pair, float]) -> Iterator[list[int]]:
        """Yield whom heavy pairs and common atoms connect; what is too large is taken apart, as a whole run does it."""
        records = sorted(members)
        place = {record: number for number, record in enumerate(records)}
        atoms = identity.atoms_of_records(self._conn, records)
        first: dict[int, int] = {}
        joined = [(first.setdefault(atoms.get(one, one), one), one, math.inf) for one in records]
        joined += [
            (one, other, weight)
            for (one, other), weight in weights.items()
            if weight >= self._joins and one in place and other in place
        ]
        left = np.array([place[one] for one, _, _ in joined], dtype=np.int64)
        right = np.array([place[other] for _, other, _ in joined], dtype=np.int64)
        weight = np.array([weight for _, _, weight in joined], dtype=np.float64)
        label = load_match().components_up_to(self.model.largest, len(records), left, right, weight)
        groups: dict[int, list[int]] = defaultdict(list)
        for record, number in zip(records, label.tolist(), strict=True):
            groups[number].append(record)
        yield from groups.values()

    def _connected(self, records: set[int]) -> tuple[set[int], set[Pair]]:
        """Return these records with all that atoms, heavy model links and contacts in doubt connect with them, and what is in doubt."""
        members, frontier = set(records), set(records)
        doubted: set[Pair] = set()
        while frontier:
            found = identity.records_of_atoms_of(self._conn, frontier)
            for ends in identity.model_pairs(self._conn, sorted(frontier | found), self._joins):
                found.update(ends)
            for ends in identity.contacts_in_doubt(self._conn, found):
                doubted.add(ends)
                found.update(ends)
            frontier = found - members
            members |= found
        return members, doubted


def _pair(one: int, other: int) -> Pair:
    return (one, other) if one < other else (other, one)
