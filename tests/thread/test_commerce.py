"""Orders, carts and products from live events: every event of Segment's "Ecommerce Spec" (version 2), and what they give together."""

import itertools

import msgspec
import pytest

from steelthread import intake
from steelthread.intake import Message
from steelthread.model import Received
from steelthread.profiles import Opener, Wanted
from steelthread.thread import LiveThread, verify

T0 = 1_790_000_000_000_000
MINUTE = 60_000_000
DAY = 24 * 60
TEA = {"product_id": "p1", "sku": "S1", "name": "Tea", "brand": "Leaf", "category": "Drinks", "price": 4.5}
CUP = {"product_id": "p2", "sku": "S2", "name": "Cup", "price": 3, "quantity": 2}
TEA_SHOWN = {"name": "Tea", "productSKU": "S1", "manufacturerName": "Leaf", "primaryProductCategoryId": "Drinks"}
CUP_SHOWN = {"name": "Cup", "productSKU": "S2"}
ROBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def event(name, at=0, /, user="u1", number="", **properties):
    """Return an event `at` so many minutes."""
    when = T0 + at * MINUTE
    said = {"id": number or f"{name}-{at}", "timestamp": when, "received": when, "user_id": user}
    return Message(type="track", event=name, properties=properties, **said)


@pytest.fixture
def told(space):
    """Fold events in; return what is kept of them: (entity, key) -> values, those of engagements by entity alone."""

    def tell(*events, size=4000):
        with space.writer() as conn:
            number, _, _ = intake.source_row(conn, space.vault, "web", 0, space.vault.digest(b"live"), unique=False)
            space.log.append(
                conn, "received", [Received(number, msgspec.msgpack.encode(one)) for one in events], hours=1
            )
            conn.commit()
            thread = LiveThread(space)
            while thread.step(conn, size).read:
                pass
            rows = conn.execute("select record_id from intake.record").fetchall()
            views = Opener(conn, space.vault).by_id([number for (number,) in rows])
            conn.rollback()
        return {one.entity if one.entity.endswith("Engagement") else (one.entity, one.key): one.values for one in views}

    return tell


