"""The live graph against the definition, and the definition against a naive reading of IDENTITY.md.

A history is a list of batches of operations on a toy store that knows only what `Changes` told it. Unlike
`test_graph.py` it reranks, changes facts, lifts and repeats decisions, and shares no rule with the code under test.
"""

import random
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import product
from uuid import UUID

import pytest

from steelthread.identity.graph import Changes, Link, LiveGraph, Node, Policy, clusters_of, rank

CONFLICTING = {frozenset((1, 2)), frozenset((2, 3))}  # not transitive: 1 and 3 get along
LIMITS: dict[int, list[tuple[int, int | None]]] = {2: [(2, None)], 3: [(1, 40), (3, None)]}
EXCLUSIVE = {4}
STRENGTH = {2: 3, 3: 4, 4: 1, 5: 2}  # identifier kind -> strength of its rule
WEAK = {3, 4}


def conflicts(a: Node, b: Node) -> str | None:
    assert a.first
    assert b.first
    assert a.first != b.first
    return "names conflict" if frozenset((a.first, b.first)) in CONFLICTING else None


POLICY = Policy(LIMITS, conflicts)


def digest(*words: object) -> bytes:
    return blake2b(repr(words).encode(), digest_size=16).digest()


@dataclass(frozen=True)
class Fact:
    """A node by its canonical name; the number is given by the world that stores it."""

    name: int
    kind: int
    first: int = 0
    suffix: str = ""
    unique: int = 0
    seen: int = 0
    durable: bool = False

    @property
    def birth(self) -> UUID:
        return UUID(bytes=digest("birth", self.name))


@dataclass(frozen=True)
class Tie:
    """A link by the names of its ends."""

    a: int
    b: int
    strength: int
    weight: float = 0.0
    first: int = 0

    @property
    def key(self) -> bytes:
        low, high = sorted((digest(self.a), digest(self.b)))
        return low + high + bytes([self.strength])


@dataclass
class World:
    """The toy store, as a database would hold it."""

    numbers: dict[int, int] = field(default_factory=dict)
    facts: dict[int, Fact] = field(default_factory=dict)
    ties: dict[bytes, Tie] = field(default_factory=dict)
    refused: dict[bytes, str] = field(default_factory=dict)
    cannots: set[tuple[int, int]] = field(default_factory=set)
    label: dict[int, int] = field(default_factory=dict)
    clusters: dict[int, tuple[list[int], UUID]] = field(default_factory=dict)

    def node(self, name: int) -> Node:
        fact, number = self.facts[name], self.numbers[name]
        return Node(
            number, fact.kind, digest(name), fact.birth, durable=fact.durable, cluster=self.label.get(number, -1),
            first=fact.first, suffix=fact.suffix, unique=fact.unique, seen=fact.seen,
            exclusive=fact.kind if fact.kind in EXCLUSIVE else 0,
        )  # fmt: skip

    def link(self, tie: Tie) -> Link:
        a, b = self.numbers[tie.a], self.numbers[tie.b]
        return Link(
            a, b, tie.strength, weak=tie.strength in WEAK, weight=tie.weight, first=tie.first, key=tie.key,
            refused=self.refused.get(tie.key, ""), id=(a, b, tie.strength),
        )  # fmt: skip

    def pair(self, a: int, b: int) -> tuple[int, int]:
        return self.numbers[a], self.numbers[b]

    def begin(self) -> "Stored":
        nodes = {self.numbers[name]: self.node(name) for name in self.facts}
        return Stored(nodes, [self.link(tie) for tie in self.ties.values()], {self.pair(*two) for two in self.cannots})

    def absorb(self, changes: Changes) -> None:
        self.label.update(changes.relabelled)
        self.refused.update({link.key: reason for link, reason in changes.refused.items()})
        assert not set(changes.dissolved) & set(changes.clusters)
        for label in changes.dissolved:
            del self.clusters[label]
        self.clusters.update(changes.clusters)

    def batch(self) -> tuple[dict[int, int], dict[bytes, str]]:
        links = [self.link(tie) for tie in self.ties.values()]
        return clusters_of(map(self.node, self.facts), links, [self.pair(*two) for two in self.cannots], POLICY)

    def state(self) -> tuple[dict[frozenset[int], UUID], set[bytes]]:
        """Return what must not depend on order, batches or numbers: parts with universal IDs, refused links."""
        names = {number: name for name, number in self.numbers.items()}
        parts = {frozenset(names[one] for one in members): own for members, own in self.clusters.values()}
        return parts, {key for key, reason in self.refused.items() if reason}


