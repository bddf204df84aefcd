"""What live events say of orders, carts and products, kept so that the order of arrival does not matter. Pure.

The names of events and their properties are those of Segment's "Ecommerce Spec" (version 2). As of a party (`PartyState`),
what is known of an order, a cart or a product is a function of the set of events that told of it, whatever their order,
batching or repetition.
"""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from steelthread.intake.live.agents import device
from steelthread.intake.live.types import Message
from steelthread.kit import remembered

ORDER, CART, PRODUCT = "SalesOrder", "ShoppingCart", "Product"
GOODS = frozenset((ORDER, CART, PRODUCT))
"""Entities of which the events of several people, or several events of one, tell together."""

BROWSED = {"product viewed", "product clicked", "product list viewed", "product list filtered", "products searched"}
_ADDED = {"product added", "wishlist product added to cart"}
_SHOWN = {"cart viewed", "checkout started"}
CARTED = {*_ADDED, *_SHOWN, "product removed", "cart shared"}
PLACED = {"order completed", "order updated"}
ORDER_STATES = {"order refunded": "refunded", "order cancelled": "cancelled", "order shipped": "shipped"}
_TOLD_OF = {
    *BROWSED, *CARTED, *PLACED, *ORDER_STATES, "product added to wishlist", "product removed from wishlist",
    "product shared", "product reviewed",
}  # fmt: skip
_OF_CARTS = CARTED | {"order completed"}
_TOLD_OF_ORDERS = {
    "grandTotalAmount": ("total", "revenue"), "totalProductAmount": ("subtotal",), "totalTaxAmount": ("tax",),
    "totalDeliveryAmount": ("shipping",), "totalAdjustmentAmount": ("discount",), "currencyCode": ("currency",),
    "salesOrderStatusId": ("status",),
}  # fmt: skip
_LONGEST = 512
_MOST_STEPS = 300
"""How many events of a cart are kept: of more the latest."""
_DAY = 86_400_000_000
_LARGEST = Decimal(10) ** 9

Register = tuple[Any, int, str]
"""(value, time in microseconds, key of the message)."""
Told = tuple[str, str | None, str | None]
"""(product, quantity, price of one), as they were told."""


@remembered(4096)
def plain_event(name: str) -> str:
    """Return the name of an event as it stands here: `Product_Added` is `product added`."""
    return " ".join(name.replace("_", " ").split()).casefold()


def key_of(said: dict[str, Any], *names: str) -> str:
    """Return the first of these properties that can be a key, as text; empty where none can."""
    for name in names:
        value = said.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool):
            text = str(value).strip()
            if text and len(text) <= _LONGEST:
                return text
    return ""


def order_of(said: dict[str, Any]) -> str:
    """Return the order that an event tells of."""
    return key_of(said, "order_id", "orderId")


def product_of(said: dict[str, Any]) -> str:
    """Return the product that an event, or an entry of its `products`, tells of."""
    return key_of(said, "product_id", "productId", "sku")


def cart_of(said: dict[str, Any]) -> str:
    """Return the cart that an event tells of."""
    return key_of(said, "cart_id", "cartId")


def entries(message: Message) -> list[dict[str, Any]]:
    """Return the entries of an event's `products`."""
    listed = message.properties.get("products")
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def goods_of(message: Message) -> list[tuple[str, str]]:
    """Return the (entity, key) of the orders, carts and products that an event tells of: none, of most."""
    if message.type != "track" or not message.properties:
        return []
    name = plain_event(message.event)
    if name not in _TOLD_OF:
        return []
    said = message.properties
    found: dict[tuple[str, str], None] = {}
    if (name in PLACED or name in ORDER_STATES) and (order := order_of(said)):
        found[ORDER, order] = None
    if name in _OF_CARTS and (cart := cart_of(said)):
        found[CART, cart] = None
    for one in (said, *entries(message)):
        if product := product_of(one):
            found[PRODUCT, product] = None
    return list(found)


def is_order(message: Message, name: str) -> bool:
    """Whether an event is told by its order alone: it is no engagement beside it."""
    return name in PLACED and bool(order_of(message.properties))


def is_robots(message: Message) -> bool:
    """Whether a robot did it."""
    return dict(device(message.context.get("userAgent"), message.context)).get("isBot") is True


class OrderState(msgspec.Struct, array_like=True):
    """The registers of one order: each is written by the latest event that tells it."""

    values: dict[str, Register] = {}
    identifiers: list[tuple[str, str, str]] = []
    """Those of the latest event that placed the order; of the latest of all while none has."""
    who: tuple[bool, int, str] = (False, 0, "")
    """Which event told the identifiers: (whether it placed the order, time, key of the message)."""
    lines: tuple[int, str, int] = (0, "", 0)
    """Which event told the lines, and how many: (time, key of the message, number)."""
    most: int = 0
    """How many lines were told at most: of those that are there no more nothing is left."""
    placed: int = 0
    """When it was placed; 0 while that is not known."""
    first: int = 0
    last: int = 0

    def tell(self, message: Message, identifiers: list[tuple[str, str, str]]) -> bool:
        """Take in what an event says; return whether the lines of the order are those that it tells."""
        name, said, at = plain_event(message.event), message.properties, message.timestamp
        placing = name in PLACED
        self.first, self.last = min(self.first or at, at), max(self.last, at)
        for attribute, properties in _TOLD_OF_ORDERS.items() if placing else ():
            value = next((said[one] for one in properties if said.get(one) not in (None, "")), None)
            if value is not None:
                self._set(attribute, value, message)
        state = ORDER_STATES.get(name) or ("completed" if name == "order completed" else "")
        if state and not (placing and said.get("status") not in (None, "")):
            self._set("salesOrderStatusId", state, message)
        if (placing, at, message.key) >= self.who:
            self.who, self.identifiers = (placing, at, message.key), list(identifiers)
        if not placing:
            return False
        self.placed = min(self.placed or at, at)
        if not isinstance(said.get("products"), list):
            return False
        count = len(entries(message))
        self.most = max(self.most, count)
        if (at, message.key) < self.lines[:2]:
            return False
        self.lines = (at, message.key, count)
        return True

    def _set(self, attribute: str, value: Any, message: Message) -> None:
        known = self.values.get(attribute)
        if known is None or (message.timestamp, message.key) >= (known[1], known[2]):
            self.values[attribute] = (value, message.timestamp, message.key)


