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

BATCH_LIMIT = 500_000
"""Bytes of a call, unpacked, for Segment's own SDKs; others may send what the door takes."""
MOST_EVENTS = 2500
_MOST_TRAITS = 300
_LONGEST_GROUP = 500
_MERGED = {"mobile": "phone"}
"""What RudderStack's `merge` calls a kind of identifier, and what we do."""
_NAMED = ("track", "page", "screen")
"""Types of which an event has a name of its own; the others are called by their type, whatever else they say."""
TYPES: frozenset[str] = frozenset(get_args(MessageType))
SHORT = {one[0]: one for one in sorted(TYPES, reverse=True)}
"""The short paths of the browser SDK: /v1/t is /v1/track."""


def decode(raw: dict[str, Any], received: int, kind: str = "") -> Decoded:
    """Return the events of a call: one of a kind, or a batch whose context and integrations hold for each."""
    batch = raw.get("batch")
    items = batch if isinstance(batch, list) else [raw]
    around = raw if isinstance(batch, list) else {}
    decoded = Decoded([], [])
    if len(items) > MOST_EVENTS:
        reason = f"one of more than {MOST_EVENTS} events in a call"
        return Decoded([], [Refusal(place, reason, item) for place, item in enumerate(items)])
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
    if type_ == "merge":
        return _merge(item, around, received)
    if type_ not in TYPES:
        raise Refused(f"`type` is none of {', '.join(sorted(TYPES))}")
    user, anonymous = text(item.get("userId")), text(item.get("anonymousId"))
    name = text(item.get("event")) if type_ == "track" else text(item.get("name"))
    group, previous = text(item.get("groupId")), text(item.get("previousId"))
    properties = mapping(item.get("properties"))
    context = {**mapping(around.get("context")), **mapping(item.get("context"))}
    traits = mapping(item.get("traits"))
    if type_ == "identify":  # RudderStack's SDKs tell them within the context
        traits = {**mapping(context.get("traits")), **traits}
    _check(type_, user or anonymous, name, group, traits)
    if type_ == "alias" and not (previous and user):
        raise Refused("an alias without `previousId` and `userId`")
    return Message(
        id=message_id(item.get("messageId")),
        type=type_,  # type: ignore[arg-type]  # one of TYPES
        timestamp=_when(item, around, received),
        received=received,
        event=(name or text(properties.get("name"))) if type_ in _NAMED else "",
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


def _check(type_: str, who: str, name: str, group: str, traits: dict[str, Any]) -> None:
    """Refuse what Segment refuses, or drops without a word (HTTP API, "Errors"; "Max request size")."""
    if not who:
        raise Refused("neither userId nor anonymousId")
    if type_ == "track" and not name:
        raise Refused("a track event without `event`")
    if type_ == "group" and not group:
        raise Refused("a group event without `groupId`")
    if len(group) > _LONGEST_GROUP:
        raise Refused(f"a `groupId` of more than {_LONGEST_GROUP} characters")
    if len(traits) > _MOST_TRAITS:
        raise Refused(f"more than {_MOST_TRAITS} traits")


def _when(item: dict[str, Any], around: dict[str, Any], received: int) -> int:
    said = item.get("originalTimestamp") or item.get("timestamp")
    return corrected(said, item.get("sentAt") or around.get("sentAt"), received)


def _merge(item: dict[str, Any], around: dict[str, Any], received: int) -> Message:
    """Return RudderStack's `merge`: identifiers that are of one person, `mergeProperties: [{type, value}]`."""
    listed = item.get("mergeProperties")
    said = [(text(mapping(one).get("type")), text(mapping(one).get("value"))) for one in _list(listed)]
    named = [(_MERGED.get(kind, kind), value) for kind, value in said if kind and value]
    if len(named) < 2:
        raise Refused("a merge without two `mergeProperties`")
    return Message(
        id=message_id(item.get("messageId")),
        type="alias",
        timestamp=_when(item, around, received),
        received=received,
        user_id=text(item.get("userId")),
        anonymous_id=text(item.get("anonymousId")),
        context={**mapping(around.get("context")), **mapping(item.get("context"))},
        external_ids=named,
    )


def is_segment(raw: dict[str, Any]) -> bool:
    """Whether a call is under Segment's limit: no SDK names itself, or one of Segment's. Others may send more."""
    first = next(iter(_list(raw.get("batch"))), raw)
    library = mapping(
        mapping(mapping(first).get("context")).get("library") or mapping(raw.get("context")).get("library")
    )
    name = text(library.get("name")).casefold()
    return not name or name.startswith(("@segment/", "segment", "analytics.js"))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _external(listed: Any) -> list[tuple[str, str]]:
    """Return `context.externalIds`: [{id, type, collection, encoding}]."""
    found = []
    for one in _list(listed):
        kind, value = text(mapping(one).get("type")), text(mapping(one).get("id"))
        if kind and value:
            found.append((kind, value))
    return found
