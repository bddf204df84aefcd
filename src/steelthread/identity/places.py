"""Addresses for matching: abbreviations, units, PO boxes, postcodes, by country where it is known. No gazetteer."""

import re
from collections.abc import Mapping
from typing import Any

import anyascii
import msgspec

from steelthread.identity.countries import UNIT_FIRST, known_country, whole_postcode
from steelthread.kit import remembered

_SHORT = {
    "street": "st", "str": "st", "strasse": "st", "avenue": "ave", "av": "ave", "road": "rd", "lane": "ln", "drive": "dr",
    "court": "ct", "place": "pl", "boulevard": "blvd", "close": "cl", "crescent": "cres", "circuit": "cct", "square": "sq",
    "terrace": "tce", "ter": "tce", "parade": "pde", "highway": "hwy", "parkway": "pkwy", "circle": "cir", "grove": "gr",
    "gardens": "gdns", "north": "n", "south": "s", "east": "e", "west": "w", "northeast": "ne", "northwest": "nw",
    "southeast": "se", "southwest": "sw", "mount": "mt", "saint": "st", "apartment": "apt", "appartment": "apt",
    "suite": "ste", "flat": "apt", "unit": "apt", "no": "", "nr": "", "number": "", "the": "",
}  # fmt: skip
_PARTS = ("addressLine1", "houseNumber", "unitNumber", "cityName", "postalCodeText", "addressLine2", "countryName")
_WORD = re.compile(r"[a-z]+|[0-9]+[a-z]*")
_BOX = re.compile(r"\bp\.? ?o\.? ?box ?(\d+)", re.IGNORECASE)
_TAIL = re.compile(r"(?:\b|,)\s*([A-Z]{2})?\s*(\d{5,6}(?:-\d{4})?)\s*\Z")
_NUMBER = re.compile(r"(?:no\.?|nr\.?|number|#)?\s*\d+ ?[a-z]?\Z", re.IGNORECASE)
_UK = re.compile(r"\b([A-Z]{1,2}\d[A-Z\d]?)\s*(\d[A-Z]{2})\b", re.IGNORECASE)
_LAND = re.compile(r"\s*(?:[A-Z]{1,2}|FIN|BIH)\s?-\s?(?=\d{4,6}\s*\Z)", re.IGNORECASE)
"""Before a postcode: D-10115, A-1010."""
_NUMBERED = (
    "flat|apt|apartment|appartment|appartement|apto|unit|suite|ste|room|rm|wohnung|whg|puerta|floor|fl|top|tür|tuer|stiege|stg|etage|"
    "stock|piso|planta|interno|int|scala|bus|bte"
)
_LETTERED = "flat|apt|apartment|appartment|appartement|apto|unit|suite|room|wohnung|whg|puerta"
_UNIT = re.compile(
    rf"\b(?:{_NUMBERED})\b\.?\s*(?:no\b\.?|nr\b\.?|number\b|#)?\s*((?:[a-z]-?)?\d{{1,4}}(?:-?[a-z])?)\b"
    rf"|\b(?:{_LETTERED})\b\.?\s*([a-z])\b(?!')"
    r"|\b(\d{1,3})(?:st|nd|rd|th|\.|e|er)\s*(?:floor|fl|stock|og|etage)\b",
    re.IGNORECASE,
)
"""A unit with its number, its letter, or its floor. Five digits are no unit: FL 33101 is in Florida, and FL-2198 is no floor."""
_UNIT_WORDS = frozenset(f"{_NUMBERED}|{_LETTERED}|og".split("|"))
_LETTERS = re.compile(r"[^\W\d_]+")
_HASH = re.compile(r"#\s*((?:[a-z]-?)?\d{1,4}(?:-?[a-z])?)\b", re.IGNORECASE)
_AHEAD = re.compile(r"\s*(\d{1,4}[a-z]?)\s*/\s*(\d{1,5}[a-z]?)\b(?!\s*/)", re.IGNORECASE)
_BEHIND = re.compile(r"(?<=[^\d\s/])\s+(\d{1,5}\s?[a-z]?)\s*/\s*(\w{1,4}(?:\s*/\s*\w{1,4})*)\s*\Z", re.IGNORECASE)
"""Numbers with a slash, before and behind the road."""
_SHORT_UNIT = 5


class Address(msgspec.Struct, frozen=True):
    """`key` is the house on its road, "" when one of the two is missing."""

    house: str = ""
    road: str = ""
    unit: str = ""
    postcode: str = ""
    city: str = ""

    @property
    def key(self) -> str:
        """The house on its road."""
        return f"{self.house} {self.road}" if self.house and self.road else ""


def _plain(text: str) -> str:
    return (text if text.isascii() else anyascii.anyascii(text)).lower().replace("'", "")


@remembered(65_536)
def _words(text: str) -> tuple[str, ...]:
    found = []
    for word in _WORD.findall(_plain(text)):
        short = _SHORT.get(word, word)
        if short is word and word.endswith(("strasse", "str")):
            found += [word.removesuffix("strasse").removesuffix("str"), "st"]
        elif short:
            found.append(short)
    return tuple(found)


@remembered(262_144)
def parse_postcode(text: str, country: str = "") -> str:
    """Return a postcode without blanks, marks and the sign of its country (D-10115), as the country (ISO alpha-2) has it."""
    sign = _LAND.match(text) if "-" in text else None
    bare = re.sub(r"[^a-z0-9]", "", _plain(text[sign.end() :] if sign else text))
    return whole_postcode(bare, country)


@remembered(262_144)
def parse_city(text: str) -> str:
    """Return a place name without accents and marks."""
    return " ".join(re.findall(r"[a-z0-9]+", _plain(text)))


