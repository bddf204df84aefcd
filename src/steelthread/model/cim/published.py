"""The published file as it is: classes, shapes and property terms, checked, nothing mended yet.

Source: `dist/model.jsonld` of the Cloud Information Model 1.0.0 (JSON-LD with RDFS classes and SHACL-like shapes). Plain
JSON is enough: a shape's `targetClass` names a class, a property's `path` a term, its `node` the shape it refers to.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from steelthread.kit import Invalid
from steelthread.model.definitions import RESERVED

DATATYPES = {
    "cim:amount": "decimal",
    "cim:id": "string",
    "cim:percentage": "decimal",
    "xsd:boolean": "boolean",
    "xsd:date": "date",
    "xsd:dateTime": "datetime",
    "xsd:decimal": "decimal",
    "xsd:integer": "integer",
    "xsd:string": "string",
    "xsd:time": "time",
}
_VERSION = "1.0.0"


class Property(msgspec.Struct, frozen=True):
    """One property of a shape: a value of a data type, or a reference to one of the targets."""

    name: str
    datatype: str | None
    targets: tuple[str, ...]
    required: bool
    many: bool


class Shape(msgspec.Struct, frozen=True):
    """One entity as published, without what its ancestors have."""

    name: str
    label: str
    group: str
    parent: str | None
    description: str
    properties: dict[str, Property]


class Published(msgspec.Struct, frozen=True):
    """The whole file."""

    shapes: dict[str, Shape]
    descriptions: dict[str, tuple[str, ...]]
    """Of each property name; several where they contradict each other."""
    domains: dict[str, tuple[str, ...]]
    """Property name -> classes that are said to have it, whether or not their shape does."""
    bases: tuple[str, ...]
    """Classes that are named as an ancestor and exist nowhere."""


def read_published(path: Path) -> Published:
    """Read the file; Invalid with file and line for what does not fit."""
    file = _File(path)
    graph = file.graph()
    groups = [one for one in graph if one.get("@type") == "EntityGroup"]
    areas = {file.word(one, "@id"): file.word(one, "name") for one in graph if one.get("@type") == "SubjectArea"}
    classes = _classes(file, groups, areas)
    shapes = _shapes(file, groups, classes)
    terms = [term for one in graph for term in file.items(one, "propertyConcepts")]
    bases = {one["subClassOf"] for one in classes.values() if "subClassOf" in one} - set(shapes)
    _check_circles(file, shapes)
    return Published(
        shapes=shapes,
        descriptions=_several(file, terms, "description"),
        domains=_several(file, terms, "domain"),
        bases=tuple(sorted(bases)),
    )


class _File:
    """The file's text and content, and words for what is wrong in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise Invalid(
                f"{path} cannot be read ({error.strerror}). Name the file model.jsonld of CIM 1.0.0."
            ) from None
        except UnicodeDecodeError:
            raise Invalid(f"{path}: not readable as UTF-8 text.") from None

    def graph(self) -> list[dict[str, Any]]:
        try:
            content = msgspec.json.decode(self.text)
        except msgspec.DecodeError as error:
            found = re.search(r"byte (\d+)", str(error))
            broken = len(self.text.encode()) if found is None else int(found[1])
            line = self.text.encode()[:broken].count(b"\n") + 1
            raise Invalid(
                f"{self.path.name}:{line}: this is not valid JSON (cut off or edited?). Fetch the file again."
            ) from None
        graph = content.get("@graph") if isinstance(content, dict) else None
        if not isinstance(graph, list) or not all(isinstance(one, dict) for one in graph):
            raise Invalid(f"{self.path.name}:1: no `@graph` with objects. Use dist/model.jsonld of CIM {_VERSION}.")
        return graph

    def items(self, owner: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
        """Return the objects of a list, which may be left out."""
        found = owner.get(key, [])
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise self.wrong(owner, f"`{key}` is no list of objects")
        return found

    def word(self, owner: Mapping[str, Any], key: str) -> str:
        found = owner.get(key)
        if not isinstance(found, str) or not found:
            raise self.wrong(owner, f"`{key}` is missing")
        return found

    def wrong(self, owner: Mapping[str, Any], what: str) -> Invalid:
        """Word an error about an object; its line is searched now, since nobody needs it otherwise."""
        name = owner.get("@id") or owner.get("path") or "?"
        return Invalid(f"{self.path.name}:{self.line(str(name))}: `{name}`: {what}. Nothing was imported.")

    def line(self, name: str, key: str = "(?:@id|path|targetClass)", *, last: bool = False) -> int:
        """Return the line where the name stands first (or last) as a key's value, 1 when it does not."""
        found = list(re.finditer(rf'"{key}"\s*:\s*"{re.escape(name)}"', self.text))
        return self.text.count("\n", 0, found[-1 if last else 0].start()) + 1 if found else 1


def _classes(file: _File, groups: list[dict[str, Any]], areas: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return each class with the area of its group."""
    classes: dict[str, dict[str, str]] = {}
    for group in groups:
        area = areas.get(file.word(group, "subjectArea"))
        if area is None:
            raise file.wrong(group, f"its `subjectArea` {group['subjectArea']} is in no SubjectArea of the file")
        for one in file.items(group, "classConcepts"):
            name = file.word(one, "@id")
            if name in classes:
                line = file.line(name, "@id", last=True)
                raise Invalid(f"{file.path.name}:{line}: the class `{name}` stands twice. Nothing was imported.")
            classes[name] = {**one, "group": area}
    return classes


def _shapes(file: _File, groups: list[dict[str, Any]], classes: Mapping[str, dict[str, str]]) -> dict[str, Shape]:
    found = [one for group in groups for one in file.items(group, "schemas")]
    targets = {file.word(one, "@id"): file.word(one, "targetClass") for one in found}
    shapes: dict[str, Shape] = {}
    for one in found:
        name = one["targetClass"]
        if name not in classes:
            raise file.wrong(one, f"there is no class `{name}`")
        if name in shapes:
            raise file.wrong(one, f"a second shape of the class `{name}`")
        if not re.fullmatch(r"[A-Z][A-Za-z0-9]{0,62}", name):
            raise file.wrong(one, f"`{name}` cannot name an entity")
        known = classes[name]
        _check_names(file, one, name, shapes)
        shapes[name] = Shape(
            name=name, label=known.get("name", name), group=known["group"], parent=known.get("subClassOf"),
            description=_clean(known.get("description", "")),
            properties=dict(_properties(file, one, targets)),
        )  # fmt: skip
    if not shapes:
        raise Invalid(f"{file.path.name}:1: no `schemas` with shapes. Use dist/model.jsonld of CIM {_VERSION}.")
    return shapes


def _check_names(file: _File, shape: dict[str, Any], name: str, others: Mapping[str, Shape]) -> None:
    """Refuse what has a meaning of its own in mappings and the API, and names that differ by case only."""
    if name in RESERVED:
        raise file.wrong(shape, f"`{name}` is a reserved word here")
    other = next((one for one in others if one.lower() == name.lower()), None)
    if other is not None:
        raise file.wrong(shape, f"`{name}` and `{other}` differ by case only")


def _properties(file: _File, shape: dict[str, Any], targets: Mapping[str, str]) -> Iterator[tuple[str, Property]]:
    seen: set[str] = set()
    for one in file.items(shape, "properties"):
        name = file.word(one, "path")
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,62}", name):
            raise file.wrong(one, f"`{name}` cannot name an attribute")
        if name in RESERVED:
            raise file.wrong(one, f"`{name}` is a reserved word here")
        if name in seen:
            raise file.wrong(shape, f"`{name}` stands twice in {shape['targetClass']}")
        seen.add(name)
        yield name, _property(file, one, targets)


def _property(file: _File, one: dict[str, Any], targets: Mapping[str, str]) -> Property:
    datatype, node = one.get("datatype"), one.get("node")
    if (datatype is None) == (node is None):
        raise file.wrong(one, "neither a `datatype` nor a `node`, or both")
    if datatype is not None and datatype not in DATATYPES:
        raise file.wrong(one, f"unknown type `{datatype}`; known: {', '.join(DATATYPES)}")
    names = () if node is None else _nodes(file, one, node)
    missing = [name for name in names if name not in targets]
    if missing:
        raise file.wrong(one, f"it refers to the shape {missing[0]}, which is not in the file")
    return Property(
        name=one["path"],
        datatype=datatype,
        targets=tuple(targets[name] for name in names),
        required=str(one.get("minCount", "0")) != "0",
        many="maxCount" not in one,
    )


def _nodes(file: _File, one: dict[str, Any], node: object) -> tuple[str, ...]:
    """Return the shapes that a property refers to: one, or one of several (`xor`)."""
    if isinstance(node, str):
        return (node,)
    try:
        return tuple(item["@id"] for item in node["xor"]["@list"])  # type: ignore[index]
    except (KeyError, TypeError):
        raise file.wrong(one, "its `node` is neither a shape nor an `xor` of shapes") from None


def _several(file: _File, terms: list[dict[str, Any]], key: str) -> dict[str, tuple[str, ...]]:
    """Return all that is said under a key about each term, each once, in the order of the file."""
    found: dict[str, dict[str, None]] = {}
    for term in terms:
        said = term.get(key, [])
        for word in said if isinstance(said, list) else [said]:
            found.setdefault(file.word(term, "@id"), {})[_clean(str(word))] = None
    return {name: tuple(words) for name, words in found.items()}


def _clean(text: str) -> str:
    return " ".join(text.split())


def _check_circles(file: _File, shapes: Mapping[str, Shape]) -> None:
    for name in shapes:
        path = [name]
        while (parent := shapes[path[-1]].parent) in shapes:
            assert parent is not None
            if parent in path:
                circle = " -> ".join((*path[path.index(parent) :], parent))
                raise Invalid(
                    f"{file.path.name}:{file.line(name, '@id')}: circular inheritance: {circle}. Nothing was imported."
                )
            path.append(parent)
