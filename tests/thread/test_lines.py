"""Orders and their lines in files of their own: whichever comes first, the customer's total is the same."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import permutations

import pytest

from steelthread.app import load_file, verify_space

AT = datetime(2026, 2, 1, tzinfo=UTC)
SOURCES = {
    "customers": ("id,email\n7,ann@x.example\n", """key: id
entities:
  - entity: Individual
  - entity: ContactPointEmail
    attributes: {emailAddress: email}
"""),
    "orders": ("no,day,who\n1,2026-01-02,7\n2,2026-01-03,7\n", """key: no
party: {source: customers, entity: Individual, key: who}
entities:
  - entity: SalesOrder
    attributes: {orderNumber: no, purchaseOrderDate: day}
"""),
    "lines": ("line,no,count,price\na,1,2,1.50\nb,1,1,4.00\nc,2,1,10.00\n", """key: line
entities:
  - entity: SalesOrderProduct
    parent: {source: orders, entity: SalesOrder, key: no}
    attributes: {orderedQuantity: count, unitPriceAmount: price}
"""),
}  # fmt: skip


def tell(space, name, text=None, **kwargs):
    content, mapping = SOURCES[name]
    (space.project.sources / f"{name}.yaml").write_text(f"name: {name}\n{mapping}")
    path = space.project.folder / f"{name}.csv"
    path.write_text(text or content)
    return load_file(space, name, path, **{"as_of": AT, **kwargs})


def total(space):
    assert verify_space(space)["same"]
    with space.database.connect() as conn:
        profile = space.reader(conn).profile("email:ann@x.example")
    return profile["counts"].get("SalesOrder", 0), Decimal((profile["totals"] or [{"amount": 0}])[0]["amount"] or 0)


@pytest.mark.parametrize("order", list(permutations(SOURCES)))
def test_any_order_of_files_gives_the_same_total(space, order):
    for name in order:
        tell(space, name)
    assert total(space) == (2, Decimal("17.00"))


def test_a_line_that_comes_changes_or_goes_later_shows_in_the_profile(space):
    for name in SOURCES:
        tell(space, name)
    tell(space, "lines", "line,no,count,price\nd,2,1,5.00\n")
    assert total(space) == (2, Decimal("22.00"))
    tell(space, "lines", "line,no,count,price\nd,2,3,5.00\n", as_of=AT.replace(month=3))
    assert total(space) == (2, Decimal("32.00"))
    tell(space, "lines", "line,no,count,price\nd,1,3,5.00\n", as_of=AT.replace(month=4))
    assert total(space) == (2, Decimal("32.00"))


def test_a_line_that_changed_while_it_waited_counts_once(space):
    tell(space, "lines")
    tell(space, "lines", "line,no,count,price\na,2,4,1.50\n", as_of=AT.replace(month=3))
    tell(space, "customers")
    tell(space, "orders")
    assert total(space) == (2, Decimal("20.00"))
    with space.database.connect() as conn:
        assert conn.execute("select count(*) from profiles.awaiting").fetchone() == (0,)


def test_money_of_two_currencies_is_no_sum(space):
    for name in ("customers", "orders"):
        tell(space, name)
    mapping = """name: web
key: no
party: {source: customers, entity: Individual, key: who}
entities:
  - entity: SalesOrder
    attributes: {orderNumber: no, purchaseOrderDate: day, grandTotalAmount: total, currencyCode: money}
"""
    (space.project.sources / "web.yaml").write_text(mapping)
    path = space.project.folder / "web.csv"
    path.write_text(
        "no,day,who,total,money\n8,2026-01-05,7,10.00,EUR\n9,2026-01-06,7,4.00,USD\n10,2026-01-06,7,2.50,EUR\n"
    )
    load_file(space, "web", path, as_of=AT)
    with space.database.connect() as conn:
        profile = space.reader(conn).profile("email:ann@x.example")
    assert profile["counts"]["SalesOrder"] == 5
    assert [(one["amount"], one["currency"]) for one in profile["totals"]] == [("12.50", "EUR"), ("4.00", "USD")]
    assert verify_space(space)["same"]
