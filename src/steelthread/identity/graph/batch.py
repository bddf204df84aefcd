"""The definition: atoms by greedy joins in canonical order under monotone constraints.

Constraints look at the two parts that would be joined. Nested classes: a person's word obeys `cannot` pairs only; rules
obey limits, unique sources, exclusive identifiers and generations (Jr/Sr) as well; weak rules obey the name guard too.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping

from steelthread.identity.graph.types import Link, Node, Policy, rank


class _Part:
    """What constraints need to know of a part: nodes, and the few among them that constrain."""

    __slots__ = ("exclusive", "limited", "nodes", "records", "unique", "words")

    def __init__(self, node: Node, policy: Policy, words: Mapping[int, set[int]]) -> None:
        self.nodes: list[Node] = [node]
        self.records: list[Node] = [node] if node.kind == 0 and (node.first or node.suffix) else []
        self.unique: set[int] = {node.unique} if node.unique else set()
        self.exclusive: dict[int, int] = {node.exclusive: node.id} if node.exclusive else {}
        self.limited: list[Node] = [node] if node.kind in policy.limits else []
        self.words: set[int] = words.get(node.id, set())

    def swallow(self, other: "_Part") -> None:
        self.nodes += other.nodes
        self.records += other.records
        self.unique = self.unique | other.unique if other.unique else self.unique
        self.exclusive = {**self.exclusive, **other.exclusive} if other.exclusive else self.exclusive
        self.limited += other.limited
        self.words = self.words | other.words if other.words else self.words


def may_not_join(one: _Part, other: _Part, link: Link, policy: Policy) -> str:
    """Return why a link may not join two parts, "" when it may."""
    if (one.words or other.words) and _forbidden(one, other):
        return "a person said never"
    if link.strength == 0:
        return ""
    if one.unique and not one.unique.isdisjoint(other.unique):
        return "two records of a source that holds each customer once"
    if one.exclusive and any(other.exclusive.get(group, node) != node for group, node in one.exclusive.items()):
        return "two different identifiers of which a person has one"
    if one.limited and other.limited and _exceeds(one.limited + other.limited, policy):
        return "more identifiers of one kind than the limit"
    if one.records and other.records:
        return _names(one, other, policy, weak=link.weak)
    return ""


def _forbidden(one: _Part, other: _Part) -> bool:
    small, large = (one, other) if len(one.nodes) < len(other.nodes) else (other, one)
    return any(node.id in large.words for node in small.nodes)


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


def _names(one: _Part, other: _Part, policy: Policy, *, weak: bool) -> str:
    for a in one.records:
        for b in other.records:
            if a.suffix and b.suffix and a.suffix != b.suffix:
                return "different generations (Jr/Sr)"
            if weak and a.first and b.first and a.first != b.first:
                reason = policy.conflicts(a, b)
                if reason:
                    return reason
    return ""


def atoms(
    nodes: Iterable[Node], links: Iterable[Link], cannots: Iterable[tuple[int, int]], policy: Policy
) -> tuple[list[list[Node]], dict[Link, str]]:
    """Return the parts and, for every link, why it is refused ("" when it is accepted)."""
    words: dict[int, set[int]] = {}
    for a, b in cannots:
        words.setdefault(a, set()).add(b)
        words.setdefault(b, set()).add(a)
    parts = {node.id: _Part(node, policy, words) for node in nodes}
    refused: dict[Link, str] = {}
    for link in sorted(links, key=rank):
        one, other = parts[link.a], parts[link.b]
        if one is other:
            refused[link] = ""
            continue
        reason = may_not_join(one, other, link, policy)
        refused[link] = reason
        if not reason:
            if len(one.nodes) < len(other.nodes):
                one, other = other, one
            for node in other.nodes:
                parts[node.id] = one
            one.swallow(other)
    distinct = {id(part): part for part in parts.values()}
    return [part.nodes for part in distinct.values()], refused


def clusters_of(
    nodes: Iterable[Node], links: Iterable[Link], cannots: Iterable[tuple[int, int]], policy: Policy
) -> tuple[dict[int, int], dict[bytes, str]]:
    """Return node -> smallest node of its cluster, and the reason of each refused link by its key."""
    parts, refused = atoms(nodes, links, cannots, policy)
    partition = {node.id: min(one.id for one in part) for part in parts for node in part}
    return partition, {link.key: reason for link, reason in refused.items() if reason}
