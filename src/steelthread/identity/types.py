"""The nouns of a transaction's work on the graph: what it is told, and what it changed."""

from datetime import datetime
from uuid import UUID

import msgspec

from steelthread.identity.ledger import APART, APART_FROM, ClusterRow
from steelthread.model import AnyFact

Pair = tuple[int, int, int]
"""(a, b, strength): a link as the ledger knows it while it is open."""


class NewNode(msgspec.Struct, frozen=True):
    """What must be known to make a node."""

    kind: int
    hash: bytes
    durable: bool
    seen: int
    exclusive: int = 0


class Rule(msgspec.Struct, frozen=True):
    """The rule under which a link is asserted."""

    name: str
    strength: int
    weak: bool
    refused: str = ""
    """Why its links join nobody, whatever else there is; empty where they may."""

    def apart(self) -> "Rule":
        """Return the rule of links that tell of a visitor who was a customer, and do not join the two."""
        return Rule(self.name, min(self.strength, APART_FROM - 1) + APART_FROM, self.weak, APART)


class Outcome(msgspec.Struct):
    """What a batch changed in the graph."""

    facts: list[AnyFact]
    touched: dict[UUID, int]
    """Universal ID -> cluster, of every individual whose members or evidence changed, but for those who are `busy`."""
    gone: list[UUID]
    fresh: set[UUID]
    """Individuals that were not there before."""
    records: dict[int, list[int]]
    """Cluster -> the record nodes in it, of the clusters touched."""
    owners: dict[int, list[int]]
    """Cluster -> the nodes in it that own events."""
    evidence: dict[int, int]
    """Cluster -> how many open records and owners of events it has."""
    created: int
    merged: int
    busy: dict[UUID, int] = {}
    """Universal ID -> cluster, of every individual of whom nothing changed but that they own more events; not among `touched`."""
    doers: dict[int, UUID] = {}
    """The nodes that own these events -> the individual."""


class Clusters(msgspec.Struct):
    """What is to be written of clusters."""

    former: list[int]
    """Clusters whose rows go."""
    rows: list[ClusterRow]
    """Rows that come."""
    same: list[ClusterRow]
    """Rows whose evidence alone may have changed."""
    moved: list[tuple[int, UUID, datetime, datetime]]
    aliases: list[tuple[UUID, int]]
    created: list[UUID]
