"""From the published file to entities of ours: repaired, inheritance merged, references resolved, protected."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

import msgspec

from steelthread.model.cim.protection import About, about_people, logical_of, privacy_of
from steelthread.model.cim.published import Published, Shape, read_published
from steelthread.model.cim.repairing import (
    ENTITY_ALIASES,
    Mended,
    Notes,
    Repair,
    descriptions,
    effective,
    mended,
    other_ends,
)
from steelthread.model.entities import Attribute, Category, Entity, Type

ORIGIN = "cim@1.0.0"
NAMESPACE = "http://cloudinformationmodel.org/model/"
_OWNERS = (
    "partyId", "individualId", "customerId", "soldToCustomerId", "accountId", "contactId", "partyRoleId", "salesOrderId",
    "salesOrderProductId", "paymentId", "shipmentId", "productId",
)  # fmt: skip


class Imported(msgspec.Struct, frozen=True):
    """The imported model. The numbers count what is in the file, before inheritance."""

    entities: dict[str, Entity]
    attributes: int
    references: int
    polymorphic: int
    collections: int
    missing: tuple[tuple[str, str], ...]
    """(entity, attribute) that the file declares and has no shape for."""
    repairs: tuple[Repair, ...]


def import_cim(path: Path, curated: Mapping[str, Entity], *, take_missing: bool = False) -> Imported:
    """Read and repair the published file.

    `curated` are the built-in entities, whose privacy classes count for the import too. `take_missing` takes in the
    attributes that the file declares without giving them a shape, as plain text. Invalid with file and line for
    whatever does not fit.
    """
    published = read_published(path)
    notes = Notes()
    own = {name: mended(shape, notes) for name, shape in published.shapes.items()}
    missing = _missing(published)
    if take_missing:
        for entity, name in missing:
            own[entity][name] = Mended(name, name, "string", None, (), required=False, many=False, aliases=())
    parts = _Parts(published, own, effective(published.shapes, own, notes), other_ends(own, notes), curated)
    said = descriptions(published, notes)
    entities = {name: _entity(shape, parts, said) for name, shape in sorted(published.shapes.items())}
    properties = [one for shape in published.shapes.values() for one in shape.properties.values()]
    return Imported(
        entities=entities,
        attributes=sum(not one.targets for one in properties),
        references=sum(bool(one.targets) and not one.many for one in properties),
        polymorphic=sum(len(one.targets) > 1 for one in properties),
        collections=sum(one.many for one in properties),
        missing=missing,
        repairs=notes.all(),
    )


class _Parts(msgspec.Struct, frozen=True):
    """What entities are made of."""

    published: Published
    own: Mapping[str, Mapping[str, Mended]]
    effective: Mapping[str, Mapping[str, Mended]]
    ends: Mapping[tuple[str, str], str]
    curated: Mapping[str, Entity]


def _missing(published: Published) -> tuple[tuple[str, str], ...]:
    declared = {
        (entity, name) for name, entities in published.domains.items() for entity in entities
        if entity in published.shapes and name not in published.shapes[entity].properties
    }  # fmt: skip
    return tuple(sorted(declared))


def _line(name: str, shapes: Mapping[str, Shape]) -> tuple[str, ...]:
    """Return the ancestors that exist, the nearest first."""
    found: list[str] = []
    parent = shapes[name].parent
    while parent in shapes:
        assert parent is not None
        found.append(parent)
        parent = shapes[parent].parent
    return tuple(found)


def _entity(shape: Shape, parts: _Parts, said: Mapping[str, str]) -> Entity:
    line = _line(shape.name, parts.published.shapes)
    properties = parts.effective[shape.name]
    about = about_people(shape.name, shape.group, line, properties)
    attributes = {"id": _key()}
    for name in sorted(properties):
        attributes[name] = _attribute(shape.name, properties[name], line, parts, said, about)
    owner = next((name for name in _OWNERS if name in properties and properties[name].targets), None)
    return Entity(
        name=shape.name,
        label=shape.label,
        area=_area(shape.group),
        category=_category(line, properties, owner),
        key="id",
        event_time=None,
        parent=line[0] if line else None,
        owner=owner,
        abstract=False,
        attributes=attributes,
        description=shape.description,
        origin=ORIGIN,
        aliases=ENTITY_ALIASES.get(shape.name, ()),
    )


def _area(group: str) -> str:
    """Return the subject area as we write areas: `Sales Order` is sales_order."""
    return group.strip().lower().replace(" ", "_")


def _category(line: Iterable[str], properties: Mapping[str, Mended], owner: str | None) -> Category:
    if "Party" in line:
        return "profile"
    if owner is None and not any(one.targets for one in properties.values()):
        return "lookup"
    return "related"


def _key() -> Attribute:
    return Attribute(
        name="id", type="string", logical=None, required=False, many=False, references=(), inverse_of=None,
        privacy="indirect", identity=None, reconciliation="last_updated",
        description="Key of the record in its source.", origin=ORIGIN, iri=NAMESPACE + "id", aliases=(),
    )  # fmt: skip


def _attribute(
    entity: str, one: Mended, line: tuple[str, ...], parts: _Parts, said: Mapping[str, str], about: About
) -> Attribute:
    holders = [name for name in (entity, *line) if name in parts.curated and one.name in parts.curated[name].attributes]
    curated = parts.curated[holders[0]].attributes[one.name] if holders else None
    return Attribute(
        name=one.name,
        type=cast("Type", one.type),
        logical=logical_of(one, curated),
        required=False,
        many=one.many,
        references=one.targets,
        inverse_of=_end(entity, one.name, line, parts.ends) if one.many else None,
        privacy="none" if one.many else privacy_of(entity, one.name, line, parts.curated, about),
        identity=curated.identity if curated else None,
        reconciliation="union" if one.many else "last_updated",
        description=said.get(one.name, ""),
        origin=ORIGIN,
        iri=NAMESPACE + one.term,
        aliases=one.aliases,
        published_required=one.required,
    )


def _end(entity: str, name: str, line: Iterable[str], ends: Mapping[tuple[str, str], str]) -> str:
    return next(ends[holder, name] for holder in (entity, *line) if (holder, name) in ends)
