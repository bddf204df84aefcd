"""Mermaid class diagrams: entities with their attributes, inheritance, references with their names."""

from collections.abc import Iterator

from steelthread.model.entities import Attribute, Entity
from steelthread.model.formats.selecting import Selection

_MARKS = {"direct": "🔒 ", "special": "⛔ ", "indirect": "", "none": ""}


def mermaid(selection: Selection, *, attributes: bool = True) -> str:
    """Write a class diagram; a lock marks what names somebody, a no-entry sign what is special personal data."""
    lines = ["---", f"title: {selection.title}", "---", "classDiagram", "  direction LR"]
    for one in selection.entities.values():
        lines += _class(selection, one, attributes=attributes)
    for one in selection.entities.values():
        lines += _lines(selection, one)
    return "\n".join([*lines, ""])


def _class(selection: Selection, entity: Entity, *, attributes: bool) -> Iterator[str]:
    yield f"  class {entity.name} {{"
    yield f"    <<{'abstract ' if entity.abstract else ''}{entity.category}>>"
    for one in selection.own(entity) if attributes else ():
        if not one.references:
            listed = "[]" if one.many else ""
            yield f"    {_MARKS[one.privacy]}{one.logical or one.type}{listed} {one.name}"
    yield "  }"


def _lines(selection: Selection, entity: Entity) -> Iterator[str]:
    if entity.parent:
        yield f"  {entity.parent} <|-- {entity.name}"
    for one in selection.own(entity):
        if not one.inverse_of:
            yield from (
                f'  {entity.name} --> "{_count(one)}" {target} : {one.name}' for target in selection.targets(one)
            )


def _count(one: Attribute) -> str:
    if one.many:
        return "0..*"
    return "1" if one.required else "0..1"
