"""What matching by evidence sees of the record of a person or an organisation: personal values, unsealed in memory only, in its own few words."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import psycopg
from rapidfuzz.distance import DamerauLevenshtein

from steelthread import identity
from steelthread.intake import RecordRow, entity_names, load_source, records_by_id
from steelthread.kit import Invalid, NotFound
from steelthread.profiles import Opener, View
from steelthread.thread.space import Space

Connection = psycopg.Connection[Any]
Values = dict[str, Any]
_PAGE = 5000
DOUBTFUL = -6.0
"""Log2 odds of one person from which no number that differs keeps two records apart: it may have been written wrongly."""
SLIP = 2
"""Up to so many signs that differ (or neighbours that are swapped) two numbers may be one, written wrongly."""
_OWN = ("firstName", "middleName", "lastName", "personName", "nameSuffix")
_FIRMS = ("businessName", "legalName", "name")
_ALSO = ("organizationName", "organizationLegalName")
_NAMING = ("Account", "BusinessAccount", "PartyAdditionalName")
"""Parts that tell another name of an organisation."""
_PLACE = ("cityName", "postalCodeText", "countryName")
_STREET = ("addressLine1", "addressLine2", "houseNumber", "unitNumber")


class _Births:
    """Birth dates that are none, such as the 31st of April: who typed one wrongly told most of it all the same.

    A source's row keeps what it says where it cannot be read; its mapping says in which column.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._columns: dict[str, str] = {}

    def of(self, view: View) -> str:
        """Return what a record says of its birth date, as it was typed; "" where it says nothing."""
        if not view.extras:
            return ""
        if view.source not in self._columns:
            self._columns[view.source] = self._column(view.source)
        return view.extras.get(self._columns[view.source], "")

    def _column(self, source: str) -> str:
        try:
            entities = load_source(self._space.project.folder, source, self._space.model).entities
        except (Invalid, NotFound):
            return ""  # no mapping, or one that is being edited
        told = (one.attributes.get("birthDate") for one in entities if self._space.model.is_a(one.entity, "Individual"))
        return next((how.column for how in told if how is not None and how.column), "")


class Person:
    """A record as matching sees it."""

    __slots__ = ("digest", "record", "singles", "subject", "values", "view")

    def __init__(self, row: RecordRow, view: View, values: Values, singles: dict[str, set[str]]) -> None:
        self.record = row.record_id
        self.digest = row.digest
        self.subject = row.subject
        self.view = view
        self.values = values
        self.singles = singles

    def alone(self) -> "Person":
        """Return it without its view: a million of those would fill the memory."""
        del self.view
        return self


def values_of(view: View) -> Values:
    """Return the values of a record in the words of matching (docs/matching.md)."""
    if any(kind.startswith("account_") for kind, _ in view.identifiers) or view.entity in ("Organization", "Account"):
        return organisation_values_of(view)
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
    values.update(_place_of(view))
    if own.get("birthPlace") and "cityName" not in values:
        values["cityName"] = str(own["birthPlace"])
    return values


def _place_of(view: View) -> Values:
    """Return the first of a record's addresses, and of others what it lacks."""
    values: Values = {}
    streets: Values = {}
    for entity, part in view.parts:
        if entity == "ContactPointAddress":
            values.update({name: str(part[name]) for name in _PLACE if part.get(name) and name not in values})
            streets = streets or {name: str(part[name]) for name in _STREET if part.get(name)}
    return values | streets


def organisation_values_of(view: View, registers: Collection[str] = ()) -> Values:
    """Return the values of an organisation's record in the words of matching; `registers` are those that give it one number."""
    own = view.values
    told = [own.get(name) for name in _FIRMS]
    told += [part.get(name) for entity, part in view.parts for name in (*_FIRMS, *_ALSO) if entity in _NAMING]
    numbers = [
        (kind.removeprefix("account_id."), value) for kind, value in view.identifiers if kind.startswith("account_id.")
    ]
    values: Values = {
        "organisationName": [str(name) for name in told if name],
        "emailAddress": [value for kind, value in view.identifiers if kind == "account_email"],
        "telephoneNumber": [value for kind, value in view.identifiers if kind == "account_phone"],
        "webSiteURL": [value for kind, value in view.identifiers if kind == "account_domain"],
        "partyIdentification": [f"{scheme}:{value}" for scheme, value in numbers],
        "registrationNumber": [f"{scheme}:{value}" for scheme, value in numbers if scheme in registers],
    }
    return {word: found for word, found in values.items() if found} | _place_of(view)


