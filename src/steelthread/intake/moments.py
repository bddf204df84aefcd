"""Dates and times as exports write them: ISO 8601, compact, slashed, with the month's name, epochs. Pure."""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone

from steelthread.intake.types import Unreadable

ORDERS = frozenset({"dmy", "mdy", "ymd"})
"""Words for `date:` that only say which way round day, month and year are; a two-digit year is of 1970 to 2069."""

_SLASHED = re.compile(r"(\d{1,4})[/.\-](\d{1,2})[/.\-](\d{1,4})(?:[T,\s]\s*(.+))?")
_DAY_FIRST = re.compile(
    r"(?:[^\W\d]+\.?,?\s+)?(\d{1,2})(?:st|nd|rd|th|\.)?[\s-]*([^\W\d]{3,})\.?[\s,-]+(\d{4})(?:[T,\s]\s*(.+))?"
)
_MONTH_FIRST = re.compile(
    r"(?:[^\W\d]+\.?,\s+)?([^\W\d]{3,})\.?[\s-]+(\d{1,2})(?:st|nd|rd|th)?[\s,-]+(\d{4})(?:[T,\s]\s*(.+))?"
)
_SHORT_YEAR = re.compile(r"(\d{1,2})[\s-]([^\W\d]{3,})\.?[\s,-]+(\d{2})")
_CLOCK = re.compile(
    r"(\d{1,2}):?(\d{2})?(?::?(\d{2})(?:[.,](\d{1,9}))?)?\s*([AaPp]\.?[Mm]\.?)?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2})?"
)
_LOOSE_ZONE = re.compile(r"(.*:\d{2}(?:\.\d+)?)\s+(UTC|GMT|Z|[+-]\d{2}:?\d{2})")
_MONTHS = {
    word: number
    for number, words in enumerate(
        (
            "jan january januar", "feb february februar", "mar march märz mär maerz mrz", "apr april", "may mai",
            "jun june juni", "jul july juli", "aug august", "sep sept september", "oct october okt oktober",
            "nov november", "dec december dez dezember",
        ), start=1,
    )
    for word in words.split()
}  # fmt: skip
_EPOCHS = {10: 1, 13: 1_000, 16: 1_000_000}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EITHER_WAY = "day and month can be either way round; say `date: dmy` or `date: mdy` in the mapping"


def moment(value: str, formats: tuple[str, ...]) -> datetime:
    """Return a moment, naive when the text has no zone.

    `formats` are strptime formats, or dmy, mdy, ymd; without any, forms that leave no doubt are understood.
    """
    try:
        return _formatted(value, formats) if formats else _understood(value)
    except (ValueError, OverflowError):
        raise Unreadable("no such date") from None


def day(value: str, formats: tuple[str, ...]) -> str:
    """Return a date as YYYY-MM-DD, as the text says it: no zone moves it to the day before."""
    if not formats and len(value) == 10 and value[4] == "-" == value[7]:
        try:
            date.fromisoformat(value)
        except ValueError:
            raise Unreadable("no such date") from None
        found = value
    else:
        found = moment(value, formats).date().isoformat()
    if found < "1000":
        raise Unreadable("no such date")
    return found


def instant(value: str, formats: tuple[str, ...]) -> str:
    """Return a moment as ISO 8601 in UTC."""
    return aware(moment(value, formats)).isoformat().replace("+00:00", "Z")


def micros(value: str, formats: tuple[str, ...]) -> int:
    """Return a moment as microseconds since 1970 in UTC."""
    return (aware(moment(value, formats)) - _EPOCH) // timedelta(microseconds=1)


def aware(value: datetime) -> datetime:
    """Return a moment in UTC; one without a zone is taken to be in it."""
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        raise Unreadable("no such date") from None


