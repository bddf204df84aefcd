"""`make bench`: the whole real shop year (525,461 order lines) from Parquet to profiles, its totals against pyarrow's."""

import shutil
import tempfile
import time
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from steelthread.app import create_project, load_file, status_of, verify_space
from steelthread.kit import open_project
from steelthread.thread import Space

ROOT = Path(__file__).parents[1]
YEAR = ROOT.parent / "shared" / "data" / "orders" / "online_retail_2009_2010.parquet"


def expected() -> dict[str, Decimal]:
    """Return what each customer bought, returns taken off, by customer number."""
    table = pq.read_table(YEAR)
    table = table.filter(pc.is_valid(table["Customer ID"]))
    price = pc.cast(pc.cast(table["Price"], pa.string()), pa.decimal128(18, 4))
    amount = pc.multiply(price, pc.cast(table["Quantity"], pa.decimal128(19, 0)))
    table = pa.table({"who": pc.cast(pc.cast(table["Customer ID"], pa.int64()), pa.string()), "amount": amount})
    sums = table.group_by("who").aggregate([("amount", "sum")]).to_pydict()
    return dict(zip(sums["who"], sums["amount_sum"], strict=True))


def main() -> None:
    """Load the year, compare every customer, load it again."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name) / "shop"
        create_project(folder, "shop", "GB")
        shutil.copy(ROOT / "examples" / "online_retail" / "sources" / "shop.yaml", folder / "sources")
        space = Space(open_project(folder))
        try:
            for run in ("first", "again"):
                began = time.perf_counter()
                result = load_file(space, "shop", YEAR)
                seconds = time.perf_counter() - began
                print(f"{run}: {result.read:,} lines, {result.accepted:,} new, {result.unchanged:,} unchanged, "
                      f"{result.rejected} rejected, {seconds:.0f} s = {result.read / seconds:,.0f} lines/s")  # fmt: skip
            wanted = expected()
            with space.database.connect() as conn:
                reader = space.reader(conn)
                wrong = 0
                for who, amount in wanted.items():
                    totals = reader.profile(f"record:shop/Individual/{who}")["totals"]
                    wrong += Decimal(totals[0]["amount"]) != amount
            print(
                f"{len(wanted):,} customers, {wrong} whose total differs from pyarrow's; sum {sum(wanted.values()):,}"
            )
            print(f"individuals: {status_of(space)['individuals']:,}; live equals batch: {verify_space(space)['same']}")
        finally:
            space.close()


if __name__ == "__main__":
    main()