def singles_of(values: Values, exclusive: Collection[str]) -> dict[str, set[str]]:
    """Return the numbers of the schemes of which a person has one: scheme -> numbers."""
    found: dict[str, set[str]] = {}
    for one in values.get("partyIdentification", ()):
        scheme, _, number = one.partition(":")
        if scheme in exclusive:
            found.setdefault(scheme, set()).add("".join(filter(str.isalnum, number.casefold())))
    return found


def singles_in(numbers: Collection[str], exclusive: Collection[str]) -> dict[str, set[str]]:
    """Return the same of a record as a model sees it: of its numbers, each with its scheme."""
    return singles_of({"partyIdentification": numbers}, exclusive)


def apart(one: Mapping[str, Collection[str]], other: Mapping[str, Collection[str]], weight: float) -> str:
    """Return why two records' numbers keep them apart, "" when they do not: none alike, not even by a slip of the pen.

    `weight` is what the model says in sum, the numbers counted against it: who may be one person all the same may have a wrong number.
    """
    if weight >= DOUBTFUL:
        return ""
    for scheme in one.keys() & other.keys():
        pairs = [(a, b) for a in one[scheme] for b in other[scheme]]
        if all(DamerauLevenshtein.distance(a, b, score_cutoff=SLIP) > SLIP for a, b in pairs):
            return f"two different numbers of which a person has one ({scheme})"
    return ""


def person_entities(space: Space, conn: Connection) -> list[int]:
    """Return the numbers of the entities whose records are people."""
    return [number for number, name in entity_names(conn).items() if space.model.is_a(name, "Individual")]


def organisation_entities(space: Space, conn: Connection) -> list[int]:
    """Return the numbers of the entities whose records are organisations."""
    return identity.organisation_entities(conn, space.model)


def party_entities(space: Space, conn: Connection, *, sees_organisations: bool) -> list[int]:
    """Return the numbers of the entities whose records a model compares."""
    return person_entities(space, conn) + (organisation_entities(space, conn) if sees_organisations else [])


def people(space: Space, conn: Connection, records: Collection[int] | None = None) -> Iterator[Person]:
    """Yield the open records of people, all or these, in the order of their numbers; shredded ones are left out."""
    exclusive, country = space.rules.exclusive_schemes, space.project.settings.project.country
    births = _Births(space)
    for row, view in _opened(
        space, conn, numbers_of(conn, person_entities(space, conn)) if records is None else records
    ):
        values = values_of(view)
        if "birthDate" not in values and (typed := births.of(view)):
            values["birthDate"] = typed
        if country:
            values.setdefault("countryName", country)
        yield Person(row, view, values, singles_of(values, exclusive))


def organisations(space: Space, conn: Connection, records: Collection[int] | None = None) -> Iterator[Person]:
    """Yield the open records of organisations, as `people` does those of people. Their model knows the walls of numbers itself."""
    registers = space.rules.registers
    wanted = numbers_of(conn, organisation_entities(space, conn)) if records is None else records
    for row, view in _opened(space, conn, wanted):
        yield Person(row, view, organisation_values_of(view, registers), {})


def those_of(conn: Connection, records: Collection[int], entities: Collection[int]) -> list[int]:
    """Return those of these records that are of these entities."""
    rows = conn.execute(
        "select record_id from intake.record where record_id = any(%s) and entity_id = any(%s) order by 1",
        (list(records), list(entities)),
    )
    return [record for (record,) in rows]


def _opened(space: Space, conn: Connection, records: Collection[int]) -> Iterator[tuple[RecordRow, View]]:
    wanted = sorted(records)
    opener = Opener(conn, space.vault, adaptation=space.model.adaptation)
    for start in range(0, len(wanted), _PAGE):
        rows = {row.record_id: row for row in records_by_id(conn, wanted[start : start + _PAGE])}
        views = opener.open([row for _, row in sorted(rows.items()) if row.closed_at is None])
        yield from ((rows[view.record_id], view) for view in views)


def numbers_of(conn: Connection, entities: Collection[int]) -> list[int]:
    """Return the open records of parties of these entities, in order."""
    rows = conn.execute(
        "select record_id from intake.record where is_party and closed_at is null and entity_id = any(%s) order by 1",
        (list(entities),),
    )
    return [record for (record,) in rows]
