"""The model as tables, for SQL and DBML: one per entity, what is inherited in the ancestor's table under the same key.

A record of an heir has a row in its own table and one in each ancestor's, so a reference to an ancestor (`partyId`) is a
real foreign key whatever kind the record is. A reference to one of several entities that share no ancestor becomes one
column for each, at most one filled. Lists of values are arrays; lists of references are a table between the two.
"""

import hashlib

import msgspec

from steelthread.model.entities import Attribute, Entity
from steelthread.model.formats.selecting import Selection, notes, snake

_LONGEST = 63  # bytes of a name in PostgreSQL


class Column(msgspec.Struct, frozen=True):
    """One column; `target` is the table its foreign key leads to."""

    name: str
    type: str
    many: bool
    required: bool
    target: str | None
    note: str
    attribute: str


class Table(msgspec.Struct, frozen=True):
    """One table. `one_of` lists groups of columns of which at most one may be filled."""

    name: str
    entity: str | None
    key: tuple[str, ...]
    parent: str | None
    columns: tuple[Column, ...]
    one_of: tuple[tuple[str, ...], ...]
    note: str


def tables(selection: Selection) -> list[Table]:
    """Lay the model out as tables, ancestors first."""
    found: list[Table] = []
    for entity in selection.entities.values():
        found.append(_table(selection, entity))
        found += [_between(selection, entity, one) for one in selection.own(entity) if _is_between(selection, one)]
    return found


def short(name: str) -> str:
    """Cut a name to what PostgreSQL keeps, with a hash of the whole so that it stays one of its kind."""
    if len(name.encode()) <= _LONGEST:
        return name
    return name[: _LONGEST - 9] + "_" + hashlib.sha256(name.encode()).hexdigest()[:8]


def _table(selection: Selection, entity: Entity) -> Table:
    key = short(snake(entity.key))
    columns: list[Column] = []
    one_of: list[tuple[str, ...]] = []
    own = {one.name for one in selection.own(entity)} | {entity.key}
    for attribute in (one for one in entity.attributes.values() if one.name in own):
        if attribute.inverse_of or _is_between(selection, attribute):
            continue
        made = _columns(selection, entity, attribute)
        columns += made
        if len(made) > 1:
            one_of.append(tuple(one.name for one in made))
    note = f"{entity.description} [{entity.category}, area {entity.area}, {entity.origin}]"
    parent = short(snake(entity.parent)) if entity.parent else None
    return Table(short(snake(entity.name)), entity.name, (key,), parent, tuple(columns), tuple(one_of), note.strip())


def _columns(selection: Selection, entity: Entity, attribute: Attribute) -> list[Column]:
    name, note = snake(attribute.name), notes(entity, attribute)
    targets = _foreign(selection, attribute)

    def column(name: str, target: str | None) -> Column:
        key = attribute.name == entity.key
        required = attribute.required or key
        return Column(short(name), attribute.type, attribute.many, required, target, note, attribute.name)

    if len(targets) < 2:
        return [column(name, short(snake(targets[0])) if targets else None)]
    return [column(f"{name}_{snake(target)}", short(snake(target))) for target in targets]


def _foreign(selection: Selection, attribute: Attribute) -> tuple[str, ...]:
    """Return the entities that foreign keys lead to: the common ancestor where there is one; none when any is outside."""
    if attribute.inverse_of or selection.targets(attribute) != attribute.references:
        return ()
    lines = [_line(selection, name) for name in attribute.references]
    common = [name for name in lines[0] if all(name in line for line in lines)] if lines else []
    return (common[0],) if common else attribute.references


def _line(selection: Selection, name: str) -> list[str]:
    found = [name]
    while (parent := selection.entities[found[-1]].parent) is not None:
        found.append(parent)
    return found


def _is_between(selection: Selection, attribute: Attribute) -> bool:
    """Tell whether a list of references needs a table of its own."""
    return attribute.many and not attribute.inverse_of and len(_foreign(selection, attribute)) == 1


def _between(selection: Selection, entity: Entity, attribute: Attribute) -> Table:
    here, there = short(snake(entity.name)), short(snake(_foreign(selection, attribute)[0]))
    names = (f"{here}_id", f"{snake(attribute.name)}_id")
    columns = tuple(
        Column(
            short(name),
            "string",
            many=False,
            required=True,
            target=target,
            note=notes(entity, attribute),
            attribute=attribute.name,
        )
        for name, target in zip(names, (here, there), strict=True)
    )
    key = tuple(one.name for one in columns)
    return Table(short(f"{here}_{snake(attribute.name)}"), None, key, None, columns, (), notes(entity, attribute))
