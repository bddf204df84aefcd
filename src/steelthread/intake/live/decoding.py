"""What the dialects share: bodies, times, and what to do with an event that says too little. Pure."""

import hashlib
import json
import zlib
from datetime import UTC, datetime
from typing import Any

import msgspec

from steelthread.intake.live.types import Message
from steelthread.kit import Invalid, uuid7

BODY_LIMIT = 4_000_000
"""Bytes of a body, unpacked: RudderStack's limit, which is above Segment's 500 kB."""
EVENT_LIMIT = 32 * 1024
"""Bytes of one event: Segment's limit."""
_JSON = msgspec.json.Decoder().decode
_ENCODE = msgspec.json.Encoder().encode
_PACK = msgspec.msgpack.Encoder().encode
_LONGEST_ID = 200
_AHEAD = 60_000_000
"""Microseconds by which an event may lie ahead of the time of its arrival: clocks differ."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Refusal(msgspec.Struct):
    """An event that is not taken, and why; its neighbours are."""

    place: int
    reason: str
    event: Any


class Decoded(msgspec.Struct):
    """What a request brought."""

    messages: list[Message]
    refusals: list[Refusal]


class Refused(Exception):  # a verdict on one event: it never leaves this package
    """An event cannot be taken; the message is the reason."""


def unpacked(body: bytes, encoding: str) -> bytes:
    """Return a body unpacked (gzip and deflate, also unannounced); Invalid when broken or larger than the limit."""
    packed = encoding.casefold() in ("gzip", "deflate", "x-gzip") or body[:2] == b"\x1f\x8b"
    if not packed:
        return body
    for window in (47, -15):  # gzip or zlib by its head; else bare deflate
        stream = zlib.decompressobj(window)
        try:
            content = stream.decompress(body, BODY_LIMIT + 1)
        except zlib.error:
            continue
        if len(content) > BODY_LIMIT:
            raise Invalid("The body is larger than 4000 kB when unpacked: send smaller batches.")
        if stream.eof:
            return content
    raise Invalid("The body does not unpack as its Content-Encoding says: it is broken or cut off.")


def document(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body; Invalid when it is none. Characters that no text may hold are replaced.

    Integers beyond 64 bits, which can be kept in no other way, become text.
    """
    try:
        found = _JSON(body.replace(b"\\u0000", b""))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = _tolerant(body)
    if isinstance(found, list):
        found = {"batch": found}
    if not isinstance(found, dict):
        raise Invalid("The body is not a JSON object.")
    try:
        _PACK(found)
    except OverflowError:
        mended: dict[str, Any] = _small(found)
        return mended
    except RecursionError:
        raise Invalid("The body is nested too deeply.") from None
    return found


def _tolerant(body: bytes) -> Any:
    """Read JSON that has broken characters in it, so that one bad event does not lose its neighbours."""
    try:
        return _mended(json.loads(body.decode("utf-8", "replace")))
    except (ValueError, RecursionError):
        raise Invalid("The body is not JSON.") from None


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_mended(one) for one in value]
    if isinstance(value, dict):
        return {_mended(name): _mended(one) for name, one in value.items()}
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124  # NaN


def text(value: Any) -> str:
    """Return an identifier or a name as text; numbers are taken as they are written."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def mapping(value: Any) -> dict[str, Any]:
    """Return an object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def message_id(value: Any) -> str:
    """Return a client's id of an event, one of ours when it gave none; a long one is shortened to its hash."""
    said = text(value)
    if not said:
        return f"st-{uuid7()}"
    return said if len(said) <= _LONGEST_ID else "sha256-" + hashlib.sha256(said.encode()).hexdigest()


def micros(value: Any) -> int | None:
    """Return a time as microseconds since 1970: ISO 8601, or a number of seconds or milliseconds; None for no time."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not abs(value) < 1e14:  # no time of ours, or no number at all: it may have hundreds of digits
            return None
        seconds = value / 1000 if abs(value) > 1e11 else value
        return int(seconds * 1_000_000)
    if not isinstance(value, str) or not value:
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    difference = moment - _EPOCH
    return (difference.days * 86_400 + difference.seconds) * 1_000_000 + difference.microseconds


def corrected(original: Any, sent: Any, received: int) -> int:
    """Return when an event happened, by our clock: receivedAt - (sentAt - originalTimestamp), as Segment has it."""
    said, left = micros(original), micros(sent)
    if said is None:
        return received
    moment = said if left is None else received - (left - said)
    return received if moment > received + _AHEAD or moment < 0 else moment


def check_size(event: dict[str, Any]) -> None:
    """Refuse an event that is too large."""
    try:
        size = len(_ENCODE(event))
    except (RecursionError, UnicodeEncodeError, msgspec.MsgspecError):
        raise Refused("cannot be written as JSON") from None
    if size > EVENT_LIMIT:
        raise Refused("larger than 32 kB")


def _small(value: Any) -> Any:
    """Return a value with text in place of integers beyond 64 bits."""
    if isinstance(value, list):
        return [_small(one) for one in value]
    if isinstance(value, dict):
        return {name: _small(one) for name, one in value.items()}
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
        return str(value)
    return value
