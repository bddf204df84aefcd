"""Computed traits end to end: live, decaying, calendar, filters, filled over history, whatever the order."""

import random
import shutil
from datetime import UTC, datetime, timedelta
from itertools import permutations

import msgspec
import pytest
import yaml

from steelthread import intake
from steelthread.app import load_file, verify_space
from steelthread.intake import Message
from steelthread.kit import NotFound
from steelthread.model import Received
from steelthread.profiles import filling
from steelthread.profiles import read as reading
from steelthread.thread import OUTCOMES, LiveThread, fill_traits, link, sync_traits, unlink

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
VIEWED = {"event": "Product Viewed"}
PRICE = {**VIEWED, "attribute": "properties.price"}
CATEGORY = {**VIEWED, "attribute": "properties.category"}
TRAITS = {
    "views": {"function": "count", **VIEWED},
    "spent": {"function": "sum", "entity": "SalesOrder", "attribute": "grandTotalAmount"},
    "cheapest": {"function": "min", **PRICE},
    "dearest": {"function": "max", **PRICE},
    "mean": {"function": "average", **PRICE},
    "first_category": {"function": "first", **CATEGORY},
    "last_category": {"function": "last", **CATEGORY},
    "favourite": {"function": "most_frequent", **CATEGORY},
    "categories": {"function": "unique_list", **CATEGORY},
    "category_count": {"function": "unique_count", **CATEGORY},
    "views_half_hour": {"function": "count", **VIEWED, "window": "30 minutes"},
    "views_3_days": {"function": "count", **VIEWED, "window": "3 days"},
    "views_400_days": {"function": "count", **VIEWED, "window": "400 days"},
    "views_this_month": {"function": "count", **VIEWED, "period": "month"},
    "views_last_month": {"function": "count", **VIEWED, "period": "previous month"},
    "dear_teas": {
        "function": "count", **VIEWED,
        "where": {"properties.category": "tea", "properties.price": {"above": 2}},
    },
    "products": {"function": "unique_list", "entity": "SalesOrderProduct", "attribute": "productId"},
}  # fmt: skip


@pytest.fixture
def at(monkeypatch):
    """Set the clock that reading looks at."""

    def set_to(moment):
        monkeypatch.setattr(reading, "now", lambda: moment)

    set_to(NOW)
    return set_to


def define(space, traits=TRAITS, *, fill=True):
    (space.project.folder / "profile.yaml").write_text(yaml.safe_dump({"traits": traits}))
    with space.database.connect() as conn:
        changed = sync_traits(space, conn, OUTCOMES)
        while fill and fill_traits(space, conn, OUTCOMES):
            pass
    space.names._at = -1e9
    return changed


def view(number, ago, category, price, user="u1", **more):
    micros = int((NOW - ago).timestamp() * 1e6)
    said = {"id": f"m{number}", "timestamp": micros, "received": micros, "user_id": user, **more}
    return Message(type="track", event="Product Viewed", properties={"category": category, "price": price}, **said)


def tell(space, events, size=4000):
    with space.writer() as conn:
        number, _, _ = intake.source_row(conn, space.vault, "web", 0, space.vault.digest(b"live"), unique=False)
        facts = [Received(number, msgspec.msgpack.encode(one)) for one in events]
        space.log.append(conn, "received", facts, hours=1)
        conn.commit()
        thread = LiveThread(space)
        while thread.step(conn, size).read:
            pass


def traits(space, ref="user_id:u1"):
    with space.database.connect() as conn:
        found = space.reader(conn).profile(ref)["traits"]
    return {name: one["value"] for name, one in found.items()}


def minutes(count):
    return timedelta(minutes=count)


EVENTS = [
    view(1, timedelta(days=390), "tea", 4),
    view(2, timedelta(days=26), "tea", "2.50"),
    view(3, timedelta(days=2), "cups", 7.25),
    view(4, minutes(40), "tea", 1),
    view(5, minutes(20), "pots", 30),
    view(6, minutes(10), "tea", None),
    Message(type="track", event="Order Completed", id="o1", timestamp=int(NOW.timestamp() * 1e6), received=1, user_id="u1",
            properties={"order_id": "o1", "total": 12.5, "products": [{"product_id": "p2", "quantity": 1, "price": 2},
                                                                     {"product_id": "p1", "quantity": 1, "price": 2}]}),
]  # fmt: skip
EXPECTED = {
    "views": 6, "spent": 12.5, "cheapest": 1, "dearest": 30, "mean": 8.95, "first_category": "tea", "last_category": "tea",
    "favourite": "tea", "categories": ["cups", "pots", "tea"], "category_count": 3, "views_half_hour": 2,
    "views_3_days": 4, "views_400_days": 6, "views_this_month": 4, "views_last_month": 1, "dear_teas": 2,
    "products": ["p1", "p2"],
}  # fmt: skip


