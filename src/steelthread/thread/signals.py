"""Signals that browsers send for people: Global Privacy Control (header `Sec-GPC: 1`) is an opt-out of sale and sharing.

It is kept in the same transaction as the event that brought it, of the browser and of the login, if there is one: a no of
either counts for the whole person (CCPA 1798.135, 11 CCR 7025). It is heeded everywhere, whatever the place.
"""

from typing import Any

import psycopg

from steelthread import privacy
from steelthread.intake import Message
from steelthread.kit import now, uuid7
from steelthread.privacy import Statement, Tombstones
from steelthread.store import Byteas
from steelthread.thread.consenting import SCOPES
from steelthread.thread.fence import Fence
from steelthread.thread.space import Space

GPC = "globalPrivacyControl"
"""The field of an event's `context` that says that the signal was there."""


class Signals:
    """Heeds signals of one space."""

    def __init__(self, space: Space) -> None:
        self._fence = Fence(space)
        self._stones = Tombstones(space.vault)

    def heed(self, conn: psycopg.Connection[Any], message: Message, source: str, namespace: str) -> None:
        """Keep the opt-out of whoever a message names, in the caller's transaction.

        Not where it stands already, where somebody answered the signal with a yes, and of whoever was erased.
        """
        named = {
            name: SCOPES[kind] for _, name, _, kind in self._fence.named(message, source, namespace) if kind in SCOPES
        }
        standing = conn.execute(
            "select node_hash from privacy.consent_state where node_hash = any(%(names)s) and part = 'c' and purpose = '*sharing' "
            "and channel = '' and verdict < 0 union select node_hash from privacy.consent_event where node_hash = any(%(names)s) "
            "and purpose = '*sharing' and said = 'given' and signal = 'gpc'",
            {"names": Byteas(sorted(named))},
        )
        stays = {bytes(row[0]) for row in standing} | self._stones.among(conn, named)
        moment = now()
        for name in sorted(named.keys() - stays):
            statement = Statement(
                event_id=uuid7(), node=name, scope=named[name], purpose="*sharing", said="opted_out", occurred_at=moment,
                recorded_at=moment, signal="gpc", source=source, method="Sec-GPC: 1",
            )  # fmt: skip
            privacy.append(conn, [statement])
