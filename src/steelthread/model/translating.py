"""Records in the words of other systems and back, by mapping files of our own in `translations/`.

A record of ours is one JSON object: `entity`, its key, and attributes as in the JSON Schema export. A record of theirs is
a row or a document; its parts (contact points of a person, lines of an order) stand inside, or beside it in columns.
A mapping says for each entity: `theirs` (table, type or schema), `attributes` (ours -> a path, or `at` with `values` or
`as: number`), `same` (attributes whose name follows `names`), `constants`, `when` (what tells it from others of one type
on the way back) and `parts`.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib import resources
from typing import Any, Literal

import msgspec
import yaml

from steelthread.kit import Invalid, NotFound
from steelthread.model.marked import nearest
from steelthread.model.registry import Model

Record = dict[str, Any]


class Place(msgspec.Struct, forbid_unknown_fields=True, rename={"otherwise": "else", "kind": "as"}):
    """Where an attribute stands in theirs, and how its value is written there."""

    at: str
    values: dict[str, str] = {}
    otherwise: str | None = None
    kind: Literal["number"] | None = None


class Part(msgspec.Struct, forbid_unknown_fields=True):
    """Records of ours that stand inside another one in theirs: those whose `by` refers to it."""

    ours: str
    by: str
    at: str = ""
    list: bool = False
    value: str | None = None
    """The one attribute that stands there bare."""
    attributes: dict[str, str | Place] = {}
    constants: dict[str, Any] = {}
    where: dict[str, str] = {}
    also: bool = False
    """The same record stands elsewhere too: read back only where it does not."""


class Rule(msgspec.Struct, forbid_unknown_fields=True):
    """One entity of ours in theirs."""

    ours: str
    theirs: str
    same: list[str] = []
    attributes: dict[str, str | Place] = {}
    constants: dict[str, Any] = {}
    when: dict[str, str | list[str]] = {}
    parts: list[Part] = []


class Translation(msgspec.Struct, forbid_unknown_fields=True):
    """One vocabulary."""

    title: str
    type: str
    entities: list[Rule]
    names: str = "{name}"
    constants: dict[str, Any] = {}

    def places(self, rule: Rule) -> Iterator[tuple[str, Place]]:
        """Yield (attribute of ours, its place)."""
        for name in rule.same:
            yield name, Place(self.names.format(name=name, Name=name[0].upper() + name[1:]))
        yield from _places(rule.attributes)


def translations() -> list[str]:
    """Return the names of the vocabularies."""
    folder = resources.files("steelthread.model") / "translations"
    return sorted(one.name.removesuffix(".yaml") for one in folder.iterdir() if one.name.endswith(".yaml"))


@cache
def translation(name: str) -> Translation:
    """Return a vocabulary; NotFound with the nearest names."""
    if name not in translations():
        raise NotFound(f"No vocabulary `{name}`{nearest(name, translations())}. Known: {', '.join(translations())}.")
    text = (resources.files("steelthread.model") / "translations" / f"{name}.yaml").read_text("utf-8")
    return msgspec.convert(yaml.safe_load(text), Translation)


def translate(records: Iterable[Record], name: str, model: Model) -> Iterator[Record]:
    """Yield their records for ours.

    A part goes into the record it belongs to, so all records are read before the first comes out. What the vocabulary
    has no word for is left out. Invalid for an entity or attribute that the model does not know.
    """
    vocabulary = translation(name)
    rules = {rule.ours: rule for rule in vocabulary.entities}
    mine = [_checked(record, model) for record in records]
    links = {(part.ours, part.by) for rule in vocabulary.entities for part in rule.parts}
    parts: dict[tuple[str, str, str], list[Record]] = {}
    for one in mine:
        for ours, by in links:
            if one["entity"] == ours and by in one:
                parts.setdefault((ours, by, str(one[by])), []).append(one)
    for record in mine:
        found = rules.get(record["entity"])
        if found is not None:
            yield _out(record, found, vocabulary, parts)


def translate_back(records: Iterable[Record], name: str, model: Model) -> Iterator[Record]:
    """Yield our records for theirs; a part comes out as a record of its own, with a key made of its holder's."""
    vocabulary = translation(name)
    for number, record in enumerate(records, 1):
        rule = _rule_for(record, vocabulary)
        if rule is None:
            shown = record.get(vocabulary.type)
            raise Invalid(
                f"Record {number}: `{vocabulary.type}: {shown}` is none of those that {vocabulary.title} is read from: "
                f"{', '.join(dict.fromkeys(one.theirs for one in vocabulary.entities))}."
            )
        yield from _back(record, rule, vocabulary, model)


def _places(attributes: Mapping[str, str | Place]) -> Iterator[tuple[str, Place]]:
    for name, place in attributes.items():
        yield name, Place(place) if isinstance(place, str) else place


