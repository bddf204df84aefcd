"""From a cell to a canonical value: text, e-mails, phones, countries. Pure; Unreadable says why it cannot be."""

import re
import unicodedata
from collections.abc import Callable
from typing import Any

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from steelthread.intake.moments import day, instant
from steelthread.intake.numbers import decimal, integer
from steelthread.intake.types import Unreadable
from steelthread.kit import remembered

NULLS = frozenset(
    {
        "",
        *(
            form
            for word in ("null", "n/a", "nan", "none", "-", "\\n", "#n/a", "nil")
            for form in (word, word.upper(), word.title())
        ),
    }
    | {"NaN"}
)
"""What exports write for nothing."""
NAME_NULLS = NULLS - {"Null", "Nan", "Nil"}
"""The same for names: there are people who are called Null, Nan and Nil."""
_EMAIL = re.compile(
    r"[A-Za-z0-9_%+'-]+(?:\.[A-Za-z0-9_%+'-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,24}\Z"
)
_UNSEEN: dict[int, str | None] = {
    **dict.fromkeys((*range(32), *range(127, 160)), " "),
    **dict.fromkeys((0, *map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))),
}
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
    """Return text in Unicode NFC without zero-width and control characters, with single inner blanks."""
    if value.isascii() and value.isprintable():
        return value if "  " not in value else " ".join(value.split())
    return " ".join(unicodedata.normalize("NFC", value).translate(_UNSEEN).split())


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


@remembered(32_768)
def phone(value: str, country: str) -> str:
    """Return a phone number as E.164 (ITU-T); a number without prefix is of the default country."""
    if _is_written_so(value):
        return value
    try:
        number = phonenumbers.parse(value, country or None)
    except phonenumbers.NumberParseException:
        hint = "" if country else "; set `country` for numbers without a prefix"
        raise Unreadable(f"not a phone number{hint}") from None
    if not phonenumbers.is_possible_number(number):
        raise Unreadable("not a possible phone number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _is_written_so(value: str) -> bool:
    """Whether a number is in E.164 already, without a trunk prefix inside: parsing would give it back as it is."""
    if value[:1] != "+" or not value.isascii() or not value[1:].isdigit():
        return False
    for end in (2, 3, 4):
        plan = _plan(value[1:end])
        if plan is not None:
            lengths, trunk = plan
            national = value[end:]
            return len(national) in lengths and national[0] != "0" and not (trunk and trunk.match(national))
    return False


@remembered(2_048)
def _plan(code: str) -> tuple[frozenset[int], re.Pattern[str] | None] | None:
    """Return how long national numbers of a calling code are, and what is their trunk prefix; None for no such code."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code))
    if code[0] == "0" or not regions:
        return None
    metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(int(code), regions[0])
    if metadata is None or metadata.general_desc is None:
        return None
    trunk = metadata.national_prefix_for_parsing
    return frozenset(metadata.general_desc.possible_length), re.compile(trunk) if trunk else None


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
        return decimal if mark == "." else lambda value: decimal(value, mark)
    if type_ == "integer":
        return lambda value: integer(value, mark)
    return boolean if type_ == "boolean" else clean
