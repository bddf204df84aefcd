"""What a computed trait is: its words in `profile.yaml`, which events take part, which time it looks at. Pure.

Windows are quantised: 30 minutes to 6 hours go by minutes, up to 10 days by hours, longer ones by days (UTC). A window is
never shorter than it says, and at most one unit longer. Calendar periods are of whole days of the trait's time zone.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from steelthread.kit import Invalid, NotFound
from steelthread.model import Model

Function = Literal[
    "count", "sum", "min", "max", "average", "first", "last", "most_frequent", "unique_list", "unique_count"
]
_FUNCTIONS: tuple[str, ...] = get_args(Function)
ORDER_COMPLETED = "Order Completed"
"""What an order is called as an event."""
NUMERIC = ("sum", "min", "max", "average")
_UNITS = {"minute": 1, "hour": 60, "day": 1440}
_SHORTEST, _LONGEST = 30, 400 * 1440
_PERIODS = ("day", "week", "month", "quarter", "year")
EXACT = Context(prec=60)
"""Enough for sums of numbers below 10^30 with twelve decimal places."""
_PLACES = Decimal("1e-12")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)([.][0-9]+)?", re.ASCII).fullmatch
_JSON = msgspec.json.Decoder().decode
_WRITE = msgspec.json.Encoder(order="sorted").encode
Values = Mapping[str, Any]


class Test(msgspec.Struct, forbid_unknown_fields=True, rename="camel", omit_defaults=True, frozen=True):
    """What a filter asks of a value; all that is said must hold."""

    one_of: list[str | int | float | bool] | None = None
    none_of: list[str | int | float | bool] | None = None
    above: float | None = None
    below: float | None = None
    exists: bool | None = None


class Trait(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True):
    """A computed trait as `profile.yaml` has it."""

    function: Function
    entity: str = ""
    event: str = ""
    attribute: str = ""
    window: str = ""
    period: str = ""
    time_zone: str = ""
    """Where the days of its period begin and end, such as Europe/Berlin: the project's, unless the trait says another."""
    where: dict[str, Test | str | int | float | bool | list[str | int | float | bool]] = {}

    @property
    def minutes(self) -> int:
        """Length of a sliding window in minutes, 0 for none."""
        if not self.window:
            return 0
        count, _, unit = self.window.partition(" ")
        return int(count) * _UNITS[unit.removesuffix("s")]

    @property
    def unit(self) -> int:
        """Minutes of a bucket; 0 for a lifetime, which is one bucket."""
        if self.period:
            return 1440
        return 0 if not self.window else 1 if self.minutes <= 360 else 60 if self.minutes <= 14_400 else 1440

    def bucket(self, at: datetime) -> int:
        """Return in which bucket a moment falls."""
        if self.period:
            return _minutes(self._day(at))
        return floor(at, self.unit) if self.unit else 0

    def span(self, at: datetime) -> tuple[int, int]:
        """Return the first and last bucket that count at a moment."""
        if not self.unit:
            return 0, 0
        if self.window:
            return floor(at - timedelta(minutes=self.minutes), self.unit), floor(at, self.unit)
        name = self.period.removeprefix("previous ")
        today = self._day(at)
        start = _period_start(today, name)
        if name == self.period:
            return _minutes(start), _minutes(today)
        before = start - timedelta(days=1)
        return _minutes(_period_start(before, name)), _minutes(before)

    def _day(self, at: datetime) -> date:
        return at.astimezone(_zone(self.time_zone or "UTC")).date()


