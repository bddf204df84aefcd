"""Dates of birth for matching: digits that can be compared even when they are no date."""

import re
from datetime import date

import msgspec

from steelthread.kit import remembered

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_PARTS = re.compile(r"[0-9]+|[a-z]+")
_POINTS = re.compile(r"\s*\d{1,2}\.\s?\d{1,2}\.")
_YEAR_ONLY = re.compile(r"\d{4}\Z")
PIVOT = 26
"""Two-digit years up to this one are of this century: nobody is born in the future."""


class Birth(msgspec.Struct, frozen=True):
    """`digits` is yyyymmdd as written, also when there is no such day; `day` is set when it is a real one."""

    digits: str
    day: str
    swapped: str
    year: str


def _real(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def day_first(values: list[str]) -> bool | None:
    """Whether a column of dates such as 3/4/1980 has the day first, by the values that leave no doubt; None: they do not say.

    What is written with points (3.4.1980) says nothing of the others: there the day always comes first.
    """
    first = second = 0
    for value in values:
        if "." in value:
            continue
        parts = _PARTS.findall(value.lower())
        if len(parts) == 3 and all(one.isdigit() and len(one) <= 2 for one in parts[:2]):
            first += int(parts[0]) > 12
            second += int(parts[1]) > 12
    return None if first == second else first > second


@remembered(262_144)
def parse_birth(text: str, *, dayfirst: bool = False) -> Birth | None:
    """Read a date of birth in any usual writing, None when there are no digits of one; 3.4.1980 is in April everywhere."""
    parts = _PARTS.findall(text.lower())
    if len(parts) == 1:
        whole = parts[0]
        if _YEAR_ONLY.match(whole):
            return Birth(whole + "0101", "", "", whole)
        return _birth(whole[:4], whole[4:6], whole[6:8]) if len(whole) == 8 and whole.isdigit() else None
    if len(parts) < 3:
        return None
    for place, part in enumerate(parts[:3]):
        if part[:3] in _MONTHS:
            rest = [one for at, one in enumerate(parts[:3]) if at != place]
            year, day = (rest[0], rest[1]) if len(rest[0]) == 4 else (rest[1], rest[0])
            return _birth(year, str(_MONTHS[part[:3]]), day)
    if not all(one.isdigit() for one in parts[:3]):
        return None
    if len(parts[0]) == 4:
        return _birth(*parts[:3])
    month, day = (parts[1], parts[0]) if dayfirst or _POINTS.match(text) else (parts[0], parts[1])
    if int(month) > 12 >= int(day):
        month, day = day, month
    return _birth(parts[2], month, day)


def _birth(year: str, month: str, day: str) -> Birth | None:
    if not (year.isdigit() and month.isdigit() and day.isdigit()):
        return None
    if len(year) == 2:
        year = ("20" if int(year) <= PIVOT else "19") + year
    digits = f"{int(year):04d}{int(month):02d}{int(day):02d}"[:8]
    real = _real(int(year), int(month), int(day)) if 1 <= int(year) <= 9999 else False
    swapped = digits[:4] + digits[6:] + digits[4:6]
    return Birth(digits, digits if real else "", swapped if swapped != digits else "", digits[:4])
