"""Hearing of new facts (LISTEN/NOTIFY): one connection of a process listens, and whoever waits in it is woken."""

import asyncio
import threading
from typing import Any

import psycopg
import structlog

from steelthread.kit import SteelthreadError
from steelthread.log import channel
from steelthread.thread.space import Space
from steelthread.thread.types import LANE as OUTCOMES

_LOG = structlog.get_logger()
_PAUSE = 0.5
_RETRY = 2.0


class Heard:
    """Wakes those who wait for a fact on the identity lane; started by the first of them."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self.times = 0
        """How often something was heard of."""

    async def wait(self, seconds: float, since: int | None = None) -> None:
        """Return when something is appended, or was after the count of `times` said so, or after so many seconds."""
        self._start()
        one = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            if since is not None and since != self.times:
                return
            self._waiting.add(one)
        try:
            await asyncio.wait_for(one[1].wait(), seconds)
        except TimeoutError:
            return
        finally:
            with self._lock:
                self._waiting.discard(one)

    def stop(self) -> None:
        """Listen no longer."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name="heard", daemon=True)
                self._thread.start()

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._space.database.connect() as conn:
                    self._hear(conn)
            except (psycopg.OperationalError, SteelthreadError) as error:
                _LOG.warning("listening waits for the database", error=type(error).__name__)
                self._stopping.wait(_RETRY)

    def _hear(self, conn: psycopg.Connection[Any]) -> None:
        conn.autocommit = True
        conn.execute(f"listen {channel(OUTCOMES)}")
        self._wake()  # what was appended before listening began
        while not self._stopping.is_set():
            for _ in conn.notifies(timeout=_PAUSE, stop_after=1):
                self._wake()

    def _wake(self) -> None:
        with self._lock:
            self.times += 1
            woken, self._waiting = self._waiting, set()
        for loop, event in woken:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)
