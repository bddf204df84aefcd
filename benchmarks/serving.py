"""A served project for benchmarks: `serve` as a process of its own, waited for, asked over keep-alive connections."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 60.0
Answer = tuple[int, bytes]


@contextmanager
def served(folder: Path, port: int = 0) -> Iterator[int]:
    """Serve a project until the block ends; yield the port, a free one where none is named."""
    if not port:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    command = [sys.executable, "-m", "steelthread", "serve", "--port", str(port), "--project", str(folder)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        _wait(server, port)
        yield port
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


def _wait(server: "subprocess.Popen[bytes]", port: int) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
        except OSError:
            if server.poll() is not None or time.monotonic() > until:
                raise SystemExit("The server did not start.") from None
            time.sleep(0.1)
        else:
            return


class Client:
    """A keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def open(self) -> "Client":
        """Connect."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def ask(self, method: str, path: str, body: bytes = b"", key: str = "") -> Answer:
        """Return status and body of an answer."""
        head = f"{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n"
        head += f"Authorization: Bearer {key}\r\n" if key else ""
        self._writer.write(head.encode() + b"\r\n" + body)
        said = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(said.split(b"content-length:")[1].split(b"\r\n")[0])
        return int(said[9:12]), await self._reader.readexactly(length)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


def spent(folder: Path) -> Counter[str]:
    """Return the seconds of CPU that the project's processes and this one have used so far."""
    found: Counter[str] = Counter()
    for one in Path("/proc").glob("[0-9]*"):
        try:
            fields = (one / "stat").read_text().rsplit(")", 1)[1].split()
            command = (one / "cmdline").read_bytes()
            is_database = (one / "cwd").readlink().is_relative_to(folder)
        except OSError:
            continue
        seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        if int(one.name) == os.getpid():
            found["generator"] += seconds
        elif is_database:
            found["PostgreSQL"] += seconds
        elif str(folder).encode() in command and b"serve" in command:
            found["worker" if b"worker" in command else "server"] += seconds
    return found
