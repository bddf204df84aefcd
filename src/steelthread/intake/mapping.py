"""The compiled mapping: closures over cell positions, made once per file, called once per row."""

import hashlib
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from steelthread.intake.source import EntityMapping, Source
from steelthread.intake.types import Issue, MappedPart, MappedRecord, MappedRow, RowRejected, Unreadable
from steelthread.intake.values import NULLS, clean, converter, moment
from steelthread.kit import Invalid
from steelthread.model import Attribute, Model

Cells = list[str]
Take = Callable[[Cells], str]
Test = Callable[[Cells], bool]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PARTIES = ("Individual", "Account")
_WORDS = {
    "column", "constant", "concat", "separator", "lookup", "default", "split", "part", "regex", "group", "case", "date",
    "decimal", "country", "when",
}  # fmt: skip


class _Setter:
    """Fills one attribute."""

    __slots__ = ("attribute", "column", "constant", "convert", "many", "take", "test")

    def __init__(self, attribute: Attribute, take: Take, convert: Callable[[str], Any], column: str) -> None:
        self.attribute = attribute.name
        self.many = attribute.many
        self.take = take
        self.convert = convert
        self.column = column
        self.constant = False
        self.test: Test | None = None


class _Entity:
    """Makes one entity of a row."""

    __slots__ = ("is_party", "key", "name", "parent", "parent_key", "party", "setters", "test")

    def __init__(self, name: str) -> None:
        self.name = name
        self.setters: list[_Setter] = []
        self.test: Test | None = None
        self.key: Callable[[Cells], str | None] | None = None
        self.is_party = False
        self.party: tuple[str, str, Callable[[Cells], str | None]] | None = None
        self.parent = ""
        self.parent_key: Callable[[Cells], str | None] | None = None


