"""Matching keys: what is left of an identifier when spelling is taken away."""

import re
import unicodedata

import phonenumbers

from steelthread.identity.config import Kind
from steelthread.identity.organisations import domain_of
from steelthread.kit import remembered

_DOTLESS = {"gmail.com", "googlemail.com"}
_TAGGED = {"outlook.com", "hotmail.com", "live.com", "fastmail.com", "proton.me", "protonmail.com", "icloud.com"}
_CANONICAL_PHONE = re.compile(r"\+[1-9]\d{6,14}\Z")
_CANONICAL_EMAIL = re.compile(r"[a-z0-9._%+'-]+@[a-z0-9.-]+\.[a-z]{2,}\Z")
_MARKS = re.compile(r"[\s./_-]+")


def slug(scheme: str) -> str:
    """Return a scheme of party identifications as a word: `Driver's licence` is drivers_licence."""
    bare = unicodedata.normalize("NFKD", scheme).encode("ascii", "ignore").decode().casefold().replace("'", "")
    return re.sub(r"[^a-z0-9]+", "_", bare).strip("_")


def normalise(kind: Kind, value: str, country: str = "") -> str | None:
    """Return the matching key of a value, None when nothing is left of it."""
    name = kind.name
    if name in ("email", "email_provider", "account_email"):
        key = _email(value)
        return provider_key(key) if name == "email_provider" and key else key
    if name in ("phone", "account_phone"):
        return _phone(value, country)
    if name == "account_domain":
        return domain_of(value)
    key = unicodedata.normalize("NFKC", value).strip()
    if name == "loyalty_number" or name.startswith(("party_id", "account_id")):
        key = _MARKS.sub("", key).upper()
    elif kind.fold:
        key = key.casefold()
    return key or None


def _email(value: str) -> str | None:
    key = value if _CANONICAL_EMAIL.match(value) else unicodedata.normalize("NFKC", value).strip().casefold()
    return key if "@" in key[1:-1] else None


def provider_key(email: str) -> str:
    """Return the mailbox behind an address, by the provider's rules: a weaker key."""
    local, _, domain = email.rpartition("@")
    if domain in _DOTLESS:
        return local.partition("+")[0].replace(".", "") + "@gmail.com"
    if domain in _TAGGED or "+" in local[1:]:
        return (local.partition("+")[0] or local) + "@" + domain
    return email


@remembered(65_536)
def _phone(value: str, country: str) -> str | None:
    if _CANONICAL_PHONE.match(value):
        return value
    try:
        number = phonenumbers.parse(value, country or None)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
