"""JSON-LD 1.1: a context in which our records are linked data, and the vocabulary as RDFS classes with SHACL shapes.

The context is scoped by type, so that one name may mean two things in two entities. Terms of the Cloud Information Model
keep their published IRIs.
"""

from collections.abc import Iterator
from typing import Any

from steelthread.model.entities import Attribute, Entity
from steelthread.model.formats.jsonschema import pretty
from steelthread.model.formats.selecting import STEELTHREAD, Selection, meaning, role

_CIM = "http://cloudinformationmodel.org/model/"
_TYPES = {
    "string": "xsd:string",
    "integer": "xsd:integer",
    "decimal": "xsd:decimal",
    "boolean": "xsd:boolean",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "time": "xsd:time",
    "json": "@json",
}


def jsonld(selection: Selection) -> str:
    """Write context and vocabulary as one document."""
    context: dict[str, Any] = {
        "@version": 1.1,
        "xsd": "http://www.w3.org/2001/XMLSchema#",
        "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
        "sh": "http://www.w3.org/ns/shacl#",
        "owl": "http://www.w3.org/2002/07/owl#",
        "st": STEELTHREAD,
    }
    for one in selection.entities.values():
        context[one.name] = {
            "@id": class_iri(one),
            "@context": {each.name: _term(each) for each in one.attributes.values()},
        }
    graph = [node for one in selection.entities.values() for node in _nodes(selection, one)]
    return pretty({"@context": context, "@graph": graph})


def class_iri(entity: Entity) -> str:
    """Return the IRI of an entity."""
    return (_CIM if entity.origin.startswith("cim") else STEELTHREAD) + entity.name


def _property_iri(attribute: Attribute) -> str:
    return attribute.iri or STEELTHREAD + attribute.name


def _term(attribute: Attribute) -> dict[str, Any]:
    kind = "@id" if attribute.references else _TYPES[attribute.type]
    term = {"@id": _property_iri(attribute), "@type": kind}
    return {**term, "@container": "@set"} if attribute.many else term


def _nodes(selection: Selection, entity: Entity) -> Iterator[dict[str, Any]]:
    node: dict[str, Any] = {
        "@id": class_iri(entity), "@type": "rdfs:Class", "rdfs:label": entity.label, "rdfs:comment": entity.description,
    }  # fmt: skip
    parent = selection.parent(entity)
    if parent is not None:
        node["rdfs:subClassOf"] = {"@id": class_iri(parent)}
    node |= {f"st:{key}": value for key, value in role(entity).items()}
    yield node
    yield {
        "@id": f"{STEELTHREAD}shape:{entity.name}",
        "@type": "sh:NodeShape",
        "sh:targetClass": {"@id": class_iri(entity)},
        "sh:property": [_shape(selection, entity, one) for one in selection.own(entity)],
    }


def _shape(selection: Selection, entity: Entity, one: Attribute) -> dict[str, Any]:
    shape: dict[str, Any] = {"sh:path": {"@id": _property_iri(one)}, "sh:name": one.name}
    if one.description:
        shape["sh:description"] = one.description
    if one.references:
        classes = [class_iri(selection.entities[name]) for name in selection.targets(one)]
        if len(classes) == 1:
            shape["sh:class"] = {"@id": classes[0]}
        elif classes:
            shape["sh:or"] = {"@list": [{"sh:class": {"@id": iri}} for iri in classes]}
    elif one.type != "json":
        shape["sh:datatype"] = {"@id": _TYPES[one.type]}
    if not one.many:
        shape["sh:maxCount"] = 1
    if one.required:
        shape["sh:minCount"] = 1
    if one.deprecated:
        shape["owl:deprecated"] = True
    said = {key: value for key, value in meaning(entity, one).items() if key not in ("iri", "deprecated")}
    return shape | {f"st:{key}": value for key, value in said.items()}
