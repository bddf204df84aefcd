"""The mapper in a process of its own, so that mapping and the database work side by side.

Frames of MessagePack over the child's standard streams, each after its length (4 bytes, big endian). The child ends with
its parent: its input closes. `python -m steelthread.thread.beside` is the child.
"""

import contextlib
import errno
import gc
import os
import queue
import struct
import subprocess
import sys
import threading
from collections.abc import Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import msgspec

from steelthread import intake, kit
from steelthread.identity import load_rules
from steelthread.kit import DISK_FULL, Project, SteelthreadError, Unavailable, open_project
from steelthread.model import load_model
from steelthread.thread.mapper import Ended, Hashed, Mapped, Mapper
from steelthread.vault import open_vault

_LENGTH = struct.Struct(">I")
_AHEAD = 2


class Start(msgspec.Struct, array_like=True):
    """What the child is to do."""

    project: str
    source: str
    path: str
    skip: int
    batch_rows: int


class Want(msgspec.Struct, array_like=True):
    """Which rows of the oldest batch are wanted, and which of them are new."""

    wanted: list[int]
    fresh: set[int]


class Failed(msgspec.Struct, array_like=True, tag="failed"):
    """The child met an error of ours."""

    kind: str
    message: str


_ENCODE = msgspec.msgpack.Encoder().encode
_ANSWER: msgspec.msgpack.Decoder[Hashed | Mapped | Ended | Failed] = msgspec.msgpack.Decoder(
    Hashed | Mapped | Ended | Failed
)


class MapperBeside:
    """Speaks to a mapper in a child process; the same three calls as in-process, made ahead."""

    ahead = _AHEAD

    def __init__(self, project: Project, source: str, path: Path, skip: int) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "steelthread.thread.beside"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._in, self._out = self._child.stdin, self._child.stdout
        self._frames: queue.Queue[bytes] = queue.Queue(maxsize=8)
        self._closing = False
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()
        self._send(Start(str(project.folder), source, str(path), skip, project.settings.load.batch_rows))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        with contextlib.suppress(BrokenPipeError):
            self._in.close()
        self._child.terminate()
        while self._thread.is_alive():
            try:
                self._frames.get(timeout=0.05)
            except queue.Empty:
                continue
        self._out.close()
        self._child.wait()

    def hashed(self) -> Hashed | Ended:
        """Return what the next batch is called."""
        answer = self._receive()
        assert isinstance(answer, Hashed | Ended)
        return answer

    def want(self, wanted: Sequence[int], fresh: Collection[int]) -> None:
        """Ask for rows of the oldest batch not asked for yet."""
        self._send(Want(list(wanted), set(fresh)))

    def mapped(self) -> Mapped:
        """Return the rows asked for."""
        answer = self._receive()
        assert isinstance(answer, Mapped)
        return answer

    def _send(self, message: Start | Want) -> None:
        try:
            write_frame(self._in, _ENCODE(message))
        except BrokenPipeError:
            while True:  # what it said before it went says why, after what it had mapped ahead
                self._receive()

    def _receive(self) -> Hashed | Mapped | Ended:
        frame = self._frames.get()
        if not frame:
            raise self._gone()
        answer = _ANSWER.decode(frame)
        if isinstance(answer, Failed):
            kind: type[SteelthreadError] = getattr(kit, answer.kind, SteelthreadError)
            raise kind(answer.message)
        return answer

    def _gone(self) -> Unavailable:
        return Unavailable(
            f"The process that maps rows has ended (exit {self._child.wait(5)}). What was committed stays: load again to "
            "go on; with `workers = 0` under [load] in steelthread.toml the mapping runs without it."
        )

    def _drain(self) -> None:
        while frame := read_frame(self._out):
            self._frames.put(frame)
            if self._closing:
                return
        self._frames.put(b"")


class MapperHere:
    """The same calls, answered at once in this process."""

    ahead = 1

    def __init__(self, mapper: Mapper) -> None:
        self._mapper = mapper
        self._wanted: tuple[Sequence[int], Collection[int]] = ((), ())
        self.hashed = mapper.hashed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._mapper.close()

    def want(self, wanted: Sequence[int], fresh: Collection[int]) -> None:
        """Say which rows of the batch are wanted."""
        self._wanted = (wanted, fresh)

    def mapped(self) -> Mapped:
        """Return them."""
        return self._mapper.mapped(*self._wanted)


def write_frame(stream: IO[bytes], body: bytes) -> None:
    """Write one frame, all of it: an unbuffered stream (PYTHONUNBUFFERED) takes a part when a signal comes between."""
    rest = memoryview(_LENGTH.pack(len(body)) + body)
    while rest:
        rest = rest[stream.write(rest) :]
    stream.flush()


def read_frame(stream: IO[bytes]) -> bytes:
    """Read one frame; nothing at the end of the stream."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return b""
    body = stream.read(_LENGTH.unpack(head)[0])
    return body if len(body) == _LENGTH.unpack(head)[0] else b""


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Be the child: answer until the requests end."""
    start = msgspec.msgpack.decode(read_frame(requests), type=Start)
    try:
        mapper = _mapper(start)
        wants = msgspec.msgpack.Decoder(Want)
        for _ in range(_AHEAD):
            write_frame(answers, _ENCODE(mapper.hashed()))
        while frame := read_frame(requests):
            want = wants.decode(frame)
            write_frame(answers, _ENCODE(mapper.mapped(want.wanted, want.fresh)))
            write_frame(answers, _ENCODE(mapper.hashed()))
    except SteelthreadError as error:
        write_frame(answers, _ENCODE(Failed(type(error).__name__, str(error))))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        write_frame(answers, _ENCODE(Failed(Unavailable.__name__, DISK_FULL)))  # it writes to the keyring


def _mapper(start: Start) -> Mapper:
    project = open_project(Path(start.project))
    settings = project.settings
    settings.load.batch_rows = start.batch_rows
    model = load_model(project.folder / "model", special=settings.project.special_attributes)
    return Mapper(
        project,
        intake.load_source(project.folder, start.source, model),
        model,
        open_vault(project.keyring, settings.keyring.root_key),
        load_rules(project.folder / "identity.yaml"),
        Path(start.path),
        start.skip,
    )


def main() -> None:
    """Run the child on its standard streams; a parent that goes takes it along."""
    gc.disable()
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main()
