"""Erasures to the certificate, scan of every table and file included: `erasure.py [PEOPLE] [ERASURES] [--batch]`.

One after another, or with `--batch` all in one. Each person has an address, a phone, a card and five orders.
"""

import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from steelthread.app import create_project, draft_source, load_file
from steelthread.kit import open_project
from steelthread.rights import batches, erase, erase_batch
from steelthread.thread import Space

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


def all_at_once(space: Space, refs: list[str]) -> None:
    steps: dict[str, float] = {}
    for step in ("_remove", "_sweep", "_shred", "_scan", "_certify"):
        timed(step, steps)
    began = time.perf_counter()
    done = erase_batch(space, refs, "bench")
    seconds = time.perf_counter() - began
    assert (done.people, done.hits) == (len(refs), [])
    size = sum(path.stat().st_size for path in space.project.data.rglob("*") if path.is_file())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(
        f"{done.people:,} erasures in one batch, {done.rows:,} rows, {done.keys_destroyed:,} keys: {seconds:.1f} s "
        f"({', '.join(f'{name[1:]} {took:.1f}' for name, took in steps.items())}); "
        f"{size >> 20:,} MB of files searched; {peak:,} MB at most"
    )


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
        done = erase(space, ref, "bench")
        seconds.append(time.perf_counter() - began)
        rows += done.rows
        assert done.hits == []
    ordered = sorted(seconds)
    print(f"{len(refs)} erasures, {rows:,} rows")
    print(
        f"one erasure to its certificate: median {statistics.median(seconds):.2f} s, "
        f"p99 {ordered[int(len(ordered) * 0.99)]:.2f} s, {len(refs) / sum(seconds):.2f} a second"
    )


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--batch"]
    main(int(words[0]) if words else 20_000, int(words[1]) if len(words) > 1 else 30, batch="--batch" in sys.argv)
