"""A made-up omnichannel company of households: what families share is everywhere, what a person has alone is rare.

Independent of the demo company. Parents, children, twins, a father and a son of one name; landlines, family mailboxes,
one address; moves, new names after a wedding, typing errors, nicknames, fields left out. Names come with the
frequencies of the historical data set, so that some are common and most are rare.
"""

import random
import string
from collections.abc import Sequence
from typing import Any

from steelthread.identity.names import short_forms

Record = dict[str, Any]
STREETS = ("mill lane", "high street", "station road", "orchard close", "church walk", "park avenue", "king street",
           "victoria road", "green lane", "manor drive", "the crescent", "london road", "springfield avenue")  # fmt: skip
CITIES = (
    ("london", "n"),
    ("leeds", "ls"),
    ("bristol", "bs"),
    ("york", "yo"),
    ("bath", "ba"),
    ("hull", "hu"),
    ("derby", "de"),
)
_NO_NAMES = frozenset(
    ("sir", "lord", "lady", "baronet", "viscount", "earl", "baron", "countess", "hon", "rev", "the", "dame")
)
_HOSTS = ("gmail.com", "mail.example", "post.example", "inbox.example")


class Town:
    """Draws households from names with their frequencies."""

    def __init__(
        self, firsts: Sequence[str], lasts: Sequence[str], seed: int, sharing: float, flats: float = 0.0
    ) -> None:
        """`flats` is the share of homes that are units of a house of many."""
        self.sharing, self.flats = sharing, flats
        self._houses: list[Record] = []
        self.chance = random.Random(seed)
        self.firsts = [one for one in firsts if len(one) > 2 and one not in _NO_NAMES]
        self.lasts = [one for one in lasts if len(one) > 2 and one not in _NO_NAMES]
        self.people = 0

    def household(self) -> list[tuple[Record, int]]:
        """Make a household; return its records, each with the number of its person."""
        roll = self.chance
        home = self._home()
        family: Record = {
            "home": home,
            "line": self._phone("1"),
            "mail": f"{home['last']}family{roll.randrange(9999)}@{roll.choice(_HOSTS)}",
        }
        size = roll.choices((1, 2, 3, 4, 5), (35, 30, 15, 14, 6))[0]
        people = [self._person(home["last"], adult=place < 2) for place in range(size)]
        if size > 2 and roll.random() < 0.08:
            people[2] |= {"first": people[0]["first"], "generation": "jr"}
            people[0]["generation"] = "sr"
        if size > 3 and roll.random() < 0.12:
            people[3]["birth"] = people[2]["birth"]
        if size > 1 and roll.random() < 0.15:
            people[1]["last"] = roll.choice(self.lasts)
        records = []
        for person in people:
            self.people += 1
            records += [(record, self.people) for record in self._records(person, family)]
        return records

    def _home(self) -> Record:
        return self._flat() if self.flats and self.chance.random() < self.flats else self._house()

    def _house(self) -> Record:
        roll = self.chance
        city, area = roll.choice(CITIES)
        return {
            "last": roll.choice(self.lasts), "house": str(roll.randrange(1, 180)), "street": roll.choice(STREETS), "city": city,
            "code": f"{area}{roll.randrange(1, 25)} {roll.randrange(1, 10)}{roll.choice('abdefgh')}{roll.choice('jlnpqrst')}",
        }  # fmt: skip

    def _flat(self) -> Record:
        """A home in a house of some twelve: everything but the family and the unit are those of the others."""
        roll = self.chance
        if len(self._houses) < 12 or roll.random() < 1 / 12:
            self._houses.append(self._house())
        return {**roll.choice(self._houses[-12:]), "last": roll.choice(self.lasts), "unit": str(roll.randrange(1, 40))}

    def _person(self, last: str, *, adult: bool) -> Record:
        roll = self.chance
        first = roll.choice(self.firsts)
        year = roll.randrange(1940, 2000) if adult else roll.randrange(1995, 2012)
        mail = roll.choice(
            (
                f"{first}.{last}{roll.randrange(99)}",
                f"{first[0]}{last}{roll.randrange(999)}",
                f"{first}{roll.randrange(9999)}",
            )
        )
        return {
            "first": first, "last": last, "birth": f"{year}-{roll.randrange(1, 13):02d}-{roll.randrange(1, 29):02d}",
            "mail": f"{mail}@{roll.choice(_HOSTS)}" if roll.random() < 1 - self.sharing * (0.3 if adult else 1.3) else "",
            "phone": self._phone("7") if roll.random() < 1 - self.sharing * (0.5 if adult else 1.6) else "", "generation": "",
        }  # fmt: skip

    def _phone(self, kind: str) -> str:
        return f"+44{kind}{self.chance.randrange(10**9):09d}"

    def _records(self, person: Record, family: Record) -> list[Record]:
        count = self.chance.choices((1, 2, 3, 4, 5, 6), (20, 25, 22, 16, 10, 7))[0]
        return [self._record(person, family) for _ in range(count)]

    def _record(self, person: Record, family: Record) -> Record:
        roll = self.chance
        home = self._home() if roll.random() < 0.06 else family["home"]
        kind = roll.choices(("crm", "shop", "loyalty", "newsletter", "support"), (30, 30, 15, 15, 10))[0]
        full = kind in ("crm", "shop", "loyalty")
        last = roll.choice(self.lasts) if roll.random() < 0.015 else person["last"]
        record = {
            "firstName": self._typed(self._called(person["first"])) if full or roll.random() < 0.6 else "",
            "lastName": self._typed(last) if full or roll.random() < 0.4 else "",
            "nameSuffix": person["generation"] if roll.random() < 0.7 else "",
            "birthDate": self._typed_date(person["birth"])
            if roll.random() < {"crm": 0.6, "loyalty": 0.8}.get(kind, 0.05)
            else "",
            "emailAddress": self._mail(person, family)
            if roll.random() < {"newsletter": 1.0, "shop": 0.95}.get(kind, 0.6)
            else "",
            "telephoneNumber": self._number(person, family)
            if roll.random() < {"newsletter": 0.0, "support": 0.8}.get(kind, 0.55)
            else "",
        }
        if full and roll.random() < 0.75:
            record |= {"addressLine1": self._typed(f"{home['house']} {home['street']}", 0.04), "cityName": home["city"],
                       "postalCodeText": home["code"] if roll.random() < 0.9 else ""}  # fmt: skip
            if "unit" in home:
                record |= self._unit(record["addressLine1"], home["unit"])
        return {name: value for name, value in record.items() if value}

    def _unit(self, line: str, unit: str) -> Record:
        """Write a unit in one of the usual ways; one in seven leaves it out, one in fifty writes another."""
        roll = self.chance
        if roll.random() < 0.02:
            unit = str(roll.randrange(1, 40))
        ways = ({}, {"unitNumber": unit}, {"addressLine1": f"Flat {unit}, {line}"}, {"addressLine1": f"{line}, Apt {unit}"},
                {"addressLine2": f"Flat {unit}"}, {"addressLine1": f"{unit}/{line}"}, {"addressLine1": f"{line} #{unit}"})  # fmt: skip
        return dict(roll.choice(ways))

    def _mail(self, person: Record, family: Record) -> str:
        own = person["mail"] if self.chance.random() < 1 - self.sharing / 2 else ""
        return self._typed(own or family["mail"], 0.02)

    def _number(self, person: Record, family: Record) -> str:
        own = person["phone"] if self.chance.random() < 1 - self.sharing else ""
        return str(own or family["line"])

    def _called(self, first: str) -> str:
        forms = sorted(short_forms(first))
        return self.chance.choice(forms) if forms and self.chance.random() < 0.1 else first

    def _typed_date(self, birth: str) -> str:
        roll = self.chance.random()
        if roll < 0.02:
            return birth[:5] + birth[8:] + birth[4:7]
        if roll < 0.05:
            place = self.chance.choice((3, 6, 9))
            return birth[:place] + self.chance.choice(string.digits) + birth[place + 1 :]
        return birth

    def _typed(self, text: str, rate: float = 0.06) -> str:
        roll = self.chance
        if len(text) < 4 or roll.random() > rate:
            return text
        place = roll.randrange(1, len(text) - 1)
        kind = roll.randrange(3)
        if kind == 0:
            return text[:place] + text[place + 1 :]
        if kind == 1:
            return text[:place] + roll.choice(string.ascii_lowercase) + text[place + 1 :]
        return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def company(
    firsts: Sequence[str],
    lasts: Sequence[str],
    households: int,
    seed: int,
    sharing: float = 0.3,
    flats: float = 0.0,
) -> tuple[list[Record], list[int]]:
    """Return records in a shuffled order, and the person of each. `sharing` says how much of its contacts a family shares."""
    town = Town(firsts, lasts, seed, sharing, flats)
    rows = [row for _ in range(households) for row in town.household()]
    town.chance.shuffle(rows)
    return [record for record, _ in rows], [person for _, person in rows]
