"""Judging an event by its source's contract. Pure: the same event and contract give the same verdict, live or replayed."""

from collections.abc import Iterator
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


DOCUMENT = "document"
"""Name of the documents of a source whose file does not say where their type stands (`webhook: event`)."""
_ENVELOPE = frozenset(
    ("id", "source", "specversion", "type", "subject", "time", "datacontenttype", "dataschema")
)  # CloudEvents 1.0.2, "Context Attributes"


def event_name(message: Message) -> str:
    """Return the name under which a contract has an event."""
    return (message.event or DOCUMENT) if message.type == "track" else message.type


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
    told = list(_told(event, values))
    found = _missing(name, event, {path: value for path, _, value in told})
    ours = _ENVELOPE if message.mapped and "specversion" in values else frozenset()
    dropped = []
    for each, steps, value in told:
        before = len(found)
        known = event.properties.get(each)
        if known is None:
            if each not in ours:
                found.append(Violation(name, each, "unknown property", event.unknown_property))
        elif known.classification == "special" and not special:
            found.append(Violation(name, each, "of a special category, which this project does not keep", "drop"))
        elif (reason := _wrong(known, value)) is not None:
            found.append(Violation(name, each, reason, known.action))
        if any(one.action == "drop" for one in found[before:]):
            dropped.append(steps)
    if dropped:
        left = values
        for steps in dropped:
            left = _without(left, steps)
        field = "traits" if message.type in ("identify", "group") else "properties"
        message = msgspec.structs.replace(message, **{field: left})
    return Verdict(message, found)


def _told(
    event: Event, values: dict[str, Any], above: tuple[str, ...] = ()
) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    """Yield (path, steps of the path, value) of what an event says: within objects as far as its contract names anything there."""
    for name, value in values.items():
        steps = (*above, name)
        path = ".".join(steps)
        opened = isinstance(value, dict) and path in event.inside
        if path in event.properties or not opened:
            yield path, steps, value
        if opened:
            yield from _told(event, value, steps)


def _without(values: dict[str, Any], steps: tuple[str, ...]) -> dict[str, Any]:
    """Return a copy without the value at the end of these steps."""
    first, *rest = steps
    if first not in values:  # within an object that was dropped as a whole
        return values
    if not rest:
        return {name: value for name, value in values.items() if name != first}
    return {**values, first: _without(values[first], tuple(rest))}


def _missing(name: str, event: Event, values: dict[str, Any]) -> list[Violation]:
    return [
        Violation(name, each, "required, and missing", "allow" if known.action == "drop" else known.action)
        for each, known in event.properties.items()
        if known.required
        and values.get(each) in (None, "")
        and (not known.within or isinstance(values.get(known.within), dict))
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
