"""Search before create: who a made-up or half-filled record may be, under the model in force, in real time."""

import time
from typing import Any

import psycopg

from steelthread import identity
from steelthread.identity import ModelRow, Ref, known_country, load_match
from steelthread.kit import Conflict, Invalid
from steelthread.thread.models import keys_of, opened_model
from steelthread.thread.newcomers import CANDIDATES, COMMON
from steelthread.thread.people import Person, apart, people, singles_of
from steelthread.thread.space import Space

Connection = psycopg.Connection[Any]
WORDS = (
    "firstName", "middleName", "lastName", "personName", "nameSuffix", "birthDate", "gender", "category",
    "addressLine1", "addressLine2", "houseNumber", "unitNumber", "cityName", "postalCodeText", "countryName",
)  # fmt: skip
LISTS = {"emailAddress": "email", "telephoneNumber": "phone", "partyIdentification": ""}


class Likeness:
    """Answers who somebody may be; keeps the model in force compiled between questions."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._compiled: tuple[str, Any] = ("", None)
        """A version, and what scores under it."""

    def of(self, conn: Connection, given: dict[str, Any], limit: int = 10) -> dict[str, Any]:
        """Return the individuals that a record may be, most likely first, with scores and reasons.

        `given` is in the words of matching (docs/matching.md); e-mails, phones and documents may be lists. A document is
        `scheme:number`. Conflict when the project was never resolved: there is no model to ask.
        """
        version, scorer = self._compiled
        row = identity.model_in_force(conn, [version])
        if row is None:
            raise Conflict("There is no model yet: run steelthread resolve first.")
        if row.version != version:
            scorer = load_match().Scorer(opened_model(self._space, row))
            self._compiled = (row.version, scorer)
        began = time.perf_counter()
        values = self._values(given)
        asked = scorer.prepare(values)
        singles = singles_of(values, self._space.rules.exclusive_schemes)
        keys = keys_of(self._space, {0: asked})[0]
        rare = sorted(set(keys) - identity.common_keys(conn, keys, COMMON))
        found = list(people(self._space, conn, identity.found_by(conn, {0: rare}, CANDIDATES)[0]))
        told = self._ranked(conn, row, scorer, (asked, singles), found)
        return {
            "model": row.version, "compared": len(found), "individuals": told[:limit],
            "milliseconds": round((time.perf_counter() - began) * 1000, 2),
        }  # fmt: skip

    def _values(self, given: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(given) - {*WORDS, *LISTS})
        if unknown:
            raise Invalid(f"{', '.join(unknown)}: no word of matching; there are {', '.join((*WORDS, *LISTS))}.")
        values: dict[str, Any] = {word: str(given[word]) for word in WORDS if given.get(word)}
        land = known_country(values.get("countryName", "")) or self._space.project.settings.project.country
        for word, kind in LISTS.items():
            listed = given.get(word) or []
            texts = [str(one) for one in ([listed] if isinstance(listed, str) else listed)]
            values[word] = [self._key(kind, text, land) for text in texts] if kind else texts
        if not any(value for word, value in values.items() if word != "countryName"):
            raise Invalid("Say something about the person: a name, a contact, a birth date, an address.")
        return {"countryName": land, **values} if land else values

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
