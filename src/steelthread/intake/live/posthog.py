"""PostHog's dialect: /batch/ and /capture/. Pure."""

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
    check_size(item)
    name, properties = text(item.get("event")), mapping(item.get("properties"))
    who = text(item.get("distinct_id") or properties.get("distinct_id"))
    if not name or not who:
        raise Refused("no `event` or no `distinct_id`")
    type_ = _TYPES.get(name, "track")
    device = text(properties.get("$device_id"))
    unknown = device == who and type_ != "identify"
    group = text(properties.get("$group_key"))
    previous = ""
    if type_ == "alias":  # `alias` is the lasting name of the one that was called `distinct_id` before
        who, previous, unknown = text(properties.get("alias")), who, False
        if not who:
            raise Refused(f"{name} without `alias`")
    if type_ == "group" and not group:
        raise Refused("$groupidentify without $group_key")
    traits = mapping(properties.get("$group_set") if type_ == "group" else item.get("$set") or properties.get("$set"))
    return Message(
        id=message_id(item.get("uuid") or properties.get("$insert_id")),
        type=type_,
        timestamp=corrected(item.get("timestamp"), sent, received),
        received=received,
        event="" if name.startswith("$") else name,
        user_id="" if unknown else who,
        anonymous_id=who if unknown else text(properties.get("$anon_distinct_id")) or device,
        previous_id=previous,
        group_id=group,
        traits=traits,
        once=mapping(item.get("$set_once") or properties.get("$set_once")) if type_ != "group" else {},
        properties={name: value for name, value in properties.items() if not name.startswith("$")},
        context=_context(properties),
    )


def _context(properties: dict[str, Any]) -> dict[str, Any]:
    page = {
        "url": properties.get("$current_url"),
        "referrer": properties.get("$referrer"),
        "title": properties.get("title"),
    }
    known = {name: value for name, value in page.items() if value}
    return {"page": known} if known else {}
