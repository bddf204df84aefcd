"""The worker: folds received events in as they come, as a process of its own, until it is told to stop."""

import math
import time
from datetime import timedelta

import psycopg
import structlog

from steelthread.intake import forget_messages, forget_volume
from steelthread.kit import Unavailable, now, place_of
from steelthread.log import channel
from steelthread.profiles import forget_old
from steelthread.thread.ahead import LANE
from steelthread.thread.alerting import troubled_sources, watch_volumes
from steelthread.thread.computing import fill_traits, sync_traits
from steelthread.thread.enduring import Enduring
from steelthread.thread.live import MOST, READER, LiveThread
from steelthread.thread.load import hurried
from steelthread.thread.space import Space
from steelthread.thread.types import LANE as OUTCOMES

_LOG = structlog.get_logger()
_TIDY_SECONDS = 300.0
_VOLUME_DAYS = 35
_FILL_SECONDS = 0.5
"""So often it is asked whether a trait has to be filled, while none is: half a second is what an idle worker waits, too."""
_SPARE_KEYS = 64
"""Data keys made ahead: a step of few events, whose senders wait for it, does not wait for the keyring's disk."""


class Worker(Enduring):
    """Steps while there is something to fold in, and listens while there is not."""

    def __init__(self, space: Space, parent: int = 0) -> None:
        """`parent` is the process with which the worker goes; 0 for a worker that stands alone."""
        super().__init__("worker", parent)
        self._space = space
        self._tidied = time.monotonic()

    def run(self) -> None:
        """Work until stopped."""
        with hurried():
            self.endure(self._work)

    def _work(self) -> None:
        thread = LiveThread(self._space)
        with thread.hastened(), self._space.forgetting(), self._space.vault.with_spare(_SPARE_KEYS):
            self._fold(thread)

    def _fold(self, thread: LiveThread) -> None:
        """Fold in until it is told to stop, or the process beside has to be started anew."""
        with self._space.database.connect() as conn:
            sync_traits(self._space, conn, OUTCOMES)
            thread.troubled |= troubled_sources(conn)
        with self._space.database.connect() as heard, self._space.writer() as conn:
            heard.autocommit = True
            heard.execute(f"listen {channel(LANE)}")
            filled, asked = 0, -math.inf
            while not (self.ends or thread.is_lame):
                if filled or time.monotonic() - asked >= _FILL_SECONDS:
                    filled, asked = fill_traits(self._space, conn, OUTCOMES), time.monotonic()
                done = self._step(thread, conn) + (thread.mend(conn) if thread.troubled else 0)
                self._tidy(conn)
                if done + filled == 0:
                    for _ in heard.notifies(timeout=0.5, stop_after=1):
                        pass

    def _step(self, thread: LiveThread, conn: psycopg.Connection) -> int:
        """Take a step; where it fails, take smaller ones until the event that cannot be folded in stands alone."""
        most = MOST
        while True:
            try:
                return thread.step(conn, most).read
            except (psycopg.OperationalError, psycopg.InterfaceError, Unavailable):
                raise
            except Exception as error:  # noqa: BLE001  # the loop's edge: one event must not stop all others
                conn.rollback()
                thread.forget_sources()
                _LOG.warning("a batch cannot be folded in", events=most, error=type(error).__name__, at=place_of(error))
                if most == 1:
                    return thread.set_aside(conn, error).read
                most = max(1, most // 16)

    def _tidy(self, conn: psycopg.Connection) -> None:
        """Let go of what is kept long enough: received events after a day, ids of messages after their window."""
        if time.monotonic() - self._tidied < _TIDY_SECONDS:
            return
        self._tidied = time.monotonic()
        days = self._space.project.settings.live.deduplicate_days
        forget_messages(conn, now() - timedelta(days=days))
        forget_volume(conn, now() - timedelta(days=_VOLUME_DAYS))
        watch_volumes(self._space, conn, now())
        forget_old(conn, now())
        self._space.log.forget_read(conn, READER, LANE, self._space.project.settings.live.received_hours)
        conn.commit()