PRODUCT, CART, ITEM, ORDER, LINE = "Product", "ShoppingCart", "ShoppingCartItem", "SalesOrder", "SalesOrderProduct"
IN_CART = {"cart_id": "c1"}
OF_ORDER = {"order_id": "o1", "total": 13.5, "currency": "GBP", "products": [{**TEA, "quantity": 1}, CUP]}
ORDERED = {"orderNumber": "o1", "grandTotalAmount": "13.5", "currencyCode": "GBP"}
SPEC = [
    # browsing
    ("Products Searched", {"query": "tea"}, {"ProductBrowseEngagement": {"searchText": "tea"}}),
    ("Product List Viewed", {"list_id": "l1", "products": [TEA]},
     {"ProductBrowseEngagement": {}, (PRODUCT, "p1"): TEA_SHOWN}),
    ("Product List Filtered", {"filters": [], "products": [TEA, CUP]},
     {"ProductBrowseEngagement": {}, (PRODUCT, "p1"): TEA_SHOWN, (PRODUCT, "p2"): CUP_SHOWN}),
    # promotions
    ("Promotion Viewed", {"promotion_id": "x"}, {"CustomEngagement": {"eventType": "Promotion Viewed"}}),
    ("Promotion Clicked", {"promotion_id": "x"}, {"CustomEngagement": {"eventType": "Promotion Clicked"}}),
    # core ordering
    ("Product Clicked", TEA, {"ProductBrowseEngagement": {"productId": "p1"}, (PRODUCT, "p1"): TEA_SHOWN}),
    ("Product Viewed", TEA, {"ProductBrowseEngagement": {"productId": "p1"}, (PRODUCT, "p1"): TEA_SHOWN}),
    ("Product Added", {**IN_CART, **TEA, "quantity": 2},
     {"ShoppingCartEngagement": {"shoppingCartId": "c1", "productId": "p1"}, (PRODUCT, "p1"): TEA_SHOWN,
      (CART, "c1"): {"status": "open", "totalAmount": "9", "startedDateTime": "2026-09-21T14:13:20Z"},
      (ITEM, "c1|p1"): {"productId": "p1", "quantity": "2", "unitPriceAmount": "4.5"}}),
    ("Product Removed", {**IN_CART, **TEA, "quantity": 1},
     {"ShoppingCartEngagement": {"productId": "p1"}, (PRODUCT, "p1"): TEA_SHOWN, (CART, "c1"): {"totalAmount": "0"},
      (ITEM, "c1|p1"): {"quantity": "0"}}),
    ("Cart Viewed", {**IN_CART, "products": [TEA, CUP]},
     {"ShoppingCartEngagement": {"shoppingCartId": "c1"}, (CART, "c1"): {"totalAmount": "10.5"},
      (ITEM, "c1|p1"): {"quantity": "1"}, (ITEM, "c1|p2"): {"quantity": "2", "unitPriceAmount": "3"},
      (PRODUCT, "p1"): TEA_SHOWN, (PRODUCT, "p2"): CUP_SHOWN}),
    ("Checkout Started", {**IN_CART, **OF_ORDER, "value": 13.5},
     {"ShoppingCartEngagement": {"amount": "13.5"}, (CART, "c1"): {"status": "checkout", "currencyCode": "GBP"},
      (ITEM, "c1|p1"): {"quantity": "1"}, (ITEM, "c1|p2"): {"quantity": "2"},
      (PRODUCT, "p1"): TEA_SHOWN, (PRODUCT, "p2"): CUP_SHOWN}),
    ("Checkout Step Viewed", {"checkout_id": "k1", "step": 1}, {"CustomEngagement": {"eventType": "Checkout Step Viewed"}}),
    ("Checkout Step Completed", {"checkout_id": "k1", "step": 1}, {"CustomEngagement": {}}),
    ("Payment Info Entered", {"checkout_id": "k1", "order_id": "o1"}, {"CustomEngagement": {}}),
    ("Order Updated", OF_ORDER,
     {(ORDER, "o1"): ORDERED, (LINE, "o1|0"): {"productId": "p1", "orderedQuantity": "1"},
      (LINE, "o1|1"): {"productId": "p2", "orderedQuantity": "2"},
      (PRODUCT, "p1"): TEA_SHOWN, (PRODUCT, "p2"): CUP_SHOWN}),
    ("Order Completed", {**OF_ORDER, **IN_CART},
     {(ORDER, "o1"): {**ORDERED, "salesOrderStatusId": "completed", "purchaseOrderDate": "2026-09-21T14:13:20Z"},
      (LINE, "o1|0"): {"unitPriceAmount": "4.5"}, (LINE, "o1|1"): {"description": "Cup"},
      (CART, "c1"): {"status": "ordered", "salesOrderId": "o1"},
      (PRODUCT, "p1"): TEA_SHOWN, (PRODUCT, "p2"): CUP_SHOWN}),
    ("Order Refunded", OF_ORDER,
     {"OrderEngagement": {"salesOrderId": "o1", "orderStatus": "refunded", "amount": "13.5"},
      (ORDER, "o1"): {"orderNumber": "o1", "salesOrderStatusId": "refunded"},
      (PRODUCT, "p1"): TEA_SHOWN, (PRODUCT, "p2"): CUP_SHOWN}),
    ("Order Cancelled", OF_ORDER,
     {"OrderEngagement": {"orderStatus": "cancelled"}, (ORDER, "o1"): {"salesOrderStatusId": "cancelled"},
      (PRODUCT, "p1"): TEA_SHOWN, (PRODUCT, "p2"): CUP_SHOWN}),
    # coupons
    ("Coupon Entered", {**IN_CART, "order_id": "o1", "coupon_id": "x"}, {"CustomEngagement": {}}),
    ("Coupon Applied", {**IN_CART, "order_id": "o1", "coupon_id": "x"}, {"CustomEngagement": {}}),
    ("Coupon Denied", {**IN_CART, "order_id": "o1", "coupon_id": "x"}, {"CustomEngagement": {}}),
    ("Coupon Removed", {**IN_CART, "order_id": "o1", "coupon_id": "x"}, {"CustomEngagement": {}}),
    # wish lists
    ("Product Added to Wishlist", {"wishlist_id": "w1", **TEA}, {"CustomEngagement": {}, (PRODUCT, "p1"): TEA_SHOWN}),
    ("Product Removed from Wishlist", {"wishlist_id": "w1", **TEA}, {"CustomEngagement": {}, (PRODUCT, "p1"): TEA_SHOWN}),
    ("Wishlist Product Added to Cart", {"wishlist_id": "w1", **IN_CART, **TEA},
     {"ShoppingCartEngagement": {"shoppingCartId": "c1"}, (PRODUCT, "p1"): TEA_SHOWN, (CART, "c1"): {"totalAmount": "4.5"},
      (ITEM, "c1|p1"): {"quantity": "1"}}),
    # sharing and reviewing
    ("Product Shared", {"share_via": "email", **TEA}, {"CustomEngagement": {}, (PRODUCT, "p1"): TEA_SHOWN}),
    ("Cart Shared", {"share_via": "email", **IN_CART, "products": [{"product_id": "p1"}]},
     {"ShoppingCartEngagement": {"shoppingCartId": "c1"}, (CART, "c1"): {"totalAmount": "0"}, (PRODUCT, "p1"): {}}),
    ("Product Reviewed", {"product_id": "p1", "review_id": "r1", "rating": "5"}, {"CustomEngagement": {}, (PRODUCT, "p1"): {}}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "properties", "wanted"), SPEC, ids=[one[0] for one in SPEC])
