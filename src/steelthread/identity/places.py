"""Addresses for matching: abbreviations, units, PO boxes, postcodes. A light normaliser, no gazetteer."""

import re
from collections.abc import Mapping
from typing import Any

import anyascii
import msgspec

from steelthread.kit import remembered

_SHORT = {
    "street": "st", "str": "st", "strasse": "st", "avenue": "ave", "av": "ave", "road": "rd", "lane": "ln", "drive": "dr",
    "court": "ct", "place": "pl", "boulevard": "blvd", "close": "cl", "crescent": "cres", "circuit": "cct", "square": "sq",
    "terrace": "tce", "ter": "tce", "parade": "pde", "highway": "hwy", "parkway": "pkwy", "circle": "cir", "grove": "gr",
    "gardens": "gdns", "north": "n", "south": "s", "east": "e", "west": "w", "northeast": "ne", "northwest": "nw",
    "southeast": "se", "southwest": "sw", "mount": "mt", "saint": "st", "apartment": "apt", "appartment": "apt",
    "suite": "ste", "flat": "apt", "unit": "apt", "no": "", "number": "", "the": "",
}  # fmt: skip
_PARTS = ("addressLine1", "houseNumber", "unitNumber", "cityName", "postalCodeText")
_UNITS = frozenset(("apt", "ste", "room", "rm", "floor", "fl"))
_WORD = re.compile(r"[a-z]+|[0-9]+[a-z]*")
_BOX = re.compile(r"\bp\.? ?o\.? ?box ?(\d+)", re.IGNORECASE)
_TAIL = re.compile(r"(?:\b|,)\s*([A-Z]{2})?\s*(\d{5,6}(?:-\d{4})?)\s*\Z")
_NUMBER = re.compile(r"\d+ ?[a-zA-Z]?\Z")
_UK = re.compile(r"\b([A-Z]{1,2}\d[A-Z\d]?)\s*(\d[A-Z]{2})\b", re.IGNORECASE)


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
        if word.endswith("strasse") and len(word) > 7:
            found += [word[:-7], "st"]
        else:
            short = _SHORT.get(word, word)
            if short:
                found.append(short)
    return tuple(found)


@remembered(262_144)
def parse_postcode(text: str) -> str:
    """Return a postcode without blanks and marks, ZIP+4 cut to five digits."""
    bare = re.sub(r"[^a-z0-9]", "", _plain(text))
    return bare[:5] if len(bare) == 9 and bare.isdigit() else bare


@remembered(262_144)
def parse_city(text: str) -> str:
    """Return a place name without accents and marks."""
    return " ".join(re.findall(r"[a-z0-9]+", _plain(text)))


@remembered(262_144)
def parse_address(line: str, house: str, unit: str, city: str, postcode: str) -> Address:
    """Take an address apart; one that is written in a single line gives up its postcode and place, too."""
    code, town = parse_postcode(postcode), parse_city(city)
    box = _BOX.search(line)
    if box:
        return Address(box.group(1), "po box", "", code, town)
    parts = [part.strip() for part in line.split(",")]
    at = next((place for place, part in enumerate(parts) if any(one.isdigit() for one in part)), 0)
    first, rest = parts[at], parts[at + 1 :]
    if _NUMBER.match(first) and at:  # Via Roma, 12
        first = f"{parts[at - 1]} {first}"
    elif _NUMBER.match(first) and rest:  # 12, Mill Lane
        first, rest = f"{first} {rest[0]}", rest[1:]
    if not code:
        tail = _UK.search(line) or _TAIL.search(line)
        if tail:
            code = parse_postcode(tail.group(0) if tail.re is _UK else tail.group(2))
            if not rest:
                first = line[: tail.start()]
    if rest and not town:
        town = parse_city(re.sub(r"\b[A-Z]{2}\b|\d+", " ", rest[0]))
    number, road, flat = _street([*_words(first)], "".join(_words(house)))
    return Address(number, road, flat or "".join(_words(unit)), code, town)


def home_of(address: Mapping[str, Any]) -> str:
    """Return an address as text to compare by: house, road, and postcode or place; "" when one is missing. No units."""
    read = parse_address(*(str(address.get(part) or "") for part in _PARTS))
    return f"{read.key}|{read.postcode or read.city}" if read.key and (read.postcode or read.city) else ""


def _street(words: list[str], house: str) -> tuple[str, str, str]:
    unit = ""
    for place, word in enumerate(words):
        if word in _UNITS and place + 1 < len(words):
            unit = words[place + 1]
            words = words[:place] + words[place + 2 :]
            break
    if not house:
        for place in (0, -1):
            if words and words[place][0].isdigit() and len(words) > 1:
                house = words.pop(place)
                break
    return house, " ".join(words), unit
