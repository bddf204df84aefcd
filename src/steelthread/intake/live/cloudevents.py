"""CloudEvents 1.0.2 over HTTP: binary, structured and batched content (HTTP Protocol Binding, section 3). Pure.

An event is one per (source, id): that is its id here. `data` may say who and what in Segment's words (`userId`,
`anonymousId`, `traits`); so may the extensions `userid` and `anonymousid`; else `subject` is the login.
"""

import json
from typing import Any
from urllib.parse import unquote

from steelthread.intake.live.bodies import document, unpacked
from steelthread.intake.live.calls import Call
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
from steelthread.intake.live.types import Message
from steelthread.kit import Invalid

EVENT_LIMIT = 64 * 1024
"""Bytes of one event: what every intermediary must let pass (specification, "Size Limits")."""
_WHO = ("userId", "user_id", "userid")
_ANONYMOUS = ("anonymousId", "anonymous_id", "anonymousid")


def read(call: Call) -> dict[str, Any]:
    """Return the events of a call as {"batch": [...]}, whatever the content mode."""
    body = unpacked(call.body, call.headers.get("content-encoding", ""))
    kind = call.headers.get("content-type", "").partition(";")[0].strip().casefold()
    if kind in ("application/cloudevents+json", "application/cloudevents-batch+json"):
        found = document(body)
        return found if isinstance(found.get("batch"), list) and "specversion" not in found else {"batch": [found]}
    if kind.startswith("application/cloudevents"):
        raise Invalid("CloudEvents come as application/cloudevents+json, application/cloudevents-batch+json or binary.")
    said = {name[3:]: _text(unquote(value)) for name, value in call.headers.items() if name.startswith("ce-")}
    if not said:
        raise Invalid("This is no CloudEvent: no ce- headers, and no Content-Type of CloudEvents.")
    return {"batch": [{**said, "datacontenttype": kind, "data": _data(body, kind)}]}


def _data(body: bytes, kind: str) -> Any:
    """Return the data of a binary event: JSON as such, anything else as text."""
    if not body:
        return None
    if not kind or kind == "application/json" or kind.endswith("+json"):
        try:
            return document(b'{"data":' + body + b"}")["data"]
        except Invalid:
            pass
    return _text(body.decode("utf-8", "replace"))


def _text(said: str) -> str:
    """Return a text without the one character that none may hold."""
    return said.replace("\x00", "")


def decode(raw: dict[str, Any], received: int, *, mapped: bool = False) -> Decoded:
    """Return the events of a call; `mapped` ones as a whole, for the mapping of their source."""
    decoded = Decoded([], [])
    for place, item in enumerate(raw["batch"]):
        try:
            decoded.messages.append(_message(item, received, mapped=mapped))
        except Refused as error:
            decoded.refusals.append(Refusal(place, str(error), item))
    return decoded


def _message(item: Any, received: int, *, mapped: bool) -> Message:
    if not isinstance(item, dict):
        raise Refused("not a JSON object")
    check_size(item, EVENT_LIMIT)
    missing = [name for name in ("id", "source", "type", "specversion") if not text(item.get(name))]
    if missing:
        raise Refused(f"no {', '.join(missing)}")
    if not text(item["specversion"]).startswith("1."):
        raise Refused("`specversion` is not 1.0")
    name, at = unique(text(item["source"]), text(item["id"])), corrected(item.get("time"), None, received)
    if mapped:
        return Message(id=name, type="track", timestamp=at, received=received, event=text(item["type"]),
                       properties=item, per_source=True, mapped=True)  # fmt: skip
    data = item.get("data")
    said = mapping(data)
    user, anonymous = _named(item, said, _WHO), _named(item, said, _ANONYMOUS)
    if not user and not anonymous:
        user = text(item.get("subject"))
    traits = mapping(said.get("traits"))
    if not (user or anonymous or traits.get("email")):
        raise Refused("says of nobody: no subject, userid or anonymousid, and none in its data")
    return Message(
        id=name,
        type="track",
        timestamp=at,
        received=received,
        event=text(item["type"]),
        user_id=user,
        anonymous_id=anonymous,
        traits=traits,
        properties={name: value for name, value in said.items() if name != "traits"} if said else _plain(data),
        context={"cloudevent": {name: item[name] for name in ("source", "subject", "dataschema") if item.get(name)}},
        per_source=True,
    )


def unique(source: str, name: str) -> str:
    """Return one id for a (source, id): a source is a URI reference, so it has no space."""
    return message_id(f"{source.replace(' ', '%20')} {name}")


def _named(item: dict[str, Any], data: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((said for where in (item, data) for name in names if (said := text(where.get(name)))), "")


def _plain(data: Any) -> dict[str, Any]:
    if data is None:
        return {}
    return {"data": data if isinstance(data, str) else json.dumps(data)}
