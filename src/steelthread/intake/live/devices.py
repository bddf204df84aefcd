"""From a live event to the device that it was done on, as its user agent and its context tell. Pure.

A device is told of once a day, as of the day's end: what it says is then a function of the events of the day, in any order,
and never older than what was done on it. A browser has no id but its visitor's: it is one device per visitor.
"""

from typing import Any

from steelthread.intake.live.agents import device, hardware
from steelthread.intake.live.types import Message
from steelthread.intake.types import MappedRecord, MappedRow

DEVICE = "Device"
_DAY = 86_400_000_000
_SHOWN = ("deviceType", "osName")
_LONGEST = 512


def device_mark(message: Message) -> tuple[Any, ...]:
    """Return what decides over the record of an event's device: who, on which day, what was told; without looking into it."""
    context = message.context
    told = [context[name] for name in ("device", "os") if name in context]
    return message.timestamp // _DAY, message.anonymous_id, str(context.get("userAgent")), repr(told) if told else ""


def device_record(message: Message) -> MappedRow | None:
    """Return the record of an event's device; None for a robot, or where nothing is told or nobody has it."""
    context = message.context
    agent = context.get("userAgent")
    told = device(agent, context)
    values: dict[str, Any] = {name: told[name] for name in _SHOWN if name in told} | hardware(agent, context)
    if message.mapped or told.get("isBot") or not values:
        return None
    said = context.get("device")
    number = said.get("id") if isinstance(said, dict) else None
    if isinstance(number, str) and 0 < len(number.strip()) <= _LONGEST:
        record = MappedRecord(DEVICE, f"device/{number.strip()}", {**values, "deviceId": number.strip()}, [], [])
    elif message.anonymous_id:
        visitor = ("anonymous_id", "", message.anonymous_id)
        record = MappedRecord(DEVICE, f"browser/{message.anonymous_id}", values, [], [visitor])
    else:
        return None
    return MappedRow([record], message.timestamp - message.timestamp % _DAY + _DAY - 1, [], {})
