"""Open Data Contract Standard 3.2: one schema object per entity, privacy as classification, references as relationships."""

from typing import Any

from steelthread.model.entities import Attribute, Entity
from steelthread.model.formats.selecting import STEELTHREAD, Selection, meaning, role
from steelthread.model.formats.text import yaml_text

_TYPES = {
    "string": "string",
    "integer": "integer",
    "decimal": "number",
    "boolean": "boolean",
    "date": "date",
    "datetime": "timestamp",
    "time": "time",
    "json": "object",
}


def odcs(selection: Selection) -> str:
    """Write one data contract."""
    return yaml_text({
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": f"{STEELTHREAD}contract" + (f":{selection.root}" if selection.root else ""),
        "name": selection.title,
        "version": selection.version,
        "status": "active",
        "schema": [_object(selection, one) for one in selection.entities.values() if not one.abstract],
    })  # fmt: skip


def _object(selection: Selection, entity: Entity) -> dict[str, Any]:
    said = {**role(entity), "parent": entity.parent}
    found: dict[str, Any] = {
        "name": entity.name, "businessName": entity.label, "logicalType": "object", "physicalType": "table",
        "description": entity.description,
    }  # fmt: skip
    if entity.deprecated:
        found["deprecated"] = True
    found["customProperties"] = _custom(said)
    found["properties"] = [
        _property(selection, entity, one) for one in entity.attributes.values() if not one.inverse_of
    ]
    return found


def _property(selection: Selection, entity: Entity, one: Attribute) -> dict[str, Any]:
    said = meaning(entity, one)
    kind = _TYPES[one.type]
    found: dict[str, Any] = {"name": one.name}
    found |= {"logicalType": "array", "items": {"logicalType": kind}} if one.many else {"logicalType": kind}
    if one.description:
        found["description"] = one.description
    if one.name == entity.key:
        found |= {"primaryKey": True, "primaryKeyPosition": 1}
    found["required"] = one.required or one.name == entity.key
    found["classification"] = said.pop("privacy")
    if "deprecated" in said:
        found["deprecated"] = True
    to = [
        f"{name}.{selection.entities[name].key}"
        for name in selection.targets(one)
        if not selection.entities[name].abstract
    ]
    if to:
        found["relationships"] = [{"to": each} for each in to]
    if said:
        found["customProperties"] = _custom(said)
    return found


def _custom(said: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"property": key, "value": value} for key, value in said.items() if value is not None]
