"""From a model file to definitions: each entity as written, checked by itself, not yet joined with the others."""

import re
from pathlib import Path
from typing import cast

import msgspec
import yaml

from steelthread.kit import Invalid
from steelthread.model.conversions import CONVERSIONS
from steelthread.model.entities import (
    CATEGORIES,
    IDENTITIES,
    LOGICALS,
    PRIVACIES,
    RECONCILIATIONS,
    TYPES,
    Attribute,
    Privacy,
    Reconciliation,
    Type,
)
from steelthread.model.marked import Source, choice, compose, flag, mapping, text, texts

PROJECT = "project"
_ENTITY_KEYS = (
    "entity", "extend", "label", "area", "category", "key", "event_time", "parent", "owner", "abstract", "description",
    "origin", "aliases", "attributes", "deprecated",
)  # fmt: skip
_ATTRIBUTE_KEYS = (
    "type", "logical", "required", "many", "references", "inverse_of", "privacy", "identity", "reconciliation",
    "description", "origin", "iri", "aliases", "formerly", "formerly_type", "deprecated",
)  # fmt: skip
_EXTEND_KEYS = ("extend", "aliases", "attributes")
_ORIGINS = ("cim@1.0.0", "steelthread", PROJECT)
_CIM = "http://cloudinformationmodel.org/model/"
_ENTITY_NAME = re.compile(r"[A-Z][A-Za-z0-9]{0,62}")
_ATTRIBUTE_NAME = re.compile(r"[a-zA-Z][A-Za-z0-9]{0,62}")
# Words that have a meaning of their own in mappings, tables and addresses of the API.
RESERVED = frozenset({
    "entity", "extras", "key", "observed", "parent", "part", "parts", "party", "record", "source",
    "Entity", "Extras", "Fact", "Model", "Part", "Profile", "Record", "Source",
})  # fmt: skip


class Definition(msgspec.Struct, frozen=True):
    """An entity (or an extension of one) as a file states it; None where it says nothing."""

    name: str
    where: str
    extends: bool
    label: str | None
    area: str
    category: str | None
    key: str | None
    event_time: str | None
    parent: str | None
    owner: str | None
    abstract: bool
    description: str
    origin: str
    aliases: tuple[str, ...]
    attributes: dict[str, Attribute]
    lines: dict[str, str]
    deprecated: str = ""


def read(path: Path, *, project: bool) -> list[Definition]:
    """Read the definitions of one file: a single entity or a list of them."""
    source = Source(path)
    node = compose(source)
    if node is None:
        return []
    items = node.value if isinstance(node, yaml.SequenceNode) else [node]
    return [_definition(source, item, project=project) for item in items]


def _definition(source: Source, node: yaml.Node, *, project: bool) -> Definition:
    fields = mapping(source, node, _ENTITY_KEYS)
    if ("entity" in fields) == ("extend" in fields):
        raise Invalid(f"{source.at(node)}: say either `entity: Name` (a new one) or `extend: Name` (one that exists).")
    extends = "extend" in fields
    if extends:
        mapping(source, node, _EXTEND_KEYS)
    name_node = fields["extend" if extends else "entity"]
    origin = PROJECT if project else _origin(source, fields, "steelthread")
    attributes, lines = _attributes(source, fields.get("attributes"), origin, project=project)
    return Definition(
        name=text(source, name_node) if extends else _name(source, name_node, _ENTITY_NAME, "an entity", "Vehicle"),
        where=source.at(name_node),
        extends=extends,
        label=_said(source, fields, "label"),
        area=_said(source, fields, "area") or (PROJECT if project else source.path.stem),
        category=choice(source, fields["category"], "category", CATEGORIES) if "category" in fields else None,
        key=_said(source, fields, "key"),
        event_time=_said(source, fields, "event_time"),
        parent=_said(source, fields, "parent"),
        owner=_said(source, fields, "owner"),
        abstract="abstract" in fields and flag(source, fields["abstract"]),
        description=_said(source, fields, "description") or "",
        origin=origin,
        aliases=texts(source, fields["aliases"]) if "aliases" in fields else (),
        attributes=attributes,
        lines=lines,
        deprecated=_said(source, fields, "deprecated") or "",
    )


