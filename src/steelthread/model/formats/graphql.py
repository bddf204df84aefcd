"""GraphQL SDL that builds: interfaces for what has heirs, unions for references to one of several, directives for the rest."""

from collections.abc import Iterator

from steelthread.model.entities import Attribute, Entity
from steelthread.model.formats.selecting import Selection, currency_of

_TYPES = {
    "string": "String",
    "integer": "BigInt",
    "decimal": "Decimal",
    "boolean": "Boolean",
    "date": "Date",
    "datetime": "DateTime",
    "time": "Time",
    "json": "JSON",
}
_SCALARS = ("BigInt", "Date", "DateTime", "Decimal", "JSON", "Time")
_TAKEN = frozenset({"Query", "Mutation", "Subscription", "String", "Int", "Float", "Boolean", "ID", *_SCALARS})
_HEAD = '''"""Class of personal data: direct names somebody, special is GDPR articles 9 and 10."""
enum Privacy { DIRECT INDIRECT SPECIAL NONE }

"""How the value is protected."""
directive @privacy(class: Privacy!) on FIELD_DEFINITION
"""An amount of money; `currency` names the field with its ISO 4217 code."""
directive @money(currency: String) on FIELD_DEFINITION
"""What the value means besides its type, and the kind of identifier it is."""
directive @meaning(logical: String, identity: String) on FIELD_DEFINITION
'''


def graphql(selection: Selection) -> str:
    """Write SDL with a query for each entity by its key."""
    parts = [_doc(f"{selection.title}, version {selection.version}.") + "schema { query: Query }\n", _HEAD]
    parts += [f"scalar {name}" for name in _SCALARS]
    unions: dict[str, tuple[str, ...]] = {}
    for entity in selection.entities.values():
        parts += _types(selection, entity, unions)
    parts += [
        f"union {name} = {' | '.join(sorted(_type_name(each) for each in members))}"
        for name, members in sorted(unions.items())
    ]
    return "\n".join([*parts, _query(selection), ""])


def _types(selection: Selection, entity: Entity, unions: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield the interface of an entity that has heirs, and the type of one that holds records."""
    fields = "\n".join(_fields(selection, entity, unions))
    above = list(_interfaces(selection, entity))
    if selection.heirs(entity):
        yield _block("interface", _interface_name(entity), above, entity, fields)
        above = [_interface_name(entity), *above]
    if not entity.abstract:
        yield _block("type", _type_name(entity.name), above, entity, fields)


def _block(kind: str, name: str, above: list[str], entity: Entity, fields: str) -> str:
    implements = f" implements {' & '.join(above)}" if above else ""
    return f"{_doc(entity.description)}{kind} {name}{implements} {{\n{fields}\n}}\n"


def _interfaces(selection: Selection, entity: Entity) -> Iterator[str]:
    parent = selection.parent(entity)
    while parent is not None:
        yield _interface_name(parent)
        parent = selection.parent(parent)


def _interface_name(entity: Entity) -> str:
    """An abstract entity is the interface itself; one with records of its own has `AnyName` beside it."""
    return _type_name(entity.name) if entity.abstract else f"Any{entity.name}"


def _type_name(name: str) -> str:
    return f"{name}Record" if name in _TAKEN else name


def _fields(selection: Selection, entity: Entity, unions: dict[str, tuple[str, ...]]) -> Iterator[str]:
    for one in entity.attributes.values():
        kind = _kind(selection, entity, one, unions)
        listed = f"[{kind}!]" if one.many else kind
        required = "!" if one.name == entity.key or one.required else ""
        yield f"{_doc(one.description, '  ')}  {one.name}: {listed}{required}{_directives(entity, one)}"


def _kind(selection: Selection, entity: Entity, one: Attribute, unions: dict[str, tuple[str, ...]]) -> str:
    if one.name == entity.key:
        return "ID"
    if not one.references:
        return _TYPES[one.type]
    targets = selection.targets(one)
    if targets != one.references or not all(_has_type(selection, name) for name in targets):
        return "ID"  # it leads out of what is exported: the key only
    if len(targets) == 1:
        target = selection.entities[targets[0]]
        return _interface_name(target) if selection.heirs(target) else _type_name(target.name)
    holder = _holder(selection, entity, one)
    name = f"{holder}{one.name[0].upper()}{one.name[1:]}Target"
    unions[name] = tuple(dict.fromkeys(each for target in targets for each in _concrete(selection, target)))
    return name


def _has_type(selection: Selection, name: str) -> bool:
    return bool(_concrete(selection, name))


def _concrete(selection: Selection, name: str) -> list[str]:
    """Return the entities with records that a reference may lead to: itself and its heirs."""
    one = selection.entities[name]
    found = [] if one.abstract else [name]
    return found + [each for heir in selection.heirs(one) for each in _concrete(selection, heir.name)]


def _holder(selection: Selection, entity: Entity, attribute: Attribute) -> str:
    """Return the highest ancestor that has the attribute, so that its heirs share one union."""
    parent = selection.parent(entity)
    if parent is not None and attribute.name in parent.attributes:
        return _holder(selection, parent, attribute)
    return entity.name


def _directives(entity: Entity, one: Attribute) -> str:
    found = f" @privacy(class: {one.privacy.upper()})"
    if one.logical == "money":
        currency = currency_of(entity, one)
        found += f' @money(currency: "{currency}")' if currency else " @money"
    elif one.logical or one.identity:
        said = [f'{key}: "{value}"' for key, value in (("logical", one.logical), ("identity", one.identity)) if value]
        found += f" @meaning({', '.join(said)})"
    if one.deprecated:
        found += f' @deprecated(reason: "{one.deprecated}")'
    return found


def _query(selection: Selection) -> str:
    """Write the entry points: each kind of record by its key."""
    lines = [
        f"  {one.name[0].lower()}{one.name[1:]}(id: ID!): {_type_name(one.name)}"
        for one in selection.entities.values()
        if not one.abstract
    ] or ["  none: ID"]
    return _doc("Each kind of record by its key.") + "type Query {\n" + "\n".join(lines) + "\n}\n"


def _doc(text: str, indent: str = "") -> str:
    if not text:
        return ""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'{indent}"{escaped}"\n'
