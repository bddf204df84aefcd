"""Which attributes could a column header mean? Names and aliases compared without case, separators and accents."""

import re
import unicodedata
from collections.abc import Iterator
from weakref import WeakKeyDictionary

import msgspec
from rapidfuzz import process
from rapidfuzz.distance import OSA

from steelthread.model.entities import Attribute, Entity
from steelthread.model.registry import Model

# How sure each kind of match is, 0 to 1; they only have to rank well, a person confirms the draft.
_NAME, _ALIAS, _QUALIFIED, _REORDERED, _TRIMMED, _SIMILAR = 1.0, 0.95, 0.9, 0.85, 0.8, 0.7
_CUTOFF = 0.82  # share of letters in place (OSA) below which two spellings are no longer one word with a typo
# Where several entities answer alike, the person comes first, then what hangs on the person.
_ORDER = (
    "Individual", "ContactPointEmail", "ContactPointPhone", "ContactPointAddress", "PartyIdentification",
    "LoyaltyMember", "SalesOrder", "SalesOrderProduct", "Payment", "Case", "Product", "Account", "Lead", "Shipment",
)  # fmt: skip
_RANK = {name: place for place, name in enumerate(_ORDER)}
_NOISE = ("customer", "cust", "client", "user", "contact", "buyer", "person", "profile", "primary", "main", "my", "the")
# Names that many entities share say little alone, less than an alias that somebody wrote down on purpose.
_VAGUE = frozenset({"name", "description", "status", "title", "channel", "amount", "id", "createdAt"})
_VAGUE_NAME = 0.75
_BREAKS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")
_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "AE", "ł": "l", "Ł": "L", "đ": "d", "œ": "oe"})

Match = tuple[str, str, float]


class _Index(msgspec.Struct, frozen=True):
    """Compact spelling, and the same with its words sorted, to the attributes they stand for."""

    spelt: dict[str, list[Match]]
    sorted: dict[str, list[Match]]


_INDEXES: WeakKeyDictionary[Model, _Index] = WeakKeyDictionary()


def words(text: str) -> list[str]:
    """Split a header or a name into plain lower-case words: `Prénom`, `firstName`, `FIRST_NAME`, `first name`."""
    plain = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    ascii_only = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return [word.lower() for word in _BREAKS.split(ascii_only) if word]


def find(model: Model, text: str) -> list[Match]:
    """Rank the (entity, attribute, score) that a header may mean, best first; empty when nothing is near.

    Score 1 is the attribute's own name, 0.95 an alias, 0.9 entity and attribute together; then words in another order,
    words less a filler such as "customer", and small misspellings.
    """
    index = _INDEXES.get(model) or _build(model)
    said = words(text)
    found: dict[tuple[str, str], float] = {}
    for match in _candidates(index, said):
        place = match[:2]
        found[place] = max(found.get(place, 0.0), match[2])
    ranked = [(entity, attribute, score) for (entity, attribute), score in found.items()]
    return sorted(ranked, key=lambda match: (-match[2], _RANK.get(match[0], len(_RANK))))


def _candidates(index: _Index, said: list[str]) -> Iterator[Match]:
    compact = "".join(said)
    if not compact:
        return
    yield from index.spelt.get(compact, ())
    yield from _capped(index.sorted.get("".join(sorted(said)), ()), _REORDERED)
    kept = [word for word in said if word not in _NOISE]
    if kept and len(kept) < len(said):
        yield from _capped(index.spelt.get("".join(kept), ()), _TRIMMED)
    if compact not in index.spelt and len(compact) >= 5:
        for spelling, ratio, _ in process.extract(
            compact, index.spelt.keys(), scorer=OSA.normalized_similarity, score_cutoff=_CUTOFF, limit=5
        ):
            yield from _capped(index.spelt[spelling], _SIMILAR * ratio)


def _capped(matches: list[Match] | tuple[()], ceiling: float) -> Iterator[Match]:
    return ((entity, attribute, round(ceiling * score, 3)) for entity, attribute, score in matches)


def _build(model: Model) -> _Index:
    index = _Index({}, {})
    for entity in model.entities.values():
        if entity.abstract:
            continue
        for attribute in entity.attributes.values():
            if _offered(model, attribute):
                _enter(index, entity, attribute)
    _INDEXES[model] = index
    return index


def _offered(model: Model, attribute: Attribute) -> bool:
    return attribute.inverse_of is None and (attribute.privacy != "special" or model.special_allowed)


def _enter(index: _Index, entity: Entity, attribute: Attribute) -> None:
    own = _VAGUE_NAME if attribute.name in _VAGUE else _NAME
    spellings = [(attribute.name, own), *((alias, _ALIAS) for alias in attribute.aliases)]
    names = (entity.name, *entity.aliases)
    spellings += [(f"{name} {spelling}", _QUALIFIED) for name in names for spelling, _ in tuple(spellings)]
    for spelling, score in spellings:
        parts = words(spelling)
        match = (entity.name, attribute.name, score)
        index.spelt.setdefault("".join(parts), []).append(match)
        index.sorted.setdefault("".join(sorted(parts)), []).append(match)
