"""Snowplow's dialect: the tracker protocol (tp2 by POST, `/i` by GET), with self-describing events and contexts. Pure.

Field names: "Snowplow Tracker Protocol". The app id (`aid`) is the write key, or the path holds it.
"""

from typing import Any

import msgspec

from steelthread.intake.live.bodies import document
from steelthread.intake.live.calls import Call, first_text, read_json, unbase64, write_key
from steelthread.intake.live.decoding import (
    Decoded,
    Refusal,
    Refused,
    check_size,
    corrected,
    mapping,
    message_id,
    text,
)
from steelthread.intake.live.types import Message, MessageType
from steelthread.kit import Invalid

EVENT_LIMIT = 192_000
"""Bytes of one event: the collector's own limit for what it passes on (its `maxBytes` of a Kinesis record)."""
_COMMERCE = {
    "product_view": "Product Viewed", "list_view": "Product List Viewed", "list_click": "Product Clicked",
    "add_to_cart": "Product Added", "remove_from_cart": "Product Removed", "checkout_step": "Checkout Started",
    "transaction": "Order Completed", "refund": "Order Refunded",
}  # fmt: skip
"""Actions of Snowplow's e-commerce plugin, in the names of Segment's specification."""


class _Said(msgspec.Struct):
    """What kind of event it is, and what it says."""

    type: MessageType
    event: str
    properties: dict[str, Any]


def read(call: Call) -> dict[str, Any]:
    """Return the payload: the body of a POST, the query of a GET."""
    return dict(call.query) if call.method == "GET" else read_json(call)


def key(call: Call, raw: dict[str, Any]) -> str:
    """Return the write key: of the path, header or query as everywhere; else the app id."""
    items = _items(raw)
    return write_key(call, {}) or first_text(mapping(items[0] if items else None).get("aid"))


def decode(raw: dict[str, Any], received: int) -> Decoded:
    """Return the events of a payload."""
    decoded = Decoded([], [])
    for place, item in enumerate(_items(raw)):
        try:
            decoded.messages.append(_message(item, received))
        except Refused as error:
            decoded.refusals.append(Refusal(place, str(error), item))
    return decoded


def _items(raw: dict[str, Any]) -> list[Any]:
    data = raw.get("data") if "e" not in raw else None
    listed = data if isinstance(data, list) else raw.get("batch")
    return listed if isinstance(listed, list) else [raw]


def _message(item: Any, received: int) -> Message:
    if not isinstance(item, dict):
        raise Refused("not a JSON object")
    check_size(item, EVENT_LIMIT)
    contexts = _contexts(_json(item, "co", "cx"))
    said = _said(item, contexts)
    session, mobile = _first(contexts, "client_session"), _first(contexts, "mobile_context")
    user, visitor = text(item.get("uid")), text(item.get("duid")) or text(session.get("userId"))
    network = text(item.get("tnuid")) or text(item.get("nuid"))
    person = _first(contexts, "user")
    if not (user or visitor or network):
        raise Refused("none of uid, duid, tnuid and nuid")
    device = first_text(mobile.get("androidIdfa"), mobile.get("appleIdfv"), mobile.get("appleIdfa"))
    return Message(
        id=message_id(item.get("eid")),
        type=said.type,
        timestamp=_when(item, received),
        received=received,
        event=said.event,
        user_id=user or text(person.get("id")) if not person.get("is_guest") else user,
        anonymous_id=visitor or network,
        traits={"email": person["email"]} if text(person.get("email")) else {},
        properties={**said.properties, **({"contexts": contexts} if contexts else {})},
        context=_context(item, mobile),
        external_ids=[
            (kind, value) for kind, value in (("cookie", network if visitor else ""), ("device_id", device)) if value
        ],
    )


def _said(item: dict[str, Any], contexts: dict[str, list[Any]]) -> _Said:
    kind = text(item.get("e"))
    if kind == "pv":
        return _Said("page", text(item.get("page")), {})
    if kind == "pp":
        return _Said(
            "track", "Page Ping", _named(item, {"pp_mix": "minX", "pp_max": "maxX", "pp_miy": "minY", "pp_may": "maxY"})
        )
    if kind == "se":
        fields = {"se_ca": "category", "se_ac": "action", "se_la": "label", "se_pr": "property", "se_va": "value"}
        return _Said("track", text(item.get("se_ac")) or "Structured Event", _named(item, fields))
    if kind == "tr":
        fields = {
            "tr_id": "order_id",
            "tr_tt": "total",
            "tr_tx": "tax",
            "tr_sh": "shipping",
            "tr_cu": "currency",
            "tr_af": "affiliation",
        }
        return _Said("track", "Order Completed", _named(item, fields))
    if kind == "ti":
        fields = {
            "ti_id": "order_id",
            "ti_sk": "sku",
            "ti_nm": "name",
            "ti_ca": "category",
            "ti_pr": "price",
            "ti_qu": "quantity",
            "ti_cu": "currency",
        }
        return _Said("track", "Order Item", _named(item, fields))
    if kind == "ue":
        return _self_describing(mapping(_json(item, "ue_pr", "ue_px").get("data")), contexts)
    raise Refused("`e` is none of pv, pp, se, ue, tr and ti")