class Stored:
    """A source frozen at the start of a batch; its answers are what stood there before."""

    def __init__(self, nodes: dict[int, Node], links: list[Link], cannots: set[tuple[int, int]]) -> None:
        self._nodes, self._links, self._cannots = nodes, links, cannots

    def nodes_of_clusters(self, clusters: Collection[int]) -> Iterable[Node]:
        return [node for node in self._nodes.values() if node.cluster in clusters]

    def nodes(self, ids: Collection[int]) -> Iterable[Node]:
        return [self._nodes[number] for number in ids]

    def links_of_nodes(self, nodes: Collection[int]) -> Iterable[Link]:
        return [link for link in self._links if link.a in nodes or link.b in nodes]

    def cannots_of_nodes(self, nodes: Collection[int]) -> Iterable[tuple[int, int]]:
        return [pair for pair in self._cannots if pair[0] in nodes or pair[1] in nodes]


# -- a naive reading of the definition, sharing no code with the graph ------------------------------------------------


def naive(world: World) -> tuple[set[frozenset[int]], set[bytes]]:
    parts = {name: frozenset((name,)) for name in world.facts}
    refused = set()
    for tie in sorted(world.ties.values(), key=lambda tie: (tie.strength, -tie.weight, tie.first, tie.key)):
        one, other = parts[tie.a], parts[tie.b]
        if one == other:
            continue
        if naive_refuses(world, one, other, tie):
            refused.add(tie.key)
        else:
            parts.update(dict.fromkeys(one | other, one | other))
    return set(parts.values()), refused


def naive_refuses(world: World, one: frozenset[int], other: frozenset[int], tie: Tie) -> bool:
    if any((a, b) in world.cannots or (b, a) in world.cannots for a, b in product(one, other)):
        return True
    if tie.strength == 0:
        return False
    pairs = [(world.facts[a], world.facts[b]) for a, b in product(one, other)]
    return (
        any(a.unique and a.unique == b.unique for a, b in pairs)
        or any(a.kind in EXCLUSIVE and a.kind == b.kind for a, b in pairs)
        or any(a.suffix and b.suffix and a.suffix != b.suffix for a, b in pairs)
        or (tie.strength in WEAK and any(frozenset((a.first, b.first)) in CONFLICTING for a, b in pairs))
        or naive_exceeds([world.facts[name] for name in one], [world.facts[name] for name in other])
    )


def naive_exceeds(one: list[Fact], other: list[Fact]) -> bool:
    """A limit speaks when both sides bring limited identifiers and together go over it in any kind."""
    if not any(fact.kind in LIMITS for fact in one) or not any(fact.kind in LIMITS for fact in other):
        return False
    for kind, rules in LIMITS.items():
        seen = [fact.seen for fact in one + other if fact.kind == kind]
        for count, window in rules:
            span = window if window is not None else 10**18
            if any(sum(0 <= last - moment <= span for moment in seen) > count for last in seen):
                return True
    return False


# -- histories --------------------------------------------------------------------------------------------------------