def same(found, expected):
    return {name: float(one) if isinstance(expected[name], float) else one for name, one in found.items()} == expected


def test_every_function_live(space, at):
    define(space)
    tell(space, EVENTS)
    assert same(traits(space), EXPECTED)
    assert verify_space(space)["same"]


def test_filled_over_history_with_progress_while_events_come(space, at):
    tell(space, EVENTS[:4])
    tell(space, [view(100 + n, minutes(5), "tea", 1, user=f"x{n}") for n in range(250)])
    assert define(space, fill=False)
    with space.database.connect() as conn:
        assert not any(one.filled for one in filling(conn))
        assert fill_traits(space, conn, OUTCOMES) == 200
        (done,) = {(one.owners, one.owners_done) for one in filling(conn)}
        assert done == (251, 200)
    tell(space, EVENTS[4:])
    tell(space, [view(999, minutes(5), "tea", 1, user="x249")])
    with space.database.connect() as conn:
        while fill_traits(space, conn, OUTCOMES):
            pass
        assert all(one.filled for one in filling(conn))
    assert same(traits(space), EXPECTED)
    assert traits(space, "user_id:x249")["views"] == 2
    assert verify_space(space)["same"]


def test_windows_decay_without_an_event(space, at):
    define(space)
    tell(space, EVENTS)
    at(NOW + minutes(15))
    assert traits(space)["views_half_hour"] == 1
    at(NOW + minutes(25))
    assert traits(space)["views_half_hour"] == 0
    at(NOW + timedelta(days=2))
    assert (traits(space)["views_3_days"], traits(space)["views"]) == (3, 6)
    at(datetime(2026, 12, 1, tzinfo=UTC))
    assert (traits(space)["views_this_month"], traits(space)["views_last_month"]) == (0, 4)
    at(NOW + timedelta(days=11))
    assert traits(space)["views_400_days"] == 5


def test_a_merge_adds_up_and_taking_it_back_restores(space, at):
    define(space)
    tell(space, [*EVENTS, view(7, minutes(3), "tea", 5, user="u2")])
    one, two = traits(space), traits(space, "user_id:u2")
    link(space, "user_id:u1", "user_id:u2", "the same", "test")
    assert traits(space)["views"] == 7
    assert traits(space, "user_id:u2")["views"] == 7
    unlink(space, "user_id:u1", "user_id:u2", "not the same", "test")
    assert (traits(space), traits(space, "user_id:u2")) == (one, two)


def test_a_changed_trait_is_filled_anew_and_one_that_is_gone_goes(space, at):
    define(space)
    tell(space, EVENTS)
    changed = {"views": {"function": "count", **VIEWED, "where": {"properties.category": ["cups", "pots"]}}}
    assert define(space, changed)
    assert traits(space) == {"views": 2}
    assert not define(space, changed)
    assert define(space, {})
    with space.database.connect() as conn:
        assert conn.execute("select count(*) from profiles.trait").fetchone() == (0,)
        assert "traits" not in space.reader(conn).profile("user_id:u1")


def test_files_keep_traits_too_and_changed_rows_count_once(space, load, at):
    define(space, {"spent": TRAITS["spent"], "orders": {"function": "count", "entity": "SalesOrder"}})
    load("crm", "customer_id,first_name,email\n1,Ann,ann@example.com\n")
    load("shop_orders", "order_id,customer_email,order_date,total,currency\n10,ann@example.com,2026-03-01,12.50,GBP\n")
    load("shop_orders", "order_id,customer_email,order_date,total,currency\n10,ann@example.com,2026-03-01,20.00,GBP\n"
         "11,ann@example.com,2026-03-02,1.25,GBP\n")  # fmt: skip
    assert same(traits(space, "email:ann@example.com"), {"spent": 21.25, "orders": 2})
    assert verify_space(space)["same"]


def test_values_of_events_are_nowhere_in_the_clear(space, at):
    define(space)
    tell(space, [view(1, minutes(1), "needle-category", 3)])
    with space.database.connect() as conn:
        for table in ("profiles.trait", "profiles.event", "intake.record"):
            rows = conn.execute(
                f"select encode(convert_to({table.split('.')[1]}::text, 'UTF8'), 'escape') from {table}"
            )
            assert not [row for row in rows if "needle" in row[0]]
        states = conn.execute("select state from profiles.trait").fetchall()
    assert states
    assert not [one for (one,) in states if b"needle" in bytes(one)]
    assert traits(space)["favourite"] == "needle-category"


