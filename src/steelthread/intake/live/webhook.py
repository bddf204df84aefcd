"""Webhooks of any system: signature, events within the body, their ids; a mapping file says what they mean."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from steelthread.intake.live.bodies import document, unpacked
from steelthread.intake.live.calls import Call, unbase64
from steelthread.intake.live.decoding import Decoded, Refusal, Refused, check_size, corrected, mapping, message_id, text
from steelthread.intake.live.source_file import LiveFile, Signature
from steelthread.intake.live.types import Message
from steelthread.kit import Invalid, Unauthorized, Unavailable

EVENT_LIMIT = 256 * 1024
"""Bytes of one event."""
_IDS = ("webhook-id", "idempotency-key", "x-github-delivery", "x-shopify-webhook-id")
"""Headers in which senders name a delivery, the same when they send it again. `X-Request-Id` is none: proxies name each call."""
_MOST_CELLS = 2000
_JSON = msgspec.json.Encoder(order="sorted").encode


def check_signature(call: Call, how: Signature, environment: Mapping[str, str]) -> None:
    """Return when the body is signed with a secret of ours; Unauthorized when not, Unavailable while we have no secret."""
    secrets = [environment[name] for name in how.secret_env.split() if environment.get(name)]
    if not secrets:
        raise Unavailable(f"No secret is set: put the webhook's into the environment as {how.secret_env}.")
    signed, said = _signed(call, how)
    for secret in secrets:
        key = _key(secret, how)
        digest = hmac.new(key, signed, how.algorithm if how.scheme == "hmac" else "sha256").digest()
        wanted = _encoded(digest, how)
        if any(hmac.compare_digest(wanted.encode(), one.encode("utf-8", "replace")) for one in said):
            return
    raise Unauthorized("The signature does not fit the body and this source's secret.")


def _key(secret: str, how: Signature) -> bytes:
    if how.scheme != "standard":
        return secret.encode()
    try:
        return unbase64(secret.removeprefix("whsec_"))
    except Invalid:
        raise Unavailable(f"A secret in {how.secret_env} is not base64, as Standard Webhooks has it.") from None


def _encoded(digest: bytes, how: Signature) -> str:
    if how.scheme == "standard" or (how.scheme == "hmac" and how.encoding == "base64"):
        return base64.b64encode(digest).decode()
    return digest.hex()


def _signed(call: Call, how: Signature) -> tuple[bytes, list[str]]:
    """Return the bytes that are signed, and the signatures that the call gives."""
    headers = call.headers
    if how.scheme == "standard":  # Standard Webhooks 1.0, "Verifying webhook authenticity"
        name, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        _check_time(at, how, call.received)
        given = [one.partition(",")[2] for one in headers.get("webhook-signature", "").split() if one[:3] == "v1,"]
        return f"{name}.{at}.".encode() + call.body, given
    if how.scheme == "stripe":
        parts = [
            one.strip().partition("=") for one in headers.get((how.header or "stripe-signature").lower(), "").split(",")
        ]
        at = next((value for name, _, value in parts if name == "t"), "")
        _check_time(at, how, call.received)
        return at.encode() + b"." + call.body, [value for name, _, value in parts if name == "v1"]
    said = headers.get((how.header or "x-hub-signature-256").lower(), "")
    return call.body, [said.removeprefix(how.prefix)] if said.startswith(how.prefix) else []


def _check_time(said: str, how: Signature, received: int) -> None:
    if not (said.isascii() and said.isdigit() and len(said) < 12):
        raise Unauthorized("The signed time is missing.")
    if abs(received / 1e6 - int(said)) > how.tolerance_seconds:
        raise Unauthorized(f"The signed time is more than {how.tolerance_seconds} s away from ours.")


def decode(raw: dict[str, Any], received: int, file: LiveFile, headers: Mapping[str, str]) -> Decoded:
    """Return the events of a call. Without a mapping they are read in Segment's words, as far as they have them."""
    found = at_path(raw, file.webhook.events) if file.webhook.events else raw.get("batch", raw)
    items = found if isinstance(found, list) else [found]
    decoded = Decoded([], [])
    for place, item in enumerate(items):
        try:
            decoded.messages.append(_message(item, received, file, headers, place if len(items) > 1 else None))
        except Refused as error:
            decoded.refusals.append(Refusal(place, str(error), item))
    return decoded


