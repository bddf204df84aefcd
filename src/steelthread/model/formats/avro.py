"""Avro: one record per entity with all its attributes, nullable, logical types, the rest as properties of the field."""

from typing import Any

from steelthread.model.entities import Attribute, Entity
from steelthread.model.formats.jsonschema import pretty
from steelthread.model.formats.selecting import Selection, meaning, role

_NAMESPACE = "steelthread.model"
_TYPES: dict[str, Any] = {
    "string": "string",
    "integer": "long",
    "decimal": {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 9},
    "boolean": "boolean",
    "date": {"type": "int", "logicalType": "date"},
    "datetime": {"type": "long", "logicalType": "timestamp-micros"},
    "time": {"type": "long", "logicalType": "time-micros"},
    "json": {"type": "string", "steelthread": "json"},
}


def avro(selection: Selection) -> str:
    """Write a union of records; a reader names the one it wants. Avro has no inheritance: ancestors' fields come first."""
    return pretty([_record(one) for one in selection.entities.values() if not one.abstract])


def _record(entity: Entity) -> dict[str, Any]:
    said = {**role(entity), "parent": entity.parent, "label": entity.label}
    # `aliases` has a meaning of its own in Avro: names a reader may meet in older data.
    said["names"] = said.pop("aliases", None)
    return {
        "type": "record",
        "name": entity.name,
        "namespace": _NAMESPACE,
        "doc": entity.description,
        **{key: value for key, value in said.items() if value},
        "fields": [_field(entity, one) for one in entity.attributes.values() if not one.inverse_of],
    }


def _field(entity: Entity, one: Attribute) -> dict[str, Any]:
    field: dict[str, Any] = {"name": one.name}
    if one.many:
        field |= {"type": {"type": "array", "items": _TYPES[one.type]}, "default": []}
    elif one.name == entity.key or one.required:
        field["type"] = _TYPES[one.type]
    else:
        field |= {"type": ["null", _TYPES[one.type]], "default": None}
    if one.description:
        field["doc"] = one.description
    if one.formerly:
        field["aliases"] = list(one.formerly)
    said = meaning(entity, one)
    said["names"] = said.pop("aliases", None)
    return field | {key: value for key, value in said.items() if value}
