"""The needle scan of tables and files at once; a large store by processes of their own, a piece of it at a time.

A process beside gets what it looks for, how it connects, and pieces, by its standard input, never by its command line; it
ends with its parent. The piece of one that was killed is searched here.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import msgspec
import psycopg
from psycopg.conninfo import make_conninfo

from steelthread.privacy.needles import Needles
from steelthread.privacy.scan import Hit, Piece, count_files, distinct, pieces_of, search
from steelthread.privacy.scan_tables import Question, questions_of, search_table, stands_in

LARGE = 1 << 29
"""Bytes of files from which on processes beside are worth their start."""
_MOST = 4
_JSON = msgspec.json.Encoder().encode
Part = Piece | Question
_PART: Callable[[bytes], Part] = msgspec.json.Decoder(Part).decode
_HITS = msgspec.json.Decoder(list[Hit]).decode


class Found(msgspec.Struct):
    """What a scan of everything found, and in how many tables and files it looked."""

    tables: int
    files: int
    hits: list[Hit]
    more_files: int = 0
    more_hits: list[Hit] = []
    """What is in further folders."""


def scan_everything(
    conn: "psycopg.Connection[Any]", folder: Path, values: Sequence[str], *, derived: bool, more: Sequence[Path] = ()
) -> Found:
    """Search all tables, and all files below a folder, both at once; and those below further folders, told apart."""
    needles = Needles(values, derived=derived)
    tables, questions = questions_of(conn, in_files=stands_in(conn, folder))
    own, further = pieces_of([folder]), pieces_of(more)
    if sum(piece.size for piece in own + further) < LARGE:
        with ThreadPoolExecutor(1, "scan") as here:
            files = here.submit(lambda: [hit for piece in own + further for hit in search(piece, needles)])
            hits = [hit for one in questions for hit in search_table(conn, one, needles)] + files.result()
    else:
        hits = _shared_out(conn, [*questions, *own, *further], values, needles, derived=derived)
    outside = {piece.path for piece in further}
    inside = distinct(hit for hit in hits if hit.where not in outside)
    return Found(
        tables, count_files(own), inside, count_files(further), distinct(hit for hit in hits if hit.where in outside)
    )


def _shared_out(
    conn: "psycopg.Connection[Any]", pieces: Sequence[Part], values: Sequence[str], needles: Needles, *, derived: bool
) -> list[Hit]:
    """Have processes beside search all pieces; what none of them did is done here."""
    reach = make_conninfo(conn.info.dsn, password=conn.info.password)
    start = _JSON((list(values), derived, reach))
    shared = _Shared(pieces)
    count = min(os.cpu_count() or 1, _MOST)
    with ThreadPoolExecutor(count, "scan") as askers:
        try:
            told = [one.result() for one in [askers.submit(_asked, shared, start) for _ in range(count)]]
        except BaseException:
            shared.end()
            raise
    hits = [hit for found, _ in told for hit in found]
    for piece in [*shared, *(piece for _, left in told for piece in left)]:
        hits += search_table(conn, piece, needles) if isinstance(piece, Question) else search(piece, needles)
    return hits


class _Shared:
    """Pieces that several threads take, one after another."""

    def __init__(self, pieces: Sequence[Part]) -> None:
        self._pieces = list(reversed(pieces))
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Part]:
        while True:
            with self._lock:
                if not self._pieces:
                    return
                piece = self._pieces.pop()
            yield piece

    def end(self) -> None:
        """Have nobody take another one."""
        with self._lock:
            self._pieces.clear()


def _asked(pieces: _Shared, start: bytes) -> tuple[list[Hit], list[Part]]:
    """Have a process beside search pieces until there are none left, or it dies; return the hits, and the piece that is left."""
    found: list[Hit] = []
    with _Beside(start) as beside:
        for piece in pieces:
            hits = beside.hits(piece)
            if hits is None:
                return found, [piece]
            found += hits
    return found, []


class _Beside:
    """A process that searches."""

    def __init__(self, start: bytes) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-c", "from steelthread.privacy.scan_beside import main; main()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._lives = True
        self._ask(start)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        with suppress(BrokenPipeError):
            self._child.stdin.close()
        self._child.stdout.close()
        self._child.terminate()
        self._child.wait()

    def hits(self, piece: Part) -> list[Hit] | None:
        """Return what is in a piece; None when the process has died."""
        line = self._ask(_JSON(piece)) if self._lives else b""
        return _HITS(line) if line else None

    def _ask(self, line: bytes) -> bytes:
        """Return the answer; nothing when there is none any more."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        try:
            self._child.stdin.write(line + b"\n")
            self._child.stdin.flush()
            answer = self._child.stdout.readline()
        except BrokenPipeError:
            answer = b""
        self._lives = answer.endswith(b"\n")
        return answer if self._lives else b""


def main() -> None:
    """Be the process beside: search pieces until there are no more."""
    lines, answers = sys.stdin.buffer, sys.stdout.buffer
    first = lines.readline()
    if not first:
        return
    values, derived, reach = msgspec.json.decode(first, type=tuple[list[str], bool, str])
    needles = Needles(values, derived=derived)
    with suppress(BrokenPipeError), psycopg.connect(reach, autocommit=True) as conn:
        answers.write(b"[]\n")
        answers.flush()
        for line in lines:
            piece = _PART(line)
            found = search_table(conn, piece, needles) if isinstance(piece, Question) else search(piece, needles)
            answers.write(_JSON(distinct(found)) + b"\n")
            answers.flush()
