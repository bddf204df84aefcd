"""Segment's dialect (HTTP Tracking API), which RudderStack and Jitsu speak as well. Pure."""

from typing import Any, get_args

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

TYPES: frozenset[str] = frozenset(get_args(MessageType))
SHORT = {one[0]: one for one in sorted(TYPES, reverse=True)}
"""The short paths of the browser SDK: /v1/t is /v1/track."""


def decode(raw: dict[str, Any], received: int, kind: str = "") -> Decoded:
    """Return the events of a call: one of a kind, or a batch whose context and integrations hold for each."""
    batch = raw.get("batch")
    items = batch if isinstance(batch, list) else [raw]
    around = raw if isinstance(batch, list) else {}
    decoded = Decoded([], [])
    for place, item in enumerate(items):
        try:
            decoded.messages.append(_message(item, around, received, "" if around else kind))
        except Refused as error:
            decoded.refusals.append(Refusal(place, str(error), item))
    return decoded


def _message(item: Any, around: dict[str, Any], received: int, kind: str) -> Message:
    if not isinstance(item, dict):
        raise Refused("not a JSON object")
    check_size(item)
    type_ = kind or text(item.get("type")).casefold()
    if type_ not in TYPES:
        raise Refused(f"`type` is none of {', '.join(sorted(TYPES))}")
    user, anonymous = text(item.get("userId")), text(item.get("anonymousId"))
    if not user and not anonymous:
        raise Refused("neither userId nor anonymousId")
    name = text(item.get("event")) if type_ == "track" else text(item.get("name"))
    if type_ == "track" and not name:
        raise Refused("a track event without `event`")
    group, previous = text(item.get("groupId")), text(item.get("previousId"))
    if type_ == "group" and not group:
        raise Refused("a group event without `groupId`")
    if type_ == "alias" and not (previous and user):
        raise Refused("an alias without `previousId` and `userId`")
    properties = mapping(item.get("properties"))
    context = {**mapping(around.get("context")), **mapping(item.get("context"))}
    traits = mapping(item.get("traits"))
    if type_ == "identify":  # RudderStack's SDKs tell them within the context
        traits = {**mapping(context.get("traits")), **traits}
    return Message(
        id=message_id(item.get("messageId")),
        type=type_,  # type: ignore[arg-type]  # one of TYPES
        timestamp=corrected(
            item.get("originalTimestamp") or item.get("timestamp"),
            item.get("sentAt") or around.get("sentAt"),
            received,
        ),
        received=received,
        event=name or text(properties.get("name")),
        user_id=user,
        anonymous_id=anonymous,
        previous_id=previous,
        group_id=group,
        traits=traits,
        properties=properties,
        context=context,
        integrations={**mapping(around.get("integrations")), **mapping(item.get("integrations"))},
        external_ids=_external(context.get("externalIds")),
    )


def _external(listed: Any) -> list[tuple[str, str]]:
    """Return `context.externalIds`: [{id, type, collection, encoding}]."""
    found = []
    for one in listed if isinstance(listed, list) else []:
        kind, value = text(mapping(one).get("type")), text(mapping(one).get("id"))
        if kind and value:
            found.append((kind, value))
    return found
