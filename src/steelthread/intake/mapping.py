"""The compiled mapping: closures over cell positions, made once per file, called once per row."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from steelthread.intake.language import AttributeMapping, Condition, EntityMapping, Key, ParentMapping, RowHash, pattern
from steelthread.intake.moments import micros
from steelthread.intake.repeats import RowText, is_repeat
from steelthread.intake.source import Source
from steelthread.intake.types import Issue, MappedPart, MappedRecord, MappedRow, RowRejected, Unreadable
from steelthread.intake.values import NAME_NULLS, NULLS, clean, converter
from steelthread.kit import Invalid
from steelthread.model import PARTIES, Attribute, Model

Cells = list[str]
Take = Callable[[Cells], str]
Test = Callable[[Cells], bool]
TakeKey = Callable[[Cells], str | None]
_LISTED = "|"
"""How readers join the elements of a list in a cell."""
_TYPED = "birthDate"
"""What is kept with the row as it was typed where it cannot be read: one sign is wrong mostly, and the others tell who it is."""


class _Setter:
    """Fills one attribute."""

    __slots__ = ("attribute", "column", "constant", "convert", "default", "index", "many", "nulls", "take", "test")

    def __init__(self, attribute: Attribute, convert: Callable[[str], Any], column: str) -> None:
        self.attribute = attribute.name
        self.nulls = NAME_NULLS if attribute.logical == "name" else NULLS
        self.convert = convert
        self.column = column
        self.index = -1
        self.take: Take = lambda _: ""
        self.many: str | None = None
        self.default: Any = None
        self.constant = False
        self.test: Test | None = None


class _Entity:
    """Makes one entity of a row."""

    __slots__ = ("above", "is_owned", "is_party", "key", "name", "parent", "parent_key", "parent_source",
                 "party", "setters", "test")  # fmt: skip

    def __init__(self, name: str) -> None:
        self.name = name
        self.setters: list[_Setter] = []
        self.test: Test | None = None
        self.key: TakeKey | None = None
        self.is_party = False
        self.is_owned = False
        self.party: tuple[str, str, TakeKey] | None = None
        self.parent = ""
        self.parent_key: TakeKey | None = None
        self.parent_source = ""
        self.above = ""


def _outdated(source: Source, model: Model) -> Iterator[str]:
    """Tell which names of the mapping are former ones or deprecated: they work on, for now."""
    for one in source.entities:
        entity = model.entity(one.entity)
        if entity.deprecated:
            yield f"{source.name}: `{entity.name}` is deprecated: {entity.deprecated}"
        for name in one.attributes:
            attribute = model.mappable(one.entity, name)
            if attribute.name != name:
                yield f"{source.name}: `{entity.name}.{name}` is called `{attribute.name}` now; the former name works on."
            if attribute.deprecated:
                yield f"{source.name}: `{entity.name}.{attribute.name}` is deprecated: {attribute.deprecated}"


class Mapping:
    """Maps rows of one file."""

    def __init__(self, source: Source, model: Model, columns: Sequence[str], country: str) -> None:
        self.columns = list(columns)
        self.primary = source.primary
        self._width = len(self.columns)
        self._source = source
        self._model = model
        self._country = source.country or country
        self._place = {name: index for index, name in enumerate(columns)}
        self._used: set[str] = set()
        self.row_text = RowText(self.columns)
        self.key = self._key_of_row(source.key)
        self._entities = [
            self._entity(one, f"$.entities[{number}]") for number, one in enumerate(source.entities)
        ]  # fmt: skip
        self._observed = self._observed_at()
        self._identifiers = [
            (one.kind, one.namespace, self._index(one.column, f"$.identifiers[{number}]"), one.entity)
            for number, one in enumerate(source.identifiers)
        ]
        left = set(source.ignore)
        self.warnings = list(_outdated(source, model))
        self.unmapped = [name for name in columns if name not in self._used and name not in left]
        self._extras = [(name, self._place[name]) for name in self.unmapped]

    # -- per row -------------------------------------------------------------------------------------------------

    def map(self, cells: Cells) -> MappedRow:
        """Map a row; RowRejected when it has no key."""
        if len(cells) != self._width and not (len(cells) == self._width + 1 and is_repeat(cells)):
            raise RowRejected("", f"the row has {len(cells)} cells, the header {self._width}")
        key = self.key(cells)
        issues: list[Issue] = []
        made: list[tuple[_Entity, MappedRecord]] = []
        parts: list[MappedPart] = []
        for entity in self._entities:
            if entity.test is not None and not entity.test(cells):
                continue
            take = entity.key
            own = key if take is self.key else take(cells) if take is not None else None
            if take is not None and own is None:
                continue
            values, filled = _values(entity, cells, issues)
            if own is not None:
                made.append((entity, MappedRecord(entity.name, own, values, [], [])))
            elif filled:
                parts.append(MappedPart(entity.name, values))
        if not made and parts:
            first = parts.pop(0)
            made.append((_Entity(first.entity), MappedRecord(first.entity, key, first.values, [], [])))
        if made:
            self._settle(made, parts, cells)
        observed = self._observed(cells, issues) if self._observed else None
        extras = {name: cells[index] for name, index in self._extras if cells[index]}
        told = (one.column for one in issues if one.attribute == _TYPED and one.column in self._place)
        extras |= {column: cells[self._place[column]] for column in told}
        return MappedRow([record for _, record in made], observed, issues, extras)

    def _settle(self, made: list[tuple[_Entity, MappedRecord]], parts: list[MappedPart], cells: Cells) -> None:
        """Give parts, identifiers and the row's person to the records to which they belong."""
        parties = [record for entity, record in made if entity.is_party]
        person = next((one for one in parties if one.entity != "Organization"), parties[0] if parties else None)
        (person or made[0][1]).parts = parts
        for kind, namespace, index, name in self._identifiers:
            value = cells[index]
            if value not in NULLS:
                target = next((record for _, record in made if record.entity == name), made[0][1])
                target.identifiers.append((kind, namespace, value))
        for entity, record in made:
            if entity.party is not None and (named := entity.party[2](cells)) is not None:
                record.party = (entity.party[0], entity.party[1], named)
            if entity.parent_key is not None:
                above = entity.parent_key(cells)
                record.parent = None if above is None else (entity.parent, above)
                record.parent_source = entity.parent_source
            elif entity.above:
                record.parent = next(
                    ((one.entity, one.key) for _, one in made if one.entity == entity.above), None
                )  # fmt: skip
            if entity.is_owned and person is not None and record.party is None and record.parent is None:
                record.party = (self._source.name, person.entity, person.key)

    # -- compiling -----------------------------------------------------------------------------------------------

    def _index(self, column: str, path: str) -> int:
        if column not in self._place:
            raise Invalid(
                f"{self._source.at(path)}: the file has no column {column}. It has: {', '.join(self.columns)}."
            )
        self._used.add(column)
        return self._place[column]

    def _key_of_row(self, key: Key) -> Callable[[Cells], str]:
        if isinstance(key, RowHash):
            text = self.row_text
            return lambda cells: hashlib.blake2b(text(cells), digest_size=16).hexdigest()
        take, names = self._key(key, "$.key"), key if isinstance(key, str) else ", ".join(key)

        def of_row(cells: Cells) -> str:
            found = take(cells)
            if found is None:
                raise RowRejected(names, "the key is empty")
            return found

        return of_row

    def _key(self, key: Key, path: str) -> TakeKey:
        if isinstance(key, RowHash):
            return self._key_of_row(key)
        places = [self._index(name, path) for name in ([key] if isinstance(key, str) else key)]
        if not places:
            raise Invalid(f"{self._source.at(path)}: `key` is a column, a list of columns, or {{row_hash: true}}.")
        if len(places) == 1:
            (index,) = places

            def single(cells: Cells) -> str | None:
                value = cells[index].strip()
                return None if value in NULLS else value

            return single

        def joined(cells: Cells) -> str | None:
            values = [cells[place].strip() for place in places]
            if any(value in NULLS for value in values):
                return None
            return "|".join(value.replace("\\", "\\\\").replace("|", "\\|") for value in values)

        return joined

    def _entity(self, one: EntityMapping, path: str) -> _Entity:
        made = _Entity(one.entity)
        definition = self._model.entity(one.entity)
        made.is_party = any(self._model.is_a(one.entity, party) for party in PARTIES)
        made.is_owned = not made.is_party and bool(definition.event_time or definition.category == "engagement")
        made.test = self._test(one.when, f"{path}.when") if one.when else None
        is_part = definition.owner in ("partyId", "individualId", "accountId") and not definition.event_time
        if one.key is not None:
            made.key = self._key(one.key, f"{path}.key")
        elif not is_part or one.entity == self.primary:
            made.key = self.key
        party = one.party or (self._source.party if not made.is_party and not is_part else None)
        if party:
            made.party = (
                party.source or self._source.name, party.entity,
                self._key(party.key, f"{path}.party" if one.party else "$.party"),
            )  # fmt: skip
        if isinstance(one.parent, ParentMapping):
            made.parent, made.parent_key = one.parent.entity, self._key(one.parent.key, f"{path}.parent")
            made.parent_source = "" if one.parent.source == self._source.name else one.parent.source
        elif one.parent:
            made.parent = made.above = one.parent
        made.setters = [
            self._setter(self._model.mappable(one.entity, name), how, f"{path}.attributes.{name}")
            for name, how in one.attributes.items()
        ]
        return made

    def _setter(self, attribute: Attribute, how: AttributeMapping, path: str) -> _Setter:
        convert = converter(
            attribute.type, attribute.logical, how.formats, how.decimal,
            self._country if how.country is None else how.country,
        )  # fmt: skip
        setter = _Setter(attribute, convert, how.column or attribute.name)
        setter.constant = how.constant is not None
        if how.column is not None:
            setter.index = self._index(how.column, path)
        if how.constant is not None or how.concat is not None or _has_steps(how, many=attribute.many):
            setter.index, setter.take = -1, self._take(how, path, many=attribute.many)
        if attribute.many:
            setter.many = _LISTED if how.split is None or how.part is not None else how.split
        if how.default is not None:
            try:
                setter.default = convert(how.default)
            except Unreadable as error:
                raise Invalid(f"{self._source.at(path)}: the `default` is {error}.") from None
        setter.test = self._test(how.when, path) if how.when else None
        return setter

    def _take(self, how: AttributeMapping, path: str, *, many: bool) -> Take:
        take: Take
        if how.constant is not None:
            constant = how.constant
            return lambda _: constant
        if how.concat is not None:
            places = [self._index(column, path) for column in how.concat]
            separator = how.separator
            take = lambda cells: separator.join(  # noqa: E731  # one of a chain of small steps
                cells[place] for place in places if cells[place] not in NULLS
            )
        else:
            assert how.column is not None
            index = self._index(how.column, path)
            take = lambda cells: cells[index]  # noqa: E731  # one of a chain of small steps
        if how.split is not None and not (many and how.part is None):
            take = _split(take, how.split, how.part or "first")
        if how.regex is not None:
            take = _regex(take, how)
        if how.lookup is not None:
            take = _lookup(take, how)
        return _case(take, how.case) if how.case else take

    def _test(self, when: Condition, path: str) -> Test:
        index = self._index(when.column, path)
        if when.equals is not None:
            wanted = when.equals
            return lambda cells: cells[index] == wanted
        if when.among is not None:
            among = frozenset(when.among)
            return lambda cells: cells[index] in among
        if when.matches is not None:
            search = pattern(when.matches, self._source.at(path)).search
            return lambda cells: search(cells[index]) is not None
        if when.empty:
            return lambda cells: cells[index] in NULLS
        return lambda cells: cells[index] not in NULLS

    def _observed_at(self) -> Callable[[Cells, list[Issue]], int | None] | None:
        how = self._source.observed_at
        if how is None:
            return None
        column, formats = how.column, how.formats
        index = self._index(column, "$.observed_at")

        def observed(cells: Cells, issues: list[Issue]) -> int | None:
            value = cells[index]
            if value in NULLS:
                return None
            try:
                return micros(value, formats)
            except Unreadable as error:
                issues.append(Issue(column, str(error), "", "observed_at", value))
                return None

        return observed