def history(chance):
    """Return random views and orders of people who share devices and log in."""
    events = []
    for number in range(chance.randrange(10, 50)):
        user = f"u{chance.randrange(3)}" if chance.random() < 0.6 else ""
        anonymous = f"a{chance.randrange(4)}" if not user or chance.random() < 0.5 else ""
        ago = timedelta(minutes=chance.randrange(500_000))
        events.append(
            view(number, ago, chance.choice("abcd"), chance.randrange(99) / 4, user=user, anonymous_id=anonymous)
        )
        if chance.random() < 0.3:
            order = {"order_id": f"o{chance.randrange(3)}", "total": chance.randrange(50)}
            at_ = int((NOW - ago).timestamp() * 1e6)
            events.append(
                Message(type="track", event="Order Completed", id=f"c{number}", timestamp=at_, received=at_, user_id=user,
                        anonymous_id=anonymous, properties=order)
            )  # fmt: skip
    return events


def everyone(space):
    found = {}
    for ref in [f"user_id:u{n}" for n in range(3)] + [f"anonymous_id:a{n}" for n in range(4)]:
        try:
            found[ref] = traits(space, ref)
        except NotFound as error:
            found[ref] = type(error).__name__
    return found


def check(space, other, seed):
    shutil.rmtree(other.project.keyring)
    shutil.copytree(space.project.keyring, other.project.keyring)
    other = type(other)(other.project, other.database)
    chance = random.Random(seed)
    events = history(chance)
    define(space)
    tell(space, events)
    half = chance.randrange(len(events))
    shuffled = events + chance.sample(events, len(events) // 3)
    chance.shuffle(shuffled)
    tell(other, shuffled[:half], chance.randrange(1, 9))
    define(other)
    tell(other, shuffled[half:], chance.randrange(1, 9))
    assert everyone(space) == everyone(other), seed
    assert verify_space(space)["same"], seed
    assert verify_space(other)["same"], seed


@pytest.mark.parametrize("seed", range(4))
def test_order_repetition_and_filling_do_not_matter(space, other_space, seed, at):
    check(space, other_space, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1000, 1040))
def test_order_repetition_and_filling_do_not_matter_soak(space, other_space, seed, at):
    check(space, other_space, seed)


SOURCES = {
    "customers": ("id,email\n7,ann@x.example\n", """key: id
entities:
  - entity: Individual
  - entity: ContactPointEmail
    attributes: {emailAddress: email}
"""),
    "orders": ("no,day,who\n1,2026-11-02,7\n2,2026-01-03,7\n", """key: no
party: {source: customers, entity: Individual, key: who}
entities:
  - entity: SalesOrder
    attributes: {orderNumber: no, purchaseOrderDate: day}
"""),
    "lines": ("line,no,count,price,what\na,1,2,1.50,tea\nb,1,1,4.00,cups\nc,2,1,10.00,pots\n", """key: line
entities:
  - entity: SalesOrderProduct
    parent: {source: orders, entity: SalesOrder, key: no}
    attributes: {orderedQuantity: count, unitPriceAmount: price, productId: what}
"""),
}  # fmt: skip


@pytest.mark.parametrize("order", list(permutations(SOURCES)))
def test_lines_count_for_the_customer_of_their_order_whichever_comes_first(space, order, at):
    lines = {"entity": "SalesOrderProduct", "attribute": "productId"}
    define(space, {"bought": {"function": "unique_list", **lines},
                   "bought_this_month": {"function": "unique_count", **lines, "period": "month"}})  # fmt: skip
    for name in order:
        content, mapping = SOURCES[name]
        (space.project.sources / f"{name}.yaml").write_text(f"name: {name}\n{mapping}")
        path = space.project.folder / f"{name}.csv"
        path.write_text(content)
        load_file(space, name, path)
    assert traits(space, "email:ann@x.example") == {"bought": ["cups", "pots", "tea"], "bought_this_month": 2}
    assert verify_space(space)["same"]


def test_a_period_is_of_the_projects_time_zone_and_counted_anew_when_it_changes(space, at):
    late = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)
    define(space)
    tell(space, [view(1, NOW - late, "tea", 1), view(2, minutes(5), "tea", 1)])
    assert traits(space)["views_this_month"] == 1
    space.project.settings.project.time_zone = "Europe/Berlin"
    assert define(space)
    assert traits(space)["views_this_month"] == 2
    assert traits(space)["views_last_month"] == 0
    at(datetime(2026, 10, 31, 22, 59, tzinfo=UTC))
    assert traits(space)["views_this_month"] == 0
    at(datetime(2026, 11, 30, 23, 0, tzinfo=UTC))
    assert (traits(space)["views_this_month"], traits(space)["views_last_month"]) == (0, 2)
    with space.database.connect() as conn:
        assert space.reader(conn).profile("user_id:u1")["traits"]["views_this_month"]["timeZone"] == "Europe/Berlin"
    assert verify_space(space)["same"]
