"""Search before create: which person or organisation a made-up or half-filled record may be, under the model in force, in real time."""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import psycopg

from steelthread import identity
from steelthread.identity import ModelRow, Party, Ref, known_country, load_match
from steelthread.kit import Conflict, Invalid
from steelthread.thread.models import keys_of, opened_model
from steelthread.thread.newcomers import CANDIDATES, COMMON
from steelthread.thread.people import Person, apart, organisations, people, singles_of
from steelthread.thread.space import Space

Connection = psycopg.Connection[Any]
_ADDRESS = ("addressLine1", "addressLine2", "houseNumber", "unitNumber", "cityName", "postalCodeText", "countryName")
WORDS = (
    "firstName",
    "middleName",
    "lastName",
    "personName",
    "nameSuffix",
    "birthDate",
    "gender",
    "category",
    *_ADDRESS,
)
LISTS = {"emailAddress": "email", "telephoneNumber": "phone", "partyIdentification": ""}
FIRM_LISTS = {
    "organisationName": "", "webSiteURL": "account_domain", "registrationNumber": "", "emailAddress": "account_email",
    "telephoneNumber": "account_phone", "partyIdentification": "",
}  # fmt: skip
_REGISTER = "registration_number"


class _Words(NamedTuple):
    """In which words a record of a kind is told."""

    single: tuple[str, ...]
    lists: Mapping[str, str]
    """Those that may be several -> the kind of identifier that each is, "" for none."""
    such_as: str

    @property
    def all(self) -> tuple[str, ...]:
        """Every word."""
        return (*self.single, *self.lists)


_WORDS: dict[Party, _Words] = {
    "individual": _Words(WORDS, LISTS, "the person: a name, a contact, a birth date, an address"),
    "organisation": _Words(_ADDRESS, FIRM_LISTS, "the organisation: a name, a contact, a number, an address"),
}


def party_of_record(given: Mapping[str, Any]) -> Party:
    """Return what a record is of: the words tell that only organisations have; without one it is a person's."""
    own = set(_WORDS["organisation"].all) - set(_WORDS["individual"].all)
    return "organisation" if own & given.keys() else "individual"


class Likeness:
    """Answers who somebody may be; keeps the model in force compiled between questions."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._compiled: tuple[str, dict[Party, Any]] = ("", {})
        """A version, and what scores under it."""

    def of(
        self, conn: Connection, given: dict[str, Any], limit: int = 10, party: Party | None = None
    ) -> dict[str, Any]:
        """Return the individuals, or organisations, that a record may be, most likely first, with scores and reasons.

        `given` is in the words of matching (docs/matching.md); e-mails, phones and documents may be lists. A document is
        `scheme:number`. Conflict when the project was never resolved: there is no model to ask.
        """
        party = party or party_of_record(given)
        row, scorer = self._scorer(conn, party)
        began = time.perf_counter()
        values = self._values(given, party)
        asked = scorer.prepare(values)
        firm = party == "organisation"
        kind = load_match().ORGANISATIONS if firm else load_match().PEOPLE
        keys = keys_of(self._space, asked, kind)
        rare = sorted(set(keys) - identity.common_keys(conn, keys, COMMON))
        records = identity.found_by(conn, {0: rare}, CANDIDATES)[0]
        found = list((organisations if firm else people)(self._space, conn, records))
        singles = {} if firm else singles_of(values, self._space.rules.exclusive_schemes)
        told = self._ranked(conn, row, scorer, (asked, singles), found)
        return {
            "model": row.version, "party": party, "compared": len(found), "individuals": told[:limit],
            "milliseconds": round((time.perf_counter() - began) * 1000, 2),
        }  # fmt: skip

    def _scorer(self, conn: Connection, party: Party) -> tuple[ModelRow, Any]:
        """Return the model in force, and what scores a kind of record under it."""
        version, compiled = self._compiled
        row = identity.model_in_force(conn, [version])
        if row is None:
            raise Conflict("There is no model yet: run steelthread resolve first.")
        if row.version != version:
            whole = opened_model(self._space, row)
            parts: dict[Party, Any] = {"individual": whole, "organisation": whole.organisations}
            compiled = {name: load_match().Scorer(part) for name, part in parts.items() if part is not None}
            self._compiled = (row.version, compiled)
        if party not in compiled:
            raise Conflict("The model has not seen organisations yet: load some, and run steelthread resolve.")
        return row, compiled[party]

    def _values(self, given: dict[str, Any], party: Party) -> dict[str, Any]:
        words = _WORDS[party]
        unknown = sorted(set(given) - set(words.all))
        if unknown:
            of = identity.single(party)
            raise Invalid(f"{', '.join(unknown)}: no word of matching for {of}; there are {', '.join(words.all)}.")
        values: dict[str, Any] = {word: str(given[word]) for word in words.single if given.get(word)}
        land = known_country(values.get("countryName", "")) or self._space.project.settings.project.country
        for word, kind in words.lists.items():
            listed = given.get(word) or []
            texts = [str(one) for one in ([listed] if isinstance(listed, str) else listed)]
            values[word] = [self._key(kind, text, land) for text in texts] if kind else texts
        if not any(value for word, value in values.items() if word != "countryName"):
            raise Invalid(f"Say something about {words.such_as}.")
        if party == "organisation":
            return self._numbered(values)
        return {"countryName": land, **values} if land else values

    def _numbered(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return what is told of an organisation, its numbers as its records have them: each with its register."""
        told = [one if ":" in one else f"{_REGISTER}:{one}" for one in values["registrationNumber"]]
        numbers = [*dict.fromkeys([*values["partyIdentification"], *told])]
        registers = self._space.rules.registers
        single = [one for one in numbers if one.partition(":")[0] in registers]
        return values | {"partyIdentification": numbers, "registrationNumber": single}

    def _key(self, kind: str, text: str, country: str) -> str:
        return identity.match_values(Ref("identifier", text, kind=kind), self._space.rules, country, [])[0]

    def _ranked(
        self, conn: Connection, row: ModelRow, scorer: Any, given: tuple[Any, Any], found: list[Person]
    ) -> list[dict[str, Any]]:
        asked, singles = given
        persons = identity.persons_of(conn, [one.record for one in found])
        best: dict[Any, tuple[float, Person, Any]] = {}
        for one in found:
            prepared = scorer.prepare(one.values)
            weight = scorer.weight(asked, prepared)
            individual = persons.get(one.record)
            if individual is not None and (individual not in best or weight > best[individual][0]):
                best[individual] = (weight, one, prepared)
        ranked = sorted(best.items(), key=lambda item: (-item[1][0], item[0]))
        return [
            {
                "individualId": str(individual), "confidence": _confidence(row, weight), "weight": weight,
                "probability": 1 / (1 + 2.0**-weight), "record": one.view.ref,
                "wall": scorer.wall(asked, prepared) or apart(singles, one.singles, weight) or None,
                "waterfall": [
                    {"question": step.comparison, "answer": step.label, "weight": step.weight}
                    for step in scorer.waterfall(asked, prepared)
                ],
            }
            for individual, (weight, one, prepared) in ranked
            if weight >= row.loose
        ]  # fmt: skip


def _confidence(row: ModelRow, weight: float) -> str:
    return next(name for name in ("exact", "strict", "loose") if weight >= getattr(row, name))
