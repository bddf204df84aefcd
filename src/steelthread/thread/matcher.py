"""The matcher: compares new and changed records with all others as they come, as a process of its own.

`[matching] new_records` says when: "stream" compares each record as soon as it is folded in, "interval" what came every few
minutes; "command" leaves it to `steelthread resolve --incremental`. Either way it is the model in force that judges.
"""

import time

import psycopg
import structlog

from steelthread import identity
from steelthread.kit import Project
from steelthread.log import channel
from steelthread.thread.enduring import Enduring
from steelthread.thread.newcomers import resolve_new
from steelthread.thread.space import Space
from steelthread.thread.types import LANE as OUTCOMES

Connection = psycopg.Connection
_LOG = structlog.get_logger()
AT_ONCE = 1000
"""How many records are compared before it is written whom they are: nobody else writes meanwhile."""
_LOOK_SECONDS = 0.5


def matches_by_itself(project: Project) -> bool:
    """Whether new records are compared without being asked to."""
    return project.settings.matching.new_records != "command"


class Matcher(Enduring):
    """Compares what is new, and listens while nothing is."""

    def __init__(self, space: Space, parent: int = 0) -> None:
        """`parent` is the process with which the matcher goes; 0 for one that stands alone."""
        super().__init__("matcher", parent)
        self._space = space
        settings = space.project.settings.matching
        self._seconds = settings.interval_minutes * 60.0 if settings.new_records == "interval" else 0.0
        self._streams = not self._seconds

    def run(self) -> None:
        """Work until stopped."""
        self.endure(self._listen)

    def _listen(self) -> None:
        with self._space.database.connect() as heard:
            heard.autocommit = True
            heard.execute(f"listen {channel(OUTCOMES)}")
            while not self.ends:
                began = time.monotonic()
                while not self.ends and self.turn():
                    pass
                self._wait(heard, began + self._seconds)

    def _wait(self, heard: Connection, until: float) -> None:
        """Wait until something is folded in or, where that does not matter, until the time has come."""
        while not self.ends:
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
