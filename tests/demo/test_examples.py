"""The examples on the real data: a shop's year of order lines, and a thousand people joined by e-mail."""

import shutil
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from steelthread.app import cluster_rows, load_file, status_of, verify_space

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")


@pytest.fixture
def example(space):
    def use(name):
        for path in (ROOT / "examples" / name / "sources").glob("*.yaml"):
            shutil.copy(path, space.project.sources / path.name)
        return space

    return use


@needs_data
def test_orders_of_a_real_shop_add_up(example, tmp_path):
    space = example("online_retail")
    table = pq.read_table(DATA / "orders" / "online_retail_2009_2010.parquet").slice(100_000, 4_000)
    pq.write_table(table, tmp_path / "part.parquet")
    result = load_file(space, "shop", tmp_path / "part.parquet")
    rows = Counter(tuple(map(str, row.values())) for row in table.to_pylist())
    assert max(rows.values()) > 1, "some lines are equal to the last cell: each counts"
    assert (result.read, result.accepted, result.rejected, result.set_aside) == (4_000, 4_000, 0, 0)
    named = table.filter(pc.is_valid(table["Customer ID"]))
    customers = set(named["Customer ID"].to_pylist())
    assert status_of(space)["individuals"] == len(customers)
    busiest, _ = Counter(named["Customer ID"].to_pylist()).most_common(1)[0]
    lines = [row for row in named.to_pylist() if row["Customer ID"] == busiest]
    amount = sum(Decimal(str(row["Price"])) * Decimal(str(row["Quantity"])) for row in lines)
    whole = sum(Decimal(str(row["Price"])) * Decimal(str(row["Quantity"])) for row in named.to_pylist())
    with space.database.connect() as conn:
        profile = space.reader(conn).profile(f"record:shop/Individual/{_key(busiest)}")
        (stored,) = conn.execute("select sum(amount) from profiles.tally").fetchone()
    assert stored == whole
    assert Decimal(profile["totals"][0]["amount"]) == amount
    assert profile["counts"]["SalesOrder"] == len({row["Invoice"] for row in lines})
    assert load_file(space, "shop", tmp_path / "part.parquet").unchanged == 4_000
    assert verify_space(space)["same"]


def _key(value):
    return str(int(value)) if isinstance(value, float) else str(value)


@needs_data
def test_people_joined_by_email_are_the_same_people(example):
    space = example("people")
    path = DATA / "identity" / "fake_1000.csv"
    assert load_file(space, "people", path).accepted == 1_000
    header, *rows = [line.split(",") for line in path.read_text().splitlines()]
    truth = {row[0]: row[header.index("cluster")] for row in rows}
    emails = {row[0]: row[header.index("email")] for row in rows}
    with space.database.connect() as conn:
        found = {key: individual for _, _, key, individual in cluster_rows(space, conn)}
    pairs = [(a, b) for a in truth for b in truth if a < b]
    same = [(a, b) for a, b in pairs if emails[a] and emails[a] == emails[b]]
    joined = [(a, b) for a, b in pairs if found[a] == found[b]]
    right = sum(truth[a] == truth[b] for a, b in joined)
    assert right / len(joined) >= 0.99
    assert sum(found[a] == found[b] for a, b in same) / len(same) >= 0.75, "names that are torn apart guard"
    assert verify_space(space)["same"]
