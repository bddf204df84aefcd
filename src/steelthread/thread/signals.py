"""Signals that browsers send for people: Global Privacy Control (header `Sec-GPC: 1`) is an opt-out of sale and sharing.

It is kept in the same transaction as the event that brought it, of the browser and of the login, if there is one: a no of
either counts for the whole person (CCPA 1798.135, 11 CCR 7025). It is heeded everywhere, whatever the place.
"""

from collections.abc import Sequence
from typing import Any

import psycopg

from steelthread import privacy
from steelthread.kit import now, uuid7
from steelthread.privacy import Derived, Scope, Statement, Tombstones
from steelthread.store import Byteas
from steelthread.thread.arrived import Arrived
from steelthread.thread.consenting import SCOPES
from steelthread.thread.space import Space


class Signals:
    """Heeds signals of one space."""

    def __init__(self, space: Space) -> None:
        self._stones = Tombstones(space.vault)

    def heed(self, conn: psycopg.Connection[Any], events: Sequence[Arrived]) -> Derived:
        """Keep the opt-out of whoever messages name, in the caller's transaction; return all that was ever said of those.

        Not where it stands already, where somebody answered the signal with a yes, and of whoever was erased.
        """
        named: dict[bytes, tuple[Scope, str]] = {}
        for one in events:
            for _, name, _, kind in one.named or ():
                if kind in SCOPES:
                    named.setdefault(name, (SCOPES[kind], one.source))
        if not named:
            return Derived()
        standing = conn.execute(
            "select node_hash from privacy.consent_state where node_hash = any(%(names)s) and part = 'c' and purpose = '*sharing' "
            "and channel = '' and verdict < 0 union select node_hash from privacy.consent_event where node_hash = any(%(names)s) "
            "and purpose = '*sharing' and said = 'given' and signal = 'gpc'",
            {"names": Byteas(sorted(named))},
        )
        fresh = named.keys() - {bytes(row[0]) for row in standing}
        if not fresh:
            return Derived()
        privacy.lock_nodes(conn, fresh)  # an erasure that goes on at this moment ends before it is asked who was erased
        fresh -= self._stones.among(conn, fresh)
        moment = now()
        statements = [
            Statement(
                event_id=uuid7(), node=name, scope=scope, purpose="*sharing", said="opted_out", occurred_at=moment,
                recorded_at=moment, signal="gpc", source=source, method="Sec-GPC: 1",
            )
            for name, (scope, source) in sorted(named.items())
            if name in fresh
        ]  # fmt: skip
        return privacy.append_told(conn, statements)
