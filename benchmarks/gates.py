"""What the gates cost the collection of live events: the same events through the collector and into the profiles, in turns.

Two projects side by side, rounds in turns so that both meet the same machine. One has nothing to ask: no purpose, nobody
erased, no signal. In the other every gate asks: its source collects for a purpose and ties devices for another, both by
consent; people were erased; browsers send what they chose with each event, and one of twenty the signal of GPC.
`gates.py ROUNDS EVENTS`; it prints the throughput of both and what the gates take away.
One event of twenty is of a browser that was never seen before.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from steelthread.app import add_live_source, create_project
from steelthread.intake import LiveSource, Message, live_sources
from steelthread.kit import open_project
from steelthread.privacy import Tombstones
from steelthread.thread import GPC, Collector, LiveThread, Space

PURPOSES = """purposes:
  operations: {legalBasis: contract}
  analytics: {legalBasis: consent, effect: profiling, alsoKnownAs: ["category:Statistics"]}
  linking: {legalBasis: consent, alsoKnownAs: ["category:Linking"]}
"""
FILE = "kind: live\npurpose: analytics\nlink_purpose: linking\n"
CHOICE = {"consent": {"categoryPreferences": {"Statistics": True, "Linking": True}}}
BATCH, PEOPLE = 100, 5_000


class Side:
    """A project, with its collector and its worker."""

    def __init__(self, folder: Path, *, gates: bool) -> None:
        create_project(folder, folder.name, "GB")
        self.gates, self._sent = gates, 0
        if gates:
            (folder / "purposes.yaml").write_text(PURPOSES)
        self.space = Space(open_project(folder))
        add_live_source(self.space, "web")
        if gates:
            (folder / "sources" / "web.yaml").write_text(FILE)
            with self.space.database.connect() as conn:
                stones = Tombstones(self.space.vault)
                stones.set(conn, uuid4(), datetime.now(UTC), [stones.token(f"{one}".encode()) for one in range(1000)])
                conn.commit()
        self._collector = Collector(self.space, self.space.database.pool())
        self._conn, self._thread = self.space.writer(), LiveThread(self.space)

    def _events(self, count: int) -> list[list[Message]]:
        at = int(time.time() * 1_000_000)
        made = []
        for number in range(self._sent, self._sent + count):
            person, context = PEOPLE + number if number % 20 == 7 else number * 7919 % PEOPLE, {}
            if self.gates:
                context = {**CHOICE, **({GPC: True} if person % 20 == 0 else {})}
            made.append(
                Message(
                    f"m{number}", "track", at, at, event="Product Viewed", anonymous_id=f"a{person}",
                    user_id=f"u{person}" if person % 2 else "", properties={"product_id": f"p{number % 500}"}, context=context,
                )
            )  # fmt: skip
        self._sent += count
        return [made[start : start + BATCH] for start in range(0, count, BATCH)]

    def round(self, count: int) -> tuple[float, float]:
        """Collect and fold so many events in; return the seconds of both."""
        batches, source = self._events(count), LiveSource("web", 1)

        async def collect() -> None:
            await asyncio.gather(*(self._collector.accept(source, batch) for batch in batches))

        began = time.perf_counter()
        asyncio.run(collect())
        collected = time.perf_counter() - began
        began = time.perf_counter()
        while self._thread.step(self._conn).read:
            pass
        return collected, time.perf_counter() - began


def main(rounds: int, events: int) -> None:
    """Measure in turns."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        sides = [Side(Path(name) / "open", gates=False), Side(Path(name) / "gated", gates=True)]
        took: list[list[tuple[float, float]]] = [[], []]
        for number in range(rounds + 1):
            for place, side in enumerate(sides):
                found = side.round(events)
                if number:  # the first round meets everybody for the first time, and fills what is remembered
                    took[place].append(found)
        rates = []
        for what, found in zip(("without", "with all gates"), took, strict=True):
            rate = statistics.median(events / (collected + folded) for collected, folded in found)
            rates.append(rate)
            collect, fold = (statistics.median(one[part] for one in found) / events * 1e6 for part in (0, 1))
            print(f"{what}: {rate:,.0f} events/s (collected {collect:.0f} us, folded in {fold:.0f} us each)")
        print(
            f"the gates take {1 - rates[1] / rates[0]:.1%} of the throughput away ({rounds} rounds of {events:,} events)"
        )
        with sides[1].space.database.connect() as conn:
            row = conn.execute("select count(*) from privacy.consent_event").fetchone()
            print(f"{live_sources(conn)} source, {row[0] if row else 0:,} statements of consent")
        for side in sides:
            side.space.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, int(sys.argv[2]) if len(sys.argv) > 2 else 5_000)