def _values(entity: _Entity, cells: Cells, issues: list[Issue]) -> tuple[dict[str, Any], bool]:
    """Return an entity's values, and whether the row says any of them (constants and defaults do not count)."""
    values: dict[str, Any] = {}
    filled = False
    for setter in entity.setters:
        raw = ""
        try:
            raw = cells[setter.index] if setter.index >= 0 else setter.take(cells)
            if setter.test is not None and not setter.test(cells):
                continue
            if raw in setter.nulls:
                if setter.default is not None:
                    values[setter.attribute] = setter.default if setter.many is None else [setter.default]
                continue
            value = setter.convert(raw) if setter.many is None else _listed(setter, raw)
        except Unreadable as error:
            held = raw or cells[setter.index]
            issues.append(Issue(setter.column, str(error), entity.name, setter.attribute, held))
            continue
        if value not in ("", []):
            values[setter.attribute] = value
            filled = filled or not setter.constant
    return values, filled


def _listed(setter: _Setter, raw: str) -> list[Any]:
    return [setter.convert(one.strip()) for one in raw.split(setter.many) if one.strip() not in NULLS]


def _has_steps(how: AttributeMapping, *, many: bool) -> bool:
    split = how.split is not None and not (many and how.part is None)
    return split or how.regex is not None or how.lookup is not None or how.case is not None


