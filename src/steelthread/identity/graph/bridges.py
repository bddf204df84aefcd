"""Bridges: where a person hangs together by one identifier, record or link alone, though both parts are held together by more.

Only links that hold are looked at. What a person said is no bridge: nodes that a `must` link joins count as one.
"""

from collections import defaultdict, deque
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

_MOST = 50
"""So many bridges of one person are told, the most even ones."""


class Tie(msgspec.Struct, frozen=True):
    """A link that holds within a person. `strength` 0 is a person's word; the larger it is, the weaker the rule."""

    a: int
    b: int
    rule: str
    strength: int


class Bridge(msgspec.Struct, frozen=True):
    """Two parts of a person, and all the ties between them, which meet in one node."""

    ties: tuple[Tie, ...]
    parts: tuple[frozenset[int], frozenset[int]]
    """The records of either part, the smaller one first."""
    ends: tuple[int, int]
    """The record of either part that is nearest to the bridge."""

    @property
    def rule(self) -> str:
        """The strongest rule of its ties."""
        return min(self.ties, key=lambda tie: (tie.strength, tie.rule)).rule


def bridges_of(records: Collection[int], ties: Sequence[Tie], least: int = 2) -> list[Bridge]:
    """Return the bridges of a person that have `least` records on either side, the most even ones first."""
    web = _Web(records, ties)
    found: dict[frozenset[int], Bridge] = {}
    cuts = [(one, min(count, web.total - count)) for one, count in web.cuts() if least <= count <= web.total - least]
    for (middle, heads), _ in sorted(cuts, key=lambda cut: (-cut[1], cut[0])):
        bridge = web.bridge(middle, heads)
        part = bridge.parts[0]
        if part not in found and len(found) == _MOST:
            break
        if part not in found or len(bridge.ties) < len(found[part].ties):
            found[part] = bridge
    return sorted(found.values(), key=lambda one: (-len(one.parts[0]), sorted(one.ends)))


_Cut = tuple[int, tuple[int, ...]]
"""A node, and its neighbours in one of the parts into which the person falls without it."""


class _Web:
    """The nodes of a person as ties hold them together, those that people joined as one."""

    def __init__(self, records: Collection[int], ties: Sequence[Tie]) -> None:
        self._names: dict[int, int] = {}
        for tie in ties:
            if tie.strength == 0:
                one, other = sorted((self._name(tie.a), self._name(tie.b)))
                self._names[other] = one
        self._members: dict[int, list[int]] = defaultdict(list)
        for record in sorted(records):
            self._members[self._name(record)].append(record)
        self._beside: dict[int, dict[int, list[Tie]]] = {name: {} for name in self._members}
        for tie in ties:
            a, b = self._name(tie.a), self._name(tie.b)
            if a != b:
                self._beside.setdefault(a, {}).setdefault(b, []).append(tie)
                self._beside.setdefault(b, {}).setdefault(a, []).append(tie)
        self._walk = _Walk(self._beside, self._members)
        self.total = self._walk.total

    def _name(self, node: int) -> int:
        while self._names.get(node, node) != node:
            node = self._names[node]
        return node

    def cuts(self) -> Iterator[tuple[_Cut, int]]:
        """Yield each node without which the web falls apart with its neighbours in one part, and how many records that has."""
        walk = self._walk
        for node, children in walk.children.items():
            parts = [child for child in children if walk.low[child] >= walk.place[node]]
            if walk.above[node] is None and len(children) < 2 < len(self._beside[node]) + 1:
                continue  # without it the others are still together, and more than one link holds it to them
            inside: set[int] = set()
            for child in parts:
                heads = {other for other in self._beside[node] if walk.holds(child, other)}
                inside |= heads
                yield (node, tuple(sorted(heads))), walk.count[child]
            rest = self._beside[node].keys() - inside
            if parts and rest:
                own = len(self._members.get(node, ()))
                left = self.total - own - sum(walk.count[child] for child in parts)
                yield (node, tuple(sorted(rest))), left

    def bridge(self, middle: int, heads: tuple[int, ...]) -> Bridge:
        """Return the bridge between a part, by its nodes next to the one in the middle, and all others."""
        part, near = self._reached(heads, {middle})
        others, far = self._reached((middle,), part)
        ties = tuple(tie for head in heads for tie in self._beside[middle][head])
        sides = sorted(
            ((self._records(part), near), (self._records(others), far)), key=lambda side: (len(side[0]), min(side[0]))
        )
        return Bridge(ties, (sides[0][0], sides[1][0]), (sides[0][1], sides[1][1]))

    def _records(self, nodes: Collection[int]) -> frozenset[int]:
        return frozenset(record for name in nodes for record in self._members.get(name, ()))

    def _reached(self, start: tuple[int, ...], barred: Collection[int]) -> tuple[set[int], int]:
        """Return what is reached without the barred nodes, and the record that is nearest."""
        distance, waiting = dict.fromkeys(start, 0), deque(start)
        while waiting:
            node = waiting.popleft()
            for other in self._beside[node]:
                if other not in distance and other not in barred:
                    distance[other] = distance[node] + 1
                    waiting.append(other)
        nearest = min((far, self._members[node][0]) for node, far in distance.items() if node in self._members)
        return set(distance), nearest[1]


class _Walk:
    """Depth first through a web: when each node was met, how far up its descendants reach, how many records they have."""

    def __init__(self, beside: Mapping[int, Mapping[int, list[Tie]]], members: Mapping[int, list[int]]) -> None:
        self.place: dict[int, int] = {}
        self.low: dict[int, int] = {}
        self.count: dict[int, int] = {}
        self.above: dict[int, int | None] = {}
        self.children: dict[int, list[int]] = {}
        self._last: dict[int, int] = {}
        self.total = 0
        for start in sorted(beside)[:1]:  # a person is connected
            self._from(start, beside, members)
            self.total = self.count[start]

    def holds(self, node: int, other: int) -> bool:
        """Whether another node is this one or one of its descendants."""
        return self.place[node] <= self.place[other] <= self._last[node]

    def _from(
        self, start: int, beside: Mapping[int, Mapping[int, list[Tie]]], members: Mapping[int, list[int]]
    ) -> None:
        self._meet(start, None, members)
        path = [(start, iter(sorted(beside[start])))]
        while path:
            node, others = path[-1]
            other = next(others, None)
            if other is None:
                path.pop()
                self._last[node] = len(self.place) - 1
                above = self.above[node]
                if above is not None:
                    self.low[above] = min(self.low[above], self.low[node])
                    self.count[above] += self.count[node]
            elif other not in self.place:
                self._meet(other, node, members)
                self.children[node].append(other)
                path.append((other, iter(sorted(beside[other]))))
            elif other != self.above[node]:
                self.low[node] = min(self.low[node], self.place[other])

    def _meet(self, node: int, above: int | None, members: Mapping[int, list[int]]) -> None:
        self.place[node] = self.low[node] = len(self.place)
        self.count[node] = len(members.get(node, ()))
        self.above[node] = above
        self.children[node] = []
