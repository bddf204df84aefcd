"""A profile in Segment's words: traits, external ids, events, links. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from steelthread.intake import id_of
from steelthread.kit import iso
from steelthread.profiles.computed.definition import ORDER_COMPLETED
from steelthread.profiles.timeline import Entry

_JSON = msgspec.json.Decoder().decode
_TYPES = {"WebsiteEngagement": "page", "AppEngagement": "screen"}
_PROPERTIES = {
    "grandTotalAmount": "total", "totalProductAmount": "subtotal", "totalTaxAmount": "tax",
    "totalDeliveryAmount": "shipping", "totalAdjustmentAmount": "discount", "orderNumber": "order_id",
    "currencyCode": "currency",
}  # fmt: skip
"""What Segment's e-commerce specification calls the attributes of an order."""


def traits(profile: Mapping[str, Any], told: Mapping[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Return traits by name, each with value, source and time: attributes, contacts, computed ones, and as they were told.

    `kind` chooses: `computed_trait` those of `profile.yaml`, `audience` none of these (see `audiences`), empty all.
    """
    found: dict[str, dict[str, Any]] = {}
    if not kind:
        found.update({name: _trait(one) for name, one in profile["attributes"].items()})
        for point in profile["contactPoints"]:
            known = found.get(point["kind"])
            if point["kind"] in ("email", "phone") and (known is None or point["lastSeen"] > known["updated_at"]):
                sources = point["sources"]
                found[point["kind"]] = {
                    "value": point["value"], "source_id": sources[-1], "updated_at": point["lastSeen"],
                }  # fmt: skip
        found.update({name: _trait(one) for name, one in told.items()})
    if kind != "audience":
        found.update(
            {
                name: {"value": one["value"], "source_id": "computed", "updated_at": profile["lastSeen"]}
                for name, one in profile.get("traits", {}).items()
            }
        )
    return found


def audiences(places: Sequence[Entry], at: datetime) -> dict[str, dict[str, Any]]:
    """Return the segments that a person is or was in, as traits that are true or false; `places`: the oldest first."""
    found: dict[str, dict[str, Any]] = {}
    for one in places:
        values = one.view.values
        name, left = values.get("segmentId"), values.get("leftDateTime")
        if name:
            inside = left is None or datetime.fromisoformat(left) > at
            found[str(name)] = {"value": inside, "source_id": one.view.source, "updated_at": iso(one.at)}
    return found


def _trait(one: Mapping[str, Any]) -> dict[str, Any]:
    return {"value": one["value"], "source_id": one["source"], "updated_at": one["observedAt"]}


def external_ids(profile: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the identifiers of a profile."""
    return [
        {
            "source_id": one["sources"][0], "collection": "users", "id": _bare(one), "type": one["kind"],
            "created_at": one["firstSeen"], "encoding": "none",
        }
        for one in profile["identifiers"]
    ]  # fmt: skip


def first_message(one: Mapping[str, Any], entries: Sequence[Entry]) -> str | None:
    """Return the id of the first event that named an external id, None when none of these did; `entries`: the oldest first."""
    return next(
        (
            id_of(entry.view.key)
            for entry in entries
            for kind, value in entry.view.identifiers
            if kind == one["type"] and _bare({"kind": kind, "value": value}) == one["id"]
        ),
        None,
    )


def _bare(one: Mapping[str, Any]) -> str:
    """Return an identifier without the namespace that all logins of the company share."""
    value: str = one["value"]
    return value.removeprefix("users/") if one["kind"] == "user_id" else value


def segment_event(entry: Entry) -> dict[str, Any]:
    """Return what happened as an event; an order of any source is `Order Completed`."""
    view = entry.view
    values = dict(view.values)
    properties = _properties(values.pop("properties", None))
    type_ = _TYPES.get(view.entity, "track")
    if type_ == "track" and entry.name in ("identify", "group", "alias"):
        type_ = entry.name
    if entry.name == ORDER_COMPLETED:
        properties = {_PROPERTIES.get(name, name): value for name, value in values.items()}
    told: dict[str, Any] = {
        "external_ids": [
            {"collection": "users", "type": kind, "id": _bare({"kind": kind, "value": value}), "encoding": "none"}
            for kind, value in view.identifiers
        ],
        "context": _context(values), "type": type_, "message_id": id_of(view.key), "source_id": view.source,
        "timestamp": iso(entry.at), "properties": properties, "related": {"users": []},
    }  # fmt: skip
    told["event" if type_ == "track" else "name"] = entry.name
    return told


def _properties(text: Any) -> dict[str, Any]:
    """Return the properties that an event came with; what was cut off because of its length is no JSON any more."""
    try:
        found = _JSON(text) if isinstance(text, str) else {}
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _context(values: Mapping[str, Any]) -> dict[str, Any]:
    page = {"url": values.get("pageUrl"), "title": values.get("pageTitle"), "referrer": values.get("referrerUrl")}
    said = {"userAgent": values.get("userAgent"), "page": {name: one for name, one in page.items() if one}}
    return {name: one for name, one in said.items() if one}


def links(groups: Sequence[Entry]) -> list[tuple[str, dict[str, Any]]]:
    """Return the accounts that a person's group calls named, by id."""
    found = {one.view.extras["groupId"] for one in groups if "groupId" in one.view.extras}
    return [
        (
            group,
            {
                "to_collection": "accounts",
                "external_ids": [{"id": group, "type": "group_id", "collection": "accounts", "encoding": "none"}],
            },
        )
        for group in sorted(found)
    ]