def _checked(record: Record, model: Model) -> Record:
    if not isinstance(record, dict) or not isinstance(record.get("entity"), str):
        raise Invalid("A record of the canonical model is an object with `entity` and its attributes.")
    entity = model.entity(record["entity"])
    for name in record:
        if name != "entity" and name not in entity.attributes:
            raise NotFound(f"`{entity.name}` has no attribute `{name}`{nearest(name, entity.attributes)}.")
    return record


# -- there ---------------------------------------------------------------------------------------------------------------


def _out(
    record: Record, rule: Rule, vocabulary: Translation, parts: Mapping[tuple[str, str, str], list[Record]]
) -> Record:
    made: Record = {**vocabulary.constants, vocabulary.type: rule.theirs}
    for path, value in rule.constants.items():
        _put(made, path, value)
    _fill(made, record, vocabulary.places(rule))
    key = str(record.get("id", ""))
    for part in rule.parts:
        held = [
            one for one in parts.get((part.ours, part.by, key), ())
            if all(one.get(name) == value for name, value in part.where.items())
        ]  # fmt: skip
        _add_parts(made, part, held)
    return made


def _add_parts(made: Record, part: Part, held: list[Record]) -> None:
    for one in held if part.list else held[:1]:
        if part.value is not None:
            _append(made, part.at, one.get(part.value))
            continue
        inner: Record = dict(part.constants)
        _fill(inner, one, _places(part.attributes))
        if len(inner) == len(part.constants):
            continue
        if part.list:
            _append(made, part.at, inner)
        elif part.at:
            _put(made, part.at, inner)
        else:
            _fill(made, one, _places(part.attributes))


def _fill(made: Record, record: Record, places: Iterable[tuple[str, Place]]) -> None:
    for name, place in places:
        value = record.get(name)
        if value is not None:
            written = _written(value, place)
            if written is not None:
                _put(made, place.at, written)


def _written(value: Any, place: Place) -> Any:
    if place.values:
        return place.values.get(str(value), place.otherwise if place.otherwise is not None else value)
    if place.kind == "number":
        return _number(value)
    return value


def _number(value: Any) -> int | float | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return int(number) if number == number.to_integral_value() else float(number)


def _put(made: Any, path: str, value: Any) -> None:
    """Set a value at a dotted path; a number in the path is a place in a list."""
    steps = path.split(".")
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        if following is None:
            if isinstance(made, list):
                made.append(value)
            else:
                made[step] = value
            return
        if isinstance(made, list):
            if len(made) <= int(step):
                made.append([] if following.isdigit() else {})
            made = made[int(step)]
        else:
            made = made.setdefault(step, [] if following.isdigit() else {})


def _append(made: Record, path: str, value: Any) -> None:
    if value is None:
        return
    held = _get(made, path)
    if held is None:
        _put(made, path, [value])
    else:
        held.append(value)


# -- and back ------------------------------------------------------------------------------------------------------------


def _rule_for(record: Record, vocabulary: Translation) -> Rule | None:
    for rule in vocabulary.entities:
        if record.get(vocabulary.type) != rule.theirs:
            continue
        wanted = {**rule.when} or {key: value for key, value in rule.constants.items() if isinstance(value, str)}
        if all(_get(record, path) in (value if isinstance(value, list) else [value]) for path, value in wanted.items()):
            return rule
    return None


def _back(record: Record, rule: Rule, vocabulary: Translation, model: Model) -> Iterator[Record]:
    mine: Record = {"entity": rule.ours}
    _read(mine, record, vocabulary.places(rule), model)
    yield mine
    key = str(mine.get("id", ""))
    made: list[Record] = []
    for place, part in enumerate(sorted(rule.parts, key=lambda part: part.also)):
        held = _get(record, part.at) if part.at else record
        for number, inner in enumerate(held if isinstance(held, list) else [] if held is None else [held]):
            one: Record = {"entity": part.ours, **part.where}
            if part.value is not None:
                one[part.value] = inner
            else:
                _read(one, inner, _places(part.attributes), model)
            if len(one) > 1 + len(part.where) and not (
                part.also and any(one.items() <= other.items() for other in made)
            ):
                made.append(one)
                yield {"id": f"{key}:{part.ours}:{place}:{number}", **one, part.by: key}


def _read(mine: Record, record: Any, places: Iterable[tuple[str, Place]], model: Model) -> None:
    attributes = model.entity(mine["entity"]).attributes
    for name, place in places:
        value = _get(record, place.at)
        if value is None:
            continue
        if place.values:
            back: dict[str, str] = {}
            for ours, theirs in place.values.items():
                back.setdefault(theirs, ours)
            value = back.get(str(value), value)
        mine[name] = str(value) if attributes[name].type == "decimal" else value


def _get(record: Any, path: str) -> Any:
    for step in path.split("."):
        if isinstance(record, list):
            record = record[int(step)] if step.isdigit() and int(step) < len(record) else None
        elif isinstance(record, dict):
            record = record.get(step)
        else:
            return None
    return record
