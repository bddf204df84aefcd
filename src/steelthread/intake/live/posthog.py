"""PostHog's dialect: /batch/, /capture/, /e/ of its browser SDK. Pure.

A `distinct_id` is a login or an anonymous visitor, and nothing says which: it is taken for a login, unless it is the device's,
and answers as an anonymous id too, so that an alias between any two of them holds.
"""

from typing import Any

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

EVENT_LIMIT = 1 << 20
"""Bytes of one event."""
_TYPES: dict[str, MessageType] = {
    "$identify": "identify", "$set": "identify", "$create_alias": "alias", "$merge_dangerously": "alias",
    "$groupidentify": "group", "$pageview": "page", "$screen": "screen",
}  # fmt: skip


def decode(raw: dict[str, Any], received: int) -> Decoded:
    """Return the events of a call: one, or a batch."""
    batch = raw.get("batch")
    items = batch if isinstance(batch, list) else [raw]
    decoded = Decoded([], [])
    for place, item in enumerate(items):
        try:
            decoded.messages.append(_message(item, raw.get("sent_at"), received))
        except Refused as error:
            decoded.refusals.append(Refusal(place, str(error), item))
    return decoded


def _message(item: Any, sent: Any, received: int) -> Message:
    if not isinstance(item, dict):
        raise Refused("not a JSON object")
    check_size(item, EVENT_LIMIT)
    name, properties = text(item.get("event")), mapping(item.get("properties"))
    who = text(item.get("distinct_id") or properties.get("distinct_id"))
    if not name or not who:
        raise Refused("no `event` or no `distinct_id`")
    type_ = _TYPES.get(name, "track")
    device = text(properties.get("$device_id"))
    unknown = device == who and type_ != "identify"
    group = text(properties.get("$group_key"))
    previous = ""
    if type_ == "alias":  # two names of one person; which of them is a login, SDKs do not say
        previous, unknown = text(properties.get("alias")), True
        if not previous:
            raise Refused(f"{name} without `alias`")
    if type_ == "group" and not group:
        raise Refused("$groupidentify without $group_key")
    traits = mapping(properties.get("$group_set") if type_ == "group" else item.get("$set") or properties.get("$set"))
    return Message(
        id=message_id(item.get("uuid") or properties.get("$insert_id")),
        type=type_,
        timestamp=_when(item, sent, received),
        received=received,
        event="" if type_ != "track" else name,
        user_id="" if unknown else who,
        anonymous_id=who if unknown else text(properties.get("$anon_distinct_id")) or device,
        previous_id=previous,
        group_id=group,
        traits=traits,
        once=mapping(item.get("$set_once") or properties.get("$set_once")) if type_ != "group" else {},
        properties={name: value for name, value in properties.items() if not name.startswith("$")},
        context=_context(properties),
        external_ids=[] if unknown else [("anonymous_id", who)],
    )


def _when(item: dict[str, Any], sent: Any, received: int) -> int:
    """Return when it happened: the browser SDK says how many milliseconds ago, the others by their clock."""
    offset = item.get("offset")
    if isinstance(offset, int | float) and not isinstance(offset, bool) and 0 <= offset < 1e12:
        return received - int(offset * 1000)
    return corrected(item.get("timestamp"), sent, received)


def _context(properties: dict[str, Any]) -> dict[str, Any]:
    page = {
        "url": properties.get("$current_url"),
        "referrer": properties.get("$referrer"),
        "title": properties.get("title"),
    }
    campaign = {name: properties.get(f"utm_{name}") for name in ("source", "medium")}
    campaign["name"] = properties.get("utm_campaign")
    agent, address = properties.get("$raw_user_agent") or properties.get("$useragent"), properties.get("$ip")
    return _said({"page": _said(page), "campaign": _said(campaign), "userAgent": agent, "ip": address})


def _said(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def api_key(raw: dict[str, Any]) -> str:
    """Return the project key of a call: in the call, or in each event as the browser SDK has it."""
    batch = raw.get("batch")
    first = mapping(batch[0] if isinstance(batch, list) and batch else raw)
    said = (
        raw.get("api_key"), raw.get("token"), raw.get("$token"), first.get("api_key"), first.get("token"),
        mapping(first.get("properties")).get("token"),
    )  # fmt: skip
    return next((one for one in said if isinstance(one, str) and one), "")


def remote_config(token: str) -> dict[str, Any]:
    """Return what the browser SDK asks for when it starts (/flags, /decide, /array): what is here is events alone."""
    return {
        "token": token, "supportedCompression": ["gzip", "gzip-js"], "hasFeatureFlags": False, "featureFlags": {},
        "featureFlagPayloads": {}, "flags": {}, "errorsWhileComputingFlags": False, "sessionRecording": False,
        "heatmaps": False, "surveys": False, "captureDeadClicks": False, "capturePerformance": False,
        "autocaptureExceptions": False, "autocapture_opt_out": False, "defaultIdentifiedOnly": True,
        "isAuthenticated": False, "siteApps": [], "toolbarParams": {}, "analytics": {"endpoint": "/e/"},
    }  # fmt: skip
