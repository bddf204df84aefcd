"""Phones, e-mail addresses and numbers of documents for matching."""

import re

import msgspec
import phonenumbers
from rapidfuzz.distance import JaroWinkler

from steelthread.identity.names import short_forms
from steelthread.identity.normalise import provider_key
from steelthread.kit import remembered

_ADDRESS = re.compile(r"[^\s<>\"',;]+@[^\s<>\"',;]+")
_LETTERS = re.compile(r"[a-z]{2,}")
_TYPED = 0.92
"""Jaro-Winkler similarity from which a word of a mailbox is a first name, typed wrongly."""


class Mailbox(msgspec.Struct, frozen=True):
    """An e-mail address: the mailbox, what stands before the @, and its words, which may be a name."""

    key: str
    local: str
    words: tuple[str, ...]


@remembered(262_144)
def parse_mailbox(text: str) -> Mailbox | None:
    """Read an e-mail address, also out of `Jay Jones <jones@mail.example>`."""
    found = _ADDRESS.search(text.casefold())
    if not found or "@" not in found.group(0)[1:-1]:
        return None
    address = found.group(0)
    key = provider_key(address)
    return Mailbox(key, key.rpartition("@")[0], tuple(_LETTERS.findall(address.rpartition("@")[0].partition("+")[0])))


def is_named_after(box: Mailbox, first: str, last: str) -> bool:
    """Whether a mailbox has this first name in them, or its initial at the last name.

    A person's mailbox mostly does; a family's (smithfamily@, the.smiths@) does not.
    """
    if len(first) < 2:
        return False
    if first in box.words:
        return True
    forms = [one for one in (first, *short_forms(first)) if len(one) > 2]
    initials = {first[0] + last, last + first[0]} if last else set()
    whole = {form + last for form in forms} | {last + form for form in forms} | {form + last[:1] for form in forms}
    letters = "".join(one for one in box.local if one.isalpha())
    return any(
        word in forms or word in whole or word in initials or JaroWinkler.similarity(word, first) >= _TYPED
        for word in (*box.words, letters)
    )


_NEVER = r"(?!)"
_REGIONS = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
_CANONICAL = re.compile(r"\+[1-9]\d{6,14}\Z")


@remembered(512)
def _regions(code: int) -> tuple[phonenumbers.PhoneMetadata, ...]:
    names = _REGIONS.get(code, ())
    found = (phonenumbers.PhoneMetadata.metadata_for_region(name, None) for name in names)
    return tuple(one for one in found if one is not None)


_OTHERS = ("premium_rate", "toll_free", "shared_cost", "voip", "personal_number", "pager", "uan", "voicemail", "mobile")


class _Plan:
    """A region's number plan, as far as a look at it goes."""

    def __init__(self, region: phonenumbers.PhoneMetadata) -> None:
        patterns = [_pattern_of(getattr(region, kind)) for kind in _OTHERS]
        self.mobile = re.compile(patterns[-1] or _NEVER)
        self.fixed = re.compile(_pattern_of(region.fixed_line) or _NEVER)
        self.others = re.compile("|".join(f"(?:{one})" for one in patterns if one) or _NEVER)
        self.every = re.compile(_pattern_of(region.general_desc) or _NEVER)
        self.trunk = re.compile(region.national_prefix_for_parsing or _NEVER)
        self.leading = re.compile(region.leading_digits) if region.leading_digits else None
        self.is_plain = not region.same_mobile_and_fixed_line_pattern


def _pattern_of(kind: phonenumbers.PhoneNumberDesc | None) -> str:
    return (kind and kind.national_number_pattern) or ""


@remembered(512)
def _plans(code: int) -> tuple[_Plan, ...]:
    return tuple(map(_Plan, _regions(code)))


def told_at_a_look(text: str) -> bool | None:
    """Whether a number is a fixed line by the first look at its plan, which costs a tenth of a whole one; None: look closer."""
    if not _CANONICAL.match(text):
        return None
    for size in (1, 2, 3):
        plans = _plans(int(text[1 : 1 + size]))
        if not plans:
            continue
        number = text[1 + size :]
        fixed = [one for one in plans if one.fixed.fullmatch(number)]
        as_written = not plans[0].trunk.match(number)
        if not fixed:
            return False if as_written or any(one.mobile.fullmatch(number) for one in plans) else None
        if not as_written or any(one.leading and one.leading.match(number) for one in plans):
            return None
        able = [one for one in plans if not one.leading]
        sure = all(one.is_plain and not one.others.fullmatch(number) for one in able)
        return True if sure and any(one in able and one.every.fullmatch(number) for one in fixed) else None
    return None


@remembered(262_144)
def is_landline(text: str) -> bool:
    """Whether a number in international form is a fixed line, which stands in a home and not in a pocket.

    False where the plan of a country does not tell (North America).
    """
    if not text.startswith("+"):
        return False
    told = told_at_a_look(text)
    if told is not None:
        return told
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.FIXED_LINE


START = 7
"""Signs of a number in which its calling code stands."""
_CODED = re.compile(r"\W*(?:\+|00(?=[1-9]))\W*([1-9][\d\W]{0,5})")
_NO_DIGITS = re.compile(r"[^0-9]")


@remembered(65_536)
def _code_in(start: str) -> str:
    found = _CODED.match(start)
    digits = _NO_DIGITS.sub("", found.group(1)) if found else ""
    sizes = range(1, min(len(digits), 3) + 1)
    return next((digits[:size] for size in sizes if int(digits[:size]) in _REGIONS), "")


def code_of_phone(text: str) -> str:
    """Return the calling code that a number gives (+44 or 0044: "44"), "" for none."""
    return _code_in(text[:START]) if text[:1] in "+(0 " else ""


def calling_code(country: str) -> str:
    """Return the calling code of a country (ISO alpha-2), "" for none."""
    return str(phonenumbers.country_code_for_region(country) or "") if country else ""


@remembered(262_144)
def parse_phone(text: str, code: str = "", home: str | None = None) -> str:
    """Return the last nine digits (the national part in nearly all plans), "" for less than seven or a test number.

    `code` is the calling code of the number, where it is known, and `home` the one that most numbers of the data have: another
    code is put ahead, so that numbers of two countries are two. None is the way of former models, which knew no codes.
    """
    digits = _NO_DIGITS.sub("", text)
    if len(digits) < 7 or len(set(digits)) < 3:
        return ""
    return digits[-9:] if home is None or code in ("", home) else f"{code} {digits[-9:]}"


@remembered(262_144)
def parse_number(text: str) -> str:
    """Return the number of a document without marks; one of a single repeated sign is none."""
    bare = re.sub(r"[^a-z0-9]", "", text.casefold())
    return bare if len(set(bare)) > 1 else ""
