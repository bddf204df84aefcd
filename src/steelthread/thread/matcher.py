"""The matcher: compares new and changed records with all others as they come, as a process of its own.

`[matching] new_records` says when: "stream" compares each record as soon as it is folded in, "interval" what came every few
minutes; "command" leaves it to `steelthread resolve --incremental`. Either way it is the model in force that judges.
"""

import os
import signal
import time
from types import FrameType

import psycopg
import structlog

from steelthread import identity
from steelthread.kit import Project, SteelthreadError
from steelthread.log import channel
from steelthread.thread.batch import LANE as OUTCOMES
from steelthread.thread.newcomers import resolve_new
from steelthread.thread.space import Space

Connection = psycopg.Connection
_LOG = structlog.get_logger()
AT_ONCE = 1000
"""How many records are compared before it is written whom they are: nobody else writes meanwhile."""
_LOOK_SECONDS = 0.5
_LONGEST_PAUSE = 5.0


def matches_by_itself(project: Project) -> bool:
    """Whether new records are compared without being asked to."""
    return project.settings.matching.new_records != "command"


class Matcher:
    """Compares what is new, and listens while nothing is."""

    def __init__(self, space: Space, parent: int = 0) -> None:
        """`parent` is the process with which the matcher goes; 0 for one that stands alone."""
        self._space = space
        self._parent = parent
        self._stopping = False
        settings = space.project.settings.matching
        self._seconds = settings.interval_minutes * 60.0 if settings.new_records == "interval" else 0.0
        self._streams = not self._seconds

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Stop after the present turn."""
        self._stopping = True

    @property
    def _ends(self) -> bool:
        return self._stopping or (self._parent > 0 and os.getppid() != self._parent)

    def run(self) -> None:
        """Work until stopped; a database that goes away is waited for."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        pause = 0.1
        while not self._ends:
            try:
                self._listen()
            except (psycopg.OperationalError, psycopg.InterfaceError, SteelthreadError) as error:
                reason = str(error) if isinstance(error, SteelthreadError) else ""
                _LOG.warning("matcher waits", error=type(error).__name__, reason=reason)
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _listen(self) -> None:
        with self._space.database.connect() as heard:
            heard.autocommit = True
            heard.execute(f"listen {channel(OUTCOMES)}")
            while not self._ends:
                began = time.monotonic()
                while not self._ends and self.turn():
                    pass
                self._wait(heard, began + self._seconds)

    def _wait(self, heard: Connection, until: float) -> None:
        """Wait until something is folded in or, where that does not matter, until the time has come."""
        while not self._ends:
            for _ in heard.notifies(timeout=_LOOK_SECONDS, stop_after=1):
                pass
            if time.monotonic() >= until:
                return

    def turn(self) -> bool:
        """Compare the records that wait, up to so many; return whether more of them wait."""
        with self._space.database.connect() as conn:
            waiting = identity.count_unjudged(conn, AT_ONCE + 1)
        if not waiting:
            return False
        done = resolve_new(self._space, AT_ONCE, noted=not self._streams)
        if done.merged or done.split:
            _LOG.info("matched", records=done.records, merged=done.merged, split=done.split, seconds=done.seconds)
        return waiting > AT_ONCE and done.records > 0
