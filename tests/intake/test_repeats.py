"""Equal rows of a file without a key are as many records, in any order, batching and repetition."""

import random
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelthread.app import load_file, preview_source, replay_rejects, status_of, verify_space
from steelthread.intake import Repeats
from steelthread.intake.repeats import RowText

MAPPING = """name: till
key: {{row_hash: true}}
snapshot: {snapshot}
entities:
  - entity: SalesOrderProduct
    parent: {{entity: SalesOrder, key: receipt}}
    attributes: {{orderedQuantity: count, unitPriceAmount: price}}
  - entity: SalesOrder
    key: receipt
    attributes: {{orderNumber: receipt, purchaseOrderDate: {{column: day{how}}}, currencyCode: {{constant: EUR}}}}
  - entity: Individual
    key: card
"""
ROWS = ["1,2026-01-02,A,1,2.50", "1,2026-01-02,A,1,2.50", "1,2026-01-02,A,2,1.00", "2,2026-01-03,B,1,2.50"]
AT = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
def till(space):
    def load(rows, *, name="till.csv", snapshot=False, batch=5000, how="", **kwargs):
        (space.project.sources / "till.yaml").write_text(MAPPING.format(snapshot=str(snapshot).lower(), how=how))
        path = space.project.folder / name
        path.write_text("\n".join(["receipt,day,card,count,price", *rows]) + "\n")
        space.project.settings.load.batch_rows = batch
        return load_file(space, "till", path, **kwargs)

    load.space = space
    return load


def lines_of(space, closed=False):
    with space.database.connect() as conn:
        return conn.execute(
            "select count(*) from intake.record join intake.entity e using (entity_id) "
            "where e.name = 'SalesOrderProduct' and (closed_at is null or %s)",
            (closed,),
        ).fetchone()[0]


def amount(space, card):
    with space.database.connect() as conn:
        return Decimal(space.reader(conn).profile(f"record:till/Individual/{card}")["totals"][0]["amount"])


def test_each_of_two_equal_lines_counts_and_no_more_when_loaded_again(till):
    result = till(ROWS, as_of=AT)
    assert (result.read, result.accepted, result.unchanged) == (4, 4, 0)
    assert lines_of(till.space) == 4
    assert amount(till.space, "A") == Decimal("7.00")
    again = till(ROWS[::-1], name="again.csv", as_of=AT)
    assert (again.accepted, again.unchanged) == (0, 4)
    assert amount(till.space, "A") == Decimal("7.00")
    third = till([*ROWS, ROWS[0]], name="more.csv", as_of=AT)
    assert (third.accepted, third.unchanged) == (1, 4)
    assert amount(till.space, "A") == Decimal("9.50")
    assert verify_space(till.space)["same"]


def test_a_snapshot_with_one_line_less_closes_one(till):
    till(ROWS, snapshot=True, as_of=AT)
    result = till(ROWS[1:], name="next.csv", snapshot=True, as_of=AT.replace(month=3))
    assert (result.unchanged, result.closed) == (3, 1)
    assert lines_of(till.space) == 3
    assert amount(till.space, "A") == Decimal("4.50")


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_load_that_was_cut_off_counts_what_it_has_passed(till, batch):
    rows = [ROWS[0]] * 5 + [ROWS[2]] * 3

    def stop(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        till(rows, batch=batch, as_of=AT, progress=stop)
    till(rows, batch=batch + 1, as_of=AT)
    assert lines_of(till.space) == 8
    assert amount(till.space, "A") == Decimal("18.50")


def test_rejected_equal_lines_come_back_as_many(till):
    rows = [line.replace("2026-01-02", "03/01/2026") for line in ROWS[:2]]
    result = till(rows, as_of=AT)
    assert (result.accepted, result.set_aside) == (2, 2)
    till(rows[:0], name="empty.csv", how=", date: dmy", as_of=AT)
    assert replay_rejects(till.space, "till") == {"replayed": 2, "left": 0}
    assert lines_of(till.space) == 2
    assert amount(till.space, "A") == Decimal("5.00")


def test_preview_tells_equal_lines_apart(till):
    till(ROWS)
    path = till.space.project.sources / "till.yaml"
    path.write_text(path.read_text() + "file: till.csv\n")
    keys = {row["mapped"][0] for row in preview_source(till.space.project, "till", 4)["rows"]}
    assert len(keys) == 4


@given(st.lists(st.sampled_from("abc"), max_size=30), st.randoms(use_true_random=False))
def test_numbers_of_equals_do_not_depend_on_the_order(rows, chance):
    def names(rows):
        counts = Repeats()
        found = Counter((row, counts.number(row.encode())) for row in rows)
        counts.close()
        return found

    shuffled = list(rows)
    chance.shuffle(shuffled)
    assert names(rows) == names(shuffled)
    assert set(names(rows).values()) <= {1}


def test_a_row_is_what_stands_in_which_column():
    one, other = RowText(["a", "b", "c"]), RowText(["c", "a", "new"])
    assert one(["1", "", "3"]) == other(["3", "1", ""])
    assert one(["1", "3", ""]) != one(["1", "", "3"])
    assert one(["1", "", "3"]) != one(["1", "", "3", "\x1e2"])


def test_counting_takes_constant_memory():
    script = (
        "import resource, os\nfrom steelthread.intake import Repeats\ncounts = Repeats()\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "import sqlite3\ncounts._base.execute('commit'); counts._base.execute('pragma cache_size = -2048'); counts._base.execute('begin')\n"
        "for n in range(60_000): counts.number(b'%d' % n)\nfirst = peak()\n"
        "for n in range(60_000, 400_000): counts.number(b'%d' % n)\nprint(peak() - first)\n"
        "assert counts.number(b'7') == 2 and counts.number(b'399999') == 2\n"
    )
    grown = int(subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout)
    assert grown < 2_000, "KiB, while the table grows by about 14,000"


def test_orders_of_rows_and_files_do_not_matter(till):
    chance = random.Random(4)
    rows = [f"{chance.randint(1, 4)},2026-01-0{chance.randint(1, 3)},A,1,1.00" for _ in range(60)]
    expected = len(rows)
    for number in range(3):
        chance.shuffle(rows)
        till(rows, name=f"{number}.csv", batch=7, as_of=AT)
    assert lines_of(till.space) == expected
    assert status_of(till.space)["individuals"] == 1
    assert verify_space(till.space)["same"]
