"""What the dialects share: times, names, and what to do with an event that says too little. Pure."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import msgspec

from steelthread.intake.live.types import Message
from steelthread.kit import uuid7

EVENT_LIMIT = 32 * 1024
"""Bytes of one event: Segment's limit."""
_ENCODE = msgspec.json.Encoder().encode
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


def check_size(event: dict[str, Any], limit: int = EVENT_LIMIT) -> None:
    """Refuse an event that is larger than its dialect allows, in bytes."""
    try:
        size = len(_ENCODE(event))
    except (RecursionError, UnicodeEncodeError, msgspec.MsgspecError):
        raise Refused("cannot be written as JSON") from None
    if size > limit:
        raise Refused(f"larger than {limit // 1024} kB")