def _attributes(
    source: Source, node: yaml.Node | None, origin: str, *, project: bool
) -> tuple[dict[str, Attribute], dict[str, str]]:
    if node is None:
        return {}, {}
    attributes, lines = {}, {}
    for key, value in mapping(source, node).items():
        _check_name(source.at(value), key, _ATTRIBUTE_NAME, "an attribute", "favouriteColour")
        attributes[key] = _attribute(source, key, value, origin, project=project)
        lines[key] = source.at(value)
    return attributes, lines


def _attribute(source: Source, name: str, node: yaml.Node, origin: str, *, project: bool) -> Attribute:
    fields = mapping(source, node, _ATTRIBUTE_KEYS)
    if project and "privacy" not in fields:
        raise Invalid(f"{source.at(node)}: `{name}` needs a privacy class: one of {', '.join(PRIVACIES)}.")
    many = "many" in fields and flag(source, fields["many"])
    own = PROJECT if project else _origin(source, fields, origin)
    return Attribute(
        name=name,
        type=cast("Type", _picked(source, fields, "type", TYPES) or "string"),
        logical=_picked(source, fields, "logical", LOGICALS),
        required="required" in fields and flag(source, fields["required"]),
        many=many,
        references=texts(source, fields["references"]) if "references" in fields else (),
        inverse_of=_said(source, fields, "inverse_of"),
        privacy=cast("Privacy", _picked(source, fields, "privacy", PRIVACIES) or "none"),
        identity=_picked(source, fields, "identity", IDENTITIES),
        reconciliation=cast("Reconciliation", _reconciliation(source, fields, many=many)),
        description=_said(source, fields, "description") or "",
        origin=own,
        iri=_said(source, fields, "iri") or (_CIM + name if own.startswith("cim") else None),
        aliases=texts(source, fields["aliases"]) if "aliases" in fields else (),
        formerly=texts(source, fields["formerly"]) if "formerly" in fields else (),
        formerly_type=cast("Type | None", _former_type(source, name, fields)),
        deprecated=_said(source, fields, "deprecated") or "",
    )


def _former_type(source: Source, name: str, fields: dict[str, yaml.Node]) -> str | None:
    """Return the type that stored values still have; Invalid where there is no way from it to the present one."""
    was = _picked(source, fields, "formerly_type", TYPES)
    now = _picked(source, fields, "type", TYPES) or "string"
    if was is not None and (was, now) not in CONVERSIONS:
        ways = ", ".join(f"{before} to {after}" for before, after in CONVERSIONS)
        raise Invalid(
            f"{source.at(fields['formerly_type'])}: `{name}` cannot be read as {now} where it was stored as {was}. "
            f"Possible: {ways}. Else give the new attribute another name and load again."
        )
    return was


def _reconciliation(source: Source, fields: dict[str, yaml.Node], *, many: bool) -> str:
    return _picked(source, fields, "reconciliation", RECONCILIATIONS) or ("union" if many else "last_updated")


def _picked(source: Source, fields: dict[str, yaml.Node], key: str, allowed: tuple[str, ...]) -> str | None:
    return choice(source, fields[key], key, allowed) if key in fields else None


def _said(source: Source, fields: dict[str, yaml.Node], key: str) -> str | None:
    return text(source, fields[key]) if key in fields else None


def _origin(source: Source, fields: dict[str, yaml.Node], default: str) -> str:
    return choice(source, fields["origin"], "origin", _ORIGINS) if "origin" in fields else default


def _name(source: Source, node: yaml.Node, shape: re.Pattern[str], subject: str, example: str) -> str:
    name = text(source, node)
    _check_name(source.at(node), name, shape, subject, example)
    return name


def _check_name(where: str, name: str, shape: re.Pattern[str], subject: str, example: str) -> None:
    if name in RESERVED:
        raise Invalid(f"{where}: `{name}` is a reserved word. Choose another name, for example `{example}`.")
    if not shape.fullmatch(name):
        raise Invalid(f"{where}: `{name}` cannot name {subject}. Use letters and digits only, as in `{example}`.")
