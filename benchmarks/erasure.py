"""One erasure after another, to the certificate, scan of every table and file included: `erasure.py [PEOPLE] [ERASURES]`.

Each person has an address, a phone, a card and five orders.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from steelthread.app import create_project, draft_source, load_file
from steelthread.kit import open_project
from steelthread.rights import erase
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


def main(people: int, erasures: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "project"
        create_project(folder, "bench", "GB")
        with Space(open_project(folder)) as space:
            fill(space, people)
            seconds, rows = [], 0
            for one in range(erasures):
                began = time.perf_counter()
                done = erase(space, f"email:kim{one * (people // erasures)}@example.org", "bench")
                seconds.append(time.perf_counter() - began)
                rows += done.rows
                assert done.hits == []
        ordered = sorted(seconds)
        print(f"{people:,} people, {people * 5:,} orders; {erasures} erasures, {rows:,} rows")
        print(
            f"one erasure to its certificate: median {statistics.median(seconds):.2f} s, "
            f"p99 {ordered[int(len(ordered) * 0.99)]:.2f} s, {erasures / sum(seconds):.2f} a second"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000, int(sys.argv[2]) if len(sys.argv) > 2 else 30)
