"""From a cell to a canonical value: dates, numbers, e-mails, phones. Pure; Unreadable says why it cannot be."""

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from steelthread.intake.types import Unreadable

NULLS = frozenset({"", "null", "n/a", "nan", "none", "-", "\\n", "#n/a", "nil"})
_EMAIL = re.compile(
    r"[A-Za-z0-9_%+'-]+(?:\.[A-Za-z0-9_%+'-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,24}\Z"
)
_ZERO_WIDTH = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_SLASHED = re.compile(r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4})(?:[ T](.+))?\Z")
_TRUE = frozenset({"true", "t", "yes", "y", "1", "on", "x"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "off"})
_COUNTRIES = {
    "united kingdom": "GB", "uk": "GB", "great britain": "GB", "england": "GB", "scotland": "GB", "wales": "GB",
    "united states": "US", "usa": "US", "united states of america": "US", "germany": "DE", "deutschland": "DE",
    "france": "FR", "spain": "ES", "italy": "IT", "netherlands": "NL", "belgium": "BE", "austria": "AT",
    "switzerland": "CH", "ireland": "IE", "eire": "IE", "portugal": "PT", "poland": "PL", "sweden": "SE",
    "norway": "NO", "denmark": "DK", "finland": "FI", "canada": "CA", "australia": "AU", "japan": "JP", "india": "IN",
    "brazil": "BR", "mexico": "MX", "china": "CN", "greece": "GR", "israel": "IL", "singapore": "SG", "cyprus": "CY",
}  # fmt: skip

Convert = Callable[[str], Any]


def clean(value: str) -> str:
    """Return text in Unicode NFC without zero-width marks, with single inner blanks."""
    if value.isascii():
        return value if "  " not in value and "\t" not in value else " ".join(value.split())
    return " ".join(unicodedata.normalize("NFC", value).translate(_ZERO_WIDTH).split())


def email(value: str) -> str:
    """Return an address with its domain in lower case (RFC 5321: the local part is the mailbox's own affair)."""
    value = value.strip()
    if value.casefold().startswith("mailto:"):
        value = value[7:]
    if value.endswith(">") and "<" in value:
        value = value[value.rindex("<") + 1 : -1]
    if _EMAIL.match(value):
        local, _, domain = value.rpartition("@")
        return f"{local}@{domain.lower()}"
    try:
        return validate_email(value, check_deliverability=False).normalized
    except EmailNotValidError:
        raise Unreadable("not an e-mail address") from None


@lru_cache(maxsize=32_768)
def phone(value: str, country: str) -> str:
    """Return a phone number as E.164 (ITU-T); a number without prefix is of the default country."""
    try:
        number = phonenumbers.parse(value, country or None)
    except phonenumbers.NumberParseException:
        hint = "" if country else "; set `country` for numbers without a prefix"
        raise Unreadable(f"not a phone number{hint}") from None
    if not phonenumbers.is_possible_number(number):
        raise Unreadable("not a possible phone number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def moment(value: str, formats: tuple[str, ...]) -> datetime:
    """Return a moment; without formats ISO 8601, compact and unambiguous day/month forms are understood."""
    for form in formats:
        try:
            return _aware(datetime.strptime(value, form))  # noqa: DTZ007  # made aware at once
        except ValueError:
            continue
    if formats:
        raise Unreadable("does not fit the `date:` format of the mapping")
    try:
        if len(value) == 8 and value.isdigit():
            return datetime(int(value[:4]), int(value[4:6]), int(value[6:]), tzinfo=UTC)
        return _aware(datetime.fromisoformat(value))
    except ValueError:
        return _slashed(value)


def _aware(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _slashed(value: str) -> datetime:
    match = _SLASHED.match(value)
    if match is None:
        raise Unreadable('not a date that is understood; say `date:` in the mapping, such as "%d/%m/%Y"')
    first, second, year, clock = int(match[1]), int(match[2]), int(match[3]), match[4]
    if first <= 12 and second <= 12 and first != second:
        raise Unreadable('day and month can be either way round; say `date: "%d/%m/%Y"` or "%m/%d/%Y"')
    day, month = (first, second) if first > 12 or first == second else (second, first)
    try:
        base = datetime(year, month, day, tzinfo=UTC)
        return base if not clock else _aware(datetime.fromisoformat(f"{base:%Y-%m-%d} {clock}"))
    except ValueError:
        raise Unreadable("no such date") from None


def day(value: str, formats: tuple[str, ...]) -> str:
    """Return a date as YYYY-MM-DD."""
    found = moment(value, formats)
    if not 1000 <= found.year <= 9999:
        raise Unreadable("no such date")
    return date(found.year, found.month, found.day).isoformat()


def instant(value: str, formats: tuple[str, ...]) -> str:
    """Return a moment as ISO 8601 in UTC."""
    return moment(value, formats).isoformat().replace("+00:00", "Z")


def decimal(value: str, mark: str = ".") -> str:
    """Return a number in plain notation; currency signs and thousand marks are dropped, (1.50) is negative."""
    bare = re.sub(r"[^\d.,()+\-eE]", "", value)
    negative = bare.startswith("(") and bare.endswith(")")
    bare = bare.strip("()")
    bare = bare.replace(".", "").replace(",", ".") if mark == "," else bare.replace(",", "")
    try:
        number = Decimal(bare)
    except InvalidOperation:
        raise Unreadable("not a number") from None
    if not number.is_finite():
        raise Unreadable("not a number")
    return format(-number if negative else number, "f")


def integer(value: str) -> int:
    """Return a whole number; 3.0 is one."""
    number = Decimal(decimal(value))
    if number != number.to_integral_value():
        raise Unreadable("not a whole number")
    return int(number)


def boolean(value: str) -> bool:
    """Return yes or no."""
    folded = value.casefold()
    if folded in _TRUE:
        return True
    if folded in _FALSE:
        return False
    raise Unreadable("neither yes nor no")


def country(value: str) -> str:
    """Return a country as ISO 3166 alpha-2 where the name is known, else as it is."""
    return value.upper() if len(value) == 2 and value.isalpha() else _COUNTRIES.get(value.casefold(), value)


def converter(type_: str, logical: str | None, formats: tuple[str, ...], mark: str, land: str) -> Convert:
    """Return what turns a cell into a value of this type."""
    if logical == "email":
        return email
    if logical == "phone":
        return lambda value: phone(value, land)
    if logical == "country":
        return lambda value: country(clean(value))
    if type_ == "date":
        return lambda value: day(value, formats)
    if type_ == "datetime":
        return lambda value: instant(value, formats)
    if type_ == "decimal":
        return lambda value: decimal(value, mark)
    return {"integer": integer, "boolean": boolean}.get(type_, clean)