class Mapping:
    """Maps rows of one file."""

    def __init__(self, source: Source, model: Model, columns: Sequence[str], country: str) -> None:
        self.columns = list(columns)
        self.primary = source.primary
        self._source = source
        self._model = model
        self._country = source.country or country
        self._place = {name: index for index, name in enumerate(columns)}
        self._used: set[str] = set()
        self.key = self._key_of_row(source.key)
        self._entities = [self._entity(one) for one in source.entities]
        self._observed = self._observed_at(source.observed_at)
        self._identifiers = [
            (one.kind, one.namespace, self._index(one.column), one.entity) for one in source.identifiers
        ]
        left = set(source.ignore)
        self.unmapped = [name for name in columns if name not in self._used and name not in left]
        self._extras = [(name, self._place[name]) for name in self.unmapped]

    # -- per row -------------------------------------------------------------------------------------------------

    def map(self, cells: Cells) -> MappedRow:
        """Map a row; RowRejected when it has no key."""
        key = self.key(cells)
        issues: list[Issue] = []
        records: list[MappedRecord] = []
        parts: list[MappedPart] = []
        for entity in self._entities:
            if entity.test is not None and not entity.test(cells):
                continue
            values, filled = self._values(entity, cells, issues)
            if entity.key is None:
                if filled:
                    parts.append(MappedPart(entity.name, values))
                continue
            own = entity.key(cells)
            if own is not None:
                records.append(self._record(entity, own, values, cells))
        if not records and parts:
            first = parts.pop(0)
            records.append(MappedRecord(first.entity, key, first.values, [], []))
        self._settle(records, parts, cells)
        observed = self._observed(cells, issues) if self._observed else None
        extras = {name: cells[index] for name, index in self._extras if cells[index]}
        return MappedRow(records, observed, issues, extras)

    def _values(self, entity: _Entity, cells: Cells, issues: list[Issue]) -> tuple[dict[str, Any], bool]:
        values: dict[str, Any] = {}
        filled = False
        for setter in entity.setters:
            raw = setter.take(cells)
            if not raw or raw.lower() in NULLS or (setter.test is not None and not setter.test(cells)):
                continue
            try:
                value = setter.convert(raw)
            except Unreadable as error:
                issues.append(Issue(setter.column, str(error), entity.name, setter.attribute, raw))
                continue
            values[setter.attribute] = [value] if setter.many else value
            filled = filled or not setter.constant
        return values, filled

    def _record(self, entity: _Entity, key: str, values: dict[str, Any], cells: Cells) -> MappedRecord:
        record = MappedRecord(entity.name, key, values, [], [])
        if entity.party is not None:
            named = entity.party[2](cells)
            if named is not None:
                record.party = (entity.party[0], entity.party[1], named)
        if entity.parent and entity.parent_key is not None:
            above = entity.parent_key(cells)
            if above is not None:
                record.parent = (entity.parent, above)
        return record

    def _settle(self, records: list[MappedRecord], parts: list[MappedPart], cells: Cells) -> None:
        """Give parts, identifiers and the row's person to the records to which they belong."""
        if not records:
            return
        person = next((one for one in records if self._is_party(one.entity)), None)
        holder = person or records[0]
        holder.parts = parts
        for kind, namespace, index, entity in self._identifiers:
            value = cells[index]
            if value and value.lower() not in NULLS:
                target = next((one for one in records if one.entity == entity), records[0])
                target.identifiers.append((kind, namespace, value))
        for record in records:
            if record.parent is None:
                record.parent = next(
                    ((one.entity, one.key) for one in records for made in self._entities
                     if made.name == record.entity and made.parent == one.entity and made.parent_key is None), None,
                )  # fmt: skip
            if person is not None and record is not person and record.party is None and record.parent is None:
                owned = self._model.entity(record.entity)
                if owned.event_time or owned.category == "engagement":
                    record.party = (self._source.name, person.entity, person.key)

    def _is_party(self, entity: str) -> bool:
        return any(self._model.is_a(entity, party) for party in _PARTIES)

    # -- compiling -----------------------------------------------------------------------------------------------

    def _index(self, column: str) -> int:
        if column not in self._place:
            raise Invalid(
                f"sources/{self._source.name}.yaml maps the column {column}, which the file does not have. "
                f"It has: {', '.join(self.columns)}."
            )
        self._used.add(column)
        return self._place[column]

    def _key_of_row(self, key: Any) -> Callable[[Cells], str]:
        if isinstance(key, dict) and key.get("row_hash"):
            return lambda cells: hashlib.blake2b("\x1f".join(cells).encode(), digest_size=16).hexdigest()
        take, names = self._key(key), key if isinstance(key, str) else ", ".join(key or [])

        def of_row(cells: Cells) -> str:
            found = take(cells)
            if found is None:
                raise RowRejected(names, "the key is empty")
            return found

        return of_row

    def _key(self, key: Any) -> Callable[[Cells], str | None]:
        if isinstance(key, dict) and key.get("row_hash"):
            return self._key_of_row(key)
        if isinstance(key, str):
            index = self._index(key)
            return lambda cells: cells[index] or None
        if isinstance(key, list) and key and all(isinstance(name, str) for name in key):
            places = [self._index(name) for name in key]

            def joined(cells: Cells) -> str | None:
                values = [cells[place] for place in places]
                if not all(values):
                    return None
                return "|".join(value.replace("\\", "\\\\").replace("|", "\\|") for value in values)

            return joined
        raise Invalid(f"sources/{self._source.name}.yaml: `key` is a column, a list of columns, or {{row_hash: true}}.")

    def _entity(self, one: EntityMapping) -> _Entity:
        made = _Entity(one.entity)
        definition = self._model.entity(one.entity)
        made.is_party = self._is_party(one.entity)
        made.test = self._test(one.when) if one.when else None
        is_part = definition.owner in ("partyId", "individualId", "accountId") and not definition.event_time
        if one.key is not None:
            made.key = self._key(one.key)
        elif not is_part or one.entity == self.primary:
            made.key = self.key
        party = one.party or (self._source.party if not made.is_party and not is_part else None)
        if party:
            made.party = (
                str(party.get("source") or self._source.name), str(party.get("entity") or "Individual"),
                self._nullable(self._key(party.get("key"))),
            )  # fmt: skip
        if isinstance(one.parent, dict):
            made.parent, made.parent_key = str(one.parent["entity"]), self._key(one.parent["key"])
        elif one.parent:
            made.parent = str(one.parent)
        made.setters = [self._setter(definition.attributes[name], how) for name, how in one.attributes.items()]
        return made

    def _nullable(self, take: Callable[[Cells], str | None]) -> Callable[[Cells], str | None]:
        def of(cells: Cells) -> str | None:
            found = take(cells)
            return None if found is None or found.lower() in NULLS else found

        return of

    def _setter(self, attribute: Attribute, how: Any) -> _Setter:
        how = {"column": how} if isinstance(how, str) else how
        if not isinstance(how, dict):
            raise Invalid(f"sources/{self._source.name}.yaml: {attribute.name} takes a column name or a mapping.")
        unknown = set(how) - _WORDS
        if unknown:
            raise Invalid(
                f"sources/{self._source.name}.yaml: {attribute.name}: {', '.join(sorted(unknown))} is not understood."
            )
        dates = how.get("date") or ()
        formats = (dates,) if isinstance(dates, str) else tuple(dates)
        convert = converter(
            attribute.type,
            attribute.logical,
            formats,
            str(how.get("decimal", ".")),
            str(how.get("country", self._country)),
        )
        setter = _Setter(attribute, self._take(attribute.name, how), convert, str(how.get("column", attribute.name)))
        setter.constant = "constant" in how
        setter.test = self._test(how["when"]) if how.get("when") else None
        return setter

    def _take(self, name: str, how: dict[str, Any]) -> Take:
        if "constant" in how:
            constant = str(how["constant"])
            return lambda _: constant
        if "concat" in how:
            places = [self._index(column) for column in how["concat"]]
            separator = str(how.get("separator", " "))
            return lambda cells: separator.join(cells[place] for place in places if cells[place])
        if "column" not in how:
            raise Invalid(f"sources/{self._source.name}.yaml: {name} names no column.")
        index = self._index(how["column"])
        take: Take = lambda cells: cells[index]  # noqa: E731  # one of a chain of small steps
        for word, step in (("split", _split), ("regex", _regex), ("lookup", _lookup), ("case", _case)):
            if word in how:
                take = step(take, how)
        return take

    def _test(self, when: dict[str, Any]) -> Test:
        index = self._index(str(when.get("column", "")))
        if "equals" in when:
            wanted = str(when["equals"])
            return lambda cells: cells[index] == wanted
        if "in" in when:
            among = {str(value) for value in when["in"]}
            return lambda cells: cells[index] in among
        if "matches" in when:
            pattern = re.compile(str(when["matches"]))
            return lambda cells: pattern.search(cells[index]) is not None
        if "empty" in when:
            return lambda cells: cells[index].lower() in NULLS
        return lambda cells: cells[index].lower() not in NULLS

    def _observed_at(self, how: Any) -> Callable[[Cells, list[Issue]], int | None] | None:
        if not how:
            return None
        how = {"column": how} if isinstance(how, str) else how
        column = str(how["column"])
        index = self._index(column)
        dates = how.get("date") or ()
        formats = (dates,) if isinstance(dates, str) else tuple(dates)

        def observed(cells: Cells, issues: list[Issue]) -> int | None:
            value = cells[index]
            if value.lower() in NULLS:
                return None
            try:
                return (moment(value, formats) - _EPOCH) // timedelta(microseconds=1)
            except Unreadable as error:
                issues.append(Issue(column, str(error), "", "observed_at", value))
                return None

        return observed