def test_each_event_of_the_specification_gives_its_records(told, space, name, properties, wanted):
    found = told(event(name, **properties))
    assert found.keys() == wanted.keys()
    for one, values in wanted.items():
        assert {attribute: found[one].get(attribute) for attribute in values} == values, one
    assert verify(space)["same"]


def shopped():
    """Return the life of a cart and of the order that came of it."""
    return [
        event("Product Added", 1, **IN_CART, **TEA, quantity=3),
        event("Product Added", 2, **IN_CART, **CUP),
        event("Product Removed", 3, **IN_CART, product_id="p1", quantity=1),
        event("Cart Viewed", 4, **IN_CART, products=[{**TEA, "quantity": 2}, {"product_id": "p3", "price": 1}]),
        event("Product Removed", 5, **IN_CART, product_id="p3"),
        event("Product Added", 6, **IN_CART, product_id="p1"),
        event("Order Completed", 7, **IN_CART, **OF_ORDER),
        event("Order Updated", 8, order_id="o1", tax=2, products=[TEA]),
        event("Order Refunded", 9, order_id="o1", total=4.5),
    ]


SHOPPED = {
    (CART, "c1"): {"status": "ordered", "totalAmount": "13.5", "currencyCode": "GBP", "salesOrderId": "o1",
                   "startedDateTime": "2026-09-21T14:14:20Z"},
    (ITEM, "c1|p1"): {"productId": "p1", "quantity": "3", "unitPriceAmount": "4.5"},
    (ITEM, "c1|p2"): {"productId": "p2", "quantity": "0", "unitPriceAmount": "3"},
    (ITEM, "c1|p3"): {"productId": "p3", "quantity": "0", "unitPriceAmount": "1"},
    (ORDER, "o1"): {**ORDERED, "totalTaxAmount": "2", "salesOrderStatusId": "refunded", "purchaseOrderDate": "2026-09-21T14:20:20Z"},
    (PRODUCT, "p1"): TEA_SHOWN, (PRODUCT, "p2"): CUP_SHOWN, (PRODUCT, "p3"): {},
}  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 4000])
@pytest.mark.parametrize("turn", ["as they happened", "backwards", "the refund first", "all again"])
def test_late_and_repeated_events_give_the_same_cart_and_order(told, space, turn, size):
    events = shopped()
    order = {
        "as they happened": events, "backwards": events[::-1], "the refund first": [events[-1], *events[:-1]],
        "all again": events + events,
    }[turn]  # fmt: skip
    found = told(*order, size=size)
    assert {one: found[one] for one in SHOPPED} == SHOPPED
    lines = [found[LINE, "o1|0"], found[LINE, "o1|1"]]
    assert [(one.get("productId"), one["orderedQuantity"]) for one in lines] == [("p1", "1"), (None, "0")]
    assert verify(space)["same"]


