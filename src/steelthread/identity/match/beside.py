"""Work on two cores: a fork does every other portion and writes what it finds into memory that both see.

Only a process without other threads forks (a fork takes no thread along, but their locks); else two threads share the
work. Nothing touches a disk.
"""

import gc
import mmap
import os
import select
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt

Found = TypeVar("Found")
Page = TypeVar("Page")

PORTION = 1 << 17
"""Pairs that are looked at together."""
_PAGES = 4
"""From so many pages on a fork is worth its while."""
_LENGTH = 8


def can_fork() -> bool:
    """Whether this process may fork."""
    return threading.active_count() == 1 and hasattr(os, "fork")


def shared(shape: tuple[int, ...], kind: type[Any]) -> npt.NDArray[Any]:
    """Return an array of zeros in memory that a fork shares."""
    size = int(np.prod(shape))
    memory = mmap.mmap(-1, max(size, 1) * np.dtype(kind).itemsize)
    return np.frombuffer(memory, dtype=kind, count=size).reshape(shape)


class Beside:
    """A fork at work."""

    def __init__(self, work: Callable[[], None]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # threads of numpy are idle, and take part in nothing
            self._child = os.fork()
        if not self._child:
            status = 1
            try:
                gc.disable()
                work()
                status = 0
            finally:
                os._exit(status)

    def ended_well(self) -> bool:
        """Wait for its end."""
        return os.waitpid(self._child, 0)[1] == 0

    def kill(self) -> None:
        """End it."""
        os.kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)


@contextmanager
def _beside(work: Callable[[], None]) -> Iterator[None]:
    """Have a fork do this meanwhile; what it does not come back from is done here after all."""
    child = Beside(work)
    try:
        yield
    except BaseException:
        child.kill()
        raise
    if not child.ended_well():
        work()


def told_beside(work: Callable[[], bytes], here: Callable[[], Found]) -> tuple[bytes, Found]:
    """Have a fork find something out, and return what it tells through a pipe, and what was done here meanwhile.

    What it does not come back from is done here after all.
    """
    receiving, sending = os.pipe()

    def hand_over() -> None:
        os.close(receiving)
        with os.fdopen(sending, "wb") as stream:
            stream.write(work())

    child = Beside(hand_over)
    os.close(sending)
    with os.fdopen(receiving, "rb") as stream:
        try:
            found = here()
            told = stream.read()
        except BaseException:
            child.kill()
            raise
    return (told if child.ended_well() else work()), found


class Answering:
    """A fork that answers: one question at a time, through pipes. It ends when its questions do."""

    def __init__(self, work: Callable[[bytes], bytes]) -> None:
        asked, self._questions = os.pipe()
        self._answers, told = os.pipe()

        def answer() -> None:
            os.close(self._questions)
            os.close(self._answers)
            with os.fdopen(asked, "rb") as questions, os.fdopen(told, "wb") as answers:
                while (question := _next(questions)) is not None:
                    answers.write(_framed(work(question)))
                    answers.flush()

        self._child = Beside(answer)
        os.close(asked)
        os.close(told)
        self._in, self._out = os.fdopen(self._questions, "wb"), os.fdopen(self._answers, "rb")

    def ask(self, question: bytes) -> None:
        """Ask the fork, which has nothing else to do."""
        with suppress(BrokenPipeError):  # it has ended, and so have its answers
            self._in.write(_framed(question))
            self._in.flush()

    def is_ready(self) -> bool:
        """Whether an answer is there, or begins to be."""
        return bool(select.select([self._out], [], [], 0)[0])

    def answer(self) -> bytes | None:
        """Return the answer, None when the fork has ended before its time."""
        return _next(self._out)

    def close(self) -> None:
        """Have it end, whatever it is at."""
        with suppress(BrokenPipeError):
            self._in.close()
        self._out.close()
        self._child.kill()


def _framed(content: bytes) -> bytes:
    return len(content).to_bytes(_LENGTH, "big") + content


def pages_beside(
    pages: Sequence[Page], work: Callable[[Page], bytes], ended: Callable[[], None] = lambda: None
) -> Iterator[bytes]:
    """Yield what work finds of each page, in their order; a fork does every other one, and tells it through a pipe.

    What it does not come back from is done here after all. `ended` is what it does when it is through.
    """
    if len(pages) < _PAGES or not can_fork():
        yield from map(work, pages)
        return
    receiving, sending = os.pipe()

    def hand_over() -> None:
        os.close(receiving)
        with os.fdopen(sending, "wb") as stream:
            for page in pages[1::2]:
                stream.write(_framed(work(page)))
        ended()

    child = Beside(hand_over)
    os.close(sending)
    with os.fdopen(receiving, "rb") as stream:
        try:
            for number, page in enumerate(pages):
                told = _next(stream) if number % 2 else None
                yield work(page) if told is None else told
        except BaseException:
            child.kill()
            raise
    child.ended_well()


def _next(stream: BinaryIO) -> bytes | None:
    """Return the next thing that a fork tells, None when it has ended before its time."""
    size = int.from_bytes(stream.read(_LENGTH), "big")
    told = stream.read(size)
    return told if size and len(told) == size else None


def in_portions(size: int, work: Callable[[slice], None], portion: int = 0) -> None:
    """Have work done on all of so many items, portion by portion; it writes what it finds into `shared` arrays."""
    most = portion or PORTION
    parts = [slice(start, start + most) for start in range(0, size, most)]
    if parts:
        work(parts[0])  # what is made once, is made before a fork would make it again
    if len(parts) < 3:
        for part in parts[1:]:
            work(part)
    elif can_fork():

        def other() -> None:
            for part in parts[2::2]:
                work(part)

        with _beside(other):
            for part in parts[1::2]:
                work(part)
    else:
        with ThreadPoolExecutor(2) as threads:
            for _ in threads.map(work, parts[1:]):
                pass
