"""Judging an event by its source's contract. Pure: the same event and contract give the same verdict, live or replayed."""

from datetime import date, datetime, time
from typing import Any

import msgspec

from steelthread.intake.contracts.plan import Action, Event, Plan, Property
from steelthread.intake.live import Message


class Violation(msgspec.Struct, frozen=True):
    """What an event has that its contract does not, and what is done about it. Never a value."""

    event: str
    property: str
    reason: str
    action: Action


class Verdict(msgspec.Struct):
    """What becomes of an event."""

    message: Message
    """The event, without the properties that are dropped."""
    violations: list[Violation]

    @property
    def blocked(self) -> bool:
        """Whether the event is kept out."""
        return any(one.action == "block" for one in self.violations)


def event_name(message: Message) -> str:
    """Return the name under which a contract has an event."""
    return message.event if message.type == "track" else message.type


def said(message: Message) -> dict[str, Any]:
    """Return what an event says: the traits of identify and group, else its properties."""
    return message.traits if message.type in ("identify", "group") else message.properties


def judge_event(plan: Plan, message: Message, *, special: bool) -> Verdict:
    """Judge an event; `special` says whether data of GDPR Art. 9 may be kept at all."""
    name = event_name(message)
    event = plan.events.get(name)
    if event is None:
        return Verdict(message, [Violation(name, "", "unknown event", plan.unknown_event)])
    values = said(message)
    found = _missing(name, event, values)
    for each, value in values.items():
        known = event.properties.get(each)
        if known is None:
            found.append(Violation(name, each, "unknown property", event.unknown_property))
        elif known.classification == "special" and not special:
            found.append(Violation(name, each, "of a special category, which this project does not keep", "drop"))
        elif (reason := _wrong(known, value)) is not None:
            found.append(Violation(name, each, reason, known.action))
    dropped = {one.property for one in found if one.action == "drop"}
    if dropped:
        left = {each: value for each, value in values.items() if each not in dropped}
        field = "traits" if message.type in ("identify", "group") else "properties"
        message = msgspec.structs.replace(message, **{field: left})
    return Verdict(message, found)


def _missing(name: str, event: Event, values: dict[str, Any]) -> list[Violation]:
    return [
        Violation(name, each, "required, and missing", "allow" if known.action == "drop" else known.action)
        for each, known in event.properties.items()
        if known.required and values.get(each) in (None, "")
    ]


def _wrong(known: Property, value: Any) -> str | None:
    """Return why a value breaks the contract, None when it does not; nothing is said about an absent one."""
    if value is None:
        return None
    if known.type is not None and not _is(known.type, value):
        return f"not of type {known.type}"
    if known.allowed is not None and (_text(value) not in known.allowed):
        return "not among the allowed values"
    if known.pattern is not None and isinstance(value, str) and known.pattern.search(value) is None:
        return "does not fit the pattern"
    if isinstance(value, int | float) and not _within(value, known.bounds):
        return "out of bounds"
    if isinstance(value, str) and not _within(len(value), known.lengths):
        return "too short or too long"
    return None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _within(value: float, bounds: tuple[float | None, float | None]) -> bool:
    low, high = bounds
    return (low is None or value >= low) and (high is None or value <= high)


def _is(kind: str, value: Any) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in ("integer", "number"):
        whole = isinstance(value, int) or (isinstance(value, float) and (kind == "number" or value.is_integer()))
        return whole and not isinstance(value, bool)
    if kind in ("date", "timestamp", "time"):
        return isinstance(value, str) and _reads(kind, value)
    return isinstance(value, {"string": str, "array": list, "object": dict}[kind])


def _reads(kind: str, value: str) -> bool:
    try:
        {"date": date.fromisoformat, "timestamp": datetime.fromisoformat, "time": time.fromisoformat}[kind](value)
    except ValueError:
        return False
    return True
