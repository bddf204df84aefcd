"""Clocks of the law: until when a request must be answered. Pure: dates in, dates out.

Months are counted by the calendar (31 January and a month is the last of February), business days by the public holidays
of a place. A day of receipt is never counted, and is the day in the time zone of whoever received it.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from steelthread.kit import Invalid

if TYPE_CHECKING:
    from holidays import HolidayBase


class Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A length of time as a law says it."""

    days: int = 0
    months: int = 0
    business_days: int = 0


class Clock(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The times of one right."""

    within: Span
    """Until when it is answered, from receipt."""
    acknowledge: Span | None = None
    """Until when its receipt is confirmed."""
    extension: Span | None = None
    """By how much it may be put off, once, with reasons, told before the first time has passed."""
    pauses: tuple[str, ...] = ()
    """What stops the clock: `identity` (it is reasonably doubted), `clarification` (the person is asked what is meant)."""
    next_working_day: bool = False
    """Whether a time that ends on a weekend or public holiday ends on the next working day."""


class Pause(msgspec.Struct, frozen=True, rename="camel"):
    """A stretch in which the clock stood; without an end it stands still."""

    since: date
    until: date | None = None


def local_day(moment: datetime, zone: str) -> date:
    """Return the day of a moment in a time zone; Invalid for an unknown zone."""
    return moment.astimezone(zone_of(zone)).date()


def zone_of(zone: str) -> ZoneInfo:
    """Return a time zone by its name; Invalid for an unknown one."""
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(f"{zone[:60]!r} is no time zone: say one such as Europe/Berlin.") from None


def add_months(day: date, months: int) -> date:
    """Return the same day so many months on, or the last of that month where it has none."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    following = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    return date(year, month + 1, min(day.day, (following - timedelta(days=1)).day))


@lru_cache(maxsize=64)
def _calendar(place: str) -> "HolidayBase | None":
    from holidays import country_holidays, list_supported_countries  # noqa: PLC0415  # a tenth of the start of every command that needs none

    country, _, part = place.partition("-")
    known = list_supported_countries()
    if country not in known:
        return None
    return country_holidays(country, subdiv=part if part in known[country] else None)


def is_working_day(day: date, place: str) -> bool:
    """Whether people work on a day at a place (`DE`, `US-CA`); Monday to Friday where its holidays are not known."""
    calendar = _calendar(place)
    return calendar.is_working_day(day) if calendar is not None else day.weekday() < 5


def span_end(day: date, span: Span, place: str) -> date:
    """Return the last day of a span that begins with a day, which itself is not counted."""
    end = add_months(day, span.months) + timedelta(days=span.days)
    for _ in range(span.business_days):
        end += timedelta(days=1)
        while not is_working_day(end, place):
            end += timedelta(days=1)
    return end


def answer_due(
    clock: Clock,
    received: date,
    place: str,
    *,
    extended: bool = False,
    pauses: Sequence[Pause] = (),
    today: date | None = None,
) -> date:
    """Return the last day for the answer. A pause moves it by its days; one that goes on counts up to `today`."""
    span = clock.within
    if extended and clock.extension is not None:
        more = clock.extension
        span = Span(span.days + more.days, span.months + more.months, span.business_days + more.business_days)
    end = span_end(received, span, place)
    stood = sum(max(0, ((one.until or today or one.since) - one.since).days) for one in pauses)
    end += timedelta(days=stood)
    while clock.next_working_day and not is_working_day(end, place):
        end += timedelta(days=1)
    return end
