"""From a live event to canonical words: engagements; parties from their traits. Orders, carts and products: `goods`.

The names of e-commerce events and their properties are those of Segment's "Ecommerce Spec" (version 2).
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from steelthread.intake.live.agents import device
from steelthread.intake.live.commerce import (
    BROWSED,
    CARTED,
    ORDER_STATES,
    cart_of,
    is_order,
    order_of,
    plain_event,
    product_of,
)
from steelthread.intake.live.goods import Goods
from steelthread.intake.live.state import PartyState, flat
from steelthread.intake.live.types import Message
from steelthread.intake.types import Issue, MappedPart, MappedRecord, MappedRow, Unreadable
from steelthread.intake.values import Convert, converter
from steelthread.kit import iso_micros
from steelthread.model import Model

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_JSON = msgspec.json.Encoder(order="sorted").encode
_MOST = 8_000
"""How many characters of one text are kept; the rest is cut off."""

TRAITS: dict[str, tuple[str, str]] = {
    "firstname": ("Individual", "firstName"), "lastname": ("Individual", "lastName"),
    "middlename": ("Individual", "middleName"), "name": ("Individual", "personName"),
    "birthday": ("Individual", "birthDate"), "birthdate": ("Individual", "birthDate"),
    "dateofbirth": ("Individual", "birthDate"), "gender": ("Individual", "genderId"),
    "locale": ("Individual", "languageCode"), "language": ("Individual", "languageCode"),
    "timezone": ("Individual", "timeZone"), "occupation": ("Individual", "occupation"),
    "avatar": ("Individual", "photoURL"), "website": ("Individual", "webSiteURL"),
    "email": ("ContactPointEmail", "emailAddress"), "phone": ("ContactPointPhone", "telephoneNumber"),
    "phonenumber": ("ContactPointPhone", "telephoneNumber"), "mobile": ("ContactPointPhone", "telephoneNumber"),
    "address.street": ("ContactPointAddress", "addressLine1"), "address.line1": ("ContactPointAddress", "addressLine1"),
    "address.line2": ("ContactPointAddress", "addressLine2"), "address.city": ("ContactPointAddress", "cityName"),
    "address.state": ("ContactPointAddress", "stateProvinceName"),
    "address.postalcode": ("ContactPointAddress", "postalCodeText"),
    "address.zip": ("ContactPointAddress", "postalCodeText"), "address.country": ("ContactPointAddress", "countryName"),
    "city": ("ContactPointAddress", "cityName"), "country": ("ContactPointAddress", "countryName"),
}  # fmt: skip
"""Traits (lower case, letters and digits only) that are attributes; the others are kept as they are."""
GROUP_TRAITS: dict[str, tuple[str, str]] = {"name": ("Account", "name"), "description": ("Account", "description")}


def moment(micros: int) -> datetime:
    """Return microseconds since 1970 as a moment."""
    return _EPOCH + timedelta(microseconds=micros)


class Words:
    """Maps the live events of one source."""

    def __init__(self, model: Model, country: str) -> None:
        self._model = model
        self._country = country
        self._converters: dict[tuple[str, str], Convert] = {}
        self.goods = Goods(self.values)

    # -- parties -----------------------------------------------------------------------------------------------------

    def party(self, entity: str, key: str, state: PartyState) -> tuple[MappedRow, dict[str, int]]:
        """Return a party's record from its registers, and when each of its attributes was told."""
        row = MappedRow([], state.told, [], {})
        record = MappedRecord(entity, key, {}, [], list(state.identifiers))
        parts: dict[str, dict[str, Any]] = {}
        told: dict[str, int] = {}
        table = TRAITS if entity == "Individual" else GROUP_TRAITS
        for name, (value, at) in flat(state.known()):
            home = table.get(plain_trait(name))
            if home is None:
                row.extras[name] = _text(value)
                continue
            found = self._converted(row, name, home, value)
            if found is None:
                continue
            if home[0] == entity:
                record.values.setdefault(home[1], found)
                told[home[1]] = at
            else:
                parts.setdefault(home[0], {}).setdefault(home[1], found)
        record.parts = [MappedPart(name, values) for name, values in sorted(parts.items())]
        row.records.append(record)
        return row, told

    # -- what happened -------------------------------------------------------------------------------------------------

    def event(self, message: Message, identifiers: list[tuple[str, str, str]]) -> MappedRow:
        """Return the record of something that happened, an engagement: none of an order, which is more than one event (`goods`)."""
        row = MappedRow([], message.timestamp, [], {})
        name = plain_event(message.event) if message.type == "track" else ""
        if not is_order(message, name):
            entity = _kind(message, name)
            values = self._common(row, message, entity)
            values.update(self._own(row, message, entity, name))
            row.records.append(MappedRecord(entity, message.key, values, [], identifiers))
            if message.group_id:
                row.extras["groupId"] = message.group_id
        return row

    def _common(self, row: MappedRow, message: Message, entity: str) -> dict[str, Any]:
        context, told = message.context, message.properties
        known = self._model.entity(entity).attributes
        values: dict[str, Any] = {}
        for name, value in self._said(message):
            if value is not None and value != "" and name in known:
                values[name] = value[:_MOST] if type(value) is str else _text(value)
        if told:  # whole: JSON that is cut off is none
            values["properties"] = _JSON(told).decode()
        values.update(device(context.get("userAgent"), context))
        country, address = context.get("country"), context.get("ip")
        if not (country in (None, "") and address in (None, "")):
            values.update(self.values(row, entity, {"countryName": country, "ipAddress": address}))
        return values

    def _said(self, message: Message) -> Iterator[tuple[str, Any]]:
        """Yield what all events say of themselves, and of where they were done."""
        context, told = message.context, message.properties
        at = iso_micros(message.timestamp)
        yield "eventDateTime", at
        yield "receivedDateTime", at if message.received == message.timestamp else iso_micros(message.received)
        yield "eventType", message.event or message.type
        yield "channel", context.get("channel")
        page = _dict(context.get("page"))
        if page or told:
            yield "pageUrl", told.get("url") or page.get("url")
            yield "pageTitle", told.get("title") or page.get("title")
            yield "referrerUrl", told.get("referrer") or page.get("referrer")
        yield "userAgent", context.get("userAgent")
        campaign = context.get("campaign")
        if isinstance(campaign, dict):
            yield "utmSource", campaign.get("source")
            yield "utmMedium", campaign.get("medium")
            yield "campaignId", campaign.get("name")

    def _own(self, row: MappedRow, message: Message, entity: str, name: str) -> dict[str, Any]:
        said = message.properties
        if entity == "AppEngagement":
            wanted = {"screenName": message.event, "appVersion": _dict(message.context.get("app")).get("version")}
        elif entity == "ProductBrowseEngagement":
            wanted = {
                "productId": product_of(said), "productSKU": said.get("sku"), "searchText": said.get("query"),
            }  # fmt: skip
        elif entity == "ShoppingCartEngagement":
            wanted = {
                "shoppingCartId": cart_of(said), "productId": product_of(said),
                "quantity": said.get("quantity"), "amount": said.get("value", said.get("price")),
                "currencyCode": said.get("currency"),
            }  # fmt: skip
        elif entity == "OrderEngagement":
            wanted = {
                "salesOrderId": order_of(said), "orderStatus": ORDER_STATES[name],
                "amount": said.get("total", said.get("revenue")), "currencyCode": said.get("currency"),
            }  # fmt: skip
        elif entity == "CustomEngagement":
            wanted = {"amount": said.get("revenue", said.get("value")), "currencyCode": said.get("currency")}
        else:
            wanted = {}
        return self.values(row, entity, wanted)

    # -- values ------------------------------------------------------------------------------------------------------

    def values(self, row: MappedRow, entity: str, wanted: dict[str, Any]) -> dict[str, Any]:
        """Return the values of attributes as they are kept; those that cannot be read are listed with the row."""
        found: dict[str, Any] = {}
        for attribute, value in wanted.items():
            if value not in (None, ""):
                converted = self._converted(row, attribute, (entity, attribute), value)
                if converted is not None:
                    found[attribute] = converted
        return found

    def _converted(self, row: MappedRow, name: str, home: tuple[str, str], value: Any) -> Any:
        convert = self._converters.get(home) or self._converter(home)
        try:
            return convert(_text(value))
        except Unreadable as error:
            row.issues.append(Issue(name, str(error), home[0], home[1], _text(value)))
            return None

    def _converter(self, home: tuple[str, str]) -> Convert:
        one = self._model.entity(home[0]).attributes[home[1]]
        convert: Callable[[str], Any] = converter(one.type, one.logical, (), ".", self._country)
        self._converters[home] = convert
        return convert


def _kind(message: Message, name: str) -> str:
    if message.type == "page":
        return "WebsiteEngagement"
    if message.type == "screen":
        return "AppEngagement"
    if message.type == "track":
        if name in BROWSED:
            return "ProductBrowseEngagement"
        if name in CARTED:
            return "ShoppingCartEngagement"
        if name in ORDER_STATES:
            return "OrderEngagement"
    return "CustomEngagement"


def plain_trait(name: str) -> str:
    """Return the name of a trait as `TRAITS` has it."""
    return "".join(letter for letter in name.casefold() if letter.isalnum() or letter == ".")


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value[:_MOST]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return _JSON(value).decode()[:_MOST]
