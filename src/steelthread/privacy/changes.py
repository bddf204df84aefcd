"""Which answers about people may have become others: so that a gate asks again of those only, and remembers the rest.

Triggers note every change of what is said, of clusters and of tombstones (`privacy.change`), with the number of its
transaction. What the last snapshot of a reader did not show is new to it, however late it was committed: the numbers of a
sequence come before the commit, and a message of NOTIFY after it, so neither would do. A change that is committed counts in
the next transaction that asks (docs/decisions/0012-gates-at-collection.md).
"""

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]
_SINCE = (
    "select pg_current_snapshot()::text, coalesce(pg_current_xact_id_if_assigned()::text, '0'), "
    "(select until > clock_timestamp() from privacy.change_listener), "
    "array(select distinct mark from privacy.change where xid >= pg_snapshot_xmin(%(last)s) "
    "and (xid < pg_snapshot_xmax(pg_current_snapshot()) or xid = pg_current_xact_id_if_assigned()) "
    "and xid <> %(own)s and not pg_visible_in_snapshot(xid, %(last)s))"
)
"""The own changes of the transaction before count as known; those of a transaction to come, from another server, do not."""
_LISTEN = (
    "with former as (select until from privacy.change_listener for update) "
    "update privacy.change_listener set until = clock_timestamp() + %s * interval '1 second' from former "
    "returning former.until > clock_timestamp()"
)
_PRUNE = (
    "delete from privacy.change where (xid < %s or xid >= pg_snapshot_xmax(pg_current_snapshot())) "
    "and (select pg_try_advisory_xact_lock(%s))"
)
_NOTHING = "1:1:"
_LOCK = 7_735_004
_BUCKETS = 1 << 20
_TENDED = 10.0
"""How often what was heard by all is deleted, and that somebody listens is said again."""
_LISTENING = 120
"""For how long it is said that somebody listens."""
_REMEMBERED = 50.0
"""How long ago the last look may have been: what is older than `_KEPT` may have been deleted."""
_KEPT = 90.0


def mark_of(node: bytes) -> int:
    """Return the mark under which changes of a node are noted: one of 2**20, as `privacy.mark` has it."""
    return int.from_bytes(node[:3] if len(node) > 2 else node.ljust(3, b"\0")) >> 4


def mark_of_cluster(cluster: int) -> int:
    """Return the mark of a cluster: below 0, as `privacy.mark` has it."""
    return -1 - cluster % _BUCKETS


class Changes:
    """What changed from one transaction of a process to its next. For one transaction at a time."""

    def __init__(self) -> None:
        self._last = _NOTHING
        """The snapshot of the last look; everything remembered is at least as new."""
        self._own = "0"
        self._looked_at = self._tended_at = -_KEPT
        self._sure_from: int | None = None
        """From this transaction's number on all have known that somebody listens."""
        self._sure = self._settled = False
        self._pasts: deque[tuple[float, int]] = deque()
        """(when a look was, the number below which all transactions had ended)."""

    @property
    def due(self) -> bool:
        """Whether `tend` should be called."""
        return time.monotonic() - self._tended_at > _TENDED

    def tend(self, conn: Connection) -> None:
        """Say that somebody listens, and delete what all have heard; on a connection that commits each statement."""
        began = time.monotonic()
        row = conn.execute(_LISTEN, (_LISTENING,)).fetchone()
        if self._sure_from is None or not (row and row[0]):  # who is under way may not know it yet
            row = conn.execute("select pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()
            assert row is not None
            self._sure_from, self._sure = int(row[0]), False
        self._tended_at = began
        horizon = 0
        while self._pasts and self._pasts[0][0] < began - _KEPT:
            horizon = self._pasts.popleft()[1]
        conn.execute(_PRUNE, (str(horizon), _LOCK))

    def since(self, conn: Connection) -> Sequence[int] | None:
        """Return the marks of what changed since the last look, own changes included; None where anything may have.

        In the transaction that acts upon it, before what is asked anew; call `settled` when it is committed.
        """
        began = time.monotonic()
        with conn.cursor(binary=True) as cursor:
            row = cursor.execute(_SINCE, {"last": self._last, "own": self._own}).fetchone()
        assert row is not None
        snapshot, own, heard, marks = row
        xmin = int(snapshot.split(":", 1)[0])
        listening = bool(heard) and self._sure_from is not None and began - self._tended_at < _LISTENING / 2
        known = self._sure and self._settled and listening and began - self._looked_at < _REMEMBERED
        if not listening:
            self._sure_from = None
        self._sure = self._sure_from is not None and xmin >= self._sure_from
        self._last, self._own, self._looked_at, self._settled = snapshot, own, began, False
        self._pasts.append((began, xmin))
        return marks if known and None not in marks else None

    def settled(self) -> None:
        """Take note that the transaction of the last look is committed: what was learnt in it is true."""
        self._settled = True
