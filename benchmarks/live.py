"""`make bench`: live events over HTTP, durable and folded: batches of 100, half anonymous, a tenth identify, with skew.

    live.py [EVENTS] [RECORDS] [FOLDER]

RECORDS of people (0.57 people each) are loaded before; with FOLDER their project is made there once, and a copy of it is
used from then on. The generator shares the cores: batches are made before the clock starts.
"""

import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from array import array
from collections.abc import Callable
from pathlib import Path

from people import write
from serving import served, spent
from steelthread.app import add_live_source, create_project, draft_source, load_file
from steelthread.kit import open_project
from steelthread.thread import Space

PORT = 8372
PEOPLE, BATCH, CONNECTIONS = 20_000, 100, 16
_PERIOD = 30.0
PAGE = {"url": "https://shop.example/products/tea/green/loose-leaf?colour=green&size=250", "title": "Green tea, loose leaf",
        "referrer": "https://search.example/?q=green+tea"}  # fmt: skip
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


def event(number: int, chance: random.Random) -> dict[str, object]:
    """Return a real-sized event: about 500 bytes."""
    person = int(PEOPLE * chance.random() ** 2)
    said: dict[str, object] = {"messageId": f"m-{number}", "context": {"page": PAGE, "userAgent": AGENT}}
    said["anonymousId" if person % 2 else "userId"] = f"who-{person}"
    kind = chance.random()
    if kind < 0.1:
        return {**said, "type": "identify", "userId": f"who-{person}",
                "traits": {"email": f"who{person}@mail.example", "plan": f"p{number % 9}"}}  # fmt: skip
    if kind < 0.6:
        return {**said, "type": "page", "name": "Product"}
    return {**said, "type": "track", "event": "Product Viewed", "properties": {"product_id": f"p{number % 500}"}}


Maker = Callable[[int, random.Random], dict[str, object]]


class Bodies:
    """Requests made ahead, in a file: one after another they are read and sent."""

    def __init__(self, path: Path, count: int, key: str, first: int = 0, make: Maker = event) -> None:
        chance, self._ends = random.Random(5 + first), array("Q", [0])
        with path.open("wb") as stream:
            for start in range(first, first + count, BATCH):
                batch = [make(number, chance) for number in range(start, start + BATCH)]
                body = json.dumps({"batch": batch, "writeKey": key}).encode()
                stream.write(
                    f"POST /v1/batch HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
                )
                self._ends.append(stream.tell())
        self._stream = path.open("rb", buffering=0)
        self._next = 0

    def take(self) -> bytes:
        """Return the next request; empty when there is none left."""
        start, self._next = self._next, self._next + 1
        if self._next >= len(self._ends):
            return b""
        return self._stream.read(self._ends[start + 1] - self._ends[start])


async def send(bodies: Bodies, port: int = PORT) -> float:
    """Send all over keep-alive connections; return the seconds until all were acknowledged."""

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while request := bodies.take():
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head[:20]:
                raise SystemExit(head.decode())
            length = next(
                int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
            )
            await reader.readexactly(length)

    began = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return time.perf_counter() - began


def status() -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/api/status", timeout=10) as answer:
        found: dict[str, float] = json.loads(answer.read())
        return found


async def watch(rates: list[float]) -> None:
    """Note how many events a second are folded in, period by period."""
    before, at = (await asyncio.to_thread(status))["folded"], time.perf_counter()
    while True:
        await asyncio.sleep(_PERIOD)
        folded, now = (await asyncio.to_thread(status))["folded"], time.perf_counter()
        rates.append((folded - before) / (now - at))
        before, at = folded, now


async def sustain(bodies: Bodies) -> tuple[float, list[float]]:
    """Send all; return the seconds that it took, and the rate of each period."""
    rates: list[float] = []
    watcher = asyncio.create_task(watch(rates))
    sent = await send(bodies)
    watcher.cancel()
    return sent, rates


def known_people(folder: Path, known: int, kept: Path | None) -> None:
    """Make a project in `folder` with so many records of people; a copy of `kept`, which is made where it is not there."""
    if kept is not None and not kept.exists():
        known_people(kept, known, None)
    if kept is not None:
        subprocess.run(["cp", "-a", str(kept), str(folder)], check=True)  # with its owners: PostgreSQL looks at them
        return
    create_project(folder, "bench", "GB")
    project = open_project(folder)
    if known:
        path = folder.with_suffix(".csv")
        write(path, known)
        draft_source(project, "people", path)
        with Space(project) as space:
            load_file(space, "people", path)
            space.database.connect().execute("checkpoint")
        path.unlink()
        time.sleep(project.settings.database.idle_seconds + 5)  # until PostgreSQL has stopped: the folder can be copied


def measure(folder: Path, bodies: Bodies, count: int, known: int) -> None:
    """Send, wait until all is folded in, and say how it went."""
    before, began = spent(folder), time.perf_counter()
    sent, rates = asyncio.run(sustain(bodies))
    while status()["folded"] < count:
        time.sleep(0.02)
    took = time.perf_counter() - began
    used = spent(folder) - before
    print(
        f"{count:,} events, {known:,} records known before: acknowledged at {count / sent:,.0f}/s, "
        f"folded at {count / took:,.0f}/s ({took - sent:.1f} s after the last answer)"
    )
    print("CPU per event: " + ", ".join(f"{name} {used[name] / count * 1e6:.0f} us" for name in sorted(used)))
    print(f"folded per second, every {_PERIOD:.0f} s: " + ", ".join(f"{rate:,.0f}" for rate in rates))


def main(count: int, known: int, kept: Path | None = None) -> None:
    """Know people, serve, send events, wait until they are folded in."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name) / "bench"
        known_people(folder, known, kept)
        with Space(open_project(folder)) as space:
            bodies = Bodies(Path(name) / "bodies", count, add_live_source(space, "web"))
            with served(folder, PORT):
                measure(folder, bodies, count, known)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 100_000,
        int(sys.argv[2]) if len(sys.argv) > 2 else 0,
        Path(sys.argv[3]) if len(sys.argv) > 3 else None,
    )