def _formatted(value: str, formats: tuple[str, ...]) -> datetime:
    for form in formats:
        if form in ORDERS:
            match = _SLASHED.fullmatch(value)
            if match:
                return _slashed(match, form)
            match = _SHORT_YEAR.fullmatch(value)
            if match and (month := _MONTHS.get(match[2].casefold())):
                return _at(_century(int(match[3])), month, int(match[1]), None)
            try:
                return _understood(value)
            except (Unreadable, ValueError):
                continue
        try:
            return datetime.strptime(value, form)  # noqa: DTZ007  # the caller decides what no zone means
        except ValueError:
            continue
    raise Unreadable("does not fit the `date:` of the mapping")


def _understood(value: str) -> datetime:
    if value.isdigit():
        return _digits(value)
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        pass
    if match := _LOOSE_ZONE.fullmatch(value):
        try:
            return datetime.fromisoformat(match[1]).replace(tzinfo=_zone(match[2]))
        except ValueError:
            pass
    if match := _SLASHED.fullmatch(value):
        return _slashed(match, "")
    if (match := _DAY_FIRST.fullmatch(value)) and (month := _MONTHS.get(match[2].casefold())):
        return _at(int(match[3]), month, int(match[1]), match[4])
    if (match := _MONTH_FIRST.fullmatch(value)) and (month := _MONTHS.get(match[1].casefold())):
        return _at(int(match[3]), month, int(match[2]), match[4])
    raise Unreadable('not a date that is understood; say `date:` in the mapping, such as dmy or "%d %b %y"')


def _digits(value: str) -> datetime:
    """Read 20240131, 20240131235959, or seconds, milliseconds or microseconds since 1970."""
    if len(value) == 8:
        return datetime(int(value[:4]), int(value[4:6]), int(value[6:]))  # noqa: DTZ001  # as above
    if len(value) == 14:
        return datetime.strptime(value, "%Y%m%d%H%M%S")  # noqa: DTZ007  # as above
    if len(value) in _EPOCHS:
        return _EPOCH + timedelta(microseconds=int(value) * (1_000_000 // _EPOCHS[len(value)]))
    raise Unreadable("a number that is no date")


def _slashed(match: re.Match[str], order: str) -> datetime:
    first, second, third = match[1], match[2], match[3]
    if len(first) == 4:
        return _at(int(first), int(second), int(third), match[4])
    if len(first) > 2 or len(third) == 3 or (len(third) < 4 and not order):
        raise Unreadable("a date whose year is not clear; say `date: dmy`, `mdy` or `ymd` in the mapping")
    one, two, year = int(first), int(second), int(third)
    if order == "ymd":
        return _at(_century(one), two, year, match[4])
    if not order:
        if one <= 12 and two <= 12 and one != two:
            raise Unreadable(_EITHER_WAY)
        order = "dmy" if one > 12 else "mdy"
    month, day_ = (one, two) if order == "mdy" else (two, one)
    return _at(year if len(third) == 4 else _century(year), month, day_, match[4])


def _century(year: int) -> int:
    return year + (1900 if year >= 70 else 2000)


def _at(year: int, month: int, day_: int, clock: str | None) -> datetime:
    midnight = datetime(year, month, day_)  # noqa: DTZ001  # the caller decides what no zone means
    if not clock:
        return midnight
    match = _CLOCK.fullmatch(clock.strip())
    if match is None or (match[2] is None and match[5] is None):
        raise Unreadable("a time of day that is not understood; say `date:` in the mapping")
    hour = int(match[1])
    if match[5]:
        if not 1 <= hour <= 12:
            raise Unreadable("no such time of day")
        hour = hour % 12 + (12 if match[5][0] in "pP" else 0)
    fraction = int((match[4] or "0").ljust(6, "0")[:6])
    at = time(hour, int(match[2] or 0), int(match[3] or 0), fraction)
    return datetime.combine(midnight, at, _zone(match[6]) if match[6] else None)


def _zone(text: str) -> timezone:
    if text in ("Z", "UTC", "GMT"):
        return UTC
    shift = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-shift if text[0] == "-" else shift)
