"""JSON Schema 2020-12 and OpenAPI 3.1: one definition per entity, inheritance by `allOf`, the rest in `x-steelthread`.

A reference is the key of the other record; a collection is a read-only list of keys. Decimals may come as text too, so
that no amount loses a digit on its way.
"""

from typing import Any

import msgspec

from steelthread.model.entities import Attribute, Entity
from steelthread.model.formats.selecting import Selection, meaning, role

NOTE = "x-steelthread"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "decimal": {"type": ["number", "string"], "pattern": r"^[+-]?\d+(\.\d+)?$"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "time": {"type": "string", "format": "time"},
    "json": {},
}


def json_schema(selection: Selection) -> str:
    """Write JSON Schema; validate against `#/$defs/NAME`, or the whole where one entity was chosen."""
    schema: dict[str, Any] = {"$schema": _DIALECT, "$id": _id(selection), "title": selection.title}
    if selection.root:
        schema["$ref"] = f"#/$defs/{selection.root}"
    schema["$defs"] = {one.name: _definition(selection, one, "#/$defs/") for one in selection.entities.values()}
    return pretty(schema)


def openapi(selection: Selection) -> str:
    """Write an OpenAPI document with the entities as components, to be referred to by the paths of others."""
    return pretty({
        "openapi": "3.1.0",
        "info": {"title": selection.title, "version": selection.version},
        "paths": {},
        "components": {
            "schemas": {
                one.name: _definition(selection, one, "#/components/schemas/") for one in selection.entities.values()
            }
        },
    })  # fmt: skip


def pretty(content: Any) -> str:
    """Write JSON for people and version control."""
    return msgspec.json.format(msgspec.json.encode(content), indent=1).decode() + "\n"


def _id(selection: Selection) -> str:
    return f"urn:steelthread:model:schema:{selection.version}" + (f":{selection.root}" if selection.root else "")


def _definition(selection: Selection, entity: Entity, base: str) -> dict[str, Any]:
    stated = selection.stated(entity)
    definition: dict[str, Any] = {"title": entity.label, "description": entity.description, "type": "object"}
    if entity.parent:
        definition["allOf"] = [{"$ref": base + entity.parent}]
    definition["properties"] = {one.name: _property(entity, one) for one in stated}
    required = [one.name for one in stated if one.required]
    if required:
        definition["required"] = required
    if entity.deprecated:
        definition["deprecated"] = True
    definition[NOTE] = role(entity)
    return definition


def _property(entity: Entity, attribute: Attribute) -> dict[str, Any]:
    value: dict[str, Any] = {"description": attribute.description} if attribute.description else {}
    one = {**_TYPES[attribute.type], **({"format": "email"} if attribute.logical == "email" else {})}
    value |= {"type": "array", "items": one} if attribute.many else one
    if attribute.inverse_of:
        value["readOnly"] = True
    if attribute.deprecated:
        value["deprecated"] = True
    value[NOTE] = meaning(entity, attribute)
    return value
