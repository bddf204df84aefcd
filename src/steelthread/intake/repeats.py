"""Equal rows of a file without a key: which of them a row is.

A till that sells two equal rolls writes two equal lines. Both happened, so the second one is another record than the
first. It is told apart by its number among its equals, which no order of the rows changes, and which comes out the
same when the file is loaded again or in another file that repeats these lines.
"""

import hashlib
import os
import sqlite3
from collections.abc import Callable, Sequence

_CACHE_KIB = 64 << 10
_MARK = "\x1e"
"""Stands before the number in the cell that is put after the last one of a repeated row; no reader makes such cells."""


class RowText:
    """The text by which rows are compared: what stands in which column, whatever the order of the columns."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._width = len(columns)
        self._places = [(f"{name}\x1f", index) for index, name in sorted(zip(range(len(columns)), columns, strict=True),
                        key=lambda one: one[1])]  # fmt: skip

    def __call__(self, cells: list[str]) -> bytes:
        """Return the row's text; an empty cell is as good as none."""
        said = "\x1f".join([name + cells[index] for name, index in self._places if cells[index]])
        return (said + "".join(cells[self._width :])).encode()


class Repeats:
    """Counts rows as they come by, in constant memory: what does not fit is in a file that goes when this does.

    SQLite keeps a database without a name in memory up to the size of its cache, and then in a nameless file of the
    system's temp folder. Rows are in it as digests under a key that only this object has.
    """

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._base = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._base.executescript(
            f"pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -{_CACHE_KIB};"
            "create table rows (row blob primary key, seen integer not null) without rowid; begin"
        )
        self._ask = self._base.execute

    def number(self, text: bytes) -> int:
        """Return which of its equals a row is, from 1."""
        digest = hashlib.blake2b(text, digest_size=16, key=self._key).digest()
        (seen,) = self._ask(
            "insert into rows values (?, 1) on conflict do update set seen = seen + 1 returning seen", (digest,)
        ).fetchone()
        return int(seen)

    def mark(self, text: Callable[[list[str]], bytes], cells: list[str]) -> None:
        """Count a row, and put the number after its last cell from the second of its equals on."""
        number = self.number(text(cells))
        if number > 1:
            cells.append(f"{_MARK}{number}")

    def close(self) -> None:
        """Let the counts go."""
        self._base.close()


def is_repeat(cells: Sequence[str]) -> bool:
    """Whether a row carries its number among its equals after its last cell."""
    return bool(cells) and cells[-1].startswith(_MARK)
