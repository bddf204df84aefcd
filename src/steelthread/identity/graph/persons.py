"""Persons: average linkage of atoms over model links, with the same constraints as walls (docs/decisions/0003).

The two groups of atoms with the highest mean weight are joined, again and again, down to a threshold (UPGMA; Sokal and
Michener 1958). The mean is over the model links between their records, each counted by how much it says: two records with
little on them speak softly, and who says nothing of the other speaks neither for nor against. Weights are whole
millionths and shares whole numbers, so that sums depend on no order; equal means go by the smallest hash.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from steelthread.identity.graph.parts import Part, may_not_join
from steelthread.identity.graph.types import SUM, Policy

MICRO = 1_000_000
_MOST = 12 * MICRO
"""Weights are cut here before they are averaged: beyond it a pair is certain, and one pair shall not outvote others."""

SAYS = 1.0
"""A pair whose answers come to less than this, taken together, says nothing: it is evidence neither for nor against."""
ENOUGH = 30.0
"""Bits from which a pair counts whole in a mean: so much is said when names, birth date and a contact are compared."""
WHOLE = 1000
"""The share of a pair that counts whole."""
Evidence = tuple[int, int, int | None, int]
"""Two atoms by their places, the weight of a link between records of theirs in millionths (None for a wall), its share."""


def share_of(said: float) -> int:
    """Return how much a pair counts in a mean whose answers come to so many bits, for and against taken together."""
    return max(1, min(WHOLE, round(WHOLE * said / ENOUGH)))


def micro(weight: float) -> int:
    """Return a weight as it is averaged."""
    return max(-_MOST, min(_MOST, round(weight * MICRO)))


def groups_of(atoms: Sequence[Part], evidence: Iterable[Evidence], threshold: float, policy: Policy) -> list[list[int]]:
    """Return which atoms are one person, by their places; each stands in one group."""
    return _Linkage(atoms, evidence, threshold, policy).groups()


class _Linkage:
    """The groups as they grow; a group is named by its first atom's place."""

    def __init__(self, atoms: Sequence[Part], evidence: Iterable[Evidence], threshold: float, policy: Policy) -> None:
        self._policy = policy
        self._threshold = threshold * MICRO
        self._parts = dict(enumerate(atoms))
        self._members = {place: [place] for place in self._parts}
        self._names = {place: min(node.hash for node in part.nodes) for place, part in self._parts.items()}
        self._sums: dict[int, dict[int, tuple[int, int]]] = defaultdict(dict)
        self._walls: dict[int, set[int]] = defaultdict(set)
        for one, other, weight, share in evidence:
            if one == other:
                continue
            if weight is None:
                self._walls[one].add(other)
                self._walls[other].add(one)
                continue
            total, count = self._sums[one].get(other, (0, 0))
            self._sums[one][other] = self._sums[other][one] = (total + weight * share, count + share)
        self._heap: list[tuple[float, bytes, bytes, int, int, tuple[int, int]]] = []
        for one, others in self._sums.items():
            for other in others:
                if one < other:
                    self._offer(one, other)

    def groups(self) -> list[list[int]]:
        """Join what is to be joined."""
        heap, sums = self._heap, self._sums
        while heap:
            _, _, _, one, other, mean = heapq.heappop(heap)
            if sums.get(one, {}).get(other) != mean or other in self._walls[one]:
                continue
            if not may_not_join(self._parts[one], self._parts[other], SUM, self._policy):
                self._join(one, other)
        return list(self._members.values())

    def _offer(self, one: int, other: int) -> None:
        mean = self._sums[one][other]
        height = mean[0] / mean[1]
        if height >= self._threshold:
            low, high = sorted((self._names[one], self._names[other]))
            heapq.heappush(self._heap, (-height, low, high, one, other, mean))

    def _join(self, one: int, other: int) -> None:
        parts, sums, walls = self._parts, self._sums, self._walls
        grown = Part.of(parts[one])
        grown.swallow(parts.pop(other))
        parts[one] = grown
        self._members[one] += self._members.pop(other)
        self._names[one] = min(self._names[one], self._names.pop(other))
        mine, theirs = sums[one], sums.pop(other)
        del mine[other], theirs[one]
        for third, (total, count) in theirs.items():
            del sums[third][other]
            own = mine.get(third, (0, 0))
            mine[third] = sums[third][one] = (own[0] + total, own[1] + count)
        for third in walls.pop(other, ()):
            walls[third].discard(other)
            walls[third].add(one)
            walls[one].add(third)
        for third in theirs:
            self._offer(one, third)


def connected(places: int, evidence: Iterable[Evidence], threshold: float) -> list[list[int]]:
    """Return the places that links from a threshold on connect: nothing outside can ever join them."""
    parent = list(range(places))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    least = threshold * MICRO
    for one, other, weight, _ in evidence:
        if weight is not None and weight >= least:
            parent[root(one)] = root(other)
    found: Mapping[int, list[int]] = defaultdict(list)
    for place in range(places):
        found[root(place)].append(place)
    return list(found.values())
