"""Where the properties of live events go: found out by sending a mark through the mapping itself, so it cannot differ."""

from collections.abc import Iterable
from typing import NamedTuple

from steelthread.intake.live.types import Message, MessageType
from steelthread.intake.live.words import GROUP_TRAITS, TRAITS, Words, plain_trait
from steelthread.intake.types import MappedRow

_LINE = ("product_id", "sku", "name", "quantity", "price", "category", "brand")
"""Properties of a product within `products`."""
_NAMED: dict[str, MessageType] = {"page": "page", "screen": "screen"}


class Home(NamedTuple):
    """A property of an event, and the attribute that it becomes."""

    event: str
    property: str
    entity: str
    attribute: str


def homes_of(words: Words, event: str, properties: Iterable[str]) -> list[Home]:
    """Return where each property of an event, by the name that a contract has for it, goes; those without a home are left out.

    What an event says beyond its attributes is kept whole under `properties`, which is no step of its own here.
    """
    named = sorted(set(properties) - {""})
    if event in ("identify", "group"):
        table = TRAITS if event == "identify" else GROUP_TRAITS
        found = ((one, table.get(plain_trait(one))) for one in named)
        return [Home(event, one, *home) for one, home in found if home is not None]
    marks = {one: f"mark-{number}-of-lineage" for number, one in enumerate(named)}
    lines = {one: f"line-{number}-of-lineage" for number, one in enumerate(_LINE)} if "products" in marks else {}
    said = {**marks, **({"products": [lines]} if lines else {})}
    kind = _NAMED.get(event, "track")
    message = Message("lineage", kind, 0, 0, event=event if kind == "track" else "", properties=said)
    names = {mark: name for name, mark in marks.items()}
    names |= {mark: f"products[].{name}" for name, mark in lines.items()}
    homes = {home for row in (words.event(message, []), *words.goods.of(message, [])) for home in _found(row, names)}
    return sorted(Home(event, name, entity, attribute) for name, entity, attribute in homes)


def _found(row: MappedRow, marks: dict[str, str]) -> set[tuple[str, str, str]]:
    """Return (property, entity, attribute) of every mark: in a value, or set aside since it was none of the type."""
    found = {
        (marks[value], record.entity, attribute)
        for record in row.records
        for attribute, value in record.values.items()
        if isinstance(value, str) and value in marks
    }
    return found | {(marks[one.value], one.entity, one.attribute) for one in row.issues if one.value in marks}