def floor(at: datetime, unit: int) -> int:
    """Return minutes since 1970, down to a multiple of a unit."""
    return int(at.timestamp() // (60 * unit)) * unit


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _minutes(day: date) -> int:
    """Return a day as the bucket of it: minutes from 1970 to its beginning, if all days had 24 hours."""
    return (day - date(1970, 1, 1)).days * 1440


def _period_start(day: date, name: str) -> date:
    if name == "week":
        return day - timedelta(days=day.weekday())  # ISO 8601: Monday
    if name == "month":
        return day.replace(day=1)
    if name == "quarter":
        return day.replace(day=1, month=(day.month - 1) // 3 * 3 + 1)
    return day.replace(day=1, month=1) if name == "year" else day


def parse_traits(content: Any, model: Model, place: str, time_zone: str = "UTC") -> dict[str, Trait]:
    """Return the traits of `profile.yaml`; every wrong word is an Invalid that says where.

    Periods without a time zone of their own are in this one.
    """
    if not isinstance(content, dict):
        raise Invalid(f"{place}: traits are names with what each is computed of. See docs/traits.md.")
    return {str(name): _parsed(content[name], model, f"{place}: trait {name}", time_zone) for name in content}


def _parsed(said: Any, model: Model, place: str, time_zone: str) -> Trait:
    function = said.get("function") if isinstance(said, dict) else None
    if function not in _FUNCTIONS:
        raise Invalid(f"{place}: `function` is one of {', '.join(_FUNCTIONS)}. See docs/traits.md.")
    try:
        trait = msgspec.convert(said, Trait)
    except msgspec.ValidationError as error:
        raise Invalid(f"{place}: {error}. See docs/traits.md.") from None
    if not trait.entity and not trait.event:
        raise Invalid(f"{place}: say of which events it is: `entity: SalesOrder` or `event: Product Viewed`.")
    if not trait.attribute and trait.function != "count":
        raise Invalid(f"{place}: {trait.function} needs `attribute`, such as properties.price.")
    if trait.window and trait.period:
        raise Invalid(f"{place}: `window` or `period`, not both.")
    if trait.period and not trait.time_zone and time_zone != "UTC":
        trait = msgspec.structs.replace(trait, time_zone=time_zone)
    _check_time(trait, place)
    if trait.entity:
        _check_names(trait, model, place)
    return trait


def _check_names(trait: Trait, model: Model, place: str) -> None:
    try:
        known = model.entity(trait.entity).attributes
    except NotFound as error:
        raise Invalid(f"{place}: {error}") from None
    for name in (trait.attribute, *trait.where):
        head = name.partition(".")[0]
        if head and head not in known:
            raise Invalid(f"{place}: {head} is no attribute of {trait.entity}.")


def _check_time(trait: Trait, place: str) -> None:
    if trait.window:
        count, _, unit = trait.window.partition(" ")
        known = count.isdecimal() and len(count) < 7 and unit.removesuffix("s") in _UNITS
        if not known or not _SHORTEST <= trait.minutes <= _LONGEST:
            raise Invalid(f"{place}: window is between 30 minutes and 400 days, such as `7 days`.")
    if trait.period and trait.period.removeprefix("previous ") not in _PERIODS:
        raise Invalid(f"{place}: period is {', '.join(_PERIODS)}, or `previous month`.")
    if trait.time_zone and not trait.period:
        raise Invalid(f"{place}: time_zone goes with `period`: a window is as long everywhere.")
    try:
        _zone(trait.time_zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(f"{place}: {trait.time_zone[:60]!r} is no time zone: say one such as Europe/Berlin.") from None


def told(trait: Trait) -> dict[str, Any]:
    """Return a trait as it is kept."""
    content: dict[str, Any] = msgspec.to_builtins(trait)
    return content


def read_told(content: Any) -> Trait:
    """Return a trait that was kept."""
    return msgspec.convert(content, Trait)


FUNCTIONS = get_args(Function)

# -- which events take part --------------------------------------------------------------------------------------------


def event_name(entity: str, values: Values) -> str:
    """Return what an event is called: of letters, digits and single blanks, in lower case."""
    said = values.get("eventType") or (ORDER_COMPLETED if entity == "SalesOrder" else entity)
    return plain_name(str(said))


def plain_name(said: str) -> str:
    """Return a name of an event as names are compared."""
    return " ".join(said.replace("_", " ").split()).casefold()


class Reader:
    """Reads values out of one event; its properties are parsed once, and only if asked for."""

    def __init__(self, entity: str, values: Values) -> None:
        self.entity = entity
        self.name = event_name(entity, values)
        self._values = values
        self._parsed: dict[str, Any] = {}

    def value(self, path: str) -> Any:
        """Return the value at `attribute` or `properties.name.inner`, None for none."""
        head, *rest = path.split(".")
        found = self._values.get(head)
        if rest and isinstance(found, str):
            found = self._document(head, found)
        for step in rest:
            found = found.get(step) if isinstance(found, dict) else None
        return None if found == "" else found

    def _document(self, head: str, text: str) -> Any:
        if head not in self._parsed:
            try:
                self._parsed[head] = _JSON(text)
            except msgspec.DecodeError:
                self._parsed[head] = None  # it was cut off because of its length
        return self._parsed[head]


def takes_part(trait: Trait, event: Reader) -> bool:
    """Whether an event is one of those that a trait is computed of."""
    if trait.entity and event.entity != trait.entity:
        return False
    if trait.event and event.name != plain_name(trait.event):
        return False
    if trait.attribute and event.value(trait.attribute) is None:
        return False
    return all(_holds(test, event.value(path)) for path, test in trait.where.items())


def _holds(test: Any, value: Any) -> bool:
    if isinstance(test, list):
        return text_of(value) in map(text_of, test)
    if not isinstance(test, Test):
        return text_of(value) == text_of(test)
    given = number_of(value)
    checks: tuple[tuple[Any, Callable[[], bool]], ...] = (
        (test.exists, lambda: (value is not None) == test.exists),
        (test.one_of, lambda: text_of(value) in map(text_of, test.one_of or ())),
        (test.none_of, lambda: text_of(value) not in map(text_of, test.none_of or ())),
        (test.above, lambda: given is not None and given > Decimal(str(test.above))),
        (test.below, lambda: given is not None and given < Decimal(str(test.below))),
    )
    return all(holds() for said, holds in checks if said is not None)


def text_of(value: Any) -> str:
    """Return a value as values are compared: numbers of any spelling are equal, `007` is none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or (isinstance(value, str) and not _NUMBER(value)):
        return value or ""
    number = number_of(value)
    if number is not None:
        return plain(number)
    return value if isinstance(value, str) else _WRITE(value).decode()


def plain(number: Decimal) -> str:
    """Write a number in digits, without zeros that say nothing."""
    return format(number.normalize(EXACT), "f")


def number_of(value: Any) -> Decimal | None:
    """Return a value as a number, None for what is none (or none that anybody means)."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 30 else None


def summand(number: Decimal) -> Decimal:
    """Return a number to twelve decimal places: such numbers add up to the same in any order."""
    return number.quantize(_PLACES, context=EXACT)