def _split(take: Take, mark: str, part: str) -> Take:
    place = {"first": 0, "last": -1}.get(part) if not part.lstrip("-").isdigit() else int(part)

    def split(cells: Cells) -> str:
        words = [word for word in take(cells).split(mark) if word]
        if place is None:
            return mark.join(words[1:])
        return words[place].strip() if words and -len(words) <= place < len(words) else ""

    return split


def _regex(take: Take, how: AttributeMapping) -> Take:
    search = pattern(how.regex or "", "").search
    group: int | str = int(how.group) if how.group.isdigit() else how.group

    def found(cells: Cells) -> str:
        match = search(take(cells))
        return (match[group] or "") if match else ""

    return found


def _lookup(take: Take, how: AttributeMapping) -> Take:
    table = {name.casefold(): value for name, value in (how.lookup or {}).items()}
    default = how.default

    def looked(cells: Cells) -> str:
        value = take(cells)
        found = table.get(value.casefold(), default)
        if found is None:
            if value in NULLS:
                return ""
            raise Unreadable("not in the `lookup:` of the mapping; add it there, or give a `default:`")
        return found

    return looked


def _case(take: Take, case: str) -> Take:
    change = {"lower": str.lower, "upper": str.upper, "title": str.title}[case]
    return lambda cells: change(clean(take(cells)))


def compile_mapping(source: Source, model: Model, columns: Sequence[str], country: str = "") -> Mapping:
    """Compile a source's mapping for a file with these columns; Invalid for a column that the file lacks."""
    return Mapping(source, model, columns, country)
