"""Where records say that people live: (surname, address) as text, from which a keyed token is made. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from steelthread.identity.names import SUFFIXES, normal
from steelthread.identity.places import home_of

_PARTICLES = frozenset(
    [
        "de",
        "del",
        "della",
        "di",
        "da",
        "do",
        "dos",
        "du",
        "la",
        "le",
        "van",
        "von",
        "der",
        "den",
        "ten",
        "ter",
        "zu",
        "zum",
        "zur",
        "al",
        "el",
        "bin",
        "ibn",
        "y",
        "e",
        "of",
    ]
)
_SHORTEST = 2


def homes_of(values: Mapping[str, Any], addresses: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the homes that a record names: each surname of its person at each of its addresses.

    A double surname is two, so that children with one of them are found. An address counts when it has house, road and
    a postcode or place; units and floors do not count: they are left out more often than written.
    """
    surnames = _surnames(values)
    if not surnames:
        return []
    found = dict.fromkeys(place for place in map(home_of, addresses) if place)
    return [f"home|{surname}|{place}" for place in found for surname in surnames]


def _surnames(values: Mapping[str, Any]) -> list[str]:
    told = " ".join(str(values.get(name) or "") for name in ("lastName", "secondLastName")).strip()
    whole = str(values.get("personName") or "")
    if not told and whole:
        told = whole.partition(",")[0] if "," in whole else " ".join(whole.split()[1:][-1:])
    words = [word for word in normal(told).split() if word not in SUFFIXES and word not in _PARTICLES]
    return list(dict.fromkeys(word for word in words if len(word) >= _SHORTEST))