def _split(take: Take, how: dict[str, Any]) -> Take:
    mark, part = str(how["split"]), how.get("part", 0)

    def split(cells: Cells) -> str:
        words = [word for word in take(cells).split(mark) if word]
        if part == "rest":
            return mark.join(words[1:])
        place = {"first": 0, "last": -1}.get(part, part)
        return words[place] if words and -len(words) <= place < len(words) else ""

    return split


def _regex(take: Take, how: dict[str, Any]) -> Take:
    pattern, group = re.compile(str(how["regex"])), how.get("group", 0)

    def found(cells: Cells) -> str:
        match = pattern.search(take(cells))
        return (match[group] or "") if match else ""

    return found


def _lookup(take: Take, how: dict[str, Any]) -> Take:
    table = {str(name).casefold(): str(value) for name, value in how["lookup"].items()}
    default = how.get("default")

    def looked(cells: Cells) -> str:
        value = take(cells)
        return table.get(value.casefold(), value if default is None else str(default)) if value else ""

    return looked


def _case(take: Take, how: dict[str, Any]) -> Take:
    change = {"lower": str.lower, "upper": str.upper, "title": str.title}[how["case"]]
    return lambda cells: change(clean(take(cells)))


def compile_mapping(source: Source, model: Model, columns: Sequence[str], country: str = "") -> Mapping:
    """Compile a source's mapping for a file with these columns; Invalid for a column that the file lacks."""
    return Mapping(source, model, columns, country)