class Item(msgspec.Struct):
    """A product in a cart: how many of it there are, and the last event that changed that."""

    quantity: Decimal
    price: str | None
    at: int


class Step(msgspec.Struct, array_like=True):
    """What one event did with a cart: `add`, `remove`, `show` (all that is in it), or nothing of these."""

    at: int
    message: str
    does: str
    told: list[Told] = []


class CartState(msgspec.Struct, array_like=True):
    """What was done with one cart, in order of time."""

    steps: list[Step] = []
    values: dict[str, Register] = {}
    identifiers: list[tuple[str, str, str]] = []
    """Those of the latest event."""
    who: tuple[int, str] = (0, "")
    first: int = 0
    last: int = 0

    def tell(self, message: Message, identifiers: list[tuple[str, str, str]]) -> None:
        """Take in what an event says."""
        name, said, at = plain_event(message.event), message.properties, message.timestamp
        self.first, self.last = min(self.first or at, at), max(self.last, at)
        step = _step(message, name)
        if step.does and all(one.message != step.message for one in self.steps):
            self.steps = sorted([*self.steps, step], key=lambda one: (one.at, one.message))[-_MOST_STEPS:]
        if said.get("currency") not in (None, ""):
            self._set("currencyCode", said["currency"], message)
        status = "ordered" if name in PLACED else "checkout" if name == "checkout started" else ""
        if status or step.does in ("add", "remove"):
            self._set("status", status or "open", message)
        if name in PLACED and (order := order_of(said)):
            self._set("salesOrderId", order, message)
        if (at, message.key) >= self.who:
            self.who, self.identifiers = (at, message.key), list(identifiers)

    def _set(self, attribute: str, value: Any, message: Message) -> None:
        known = self.values.get(attribute)
        if known is None or (message.timestamp, message.key) >= (known[1], known[2]):
            self.values[attribute] = (value, message.timestamp, message.key)

    def items(self) -> dict[str, Item]:
        """Return what was ever in the cart, as the steps leave it: of what is there no more the quantity is zero."""
        found: dict[str, Item] = {}
        for step in self.steps:
            if step.does == "show":
                for one in found.values():
                    one.quantity, one.at = Decimal(0), step.at
            for product, quantity, price in step.told:
                item = found.setdefault(product, Item(Decimal(0), None, step.at))
                item.at, item.price = step.at, price or item.price
                item.quantity = _after(step.does, item.quantity, _amount(quantity))
        return found


def _step(message: Message, name: str) -> Step:
    said = message.properties
    if name in _ADDED or name == "product removed":
        told = list(_told([said]))
        return Step(message.timestamp, message.key, ("add" if name in _ADDED else "remove") if told else "", told)
    if name in _SHOWN and isinstance(said.get("products"), list):
        return Step(message.timestamp, message.key, "show", list(_told(entries(message))))
    return Step(message.timestamp, message.key, "")


def _told(listed: list[dict[str, Any]]) -> Iterator[Told]:
    for one in listed:
        if product := product_of(one):
            quantity, price = _amount(one.get("quantity")), _amount(one.get("price"))
            yield product, None if quantity is None else str(quantity), None if price is None else str(price)


def _amount(value: Any) -> Decimal | None:
    """Return a number that is no less than zero; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() and 0 <= found <= _LARGEST else None


def _after(does: str, quantity: Decimal, told: Decimal | None) -> Decimal:
    if does != "remove":
        return quantity + (Decimal(1) if told is None else told)
    return Decimal(0) if told is None else max(Decimal(0), quantity - told)


class ProductState(msgspec.Struct):
    """What is known of one product: of each attribute what was told on the latest day; of two things the greater.

    Day by day: a product is told of again and again, and what was told already need not be written again.
    """

    values: dict[str, tuple[str, int]]
    """attribute -> (value, end of the day in microseconds)."""
    first: int = 0
    """End of the first day on which it was told of."""

    def tell(self, values: dict[str, str], at: int) -> None:
        """Take in what an event at the end of this day says."""
        for attribute, value in values.items():
            known = self.values.get(attribute)
            if known is None or (at, value) > (known[1], known[0]):
                self.values[attribute] = (value, at)
        self.first = min(self.first or at, at)


def day_of(at: int) -> int:
    """Return the end of the day of a time, in microseconds."""
    return at - at % _DAY + _DAY - 1
