"""From what is known of an order, a cart or a product (`commerce`) to canonical words. Pure."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from steelthread.intake.live.commerce import (
    CART,
    ORDER,
    PRODUCT,
    CartState,
    Item,
    OrderState,
    day_of,
    entries,
    goods_of,
    product_of,
)
from steelthread.intake.live.types import Message
from steelthread.intake.types import MappedRecord, MappedRow
from steelthread.kit import iso_micros

LINE, ITEM = "SalesOrderProduct", "ShoppingCartItem"
NOTHING: Mapping[str, Item] = {}
Values = Callable[[MappedRow, str, dict[str, Any]], dict[str, Any]]


class Goods:
    """Maps orders, carts and products of one source."""

    def __init__(self, values: Values) -> None:
        """`values` converts the values of an entity's attributes, and lists those that cannot be read."""
        self._values = values

    def of(self, message: Message, identifiers: list[tuple[str, str, str]]) -> list[MappedRow]:
        """Return what one event alone says of orders, carts and products."""
        rows = []
        for entity, key in goods_of(message):
            if entity == ORDER:
                rows += self.order_alone(key, message, identifiers)[1]
            elif entity == CART:
                cart = CartState()
                cart.tell(message, identifiers)
                rows += self.cart(key, cart)
            else:
                day = day_of(message.timestamp)
                rows += [self.product(key, told, day) for told in self.told_of(message, key)]
        return rows

    def order_alone(
        self, key: str, message: Message, identifiers: list[tuple[str, str, str]]
    ) -> tuple[OrderState, list[MappedRow]]:
        """Return what is known of an order by one event alone, and its records."""
        state = OrderState()
        tells = state.tell(message, identifiers)
        return state, [self.order(key, state), *self.lines(key, state, message if tells else None)]

    def order(self, key: str, state: OrderState) -> MappedRow:
        """Return the record of an order."""
        row = MappedRow([], state.last, [], {})
        told = {name: value for name, (value, _, _) in sorted(state.values.items())}
        values = self._values(row, ORDER, {"orderNumber": key, **told})
        if state.placed:
            values["purchaseOrderDate"] = iso_micros(state.placed)
        row.records.append(MappedRecord(ORDER, key, values, [], list(state.identifiers)))
        return row

    def lines(self, key: str, state: OrderState, message: Message | None) -> list[MappedRow]:
        """Return the lines of an order as `message` tells them, where one is given, and those of which nothing is left."""
        at, _, count = state.lines
        told = [self._line(key, number, at, one) for number, one in enumerate(entries(message) if message else [])]
        return told + [self._line(key, number, at, {"quantity": 0}) for number in range(count, state.most)]

    def _line(self, key: str, number: int, at: int, one: dict[str, Any]) -> MappedRow:
        row = MappedRow([], at, [], {})
        told = {
            "productId": product_of(one), "description": one.get("name"), "orderedQuantity": one.get("quantity", 1),
            "unitPriceAmount": one.get("price"), "productSKU": one.get("sku"), "productCategoryName": one.get("category"),
        }  # fmt: skip
        line = MappedRecord(LINE, f"{key}|{number}", self._values(row, LINE, told), [], [])
        line.parent = (ORDER, key)
        row.records.append(line)
        return row

    def cart(self, key: str, state: CartState, before: Mapping[str, Item] = NOTHING) -> list[MappedRow]:
        """Return the records of a cart, the cart first, and of what is, or was, in it where that is otherwise than `before`."""
        items = state.items()
        row = MappedRow([], state.last, [], {})
        told = {name: value for name, (value, _, _) in sorted(state.values.items())}
        held = [one for one in items.values() if one.quantity]
        if all(one.price is not None for one in held):
            told["totalAmount"] = _plain(sum((one.quantity * Decimal(one.price or 0) for one in held), Decimal(0)))
        values = self._values(row, CART, told)
        values["startedDateTime"] = iso_micros(state.first)
        row.records.append(MappedRecord(CART, key, values, [], list(state.identifiers)))
        rows = [row]
        for product, item in sorted(items.items()):
            if item == before.get(product):
                continue
            row = MappedRow([], item.at, [], {})
            wanted = {"productId": product, "quantity": _plain(item.quantity), "unitPriceAmount": item.price}
            record = MappedRecord(ITEM, f"{key}|{product}", self._values(row, ITEM, wanted), [], [])
            record.parent = (CART, key)
            row.records.append(record)
            rows.append(row)
        return rows

    def told_of(self, message: Message, key: str) -> list[dict[str, str]]:
        """Return what an event says of a product, once for each place where it tells of it."""
        row = MappedRow([], None, [], {})
        return [
            self._values(
                row,
                PRODUCT,
                {
                    "name": one.get("name") or one.get("title"), "productSKU": one.get("sku"),
                    "manufacturerName": one.get("brand"), "primaryProductCategoryId": one.get("category"),
                },
            )
            for one in (message.properties, *entries(message))
            if product_of(one) == key
        ]  # fmt: skip

    def product(self, key: str, values: dict[str, str], at: int) -> MappedRow:
        """Return the record of a product as of the end of a day."""
        return MappedRow([MappedRecord(PRODUCT, key, dict(sorted(values.items())), [], [])], at, [], {})


def _plain(number: Decimal) -> str:
    """Return a number as it is written: 2, not 2.0 or 2E+0."""
    return format(number.normalize() if number else Decimal(0), "f")