class History:
    """Random operations, each done to the world and told to the live graph of the current batch."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.world = World()
        self.pool = self.random.sample(range(1, 200), 199)  # numbers do not follow arrival
        self.crowd = self.random.choice((6, 12, 30))
        self.operations = (
            [self.new_record] * 4 + [self.tie_any] * 4 + [self.untie] * 2
            + [self.rerank, self.forbid, self.allow, self.change, self.tie_again]
        )  # fmt: skip

    def run(self, batches: int) -> Iterable[World]:
        for _ in range(batches):
            self.graph = LiveGraph(self.world.begin(), POLICY)
            if self.random.random() < 0.5 and self.world.clusters:
                self.graph.prefetch(self.random.sample(sorted(self.world.clusters), 1))
            for _ in range(self.random.choice((1, 1, 2, 5, 12))):
                self.random.choice(self.operations)()
            self.world.absorb(self.graph.changes())
            yield self.world

    def new_fact(self, kind: int) -> Fact:
        draw, record = self.random, kind == 0
        return Fact(
            name=len(self.world.facts), kind=kind, durable=draw.random() < 0.5, seen=draw.randrange(100),
            first=draw.choice((0, 1, 2, 3)) if record else 0, unique=draw.choice((0, 0, 7, 8)) if record else 0,
            suffix=draw.choice(("", "", "", "jr", "sr")) if record else "",
        )  # fmt: skip

    def add(self, fact: Fact) -> int:
        self.world.facts[fact.name] = fact
        self.world.numbers[fact.name] = self.pool.pop()
        self.graph.add_node(self.world.node(fact.name))
        return fact.name

    def identifier(self, kind: int) -> int:
        known = [fact.name for fact in self.world.facts.values() if fact.kind == kind]
        if known and (self.random.random() < 0.6 or len(self.world.facts) > self.crowd):
            return self.random.choice(known)
        return self.add(self.new_fact(kind))

    def new_record(self) -> None:
        if len(self.world.facts) > self.crowd:
            return self.change()
        record = self.add(self.new_fact(0))
        for kind in self.random.sample(sorted(STRENGTH), self.random.randrange(4)):
            self.tie(Tie(self.identifier(kind), record, STRENGTH[kind], 0.0, self.random.randrange(50)))
        return None

    def tie(self, tie: Tie) -> None:
        if tie.key not in self.world.ties:
            self.world.ties[tie.key] = tie
            self.graph.add_link(self.world.link(tie))

    def cut(self, tie: Tie) -> None:
        self.graph.remove_link(self.world.link(tie))
        del self.world.ties[tie.key]
        self.world.refused.pop(tie.key, None)

    def two(self) -> tuple[int, int] | None:
        if len(self.world.facts) < 2:
            return None
        a, b = self.random.sample(sorted(self.world.facts), 2)
        return a, b

    def tie_any(self) -> None:
        if two := self.two():
            a, b = sorted(two, key=digest)
            self.tie(Tie(a, b, self.random.randrange(5), self.random.choice((0.0, 0.5)), self.random.randrange(50)))

    def some_tie(self) -> list[Tie]:
        return self.random.sample(list(self.world.ties.values()), min(1, len(self.world.ties)))

    def untie(self) -> None:
        for tie in self.some_tie():
            self.cut(tie)

    def tie_again(self) -> None:
        for tie in self.some_tie():
            self.graph.remove_link(self.world.link(tie))
            self.graph.add_link(self.world.link(tie))

    def rerank(self) -> None:
        for tie in self.some_tie():
            new = replace(tie, first=self.random.randrange(50), weight=self.random.choice((0.0, 0.5, 1.0)))
            self.world.ties[tie.key] = new
            self.graph.rerank_link(self.world.link(tie), self.world.link(new))

    def forbid(self) -> None:
        if two := self.two():
            self.world.cannots.add(two)
            self.graph.add_cannot(*self.world.pair(*two))

    def allow(self) -> None:
        if self.world.cannots:
            a, b = self.random.choice(sorted(self.world.cannots))
            self.world.cannots -= {(a, b), (b, a)}
            self.graph.remove_cannot(*self.world.pair(a, b))

    def change(self) -> None:
        if self.world.facts:
            name = self.random.choice(sorted(self.world.facts))
            self.world.facts[name] = replace(self.new_fact(self.world.facts[name].kind), name=name)
            self.graph.set_facts(self.world.node(name))


def check(world: World) -> None:
    """The store, built from changes alone, equals the definition: parts, refused links, labels, universal IDs."""
    partition, refused = world.batch()
    names = {number: name for name, number in world.numbers.items()}
    expected, naively = naive(world)
    assert as_sets(partition) == {frozenset(world.numbers[name] for name in part) for part in expected}
    assert set(refused) == naively
    assert as_sets(world.label) == as_sets(partition)
    assert world.state()[1] == set(refused)
    assert set(world.clusters) == set(world.label.values())
    for label, (members, universal) in world.clusters.items():
        facts = [world.facts[names[number]] for number in members]
        assert sorted(members) == sorted(number for number, own in world.label.items() if own == label)
        assert label in members
        assert universal == min(facts, key=lambda fact: (not fact.durable, fact.birth)).birth


def as_sets(partition: dict[int, int]) -> set[frozenset[int]]:
    parts: dict[int, set[int]] = {}
    for node, label in partition.items():
        parts.setdefault(label, set()).add(node)
    return {frozenset(part) for part in parts.values()}


def fuzz(seeds: Iterable[int]) -> int:
    """Check every world of these histories; return how many there were."""
    worlds = 0
    for seed in seeds:
        for world in History(seed).run(12):
            check(world)
            worlds += 1
    return worlds


def told_anew(world: World, seed: int) -> World:
    """Tell what a world holds to an empty one, in another order, other batches, other numbers."""
    draw = random.Random(seed)
    again = World(numbers=dict(zip(world.numbers, draw.sample(range(500), len(world.numbers)), strict=True)))
    told: list[Fact | Tie | tuple[int, int]] = [*world.facts.values(), *world.ties.values(), *world.cannots]
    draw.shuffle(told)
    while told:
        size = draw.randrange(1, len(told) + 1)
        now, told = told[:size], told[size:]
        graph = LiveGraph(again.begin(), POLICY)
        for one in now:
            tell(again, graph, world, one)
        again.absorb(graph.changes())
    return again


def tell(again: World, graph: LiveGraph, world: World, one: Fact | Tie | tuple[int, int]) -> None:
    pair = (one.a, one.b) if isinstance(one, Tie) else one
    for name in (pair.name,) if isinstance(pair, Fact) else pair:  # a link brings its nodes along
        if name not in again.facts:
            again.facts[name] = world.facts[name]
            graph.add_node(again.node(name))
    if isinstance(one, Tie):
        again.ties[one.key] = one
        graph.add_link(again.link(one))
    elif not isinstance(one, Fact):
        again.cannots.add(one)
        graph.add_cannot(*again.pair(*one))


# -- tests ------------------------------------------------------------------------------------------------------------


def test_live_equals_batch_equals_definition() -> None:
    assert fuzz(range(400)) >= 400


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("block", range(10))
def test_live_equals_batch_equals_definition_soak(block: int) -> None:
    assert fuzz(range(100_000 + block * 5_000, 105_000 + block * 5_000)) >= 5_000


def test_order_batches_and_numbers_do_not_matter() -> None:
    for seed in range(10_000, 10_120):
        *_, world = History(seed).run(8)
        for shuffle in range(3):
            assert told_anew(world, 3 * seed + shuffle).state() == world.state()


def test_taking_a_link_back_restores_parts_ids_and_refusals() -> None:
    for seed in range(100):
        history = History(seed)
        *_, world = history.run(8)
        before = world.state()
        fresh = [tie for tie in (Tie(0, name, 0) for name in world.facts if name) if tie.key not in world.ties]
        for step in (history.tie, history.cut):
            history.graph = LiveGraph(world.begin(), POLICY)
            for tie in fresh[:1]:
                step(tie)
            world.absorb(history.graph.changes())
        assert world.state() == before


def test_rank_is_strength_weight_time_key() -> None:
    ranks = [(1, 1, 2, b"b"), (1, 1, 2, b"a"), (1, 1, 1, b"z"), (1, 2, 9, b"z"), (0, 0, 9, b"z")]  # last first
    links = [Link(1, 2, s, weak=False, weight=w, first=first, key=key) for s, w, first, key in ranks]
    assert [links.index(link) for link in sorted(links, key=rank)] == [4, 3, 2, 1, 0]
