"""From definitions to entities: extensions applied, attributes inherited, every name that is used checked."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

import msgspec

from steelthread.kit import Invalid
from steelthread.model.definitions import Definition
from steelthread.model.entities import Attribute, Category, Entity
from steelthread.model.marked import nearest

_KEY = Attribute(
    name="id", type="string", logical=None, required=False, many=False, references=(), inverse_of=None,
    privacy="indirect", identity=None, reconciliation="last_updated", description="Key of the record in its source.",
    origin="cim@1.0.0", iri="http://cloudinformationmodel.org/model/id", aliases=(),
)  # fmt: skip


def join(definitions: list[Definition], known: Mapping[str, Entity]) -> dict[str, Entity]:
    """Add definitions to the known entities; raises Invalid with file and line for whatever does not fit."""
    new = _by_name([one for one in definitions if not one.extends], known)
    extensions = _extensions([one for one in definitions if one.extends], {*known, *new})
    joined: dict[str, Entity] = {}
    parts = _Parts(new, known, extensions, joined)
    for name in (*known, *new):
        _join(name, parts)
    for definition in definitions:
        _check(definition, joined)
    return joined


def _by_name(definitions: list[Definition], known: Mapping[str, Entity]) -> dict[str, Definition]:
    found: dict[str, Definition] = {}
    taken = {name.lower(): "the built-in model" for name in known}
    for one in definitions:
        if (first := taken.get(one.name.lower())) is not None:
            raise Invalid(
                f"{one.where}: the entity `{one.name}` exists already ({first}). "
                f"Choose another name, or write `extend: {one.name}` to add attributes to it."
            )
        found[one.name] = one
        taken[one.name.lower()] = one.where
    return found


def _extensions(definitions: list[Definition], names: set[str]) -> dict[str, list[Definition]]:
    found: dict[str, list[Definition]] = {}
    for one in definitions:
        if one.name not in names:
            raise Invalid(f"{one.where}: there is no entity `{one.name}` to extend{nearest(one.name, names)}.")
        found.setdefault(one.name, []).append(one)
    return found


class _Parts(msgspec.Struct, frozen=True):
    """What entities are joined from, and those that are ready."""

    new: Mapping[str, Definition]
    known: Mapping[str, Entity]
    extensions: Mapping[str, list[Definition]]
    joined: dict[str, Entity]


def _join(name: str, parts: _Parts, path: tuple[str, ...] = ()) -> Entity:
    """Build an entity after its parent; `path` holds the children that led here, to notice a circle."""
    if name in parts.joined:
        return parts.joined[name]
    definition = parts.new.get(name)
    parent_name = definition.parent if definition else parts.known[name].parent
    if definition:
        _check_parent(definition, parts, path)
    parent = _join(parent_name, parts, (*path, name)) if parent_name else None
    entity = _entity(definition, parent) if definition else parts.known[name]
    attributes = {**(parent.attributes if parent else {}), **entity.attributes}
    extensions = parts.extensions.get(name, [])
    for extension in extensions:
        _add(attributes, extension)
    parts.joined[name] = _with(entity, attributes, extensions)
    return parts.joined[name]


def _check_parent(one: Definition, parts: _Parts, path: tuple[str, ...]) -> None:
    if one.name in path:
        circle = " -> ".join((*path[path.index(one.name) :], one.name))
        raise Invalid(f"{one.where}: circular inheritance: {circle}. Remove one `parent`.")
    if one.parent and one.parent not in parts.new and one.parent not in parts.known:
        raise Invalid(
            f"{one.where}: unknown parent `{one.parent}`{nearest(one.parent, {*parts.new, *parts.known})}. "
            "Name an entity that exists, or leave `parent` out."
        )


def _add(attributes: dict[str, Attribute], definition: Definition) -> None:
    """Add the attributes of a definition; each name may stand once, whatever its case."""
    taken = {name.lower() for name in attributes}
    for name, attribute in definition.attributes.items():
        if name.lower() in taken:
            raise Invalid(
                f"{definition.lines[name]}: `{definition.name}` has an attribute `{name}` already "
                "(its own or an inherited one). Choose another name."
            )
        taken.add(name.lower())
        attributes[name] = attribute


def _entity(one: Definition, parent: Entity | None) -> Entity:
    attributes = dict(parent.attributes) if parent else {"id": _KEY}
    _add(attributes, one)
    category = one.category or (parent.category if parent else "related")
    return Entity(
        name=one.name,
        label=one.label or _label(one.name),
        area=one.area,
        category=cast("Category", category),
        key=one.key or (parent.key if parent else "id"),
        event_time=one.event_time or (parent.event_time if parent else None),
        parent=one.parent,
        owner=one.owner or (parent.owner if parent else None),
        abstract=one.abstract,
        attributes=attributes,
        description=one.description,
        origin=one.origin,
        aliases=one.aliases,
        deprecated=one.deprecated,
    )


def _with(entity: Entity, attributes: dict[str, Attribute], extensions: list[Definition]) -> Entity:
    added = tuple(alias for one in extensions for alias in one.aliases)
    return Entity(
        name=entity.name, label=entity.label, area=entity.area, category=entity.category, key=entity.key,
        event_time=entity.event_time, parent=entity.parent, owner=entity.owner, abstract=entity.abstract,
        attributes=MappingProxyType(attributes), description=entity.description, origin=entity.origin,
        aliases=(*entity.aliases, *added), deprecated=entity.deprecated,
    )  # fmt: skip


def _label(name: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return words[0] + words[1:].lower()


def _check(definition: Definition, entities: Mapping[str, Entity]) -> None:
    """Refuse a definition that names an attribute or an entity which is not there."""
    entity = entities[definition.name]
    for role in ("key", "owner", "event_time"):
        name = getattr(definition, role)
        if name is not None and name not in entity.attributes:
            raise Invalid(
                f"{definition.where}: `{role}: {name}` names no attribute of `{entity.name}`"
                f"{nearest(name, entity.attributes)}."
            )
    for name, attribute in definition.attributes.items():
        _check_references(definition.lines[name], attribute, entities)
        _check_former(definition.lines[name], attribute, entity)


def _check_former(where: str, attribute: Attribute, entity: Entity) -> None:
    """Refuse a former name that another attribute has or had: nobody could tell which one a stored value is of."""
    for name in attribute.formerly:
        holders = [
            one.name
            for one in entity.attributes.values()
            if name.lower() in (one.name.lower(), *map(str.lower, one.formerly))
        ]
        if holders != [attribute.name] or name.lower() == attribute.name.lower():
            raise Invalid(
                f"{where}: `formerly: {name}` of `{attribute.name}` is a name of "
                f"{' and '.join(f'`{one}`' for one in holders)}. A former name belongs to one attribute."
            )


def _check_references(where: str, attribute: Attribute, entities: Mapping[str, Entity]) -> None:
    for target in attribute.references:
        if target not in entities:
            raise Invalid(
                f"{where}: `{attribute.name}` refers to the unknown entity `{target}`{nearest(target, entities)}."
            )
    inverse = attribute.inverse_of
    if inverse is None:
        return
    if not attribute.references:
        raise Invalid(f"{where}: `{attribute.name}` has `inverse_of` but no `references`. Name the entity it collects.")
    if not all(inverse in entities[target].attributes for target in attribute.references):
        raise Invalid(f"{where}: `inverse_of: {inverse}` names no attribute of {' or '.join(attribute.references)}.")
