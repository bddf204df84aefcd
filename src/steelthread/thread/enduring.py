"""A process of its own that works until it is told to stop, or until the server with which it goes has ended."""

import os
import signal
import time
from collections.abc import Callable
from types import FrameType

import psycopg
import structlog

from steelthread.kit import SteelthreadError

_LOG = structlog.get_logger()
_LONGEST_PAUSE = 5.0


class Enduring:
    """Works on and on; a database that goes away is waited for."""

    def __init__(self, name: str, parent: int = 0) -> None:
        """`name` stands in the log; `parent` is the process with which it goes, 0 for one that stands alone."""
        self._name, self._parent = name, parent
        self._stopping = False

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Stop after the present step."""
        self._stopping = True

    @property
    def ends(self) -> bool:
        """Whether it is to end: told so, or left alone."""
        return self._stopping or (self._parent > 0 and os.getppid() != self._parent)

    def endure(self, work: Callable[[], None]) -> None:
        """Do the work until it is to end, again and again where it breaks off."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        pause = 0.1
        while not self.ends:
            try:
                work()
                pause = 0.1
            except (psycopg.OperationalError, psycopg.InterfaceError, SteelthreadError) as error:
                reason = str(error) if isinstance(error, SteelthreadError) else ""
                _LOG.warning(f"{self._name} waits", error=type(error).__name__, reason=reason)
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
