"""A RAML 1.0 library of types: inheritance by `type`, what RAML cannot say in the annotation `steelthread`."""

from typing import Any

from steelthread.model.entities import Attribute, Entity
from steelthread.model.formats.selecting import Selection, meaning, role
from steelthread.model.formats.text import yaml_text

_TYPES = {
    "string": "string",
    "integer": "integer",
    "decimal": "number",
    "boolean": "boolean",
    "date": "date-only",
    "datetime": "datetime",
    "time": "time-only",
    "json": "any",
}


def raml(selection: Selection) -> str:
    """Write a library; use it with `uses: {model: FILE}`."""
    return "#%RAML 1.0 Library\n" + yaml_text({
        "usage": f"{selection.title}, version {selection.version}",
        "annotationTypes": {
            "steelthread": {"type": "object", "allowedTargets": ["TypeDeclaration"], "description": "What a type does not say."}
        },
        "types": {one.name: _type(selection, one) for one in selection.entities.values()},
    })  # fmt: skip


def _type(selection: Selection, entity: Entity) -> dict[str, Any]:
    return {
        "type": entity.parent or "object",
        "displayName": entity.label,
        "description": entity.description,
        "(steelthread)": role(entity),
        "properties": {one.name: _property(entity, one) for one in selection.own(entity)},
    }


def _property(entity: Entity, one: Attribute) -> dict[str, Any]:
    kind = _TYPES[one.type]
    value: dict[str, Any] = {"type": "array", "items": kind} if one.many else {"type": kind}
    value["required"] = one.required
    if one.description:
        value["description"] = one.description
    value["(steelthread)"] = meaning(entity, one)
    return value
