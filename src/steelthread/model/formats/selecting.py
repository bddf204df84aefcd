"""What is exported: the whole model, one area, or one entity with what it needs; and what formats ask about it."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from steelthread.kit import Invalid, NotFound
from steelthread.model.entities import Attribute, Entity
from steelthread.model.marked import nearest
from steelthread.model.registry import Model

STEELTHREAD = "urn:steelthread:model:"
"""Namespace of terms that have no published IRI."""
_EMPTY: tuple[object, ...] = (None, "", (), False)


class Selection(msgspec.Struct, frozen=True):
    """Entities to export, ancestors before heirs, else by name. References that lead outside are plain keys."""

    entities: Mapping[str, Entity]
    title: str
    version: str
    root: str | None = None

    def parent(self, entity: Entity) -> Entity | None:
        """Return the ancestor next above."""
        return self.entities[entity.parent] if entity.parent else None

    def heirs(self, entity: Entity) -> list[Entity]:
        """Return the entities next below."""
        return [one for one in self.entities.values() if one.parent == entity.name]

    def own(self, entity: Entity) -> list[Attribute]:
        """Return the attributes that the entity does not inherit."""
        parent = self.parent(entity)
        inherited: Mapping[str, Attribute] = parent.attributes if parent else {}
        return [one for one in entity.attributes.values() if one.name not in inherited]

    def stated(self, entity: Entity) -> list[Attribute]:
        """Return the attributes that the entity does not inherit as they are."""
        parent = self.parent(entity)
        inherited: Mapping[str, Attribute] = parent.attributes if parent else {}
        return [one for one in entity.attributes.values() if inherited.get(one.name) != one]

    def targets(self, attribute: Attribute) -> tuple[str, ...]:
        """Return the entities referred to that are exported too."""
        return tuple(name for name in attribute.references if name in self.entities)


def select(model: Model, *, area: str = "", entity: str = "") -> Selection:
    """Choose what to export. An entity needs its ancestors and the entities it refers to, with theirs."""
    if area and entity:
        raise Invalid("Say either --area or --entity, not both.")
    if entity:
        one = model.entity(entity)
        wanted = {one.name, *(target for each in one.attributes.values() for target in each.references)}
    elif area:
        wanted = {one.name for one in model.entities.values() if one.area.casefold() == area.casefold()}
        if not wanted:
            areas = {one.area for one in model.entities.values()}
            raise NotFound(f"The model has no area `{area}`{nearest(area, areas)}. Areas: {', '.join(sorted(areas))}.")
    else:
        wanted = set(model.entities)
    ordered: dict[str, Entity] = {}
    for name in sorted(wanted):
        _with_ancestors(name, model, ordered)
    what = f" of {entity}" if entity else f", area {area.lower()}" if area else ""
    return Selection(ordered, f"Steelthread canonical model{what}", model.version, entity or None)


def _with_ancestors(name: str, model: Model, ordered: dict[str, Entity]) -> None:
    one = model.entities[name]
    if one.parent and one.parent not in ordered:
        _with_ancestors(one.parent, model, ordered)
    ordered.setdefault(name, one)


def currency_of(entity: Entity, attribute: Attribute) -> str | None:
    """Return the attribute that holds the currency of an amount of money: its own, else the record's."""
    if attribute.logical != "money":
        return None
    name = attribute.name
    stem = name.removesuffix("Amount")
    own = (f"{name}Currency", f"{name}CurrencyId", f"{stem}CurrencyId", f"{stem}Currency")
    return next(
        (one for one in (*own, "currencyCode", "currencyId", "amountCurrency") if one in entity.attributes), None
    )


def meaning(entity: Entity, attribute: Attribute) -> dict[str, Any]:
    """Return what a bare type does not say of an attribute, without what is empty."""
    said = {
        "privacy": attribute.privacy,
        "logical": attribute.logical,
        "currency": currency_of(entity, attribute),
        "identity": attribute.identity,
        "reconciliation": attribute.reconciliation,
        "references": list(attribute.references) or None,
        "inverseOf": attribute.inverse_of,
        "origin": attribute.origin,
        "iri": attribute.iri,
        "aliases": list(attribute.aliases) or None,
        "publishedRequired": attribute.published_required,
        "formerly": list(attribute.formerly) or None,
        "deprecated": attribute.deprecated,
    }
    return {key: value for key, value in said.items() if value not in _EMPTY}


def role(entity: Entity) -> dict[str, Any]:
    """Return what an entity is besides its attributes, without what is empty."""
    said = {
        "area": entity.area,
        "category": entity.category,
        "key": entity.key,
        "owner": entity.owner,
        "eventTime": entity.event_time,
        "abstract": entity.abstract,
        "origin": entity.origin,
        "aliases": list(entity.aliases) or None,
        "deprecated": entity.deprecated,
    }
    return {key: value for key, value in said.items() if value not in _EMPTY}


def notes(entity: Entity, attribute: Attribute) -> str:
    """Return description and meaning as one line of prose, for formats that have comments only."""
    said = meaning(entity, attribute)
    parts = [f"{key}: {said[key]}" for key in ("privacy", "logical", "currency", "identity") if key in said]
    if attribute.references and not attribute.inverse_of:
        parts.append("refers to " + " or ".join(attribute.references))
    if attribute.deprecated:
        parts.append(f"deprecated: {attribute.deprecated}")
    return " ".join(filter(None, (attribute.description, f"[{'; '.join(parts)}]")))


def attributes_of(selection: Selection) -> Iterator[tuple[Entity, Attribute]]:
    """Walk over all entities with all their attributes."""
    return ((entity, one) for entity in selection.entities.values() for one in entity.attributes.values())


def snake(name: str) -> str:
    """Write a name as snake_case; names that differ stay different, since all differ in more than case."""
    letters = []
    for place, letter in enumerate(name):
        before = name[place - 1] if place else ""
        after = name[place + 1] if place + 1 < len(name) else ""
        if letter.isupper() and before and (not before.isupper() or (after.islower() and before.isupper())):
            letters.append("_")
        letters.append(letter.lower())
    return "".join(letters)
