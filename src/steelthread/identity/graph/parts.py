"""Parts and what forbids joining two of them: the one place where the constraints stand.

Constraints look at the two parts that would be joined, and are monotone: what forbids X and Y forbids their supersets.
The classes are nested: a person's word obeys `cannot` pairs only; rules obey limits, unique sources, exclusive
identifiers and generations (Jr/Sr) as well; weak rules obey the name guard too.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping

from steelthread.identity.graph.types import SUM, WEAK, WORD, Node, Policy

Words = Mapping[int, set[int]]
"""Node -> the nodes of which a person said that they are never the same."""


class Part:
    """Some nodes that are one person, and the few facts among them that constrain. None stands for nothing."""

    __slots__ = ("exclusive", "firsts", "limited", "nodes", "suffixes", "unique", "words")

    def __init__(self, node: Node, policy: Policy, words: Words) -> None:
        self.nodes: list[Node] = [node]
        self.firsts: dict[tuple[int, str], Node] | None = {(node.first, node.suffix): node} if node.first else None
        self.suffixes: frozenset[str] | None = frozenset((node.suffix,)) if node.suffix else None
        self.unique: frozenset[int] | None = frozenset((node.unique,)) if node.unique else None
        self.exclusive: dict[int, int] | None = {node.exclusive: node.id} if node.exclusive else None
        self.limited: list[Node] | None = [node] if node.kind in policy.limits else None
        self.words: set[int] | None = words.get(node.id) if words else None

    @classmethod
    def of(cls, other: "Part") -> "Part":
        """Return a part of its own with the same nodes and facts."""
        part = cls.__new__(cls)
        for slot in cls.__slots__:
            setattr(part, slot, getattr(other, slot))
        part.nodes = [*other.nodes]
        return part

    def swallow(self, other: "Part") -> None:
        """Take the other part's nodes and facts in."""
        self.nodes += other.nodes
        if other.firsts:
            self.firsts = {**self.firsts, **other.firsts} if self.firsts else other.firsts
        if other.suffixes:
            self.suffixes = self.suffixes | other.suffixes if self.suffixes else other.suffixes
        if other.unique:
            self.unique = self.unique | other.unique if self.unique else other.unique
        if other.exclusive:
            self.exclusive = {**self.exclusive, **other.exclusive} if self.exclusive else other.exclusive
        if other.limited:
            self.limited = self.limited + other.limited if self.limited else other.limited
        if other.words:
            self.words = self.words | other.words if self.words else other.words


def part_of(nodes: Iterable[Node], policy: Policy, words: Words) -> Part:
    """Return one part of all these nodes."""
    rest = iter(nodes)
    part = Part(next(rest), policy, words)
    for node in rest:
        part.swallow(Part(node, policy, words))
    return part


def may_not_join(one: Part, other: Part, strictness: int, policy: Policy) -> str:
    """Return why two parts may not be joined by a link of this strictness (WORD, RULE, WEAK or SUM), "" when they may."""
    if (one.words or other.words) and _forbidden(one, other):
        return "a person said never"
    if strictness == WORD:
        return ""
    if one.unique and other.unique and not one.unique.isdisjoint(other.unique):
        return "two records of a source that holds each customer once"
    weighed = policy.weighed if strictness == SUM else ()
    if one.exclusive and other.exclusive and _two_of_one(one.exclusive, other.exclusive, weighed):
        return "two different identifiers of which a person has one"
    if one.limited and other.limited and _exceeds(one.limited + other.limited, policy):
        return "more identifiers of one kind than the limit"
    if one.suffixes and other.suffixes and len(one.suffixes | other.suffixes) > 1:
        return "different generations (Jr/Sr)"
    if strictness == WEAK and one.firsts and other.firsts:
        return _names(one.firsts, other.firsts, policy)
    return ""


def _forbidden(one: Part, other: Part) -> bool:
    return any(
        words and any(node.id in words for node in nodes)
        for words, nodes in ((other.words, one.nodes), (one.words, other.nodes))
    )


def _two_of_one(one: Mapping[int, int], other: Mapping[int, int], weighed: Collection[int]) -> bool:
    return any(other.get(group, node) != node and group not in weighed for group, node in one.items())


def _exceeds(nodes: list[Node], policy: Policy) -> bool:
    kinds: dict[int, list[int]] = {}
    for node in nodes:
        kinds.setdefault(node.kind, []).append(node.seen)
    for kind, seen in kinds.items():
        for count, window in policy.limits[kind]:
            if len(seen) > count and (window is None or _most_within(sorted(seen), window) > count):
                return True
    return False


def _most_within(seen: list[int], window: int) -> int:
    return max(index + 1 - bisect_left(seen, moment - window) for index, moment in enumerate(seen))


def _names(one: Mapping[tuple[int, str], Node], other: Mapping[tuple[int, str], Node], policy: Policy) -> str:
    for first, a in one.items():
        for second, b in other.items():
            if first[0] != second[0]:
                reason = policy.conflicts(a, b)
                if reason:
                    return reason
    return ""