def test_a_cart_is_the_customers_and_an_order_that_was_never_placed_is_no_order(told, space):
    told(*shopped()[:6], event("Order Refunded", 9, order_id="o1"))
    with space.database.connect() as conn:
        reader = space.reader(conn)
        counts = reader.profile("user_id:u1")["counts"]
        assert counts["ShoppingCart"] == 1
        assert "SalesOrder" not in counts
        assert [one.view.entity for one in reader.timeline("user_id:u1", Wanted(entities=[CART, ORDER]))] == [
            ORDER,
            CART,
        ]
        assert "Order Completed" not in [one.name for one in reader.timeline("user_id:u1")]
    told(event("Order Completed", 7, **OF_ORDER))
    with space.database.connect() as conn:
        reader = space.reader(conn)
        assert reader.profile("user_id:u1")["counts"]["SalesOrder"] == 1
        (order,) = [one for one in reader.timeline("user_id:u1") if one.name == "Order Completed"]
    assert order.view.values["salesOrderStatusId"] == "refunded"
    assert verify(space)["same"]


def test_an_order_stays_whose_it_is_when_somebody_else_refunds_it(told, space):
    told(event("Order Completed", 1, **OF_ORDER), event("Order Refunded", 2, user="clerk", order_id="o1"))
    with space.database.connect() as conn:
        assert space.reader(conn).profile("user_id:u1")["counts"] == {"records": 0, "SalesOrder": 1}
        assert space.reader(conn).profile("user_id:clerk")["counts"] == {"records": 0, "OrderEngagement": 1}


def test_a_product_is_what_was_told_of_it_last_and_no_less_by_a_poorer_event(told):
    views = [
        event("Product Viewed", 0, product_id="p1", name="Tea", brand="Leaf"),
        event("Product Viewed", 2 * DAY, product_id="p1"),
        event("Product Viewed", DAY, product_id="p1", name="Green Tea"),
    ]
    for number, order in enumerate(itertools.permutations(views)):
        key = f"p{number}"
        renamed = [
            msgspec.structs.replace(
                one, id=f"{number}-{one.id}", properties={**one.properties, "product_id": key}
            )
            for one in order
        ]  # fmt: skip
        found = told(*renamed, size=1 + number % 3)
        assert found[PRODUCT, key] == {"name": "Green Tea", "manufacturerName": "Leaf"}


def test_what_a_robot_puts_in_a_cart_is_in_none(told):
    robot = msgspec.structs.replace(event("Product Added", **IN_CART, **TEA), context={"userAgent": ROBOT})
    assert (CART, "c1") not in told(robot)
    assert (CART, "c1") in told(event("Product Added", 1, **IN_CART, **TEA))


def test_a_value_that_cannot_be_read_is_set_aside_and_the_order_is_kept(told, space):
    found = told(event("Order Completed", order_id="o1", total="much", tax=1))
    assert found[ORDER, "o1"]["totalTaxAmount"] == "1"
    assert "grandTotalAmount" not in found[ORDER, "o1"]
    with space.database.connect() as conn:
        (reject,) = intake.list_rejects(conn, "web", 10)
    assert reject["column"] == "grandTotalAmount"


@pytest.mark.parametrize("properties", [
    {"order_id": ["o1"], "cart_id": {"a": 1}, "product_id": True}, {"order_id": " ", "cart_id": "", "sku": "x" * 600},
    {"cart_id": "c1", "products": "none"}, {"cart_id": "c1", "products": [1, None, [], {"product_id": "p1", "quantity": "NaN"}]},
    {"cart_id": "c1", "product_id": "p1", "quantity": -5, "price": "1e999"}, {"cart_id": "c1", "product_id": 7, "quantity": 1e308},
    {"order_id": 12, "total": float("inf"), "products": [{"product_id": "p1", "quantity": "a few"}]},
])  # fmt: skip
@pytest.mark.parametrize("name", ["Product Added", "Cart Viewed", "Order Completed", "Order Refunded"])
def test_odd_values_are_no_trouble(told, space, name, properties):
    told(event(name, **properties), event("Signed Up", 1))
    with space.database.connect() as conn:
        assert not [one for one in intake.list_rejects(conn, "web", 10) if "cannot be folded in" in one["reason"]]
        assert space.reader(conn).profile("user_id:u1")["counts"]["CustomEngagement"] >= 1


def test_of_a_cart_the_latest_three_hundred_steps_are_kept(told):
    adds = [event("Product Added", number, cart_id="c1", product_id="p1", number=f"m{number}") for number in range(305)]
    found = told(*adds[::-1], size=50)
    assert found[ITEM, "c1|p1"]["quantity"] == "300"


def test_an_event_that_names_no_cart_makes_none(told):
    assert not [one for one in told(event("Product Added", **TEA)) if one[0] == CART]
