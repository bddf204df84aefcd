"""LinkML: classes with `is_a`, attributes with ranges and aliases, annotations for what LinkML has no word for."""

from typing import Any

from steelthread.model.entities import Attribute, Entity
from steelthread.model.formats.jsonld import class_iri
from steelthread.model.formats.selecting import STEELTHREAD, Selection, meaning, role
from steelthread.model.formats.text import yaml_text

_RANGES = {
    "string": "string",
    "integer": "integer",
    "decimal": "decimal",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
    "time": "time",
    "json": "json",
}
_TYPES = {
    "string": ("xsd:string", "str"),
    "integer": ("xsd:integer", "int"),
    "decimal": ("xsd:decimal", "Decimal"),
    "boolean": ("xsd:boolean", "Bool"),
    "date": ("xsd:date", "XSDDate"),
    "datetime": ("xsd:dateTime", "XSDDateTime"),
    "time": ("xsd:time", "XSDTime"),
    "json": ("xsd:string", "str"),
}


def linkml(selection: Selection) -> str:
    """Write a LinkML schema that imports nothing."""
    return yaml_text({
        "id": f"{STEELTHREAD}linkml",
        "name": "steelthread_canonical_model",
        "title": selection.title,
        "version": selection.version,
        "prefixes": {"cim": "http://cloudinformationmodel.org/model/", "st": STEELTHREAD,
                     "xsd": "http://www.w3.org/2001/XMLSchema#"},
        "default_prefix": "st",
        "default_range": "string",
        "types": {name: {"uri": uri, "base": base} for name, (uri, base) in _TYPES.items()},
        "classes": {one.name: _class(selection, one) for one in selection.entities.values()},
    })  # fmt: skip


def _class(selection: Selection, entity: Entity) -> dict[str, Any]:
    said = role(entity)
    found: dict[str, Any] = {
        "title": entity.label,
        "description": entity.description,
        "class_uri": _curie(class_iri(entity)),
    }
    if entity.parent:
        found["is_a"] = entity.parent
    if said.pop("abstract", False):
        found["abstract"] = True
    if "aliases" in said:
        found["aliases"] = said.pop("aliases")
    if entity.deprecated:
        found["deprecated"] = said.pop("deprecated")
    found["annotations"] = said
    found["attributes"] = {one.name: _slot(selection, entity, one) for one in selection.own(entity)}
    return found


def _slot(selection: Selection, entity: Entity, one: Attribute) -> dict[str, Any]:
    said = meaning(entity, one)
    found: dict[str, Any] = {"description": one.description} if one.description else {}
    if "iri" in said:
        found["slot_uri"] = _curie(said.pop("iri"))
    targets = selection.targets(one)
    if len(targets) > 1:
        found["any_of"] = [{"range": name} for name in targets]
    found["range"] = targets[0] if len(targets) == 1 else _RANGES[one.type]
    if targets:
        found["inlined"] = False
    if one.name == entity.key:
        found["identifier"] = True
    if one.many:
        found["multivalued"] = True
    if one.required:
        found["required"] = True
    for ours, theirs in (("aliases", "aliases"), ("deprecated", "deprecated")):
        if ours in said:
            found[theirs] = said.pop(ours)
    if one.inverse_of and len(targets) == 1:
        found["inverse"] = said.pop("inverseOf")
    said.pop("references", None) if targets == one.references else None
    found["annotations"] = {key: ", ".join(value) if isinstance(value, list) else value for key, value in said.items()}
    return found


def _curie(iri: str) -> str:
    return iri.replace("http://cloudinformationmodel.org/model/", "cim:").replace(STEELTHREAD, "st:")
