"""`make bench`: what an event costs when ten million are stored, beside what it costs at a hundred thousand.

    growth.py [EVENTS] [FOLDER]

EVENTS are sent to one project and folded (with FOLDER it is made there once and kept: another call goes on where the
last one ended); 100,000 to another. Then both get 200,000 more each, in turns, twice. Beside the 20,000 people of
live.py another 20,000 come by now and then, about ten events each: those that erasure.py forgets.
"""

import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from live import PEOPLE, PORT, Bodies, event, send, status
from serving import served
from steelthread.app import add_live_source, create_project
from steelthread.kit import open_project
from steelthread.thread import Space

SMALL, WINDOW, STEP = 100_000, 200_000, 500_000
CALM = 0.02


def visit(number: int, chance: random.Random) -> dict[str, object]:
    """Return an event as live.py does; a few are of people who come seldom."""
    said = event(number, chance)
    if chance.random() < CALM:
        said.pop("anonymousId", None)
        said["userId"] = f"calm-{int(PEOPLE * chance.random())}"
        if said["type"] == "identify":
            said["traits"] = {"email": f"{said['userId']}@mail.example"}
    return said


class Sender:
    """Sends events that nobody sent before to a served project."""

    def __init__(self, key: str) -> None:
        self._key = key

    def stored(self) -> int:
        """Return how many events were accepted so far."""
        return int(status()["accepted"])

    def take(self, count: int) -> float:
        """Send so many events and wait until they are folded; return the seconds."""
        first = self.stored()
        with tempfile.TemporaryDirectory() as name:
            bodies = Bodies(Path(name) / "bodies", count, self._key, first, visit)
            began = time.perf_counter()
            asyncio.run(send(bodies))
            while status()["folded"] < first + count:
                time.sleep(0.02)
            return time.perf_counter() - began


@contextmanager
def sending(folder: Path) -> Iterator[Sender]:
    """Serve a project, which is made where it is not there, until the block ends."""
    if not folder.exists():
        create_project(folder, "bench", "GB")
    with Space(open_project(folder)) as space:
        key = add_live_source(space, f"web{time.time():.0f}")
    with served(folder, PORT):
        yield Sender(key)


def fill(folder: Path, events: int) -> None:
    """Bring a project to so many events."""
    with sending(folder) as sender:
        while (missing := events - sender.stored()) > 0:
            count = min(missing, STEP)
            took = sender.take(count)
            print(f"{sender.stored():,} events stored; the last {count:,} at {count / took:,.0f}/s", flush=True)


def main(events: int, kept: Path | None) -> None:
    """Fill both, then measure them in turns."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        small, large = Path(name) / "small", kept or Path(name) / "large"
        fill(small, SMALL)
        fill(large, events)
        took = {small: 0.0, large: 0.0}
        for folder in (small, large) * 2:
            with sending(folder) as sender:
                took[folder] += sender.take(WINDOW)
        per_event = {folder: seconds / WINDOW / 2 * 1e6 for folder, seconds in took.items()}
        print(
            f"an event takes {per_event[small]:.0f} us with {SMALL:,} stored, {per_event[large]:.0f} us with "
            f"{events:,}: {per_event[large] / per_event[small]:.2f} times"
        )


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000, Path(sys.argv[2]) if len(sys.argv) > 2 else None)
