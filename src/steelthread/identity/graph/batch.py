"""The definition: atoms by greedy joins in canonical order under monotone constraints."""

from collections.abc import Iterable

from steelthread.identity.graph.parts import Part, may_not_join
from steelthread.identity.graph.types import Link, Node, Policy, rank, strictness


def words_of(cannots: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    """Return node -> the nodes that it can never be."""
    words: dict[int, set[int]] = {}
    for a, b in cannots:
        words.setdefault(a, set()).add(b)
        words.setdefault(b, set()).add(a)
    return words


def join(parts: dict[int, Part], one: Part, other: Part) -> None:
    """Join two parts; the smaller is relabelled."""
    if len(one.nodes) < len(other.nodes):
        one, other = other, one
    for node in other.nodes:
        parts[node.id] = one
    one.swallow(other)


def atoms(
    nodes: Iterable[Node], links: Iterable[Link], cannots: Iterable[tuple[int, int]], policy: Policy
) -> tuple[list[list[Node]], dict[Link, str]]:
    """Return the parts and, for every link, why it is refused ("" when it is accepted)."""
    words = words_of(cannots)
    parts = {node.id: Part(node, policy, words) for node in nodes}
    refused: dict[Link, str] = {}
    for link in sorted(links, key=rank):
        one, other = parts[link.a], parts[link.b]
        reason = "" if one is other else may_not_join(one, other, strictness(link), policy)
        refused[link] = reason
        if one is not other and not reason:
            join(parts, one, other)
    distinct = {id(part): part for part in parts.values()}
    return [part.nodes for part in distinct.values()], refused


def clusters_of(
    nodes: Iterable[Node], links: Iterable[Link], cannots: Iterable[tuple[int, int]], policy: Policy
) -> tuple[dict[int, int], dict[bytes, str]]:
    """Return node -> smallest node of its cluster, and the reason of each refused link by its key."""
    parts, refused = atoms(nodes, links, cannots, policy)
    partition = {node.id: name for part in parts for name in (min(one.id for one in part),) for node in part}
    return partition, {link.key: reason for link, reason in refused.items() if reason}