def _message(item: Any, received: int, file: LiveFile, headers: Mapping[str, str], place: int | None) -> Message:
    if not isinstance(item, dict):
        raise Refused("not a JSON object")
    check_size(item, EVENT_LIMIT)
    name = _id(item, file, headers, place)
    if file.mapped:
        return Message(id=name, type="track", timestamp=received, received=received, event=_type(item, file, headers),
                       properties=item, per_source=True, mapped=True)  # fmt: skip
    user = text(item.get("userId") or item.get("user_id"))
    anonymous = text(item.get("anonymousId") or item.get("anonymous_id"))
    traits = mapping(item.get("traits"))
    if item.get("email") and not traits.get("email"):
        traits = {**traits, "email": item["email"]}
    if not (user or anonymous or text(traits.get("email"))):
        raise Refused("says of nobody: give its source a mapping (docs/live.md)")
    return Message(
        id=name,
        type="track",
        timestamp=corrected(item.get("timestamp") or item.get("time"), None, received),
        received=received,
        event=text(item.get("event") or item.get("type")) or "webhook",
        user_id=user,
        anonymous_id=anonymous,
        traits=traits,
        properties={name: value for name, value in item.items() if name not in ("traits", "email")},
        per_source=True,
    )


def _type(item: dict[str, Any], file: LiveFile, headers: Mapping[str, str]) -> str:
    """Return a document's type, empty when its file does not say where it stands."""
    where = file.webhook.event
    if where.startswith("header:"):
        return text(headers.get(where.removeprefix("header:").lower()))
    return text(at_path(item, where)) if where else ""


def _id(item: dict[str, Any], file: LiveFile, headers: Mapping[str, str], place: int | None) -> str:
    """Return an event's id: what the file names, else the delivery's, else the hash of what it says."""
    wanted = file.webhook.id
    if wanted and not wanted.startswith("header:"):
        said = text(at_path(item, wanted))
        if not said:
            raise Refused("its id is empty (`webhook: id` of the source's file)")
        return _own(said)
    names = (wanted.removeprefix("header:").lower(),) if wanted else _IDS
    said = next((headers[name] for name in names if headers.get(name)), "")
    if not said:
        return "sha256-" + hashlib.sha256(_JSON(item)).hexdigest()
    return _own(said if place is None else f"{said}#{place}")


def _own(said: str) -> str:
    """Return an id that is none of a CloudEvent, whatever the sender says: theirs have a space (`cloudevents.unique`)."""
    return f"sha256-{hashlib.sha256(b'webhook ' + said.encode()).hexdigest()}" if " " in said else message_id(said)


def at_path(value: Any, path: str) -> Any:
    """Return what stands at `a.b.0.c`; None where nothing does."""
    for step in path.split("."):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and len(step) < 6 and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def cells(document: dict[str, Any]) -> dict[str, str]:
    """Return a document as columns: `customer.address.city`, `items.0.sku`; a list of plain values is joined by `|`."""
    found: dict[str, str] = {}
    left: list[tuple[str, Any]] = [("", document)]
    while left and len(found) < _MOST_CELLS:
        path, value = left.pop()
        if isinstance(value, dict):
            left += [(f"{path}.{name}" if path else name, one) for name, one in reversed(value.items())]
        elif isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
            left += [(f"{path}.{number}", one) for number, one in reversed(list(enumerate(value)))]
        elif isinstance(value, list):
            found[path] = "|".join(_cell(one) for one in value)
        else:
            found[path] = _cell(value)
    return found


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).replace("\x00", "")


def read(call: Call) -> dict[str, Any]:
    """Return the body: JSON, or the fields of a form; of a GET its query."""
    if call.method == "GET":
        return {name: value for name, value in call.query.items() if name != "writeKey"}
    kind = call.headers.get("content-type", "").partition(";")[0].strip().casefold()
    if kind == "application/x-www-form-urlencoded" and call.body.lstrip()[:1] not in (b"{", b"["):
        try:
            return dict(parse_qsl(call.body.replace(b"%00", b"").decode("utf-8", "replace"), max_num_fields=1000))
        except ValueError:
            raise Invalid("The form has more than 1000 fields.") from None
    return document(unpacked(call.body, call.headers.get("content-encoding", "")))
