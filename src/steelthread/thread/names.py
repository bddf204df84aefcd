"""First names for the name guard: from the batch, else unsealed in memory only when the graph has to ask."""

from collections.abc import Collection
from typing import Any

import msgspec
import psycopg

from steelthread import intake
from steelthread.identity import ORGANISATION as MARK
from steelthread.identity import NameEvidence, Node, conflict, organisations_conflict
from steelthread.vault import Vault, unseal

_UNPACK = msgspec.msgpack.Decoder().decode


class Names:
    """What the records of a batch's region are called."""

    def __init__(self, vault: Vault, conn: psycopg.Connection[Any], threshold: float) -> None:
        """`threshold` is that of the name guard."""
        self._vault = vault
        self._conn = conn
        self._threshold = threshold
        self._known: dict[int, NameEvidence] = {}

    def know(self, node: int, first: str, suffix: str) -> None:
        """Remember the name of a record of the batch."""
        self._known[node] = NameEvidence(first, suffix)

    def learn(self, nodes: Collection[int]) -> None:
        """Remember the names of these records, all at once."""
        rows = list(intake.records_by_id(self._conn, sorted(set(nodes) - self._known.keys())))
        keys = self._vault.keys([row.subject for row in rows])
        for row in rows:
            if row.subject in keys:
                self._known[row.record_id] = _evidence(unseal(keys[row.subject], row.sealed, row.key_hash))

    def conflict(self, a: Node, b: Node) -> str | None:
        """Say why two records cannot be one person by their names, or None."""
        one, other = self._of(a.id), self._of(b.id)
        if one.first.startswith(MARK) and other.first.startswith(MARK):
            return organisations_conflict(*sorted((one.first, other.first)))
        return conflict(one, other, self._threshold)

    def _of(self, node: int) -> NameEvidence:
        known = self._known.get(node)
        if known is None:
            known = self._known[node] = self._unseal(node)
        return known

    def _unseal(self, node: int) -> NameEvidence:
        for row in intake.records_by_id(self._conn, [node]):
            key = self._vault.keys([row.subject]).get(row.subject)
            if key is not None:
                return _evidence(unseal(key, row.sealed, row.key_hash))
        return NameEvidence("", "")


def _evidence(content: bytes) -> NameEvidence:
    return NameEvidence(*_UNPACK(content)[5][:2])
