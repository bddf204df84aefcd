"""Erasures to the certificate, scan of every table and file included.

    erasure.py [PEOPLE] [ERASURES] [--batch]
    erasure.py --project FOLDER [ERASURES] [--batch]

One after another, or with `--batch` all in one. Each person has an address, a phone, a card and five orders; or they
are those of growth.py who come seldom, in a copy of the project that growth.py has kept in FOLDER.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

from steelthread.app import create_project, draft_source, load_file
from steelthread.kit import NotFound, open_project
from steelthread.rights import batches, erase, erase_batch
from steelthread.thread import Space

ALONE = 5
"""Erasures one by one after a batch, where scanning takes long."""
ORDERS = """name: orders
key: order
party: {source: crm, entity: Individual, key: customer}
entities:
  - entity: SalesOrder
    attributes: {orderNumber: order, purchaseOrderDate: at, grandTotalAmount: total, currencyCode: {constant: GBP}}
"""


def fill(space: Space, people: int) -> None:
    folder = space.project.folder
    with (folder / "crm.csv").open("w") as file:
        file.write("customer_id,first_name,last_name,email,phone,loyalty_number\n")
        for one in range(people):
            file.write(f"{one},Kim,Other{one},kim{one}@example.org,+44207{one:07},LN-{one:08}\n")
    with (folder / "orders.csv").open("w") as file:
        file.write("order,customer,at,total\n")
        for one in range(people * 5):
            file.write(f"o{one},{one // 5},2026-01-02,10.00\n")
    draft_source(space.project, "crm", folder / "crm.csv")
    (space.project.sources / "orders.yaml").write_text(ORDERS)
    load_file(space, "crm", folder / "crm.csv")
    load_file(space, "orders", folder / "orders.csv")
    with space.database.connect() as conn:
        conn.autocommit = True
        conn.execute("analyze")


def main(people: int, erasures: int, *, batch: bool) -> None:
    """Load people, and erase some of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "project"
        create_project(folder, "bench", "GB")
        with Space(open_project(folder)) as space:
            began = time.perf_counter()
            fill(space, people)
            print(
                f"{people:,} people, {people * 5:,} orders, loaded in {time.perf_counter() - began:.0f} s", flush=True
            )
            refs = [f"email:kim{one * (people // erasures)}@example.org" for one in range(erasures)]
            (all_at_once if batch else one_by_one)(space, refs)


def of_project(kept: Path, erasures: int, *, batch: bool) -> None:
    """Erase those who come seldom in a project of growth.py, and then some alone, in a copy that is removed in the end."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name) / "project"
        subprocess.run(["cp", "-a", str(kept), str(folder)], check=True)  # with its owners: PostgreSQL looks at them
        with Space(open_project(folder)) as space:
            with space.database.connect() as conn:
                row = conn.execute("select count(*), pg_database_size(current_database()) >> 20 from profiles.event")
                events, size = row.fetchone() or (0, 0)
            print(f"{events:,} events, {size:,} MB in the database", flush=True)
            if batch:
                all_at_once(space, [f"user_id:calm-{one}" for one in range(erasures)])
            first, count = (erasures, ALONE) if batch else (0, erasures)
            one_by_one(space, [f"user_id:calm-{one}" for one in range(first, first + count)])


def all_at_once(space: Space, refs: list[str]) -> None:
    """Erase all in one batch, and say what took the time and the memory."""
    steps: dict[str, float] = {}
    for step in ("_tell_apart", "_remove", "_sweep", "_shred", "_scan", "_certify"):
        timed(step, steps)
    with Memory() as memory:
        began = time.perf_counter()
        done = erase_batch(space, refs, "bench")
        seconds = time.perf_counter() - began
    assert done.hits == [], done.hits[:5]
    files = [path.stat().st_size for path in space.project.data.rglob("*") if path.is_file()]
    print(
        f"{done.people:,} erasures in one batch, {done.rows:,} rows, {done.keys_destroyed:,} keys: {seconds:.1f} s "
        f"({', '.join(f'{name[1:]} {took:.1f}' for name, took in steps.items())}); {sum(files) >> 20:,} MB in "
        f"{len(files):,} files searched; {memory.peak:,} MB at most, {memory.database:,} MB of it in PostgreSQL"
    )
    print(", ".join(f"{one['rows']:,} {one['store']}" for one in done.stores if one["rows"]))
    print(f"states: {done.states}")


class Memory:
    """Watches how much memory this process and those below it have for themselves, in MB."""

    def __init__(self) -> None:
        self.peak = self.database = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(0.5):
            own = [_private(one) for one in _below(os.getpid())]
            database = sum(size for size, is_server in own if is_server)
            total = sum(size for size, _ in own)
            if total > self.peak:
                self.peak, self.database = total, database


def _below(process: int) -> list[int]:
    """Return a process and all that it started."""
    children = Path(f"/proc/{process}/task").glob("*/children")
    try:
        started = [int(one) for path in children for one in path.read_text().split()]
    except OSError:
        started = []
    return [process, *(each for one in started for each in _below(one))]


def _private(process: int) -> tuple[int, bool]:
    """Return what memory a process has that is no file's and nobody else's, and whether it is PostgreSQL's."""
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0, False
    told = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return int(told.get("RssAnon", "0 kB").split()[0]) >> 10, told["Name"].strip() == "postgres"


def timed(step: str, steps: dict[str, float]) -> None:
    work = getattr(batches._Run, step)  # noqa: SLF001  # to see what takes the time

    def watched(self: object) -> None:
        began = time.perf_counter()
        work(self)
        steps[step] = time.perf_counter() - began

    setattr(batches._Run, step, watched)  # noqa: SLF001


def one_by_one(space: Space, refs: list[str]) -> None:
    seconds, rows = [], 0
    for ref in refs:
        began = time.perf_counter()
        try:
            done = erase(space, ref, "bench")
        except NotFound:
            continue  # of those who come seldom not all came yet
        seconds.append(time.perf_counter() - began)
        rows += done.rows
        assert done.hits == []
    ordered = sorted(seconds)
    print(f"{len(seconds)} erasures, {rows:,} rows")
    print(
        f"one erasure to its certificate: median {statistics.median(seconds):.2f} s, "
        f"p99 {ordered[int(len(ordered) * 0.99)]:.2f} s, {len(seconds) / sum(seconds):.2f} a second"
    )


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--batch"]
    at_once = "--batch" in sys.argv
    if words[:1] == ["--project"]:
        of_project(Path(words[1]), int(words[2]) if len(words) > 2 else 30, batch=at_once)
    else:
        main(int(words[0]) if words else 20_000, int(words[1]) if len(words) > 1 else 30, batch=at_once)
