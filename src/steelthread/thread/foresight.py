"""What the database says of the next events, asked on another connection while it still writes what a step gave.

Which of them came before, and what stands under their records' names. Nobody changes either beside whoever holds the
reader's position and the identity lane; what the step itself wrote is left out of the question, or known already.
"""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import msgspec
import psycopg

from steelthread import intake
from steelthread.intake import RecordRow
from steelthread.thread.told import Told

Connection = psycopg.Connection[Any]


class Foreseen(msgspec.Struct):
    """What was asked, and the answers."""

    names: Collection[bytes] = frozenset()
    """Names of messages of which it was asked whether they came before."""
    came: Collection[bytes] = frozenset()
    """Those that did."""
    hashes: Collection[bytes] = frozenset()
    """Key hashes of records that were looked up."""
    records: Mapping[bytes, RecordRow] = msgspec.field(default_factory=dict)
    """What stands under them."""


NOTHING = Foreseen()


class Foresight:
    """Asks beside; one question at a time."""

    def __init__(self) -> None:
        self._beside: ThreadPoolExecutor | None = None
        self._asked: Future[Foreseen] | None = None

    def ask(self, conn: Connection, coming: Sequence[Told], last: Sequence[Told], written: Collection[bytes]) -> None:
        """Begin to ask of events that come after the last ones, whose step is not committed yet; it may have `written` these."""
        if self._beside is None:
            self._beside = ThreadPoolExecutor(1, thread_name_prefix="foresight")
        self._asked = self._beside.submit(_answered, conn, coming, last, written)

    def take(self) -> Foreseen:
        """Return what was asked last; it is told once."""
        asked, self._asked = self._asked, None
        return asked.result() if asked else NOTHING

    def close(self) -> None:
        """End the thread."""
        if self._beside is not None:
            self._beside.shutdown()
        self._beside = self._asked = None


def _answered(conn: Connection, coming: Sequence[Told], last: Sequence[Told], written: Collection[bytes]) -> Foreseen:
    names = {one.name for one in coming}
    hashes = {each.key_hash for one in coming for each in one.prepared}.difference(written)
    came = intake.messages_before(conn, names) | names.intersection(one.name for one in last)
    return Foreseen(names, came, hashes, intake.records_by_hash(conn, hashes))
