"""What the gates cost the collection of live events: the same events over HTTP, with and without, in turns.

    gates.py [ROUNDS] [EVENTS]

Two projects are served side by side, rounds in turns so that both meet the same machine: batches of 100, real-sized
events, over keep-alive connections as fast as they are answered, until all are durable and folded in. One project asks
nothing: no purpose, nobody erased. In the other every gate asks: its source collects for a purpose and ties devices for
another, both by consent; people were erased; browsers send what they chose with each event, one browser of twenty the
signal of GPC. The events are the same but for the name of the field in which that stands. One of twenty is of a browser or a
login that was never seen before.
"""

import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import live
from serving import Client, served, spent
from steelthread.app import add_live_source, create_project
from steelthread.kit import open_project
from steelthread.privacy import Tombstones
from steelthread.thread import Space

PURPOSES = """purposes:
  operations: {legalBasis: contract}
  analytics: {legalBasis: consent, effect: profiling, alsoKnownAs: ["category:Statistics"]}
  linking: {legalBasis: consent, alsoKnownAs: ["category:Linking"]}
"""
FILE = "kind: live\npurpose: analytics\nlink_purpose: linking\n"
CHOICE = {"categoryPreferences": {"Statistics": True, "Linking": True}}
ERASED = 1_000
_NEWCOMERS = 10_000_000


class Side:
    """A project, and what its rounds gave."""

    def __init__(self, folder: Path, *, gates: bool) -> None:
        create_project(folder, folder.name, "GB")
        self.folder, self._fields = (
            folder,
            ("consent", "globalPrivacyControl") if gates else ("chosen", "someSignalOfTheAgent"),
        )
        self._sent = 0
        self.rounds: list[tuple[float, float]] = []
        """Seconds per event, until all were acknowledged and until all were folded in."""
        if gates:
            (folder / "purposes.yaml").write_text(PURPOSES)
        with Space(open_project(folder)) as space:
            self._key = add_live_source(space, "web")
            if gates:
                (folder / "sources" / "web.yaml").write_text(FILE)
                with space.database.connect() as conn:
                    stones = Tombstones(space.vault)
                    tokens = [stones.token(f"{one}".encode()) for one in range(ERASED)]
                    stones.set(conn, uuid4(), datetime.now(UTC), tokens)
                    conn.commit()

    def _event(self, number: int, chance: random.Random) -> dict[str, object]:
        said = live.event(number, chance)
        who = number if number < live.PEOPLE else _NEWCOMERS + number if number % 20 == 7 else None
        if who is not None:
            said["anonymousId" if who % 2 else "userId"] = f"who-{who}"
        context = dict(said["context"])  # type: ignore[call-overload]
        choice, signal = self._fields
        context[choice] = CHOICE
        name = str(said.get("anonymousId") or said["userId"])
        if int(name.removeprefix("who-")) % 20 == 3:
            context[signal] = True
        return {**said, "context": context}

    def round(self, port: int, count: int) -> None:
        """Send so many events, and wait until all are folded in."""
        bodies = live.Bodies(self.folder.parent / "bodies", count, self._key, self._sent, self._event)
        self._sent += count
        began = time.perf_counter()
        sent = asyncio.run(live.send(bodies, port))
        asyncio.run(_folded(port, self._sent))
        self.rounds.append((sent / count, (time.perf_counter() - began) / count))

    def analyze(self) -> None:
        """Have PostgreSQL look at its tables, as it does by itself a minute after they were filled."""
        with Space(open_project(self.folder)) as space, space.database.connect() as conn:
            conn.autocommit = True
            conn.execute("analyze")


async def _folded(port: int, count: int) -> None:
    client = await Client(port).open()
    while True:
        _, body = await client.ask("GET", "/api/status")
        if json.loads(body)["folded"] >= count:
            return
        await asyncio.sleep(0.02)


def main(rounds: int, events: int) -> None:
    """Measure in turns."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, ExitStack() as stack:
        sides = [Side(Path(name) / "open", gates=False), Side(Path(name) / "gated", gates=True)]
        ports = [stack.enter_context(served(side.folder)) for side in sides]
        before = []
        for number in range(rounds + 1):
            if number == 1:  # the first round meets everybody for the first time
                before = [spent(side.folder) for side in sides]
            for place in (0, 1) if number % 2 else (1, 0):
                sides[place].round(ports[place], events if number else live.PEOPLE)
                if not number:
                    sides[place].analyze()
        for what, side, earlier in zip(("without", "with all gates"), sides, before, strict=True):
            used = spent(side.folder) - earlier
            sent, folded = (1 / statistics.median(one[part] for one in side.rounds[1:]) for part in (0, 1))
            cpu = ", ".join(
                f"{part} {used[part] / rounds / events * 1e6:.0f}" for part in ("server", "worker", "PostgreSQL")
            )
            print(
                f"{what}: acknowledged at {sent:,.0f}/s, durable and folded in at {folded:,.0f}/s; us of CPU per event: {cpu}"
            )
        for part, what in enumerate(("acknowledging", "collecting and folding in")):
            cost = [
                1 - bare[part] / gated[part] for bare, gated in zip(*(side.rounds[1:] for side in sides), strict=True)
            ]
            print(
                f"the gates take {statistics.median(cost):.1%} of the throughput of {what} away "
                f"(median of {rounds} rounds of {events:,} events; {min(cost):.1%} to {max(cost):.1%})"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 6, int(sys.argv[2]) if len(sys.argv) > 2 else 20_000)
