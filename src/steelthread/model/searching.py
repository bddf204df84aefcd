"""`model search`: entities and attributes by what they are called, also called, and said to be."""

from collections.abc import Iterator, Mapping

import msgspec

from steelthread.model.entities import Attribute, Entity
from steelthread.model.finding import words
from steelthread.model.registry import Model

# How much a word of the question counts, by where it stands.
_IN_NAME, _IN_ALIAS, _IN_ENTITY, _IN_DESCRIPTION, _BEGINS = 1.0, 0.8, 0.5, 0.4, 0.6
_LITTLE = frozenset({"a", "an", "and", "by", "for", "from", "in", "is", "of", "on", "or", "the", "to", "with",
    "did", "do", "does", "how", "what", "when", "where", "which", "who",
})  # fmt: skip


class Found(msgspec.Struct, frozen=True):
    """One answer: an entity, or an attribute of it; `score` is 0 to 1."""

    entity: str
    attribute: str | None
    score: float
    type: str
    privacy: str | None
    description: str


def search(model: Model, question: str, limit: int = 20) -> list[Found]:
    """Return what fits the question best; inherited attributes stand at the entity they come from.

    Every word counts as much as the best place it is found in: name, alias, entity, description; a beginning of a word
    counts less. What answers fewer than half of the words is left out.
    """
    asked = [word for word in words(question) if word not in _LITTLE] or words(question)
    found = [one for one in _all(model, asked) if one.score >= 0.35]
    found.sort(key=lambda one: (-one.score, one.entity, one.attribute or ""))
    return found[:limit]


def _all(model: Model, asked: list[str]) -> Iterator[Found]:
    for entity in model.entities.values():
        whole = _places(entity.name, entity.aliases, entity.description)
        yield Found(entity.name, None, _score(asked, whole), entity.category, None, entity.description)
        above = model.entities[entity.parent].attributes if entity.parent else {}
        for one in entity.attributes.values():
            if one.name not in above and one.name != entity.key:
                yield _attribute(asked, entity, one)


def _attribute(asked: list[str], entity: Entity, one: Attribute) -> Found:
    places = _places(one.name, one.aliases, one.description)
    for word in words(entity.name) + [word for alias in entity.aliases for word in words(alias)]:
        places[word] = max(places.get(word, 0.0), _IN_ENTITY)
    kind = " or ".join(one.references) if one.references else one.logical or one.type
    return Found(entity.name, one.name, _score(asked, places), kind, one.privacy, one.description)


def _places(name: str, aliases: tuple[str, ...], description: str) -> dict[str, float]:
    """Return the words by which something is found, each with its weight."""
    found = dict.fromkeys(words(description), _IN_DESCRIPTION)
    found |= {word: _IN_ALIAS for alias in aliases for word in words(alias)}
    return found | dict.fromkeys(words(name), _IN_NAME)


def _score(asked: list[str], places: Mapping[str, float]) -> float:
    if not asked:
        return 0.0
    return round(sum(_weight(word, places) for word in asked) / len(asked), 3)


def _weight(word: str, places: Mapping[str, float]) -> float:
    exact = max((places[form] for form in (word, word.removesuffix("s"), f"{word}s") if form in places), default=0.0)
    if exact or len(word) < 3:
        return exact
    return max((weight * _BEGINS for place, weight in places.items() if place.startswith(word)), default=0.0)
