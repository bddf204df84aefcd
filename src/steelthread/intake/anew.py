"""Mapping what is kept of a row anew: the columns that no mapping took lie with the row's first record, as they were. Pure.

What the present mapping makes of such a column takes its place in the record; an attribute that the mapping does not have any
more goes back among the columns, under its own name; one that the model has no more stays as it was kept. A column that was
mapped is not kept as it was: what is made of it otherwise than before comes with the file, when it is loaded again.
"""

import msgspec

from steelthread.intake.language import AttributeMapping, Condition, EntityMapping
from steelthread.intake.mapping import Mapping
from steelthread.intake.source import Source
from steelthread.intake.types import MappedPart, MappedRecord, MappedRow, RowRejected
from steelthread.model import Model

_KEY = "\x00key"


class Anew:
    """Maps the kept records of one source anew, as far as its mapping takes columns that lie there unmapped."""

    def __init__(self, source: Source, model: Model, country: str) -> None:
        self._source, self._model, self._country = source, model, country
        self._mapped: dict[str, set[str]] = {}
        for one in source.entities:
            names = {model.mappable(one.entity, name).name for name in one.attributes}
            self._mapped.setdefault(one.entity, set()).update(names)
        self._several = {name for name in self._mapped if sum(one.entity == name for one in source.entities) > 1}
        self._compiled: dict[tuple[str, ...], Mapping | None] = {}

    def map(self, record: MappedRecord, extras: dict[str, str]) -> tuple[MappedRecord, dict[str, str]] | None:
        """Return a record as the mapping makes it now, with the columns that are left; None where nothing is otherwise."""
        if record.entity not in self._mapped:
            return None
        gone = self._model.entity(record.entity).attributes.keys() - self._mapped[record.entity]
        values = {name: value for name, value in record.values.items() if name not in gone}
        left = {name: cell for name, cell in extras.items() if name not in self._source.ignore}
        left |= {name: str(value) for name, value in record.values.items() if name not in values}
        parts, identifiers = list(record.parts), list(record.identifiers)
        row = self._row(record, extras)
        if row is not None:
            set_aside = {issue.column for issue in row.issues}
            for made in row.records:
                if made.entity == record.entity:
                    values |= made.values
                    parts = self._joined(parts, made.parts)
                    identifiers += [one for one in made.identifiers if one not in identifiers]
            taken = self._columns(extras) - set_aside
            left = {name: cell for name, cell in left.items() if name not in taken}
        if (values, parts, identifiers, left) == (record.values, record.parts, record.identifiers, extras):
            return None
        return MappedRecord(record.entity, record.key, values, parts, identifiers), left

    def _row(self, record: MappedRecord, extras: dict[str, str]) -> MappedRow | None:
        columns = tuple(sorted(extras))
        named = (record.entity, *columns)
        if named not in self._compiled:
            self._compiled[named] = self._mapping(record.entity, columns)
        mapping = self._compiled[named]
        if mapping is None:
            return None
        try:
            return mapping.map([record.key, *(extras[column] for column in columns)])
        except RowRejected:
            return None

    def _mapping(self, entity: str, columns: tuple[str, ...]) -> Mapping | None:
        """Return what of the mapping reads these columns alone and makes this record, or its parts; None for nothing."""
        there, entities = set(columns), []
        for one in self._source.entities:
            own = one.entity == entity and (one.key is None or one.key == self._source.key)
            if (own or self._is_part(one)) and _reads(one.when) <= there:
                said = {name: how for name, how in one.attributes.items() if _columns(how) and _columns(how) <= there}
                if said or own:
                    entities.append(msgspec.structs.replace(one, attributes=said, key=None, party=None, parent=None))
        identifiers = [one for one in self._source.identifiers if one.column in there and one.entity in ("", entity)]
        if not any(one.attributes for one in entities) and not identifiers:
            return None
        if all(one.entity != entity for one in entities):
            entities.insert(0, EntityMapping(entity))
        source = msgspec.structs.replace(
            self._source, key=_KEY, entities=entities, identifiers=identifiers, observed_at=None, party=None, ignore=[]
        )
        return Mapping(source, self._model, [_KEY, *columns], self._country)

    def _is_part(self, one: EntityMapping) -> bool:
        definition = self._model.entity(one.entity)
        owned = definition.owner in ("partyId", "individualId", "accountId") and not definition.event_time
        return owned and one.key is None

    def _columns(self, extras: dict[str, str]) -> set[str]:
        """Return the columns that the mapping takes."""
        taken = {column for one in self._source.entities for how in one.attributes.values() for column in _columns(how)}
        return (taken | {one.column for one in self._source.identifiers}) & extras.keys()

    def _joined(self, parts: list[MappedPart], made: list[MappedPart]) -> list[MappedPart]:
        """Add parts; what is said of a part that the mapping makes once goes into the one that is there."""
        found = list(parts)
        for one in made:
            same = [place for place, part in enumerate(found) if part.entity == one.entity]
            if len(same) == 1 and one.entity not in self._several:
                found[same[0]] = MappedPart(one.entity, {**found[same[0]].values, **one.values})
            elif one not in found:
                found.append(one)
        return found


def _reads(when: Condition | None) -> set[str]:
    return {when.column} if when else set()


def _columns(how: AttributeMapping) -> set[str]:
    """Return the columns that an attribute is made of, none for a constant."""
    return {one for one in (how.column, *(how.concat or ())) if one} | (
        _reads(how.when) if how.constant is None else set()
    )