def parse_unit(text: str) -> str:
    """Return the number of a unit: of `Flat 2`, of `2` alone; "" for what is no unit, such as the name of a building."""
    found = _units_in(text)[1]
    if found:
        return found
    bare = "".join(_WORD.findall(_plain(text)))
    return bare if len(bare) <= _SHORT_UNIT and (len(bare) == 1 or any(map(str.isdigit, bare))) else ""


def _units_in(text: str) -> tuple[str, str]:
    """Return what is left of a text without its units, and them: stair 2, door 7 is 2-7."""
    if "#" not in text and _UNIT_WORDS.isdisjoint(_LETTERS.findall(text.lower())):
        return text, ""
    found = []
    for pattern in (_UNIT, _HASH):
        matches = [one for one in pattern.finditer(text) if pattern is _UNIT or _is_beside_a_house(one)]
        for one in reversed(matches):
            text = f"{text[: one.start()]} {text[one.end() :]}"
        found += ["".join(_WORD.findall(next(filter(None, one.groups())).lower())) for one in matches]
    return text, "-".join(found)


def _is_beside_a_house(hash_sign: re.Match[str]) -> bool:
    """Whether another number is the house: in `12 Mill Lane #4` and `#4, 12 Mill Lane`, but not in `#321, Street 128`."""
    before, after = hash_sign.string[: hash_sign.start()], hash_sign.string[hash_sign.end() :]
    return any(map(str.isdigit, before)) or after.lstrip(" ,-/")[:1].isdigit()


def _slashed(text: str, *, alone: bool, country: str) -> tuple[str, str]:
    """Return a part of an address with the house alone, and the unit that stood before or behind its slash.

    Before the road 2/12 is unit 2 of house 12, but where a known country has it the other way; behind the road, and in
    `alone`, a number by itself, the house comes first.
    """
    ahead = _AHEAD.match(text)
    if ahead:
        one, other = ahead.groups()
        unit_first = country in UNIT_FIRST or not (country or alone)
        unit, house = (one, other) if unit_first else (other, one)
        return f"{house}{text[ahead.end() :]}", unit.lower()
    behind = _BEHIND.search(text)
    if behind:
        return f"{text[: behind.start()]} {behind.group(1)}", "-".join(_WORD.findall(behind.group(2).lower()))
    return text, ""


def _between_commas(text: str) -> list[str]:
    return [part for one in text.split(",") if (part := one.strip(" ./-"))]


def _parts_of(line: str, more: str, country: str) -> tuple[list[str], str]:
    """Return the parts of an address between commas, without units, and the unit; a second line may hold either."""
    left, unit = _units_in(line)
    parts = _between_commas(left)
    if more:
        other, further = _units_in(more)
        if not any(any(map(str.isalpha, part)) for part in parts):  # the first line is but the unit
            parts += _between_commas(other)
        unit = unit or further or parse_unit(more)
    if "/" not in line and "/" not in more:
        return parts, unit
    numbered = [any(map(str.isdigit, part)) for part in parts]
    found = []
    for part in parts:
        whole = _AHEAD.fullmatch(part)
        if whole and sum(numbered) > 1 and not unit:  # 2/1, 12 High Street
            unit = "-".join(whole.groups())
            continue
        bare, door = _slashed(part, alone=False, country=country)
        unit = unit or door
        found.append(bare)
    return found, unit


@remembered(262_144)
def parse_address(
    line: str, house: str, unit: str, city: str, postcode: str, more: str = "", country: str = ""
) -> Address:
    """Take an address apart; one that is written in a single line gives up its postcode and place, too.

    `more` is a second line, `country` a name or code: both count where they are known.
    """
    land = known_country(country) if country else ""
    code, town = parse_postcode(postcode, land), parse_city(city)
    box = _BOX.search(line) or (_BOX.search(more) if more else None)
    if box:
        return Address(box.group(1), "po box", "", code, town)
    parts, flat = _parts_of(line, more, land)
    at = next((place for place, part in enumerate(parts) if any(one.isdigit() for one in part)), 0)
    first, rest = (parts[at], parts[at + 1 :]) if parts else ("", [])
    if _NUMBER.match(first) and at:  # Via Roma, 12
        first = f"{parts[at - 1]} {first}"
    elif _NUMBER.match(first) and rest:  # 12, Mill Lane
        first, rest = f"{first} {rest[0]}", rest[1:]
    if not code:
        tail = _UK.search(line) or _TAIL.search(line)
        if tail:
            code = parse_postcode(tail.group(0) if tail.re is _UK else tail.group(2), land)
            own = None if rest else tail.re.search(first)
            first = first[: own.start()] if own else first
    if rest and not town:
        town = parse_city(re.sub(r"\b[A-Z]{2}\b|\d+", " ", rest[0]))
    if "/" in house:
        house, door = _slashed(house, alone=True, country=land)
        flat = flat or door
    number, road = _street([*_words(first)], "".join(_words(house)))
    return Address(number, road, flat or (parse_unit(unit) if unit else ""), code, town)


def home_of(address: Mapping[str, Any]) -> str:
    """Return an address as text to compare by: house, road, and postcode or place; "" when one is missing. No units."""
    read = parse_address(*(str(address.get(part) or "") for part in _PARTS))
    return f"{read.key}|{read.postcode or read.city}" if read.key and (read.postcode or read.city) else ""


def _street(words: list[str], house: str) -> tuple[str, str]:
    if not house:
        for place in (0, -1):
            if words and words[place][0].isdigit() and len(words) > 1:
                house = words.pop(place)
                break
    return house, " ".join(words)
