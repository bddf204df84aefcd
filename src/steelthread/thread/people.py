"""What matching by evidence sees of a person's record: personal values, unsealed in memory only, in its own few words."""

from collections.abc import Collection, Iterator
from typing import Any

import psycopg

from steelthread.intake import RecordRow, entity_names, records_by_id
from steelthread.profiles import Opener, View
from steelthread.thread.space import Space

Connection = psycopg.Connection[Any]
Values = dict[str, Any]
_PAGE = 5000
_OWN = ("firstName", "middleName", "lastName", "personName", "nameSuffix")
_PLACE = ("addressLine1", "houseNumber", "unitNumber", "cityName", "postalCodeText")


class Person:
    """A record as matching sees it."""

    __slots__ = ("digest", "record", "values", "view")

    def __init__(self, row: RecordRow, view: View) -> None:
        self.record = row.record_id
        self.digest = row.digest
        self.view = view
        self.values = values_of(view)


def values_of(view: View) -> Values:
    """Return the values of a record in the words of matching (docs/matching.md)."""
    own = view.values
    values: Values = {name: str(own[name]) for name in _OWN if own.get(name)}
    for name, word in (("birthDate", "birthDate"), ("genderId", "gender"), ("occupation", "category")):
        if own.get(name):
            values[word] = str(own[name])
    if own.get("secondLastName") and values.get("lastName"):
        values["lastName"] = f"{values['lastName']} {own['secondLastName']}"
    numbers = [(kind, value) for kind, value in view.identifiers if kind.startswith("party_id.")]
    lists = {
        "emailAddress": [value for kind, value in view.identifiers if kind == "email"],
        "telephoneNumber": [value for kind, value in view.identifiers if kind == "phone"],
        "partyIdentification": [f"{kind.removeprefix('party_id.')}:{value}" for kind, value in numbers],
    }
    values.update({word: found for word, found in lists.items() if found})
    for entity, part in view.parts:
        if entity == "ContactPointAddress":
            values.update({name: str(part[name]) for name in _PLACE if part.get(name) and name not in values})
    if own.get("birthPlace") and "cityName" not in values:
        values["cityName"] = str(own["birthPlace"])
    return values


def person_entities(space: Space, conn: Connection) -> list[int]:
    """Return the numbers of the entities whose records are people."""
    return [number for number, name in entity_names(conn).items() if space.model.is_a(name, "Individual")]


def people(space: Space, conn: Connection, records: Collection[int] | None = None) -> Iterator[Person]:
    """Yield the open records of people, all or these, in the order of their numbers; shredded ones are left out."""
    wanted = _numbers(space, conn) if records is None else sorted(records)
    opener = Opener(conn, space.vault)
    for start in range(0, len(wanted), _PAGE):
        rows = {row.record_id: row for row in records_by_id(conn, wanted[start : start + _PAGE])}
        views = opener.open([row for _, row in sorted(rows.items()) if row.closed_at is None])
        yield from (Person(rows[view.record_id], view) for view in views)


def _numbers(space: Space, conn: Connection) -> list[int]:
    rows = conn.execute(
        "select record_id from intake.record where is_party and closed_at is null and entity_id = any(%s) order by 1",
        (person_entities(space, conn),),
    )
    return [record for (record,) in rows]
