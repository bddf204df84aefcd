"""A connection that writes behind: what is written goes to the server beside the caller's own work, in order.

A batch computes half of its time and waits for the server the other half; on two cores both can go on at once. Whatever
is asked of the connection next waits until all writes have been carried out, so a caller sees no difference but time.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

import psycopg

from steelthread.store.bulk import Connection, copy_packed


class WriteBehind(psycopg.Connection[Any]):
    """A connection with a thread of its own for `copy_rows` and `write`.

    The first error of a write is raised by what is asked next (at the latest by `commit`); the writes after it are left out.
    """

    asker: "Callable[[], Connection] | None" = None
    """Opens the connection of `asked`."""
    held: dict[str, int]
    """The lanes that this transaction has locked, and the turn of each (`Log.turn`)."""
    _asked: "Connection | None" = None
    _beside: ThreadPoolExecutor | None = None
    _writes: "list[Future[bool]]"
    _writer: int = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.held = {}

    @property
    def asked(self) -> "Connection | None":
        """Another connection, on which a question waits for no write: for what this transaction changed nothing about.

        It sees what was committed before, so whoever else may change it has to be kept from it by a lock.
        """
        if self._asked is None and self.asker is not None:
            self._asked = self.asker()
        return self._asked

    def later(self, work: Callable[[Connection], object]) -> None:
        """Have something written beside; it may use the connection as it likes."""
        if self._beside is None:
            self._beside = ThreadPoolExecutor(1, thread_name_prefix="write-behind")
            self._writes = []
        before = self._writes[-1] if self._writes else None
        self._writes.append(self._beside.submit(self._carry_out, work, before))

    def _carry_out(self, work: Callable[[Connection], object], before: "Future[bool] | None") -> bool:
        """Do one piece of work, unless one before it failed; return whether it was done."""
        self._writer = threading.get_ident()
        if before is not None and (before.exception() is not None or not before.result()):
            return False
        work(self)
        return True

    def settle(self) -> None:
        """Wait until everything is written; raise the first error."""
        if self._beside is None or threading.get_ident() == self._writer:
            return
        writes, self._writes = self._writes, []
        for one in writes:
            one.result()

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """Return a cursor, when everything is written."""
        self.settle()
        return super().cursor(*args, **kwargs)

    def commit(self) -> None:
        """Commit what has been written."""
        self.held = {}
        self.settle()
        super().commit()

    def rollback(self) -> None:
        """Take everything back, errors of writes included."""
        self.held = {}
        for one in self._writes if self._beside is not None else ():
            one.exception()
        self._writes = []
        super().rollback()

    def close(self) -> None:
        """Close the connection and end its thread."""
        if self._beside is not None:
            self._beside.shutdown()
            self._beside = None
        if self._asked is not None:
            self._asked.close()
            self._asked = None
        super().close()

    def __enter__(self) -> Self:
        return self


def copy_rows(conn: Connection, target: str, rows: list[bytes]) -> None:
    """COPY rows that are packed already; each begins with its number of columns (int16)."""
    if not rows:
        return
    carry_out(conn, lambda conn: copy_packed(conn, target, rows))


def carry_out(conn: Connection, work: Callable[[Connection], object]) -> None:
    """Do a piece of work of which no answer is wanted; an error of it is raised by what is asked next."""
    if isinstance(conn, WriteBehind):
        conn.later(work)
    else:
        work(conn)


def write(conn: Connection, sql: str, parameters: tuple[Any, ...]) -> None:
    """Execute a statement of which no answer is wanted."""
    carry_out(conn, lambda conn: _execute(conn, sql, parameters))


def _execute(conn: Connection, sql: str, parameters: tuple[Any, ...]) -> None:
    conn.execute(sql, parameters)
