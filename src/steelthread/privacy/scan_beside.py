"""The needle scan of tables and files at once; the files of a large store by processes of their own, a piece at a time.

A process beside gets what it looks for, and pieces, by its standard input, never by its command line; it ends with its
parent. Pieces of one that was killed are searched here.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import msgspec
import psycopg

from steelthread.privacy.needles import Needles
from steelthread.privacy.scan import Hit, Piece, count_files, distinct, pieces_of, search
from steelthread.privacy.scan_tables import scan_database, stands_in

LARGE = 1 << 30
"""Bytes of files from which on processes beside are worth their start."""
_MOST = 4
_JSON = msgspec.json.Encoder().encode
_PIECE = msgspec.json.Decoder(Piece).decode
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
    in_files = stands_in(conn, folder)
    own, further = pieces_of([folder]), pieces_of(more)
    pieces = own + further
    size = sum(piece.size for piece in pieces)
    beside = min(os.cpu_count() or 1, _MOST) if size >= LARGE else 0
    shared = _Shared(pieces)
    with ThreadPoolExecutor(max(beside, 1), "scan") as searchers:
        work = [
            searchers.submit(_search, shared, needles, values if beside else (), derived) for _ in range(max(beside, 1))
        ]
        try:
            tables, hits = scan_database(conn, needles, in_files=in_files)
        except BaseException:
            shared.end()
            raise
        for one in work:
            hits += one.result()
    outside = {piece.path for piece in further}
    inside = distinct(hit for hit in hits if hit.where not in outside)
    return Found(
        tables, count_files(own), inside, count_files(further), distinct(hit for hit in hits if hit.where in outside)
    )


class _Shared:
    """Pieces that several threads take, one after another."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = list(reversed(pieces))
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Piece]:
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


def _search(pieces: _Shared, needles: Needles, values: Sequence[str], derived: bool) -> list[Hit]:  # noqa: FBT001  # it is submitted
    """Search pieces until there are none left: with `values` by a process beside, for as long as it lives."""
    found: list[Hit] = []
    with _Beside(values, derived=derived) if values else _Here() as beside:
        for piece in pieces:
            hits = beside.hits(piece)
            found += search(piece, needles) if hits is None else hits
    return found


class _Here:
    """Nobody beside."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def hits(self, _: Piece) -> list[Hit] | None:
        """Return nothing: it is searched here."""
        return None


class _Beside:
    """A process that searches."""

    def __init__(self, values: Sequence[str], *, derived: bool) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-c", "from steelthread.privacy.scan_beside import main; main()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._lives = True
        self._ask(_JSON((list(values), derived)))

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

    def hits(self, piece: Piece) -> list[Hit] | None:
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
    values, derived = msgspec.json.decode(first, type=tuple[list[str], bool])
    needles = Needles(values, derived=derived)
    with suppress(BrokenPipeError):
        answers.write(b"[]\n")
        answers.flush()
        for line in lines:
            answers.write(_JSON(distinct(search(_PIECE(line), needles))) + b"\n")
            answers.flush()
