"""Nodes, links and what constrains them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol
from uuid import UUID

import msgspec


class Node(msgspec.Struct, eq=False):
    """An identifier, or a source record (kind 0), with the facts that constraints look at.

    `first` is a keyed token of the normalised first name (0: none), `unique` the number of a source that holds each
    customer once (0: none), `seen` event time in microseconds, `exclusive` the group of kinds of which a person has one.
    """

    id: int
    kind: int
    hash: bytes
    birth: UUID
    durable: bool
    cluster: int
    first: int = 0
    suffix: str = ""
    unique: int = 0
    seen: int = 0
    exclusive: int = 0


class Link:
    """Evidence that two nodes are one person. `strength` 0 is a person's word; rules follow from strong to weak."""

    __slots__ = ("a", "b", "first", "id", "key", "refused", "strength", "weak", "weight")

    def __init__(
        self,
        a: int,
        b: int,
        strength: int,
        *,
        weak: bool,
        weight: float,
        first: int,
        key: bytes,
        refused: str = "",
        id: tuple[int, int, int] = (0, 0, 0),  # noqa: A002  # the handle of the ledger
    ) -> None:
        self.a = a
        self.b = b
        self.strength = strength
        self.weak = weak
        self.weight = weight
        self.first = first
        self.key = key
        self.refused = refused
        self.id = id


def rank(link: Link) -> tuple[int, float, int, bytes]:
    """Return the canonical rank: it depends on evidence only, never on arrival."""
    return (link.strength, -link.weight, link.first, link.key)


WORD, RULE, WEAK, SUM = 0, 1, 2, 3
"""How many constraints a link obeys: a person's word few, a rule more, a weak rule all. Evidence in sum obeys what a rule
does, but for numbers that the model weighs itself, slips of the pen included (`Policy.weighed`)."""


def strictness(link: Link) -> int:
    """Return which constraints a link obeys."""
    return WORD if link.strength == 0 else WEAK if link.weak else RULE


class Policy:
    """The constraints: limits per kind as (count, window in microseconds or None for ever), and what names conflict.

    `weighed` are the groups of exclusive identifiers of which a model says itself which differ too much.
    """

    def __init__(
        self,
        limits: Mapping[int, Sequence[tuple[int, int | None]]],
        conflicts: Callable[[Node, Node], str | None],
        weighed: Collection[int] = (),
    ) -> None:
        self.limits = limits
        self.conflicts = conflicts
        self.weighed = frozenset(weighed)


class Source(Protocol):
    """Where the live graph fetches what is not loaded yet."""

    def nodes_of_clusters(self, clusters: Collection[int]) -> Iterable[Node]:
        """Return all nodes of these clusters."""

    def links_of_nodes(self, nodes: Collection[int]) -> Iterable[Link]:
        """Return every open link, accepted or refused, with an end among these nodes."""

    def cannots_of_nodes(self, nodes: Collection[int]) -> Iterable[tuple[int, int]]:
        """Return the pairs of which a person said 'never', with an end among these nodes."""

    def nodes(self, ids: Collection[int]) -> Iterable[Node]:
        """Return these nodes."""