def _self_describing(event: dict[str, Any], contexts: dict[str, list[Any]]) -> _Said:
    name, data = _name(event.get("schema")), mapping(event.get("data"))
    if not name:
        raise Refused("a self-describing event without a schema")
    if name == "screen_view":
        return _Said("screen", text(data.get("name")), data)
    commerce = _COMMERCE.get(text(data.get("type"))) if name == "snowplow_ecommerce_action" else None
    if commerce is None:
        return _Said("track", name, data)
    return _Said("track", commerce, _commerce(data, contexts))


def _commerce(data: dict[str, Any], contexts: dict[str, list[Any]]) -> dict[str, Any]:
    """Return what an e-commerce action says, in the names of Segment's specification."""
    products = [
        {**one, "product_id": one.get("id"), "sku": one.get("sku", one.get("id"))}
        for one in map(mapping, contexts.get("product", []))
    ]
    bought = _first(contexts, "transaction") or _first(contexts, "refund")
    found = {**data, **(products[0] if len(products) == 1 else {})}
    if bought:
        renamed = {"order_id": "transaction_id", "total": "revenue", "tax": "tax", "shipping": "shipping",
                   "discount": "discount_amount", "currency": "currency"}  # fmt: skip
        found = {**data, **{ours: bought[theirs] for ours, theirs in renamed.items() if theirs in bought}}
    if products:
        found["products"] = products
    return found


def _json(item: dict[str, Any], plain: str, packed: str) -> dict[str, Any]:
    """Return a JSON field of an event: as it is, or in base64."""
    value = item.get(plain)
    if isinstance(value, dict):
        return value
    try:
        if isinstance(value, str) and value:
            return document(value.encode("utf-8", "replace"))
        value = item.get(packed)
        return document(unbase64(value)) if isinstance(value, str) and value else {}
    except Invalid:
        raise Refused(f"{plain} or {packed} is no JSON object") from None


def _contexts(said: dict[str, Any]) -> dict[str, list[Any]]:
    """Return the contexts by the names of their schemas."""
    found: dict[str, list[Any]] = {}
    listed = said.get("data")
    for one in listed if isinstance(listed, list) else []:
        name = _name(mapping(one).get("schema"))
        if name:
            found.setdefault(name, []).append(mapping(one).get("data"))
    return found


def _name(schema: Any) -> str:
    """Return the name of iglu:VENDOR/NAME/FORMAT/VERSION."""
    steps = text(schema).removeprefix("iglu:").split("/")
    return steps[1] if len(steps) == 4 else ""


def _first(contexts: dict[str, list[Any]], name: str) -> dict[str, Any]:
    return mapping(next(iter(contexts.get(name, [])), None))


def _named(item: dict[str, Any], fields: dict[str, str]) -> dict[str, Any]:
    return {ours: item[theirs] for theirs, ours in fields.items() if item.get(theirs) not in (None, "")}


def _when(item: dict[str, Any], received: int) -> int:
    """Return when it happened: the true time where the tracker knows it, else by our clock."""
    true = _millis(item.get("ttm"))
    return corrected(true or _millis(item.get("dtm")), None if true else _millis(item.get("stm")), received)


def _millis(value: Any) -> int | None:
    said = text(value)
    return int(said) if said.isascii() and said.isdigit() and len(said) < 15 else None


def _context(item: dict[str, Any], mobile: dict[str, Any]) -> dict[str, Any]:
    page = {"url": item.get("url"), "title": item.get("page"), "referrer": item.get("refr")}
    device = {"manufacturer": mobile.get("deviceManufacturer"), "model": mobile.get("deviceModel")}
    system = {"name": mobile.get("osType"), "version": mobile.get("osVersion")}
    found = {
        "page": _kept(page), "device": _kept(device), "os": _kept(system), "locale": item.get("lang"),
        "timezone": item.get("tz"), "userAgent": item.get("ua"), "ip": item.get("ip"), "channel": item.get("p"),
    }  # fmt: skip
    return _kept(found)


def _kept(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
