"""Orders, carts and products in the live thread: what events tell of them is put to what is known, in the records' own envelopes.

Each such record is decided by what is known of it, never by which of two versions came later.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import psycopg

from steelthread import intake
from steelthread.intake import CART, ORDER, PRODUCT, CartState, Message, OrderState, ProductState, RecordRow, moment
from steelthread.kit import microseconds
from steelthread.thread.ahead import Teller
from steelthread.thread.batch import Batch
from steelthread.thread.prepare import Prepared
from steelthread.thread.space import Space
from steelthread.thread.terms import Known
from steelthread.thread.told import Told
from steelthread.vault import unseal

Connection = psycopg.Connection[Any]
Identifiers = list[tuple[str, str, str]]
Seen = dict[tuple[str, str], list[tuple[dict[str, str], int]]]
"""What is told of products by (entity, key), each time with the end of its day."""
_PLACE = 6
"""Where what is known stands in the envelope of a record."""
_MOST_PRODUCTS = 100_000
OF_ORDERS = frozenset((ORDER, "SalesOrderProduct"))
"""Entities whose records are written as all that is known of an order says, not as one event does."""
_ALL = 1 << 30
"""Lines of an order that are there, and of which nobody knows the number."""
_ORDER = msgspec.msgpack.Decoder(OrderState).decode
_CART = msgspec.msgpack.Decoder(CartState).decode
_UNPACK = msgspec.msgpack.Decoder().decode
_JSON = msgspec.json.Encoder(order="sorted").encode
_CLEAR = msgspec.json.Decoder().decode


class Purchases:
    """Folds what events tell of orders, carts and products."""

    def __init__(self, space: Space, teller: Teller) -> None:
        self._space = space
        self._teller = teller
        self._goods = teller.words.goods
        self._products: dict[tuple[int, str, int, str], None] = {}
        """What was told of products, by source and day: the same need not be looked up again."""

    def forget(self) -> None:
        """Know nothing of products any more: a rollback took back what was written of them."""
        self._products.clear()

    def fold(
        self, conn: Connection, live: Known, batch: Batch, told: Mapping[tuple[str, str], Sequence[Told]], seen: Seen
    ) -> tuple[list[Prepared], frozenset[bytes]]:
        """Return the records of what these events tell of, and the marks of the rows that they take the place of."""
        vault = self._space.vault
        named = [*told, *seen]
        names = {one: live.key_hash(vault, one) for one in named}
        stored = intake.records_by_hash(conn, list(names.values())) if names else {}
        batch.looked_up(list(names.values()), stored)
        keys = vault.keys({row.subject for row in stored.values()})
        prepared: list[Prepared] = []
        for one, name in names.items():
            row = stored.get(name)
            if row is None and one[0] == ORDER and len(told[one]) == 1:
                prepared += [each for each in told[one][0].prepared if each.entity in OF_ORDERS]
                continue
            is_open = row is not None and one[0] in (ORDER, CART) and row.subject in keys
            known = _UNPACK(unseal(keys[row.subject], row.sealed, name)) if row and is_open else []
            if one[0] == ORDER:
                found, first = self._order(live, one[1], told[one], row, known)
            elif one[0] == CART:
                found, first = self._cart(live, one[1], told[one], known)
            else:
                found, first = self._product(live, one[1], seen[one], row)
            prepared += found
            if found:
                batch.seen_since(name, moment(first))
        return prepared, frozenset(one.row_digest for one in prepared)

    # -- orders and carts --------------------------------------------------------------------------------------------

    def _order(
        self, live: Known, key: str, told: Sequence[Told], row: RecordRow | None, known: list[Any]
    ) -> tuple[list[Prepared], int]:
        state = OrderState()
        if len(known) > _PLACE:
            state = _ORDER(known[_PLACE])
        elif row is not None and known:
            state = _before_registers(live, row, known)
        state.identifiers = self._allowed(live, state.identifiers)
        teller: Message | None = None
        for one in told:
            if state.tell(one.message, one.identifiers):
                teller = one.message
        rows = self._goods.lines(key, state, teller)
        return self._teller.kept(live, [self._goods.order(key, state), *rows], state, f"{ORDER} {key}"), state.first

    def _cart(self, live: Known, key: str, told: Sequence[Told], known: list[Any]) -> tuple[list[Prepared], int]:
        heard = [one for one in told if self._teller.is_heard(one.message)]
        if not heard:
            return [], 0
        state = _CART(known[_PLACE]) if len(known) > _PLACE else CartState()
        state.identifiers = self._allowed(live, state.identifiers)
        before = state.items()
        for one in heard:
            state.tell(one.message, one.identifiers)
        return self._teller.kept(live, self._goods.cart(key, state, before), state, f"{CART} {key}"), state.first

    def _allowed(self, live: Known, identifiers: Identifiers) -> Identifiers:
        """Return those identifiers that the rules have, as the source's file names them now."""
        rules = self._space.rules
        known = [
            (kind, live.namespace if kind == "user_id" else scope, value)
            for kind, scope, value in identifiers
            if rules.knows(kind)
        ]
        return rules.untied(known, lambda one: one[0])

    # -- products ----------------------------------------------------------------------------------------------------

    def note(self, live: Known, one: Told, seen: Seen) -> None:
        """Add to `seen` what an event tells of products, unless the same was told on that day."""
        for key, day, text in one.products:
            mark = (live.facts.source_id, key, day, text)
            if mark not in self._products:
                while len(self._products) >= _MOST_PRODUCTS:
                    del self._products[next(iter(self._products))]
                self._products[mark] = None
                told = self._goods.told_of(one.message, key)
                seen[PRODUCT, key].extend((values, day) for values in told if repr(values) == text)

    def _product(
        self, live: Known, key: str, told: Sequence[tuple[dict[str, str], int]], row: RecordRow | None
    ) -> tuple[list[Prepared], int]:
        state = ProductState({})
        if row is not None and row.changed_at is not None:
            clear, last = _CLEAR(row.clear), microseconds(row.changed_at)
            times = clear.get("t") or {}
            state.values = {name: (value, times.get(name, last)) for name, value in clear["v"].items()}
            state.first = microseconds(row.first_observed_at)
        for values, day in told:
            state.tell(values, day)
        last = max((day for _, day in state.values.values()), default=state.first)
        values = {name: value for name, (value, _) in state.values.items()}
        (one,) = self._teller.row(live, self._goods.product(key, values, last), f"{PRODUCT} {key}")
        earlier = {name: day for name, (_, day) in state.values.items() if day != last}
        if earlier:
            one.clear = _JSON({**_CLEAR(one.clear), "t": earlier})
            one.digest = self._space.vault.digest(one.clear)
        return [one], state.first


def _before_registers(live: Known, row: RecordRow, known: list[Any]) -> OrderState:
    """Return what is known of an order that was kept before there were registers: what the latest event said, and of whom."""
    at = microseconds(row.changed_at) if row.changed_at else 0
    values = _CLEAR(row.clear)["v"]
    named = [(kind, live.namespace if kind == "user_id" else "", _bare(kind, value, live)) for kind, value in known[3]]
    return OrderState(
        {name: (value, at, "") for name, value in values.items() if name not in ("orderNumber", "purchaseOrderDate")},
        named, (True, at, ""), (at, "", _ALL), 0, at, at, at,
    )  # fmt: skip


def _bare(kind: str, value: str, live: Known) -> str:
    return value.removeprefix(f"{live.namespace}/") if kind == "user_id" else value
