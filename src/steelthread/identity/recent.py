"""What a transaction left of people who only own more events: read once, and known to the next one if nobody else came between.

Pseudonymous: keyed hashes and numbers, as the tables have them. Whoever keeps it says by the turn of the identity lane
whether it still holds.
"""

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from typing import Any, TypeVar

import psycopg

from steelthread.identity import evidence
from steelthread.identity.ledger import ClusterRow, NodeRow

Told = TypeVar("Told")
_MOST = 30_000
"""How many nodes are known at most; then it begins anew."""


class Recent:
    """Nodes and clusters as they were committed last."""

    def __init__(self) -> None:
        self._nodes: dict[bytes, NodeRow] = {}
        self._clusters: dict[int, ClusterRow] = {}
        self._told: dict[str, Any] = {}

    def once(self, name: str, ask: Callable[[], Told]) -> Told:
        """Return what `ask` gave when it was asked of last under this name: of what nobody changes without the lane."""
        if name not in self._told:
            self._told[name] = ask()
        told: Told = self._told[name]
        return told

    def node(self, name: bytes) -> NodeRow | None:
        """Return a copy of the node with a hash, if it is known."""
        known = self._nodes.get(name)
        return None if known is None else copy(known)

    def cluster(self, label: int) -> ClusterRow | None:
        """Return a cluster, if it is known; it is not to be changed."""
        return self._clusters.get(label)

    def keep(self, busy: Mapping[int, ClusterRow], doers: Iterable[NodeRow]) -> None:
        """Know the clusters of those who only own more events, and the owners among their nodes."""
        if len(self._nodes) > _MOST:
            self.cache_clear()
        self._clusters.update(busy)
        self._nodes.update((row.hash, copy(row)) for row in doers)

    def drop(self, nodes: Iterable[NodeRow], clusters: Iterable[int]) -> None:
        """Know no longer what was looked at: it may have changed."""
        for row in nodes:
            self._nodes.pop(row.hash, None)
        for label in clusters:
            self._clusters.pop(label, None)

    def cache_clear(self) -> None:
        """Know nothing any more."""
        self._nodes.clear()
        self._clusters.clear()
        self._told.clear()


def threshold_known(conn: psycopg.Connection[Any], recent: Recent | None) -> float | None:
    """Return from which mean people are joined: no run has another model in force without the lane."""
    if recent is None:
        return evidence.threshold_in_force(conn)
    return recent.once("threshold", lambda: evidence.threshold_in_force(conn))
