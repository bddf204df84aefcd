"""Organisations as matching sees them: columns, keys, comparisons and walls. The machinery is the one that people have.

Legal forms stand apart from the name and are weak evidence. A contact that stands with names which conflict is one of
several organisations (an office block, an accountant, a group), as a family's is. Two different numbers of one register of
which an organisation has one are a wall.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from rapidfuzz.distance import JaroWinkler

from steelthread.identity.match.blocking import Word
from steelthread.identity.match.coded import Coded
from steelthread.identity.match.coding import Coding
from steelthread.identity.match.comparisons import ELSE, Comparison, Level, Wall, place
from steelthread.identity.match.conditions import Condition
from steelthread.identity.match.contacts import parse_mailbox, parse_phone
from steelthread.identity.match.firms import Firm, parse_firm, parts_of, spoken
from steelthread.identity.match.prepare import (
    ADDRESS_WORDS,
    Frequencies,
    Values,
    address_texts,
    document_of,
    home_key,
    several,
    single,
)
from steelthread.identity.organisations import domain_of
from steelthread.identity.places import Address, parse_address

if TYPE_CHECKING:
    from steelthread.identity.match.model import Model

TEXTS = (
    "firm", "firm_run", "firm_key", "firm_spoken", "lead", "form", "phone", "postcode", "area", "city", "road", "house", "address",
)  # fmt: skip
LISTS = (
    "firms", "letters", "called_firm", "firm_sounds", "firm_parts", "domains", "mails", "phones", "homes", "family", "numbers", "lent", "schemes",
    "registers", "registrations",
)  # fmt: skip
FREQUENT = ("firm", "postcode", "city")
TOO_MANY = 8
"""From this many different names on a contact says nothing: a mail provider, an agent, a virtual office."""
RULES = (
    "firm", "firm_key", "called_firm*", "firms*", "domains*", "mails*", "phones*", "numbers*", "homes*", "firm_parts*", "firm_spoken", "firm_run:6",
    "lead postcode", "lead city", "firm_sounds* postcode", "firm_sounds* city", "firm_sounds* road", "road house", "lead area", "firm:4 area",
)  # fmt: skip
WORDS = [[Word(text) for text in rule.split()] for rule in RULES]
_PREFIX = 2
_COUNTRY = ("tax_id", "vat", "vat_id", "vat_number")
"""Registers whose numbers may have the letters of the country before them, or not."""
_UNIT = re.compile(r"#\s?\d+(?:-\d+)?")
_HOUSE = re.compile(r"\d+\s?[a-zA-Z]?\s+[^\d\s]{2,}")
_POSTCODE = re.compile(r"(?<![\w-])\d{5,6}(?![\w])")
_NAMED = 0.93


class _Read:
    """A record, read."""

    def __init__(self, row: Values) -> None:
        self.firms = [firm for text in several(row.get("organisationName")) if (firm := parse_firm(text)).words]
        self.address = read_address(*(single(row.get(word)) for word in ADDRESS_WORDS))
        self.mails = [box.key for text in several(row.get("emailAddress")) if (box := parse_mailbox(text))]
        sites = [*several(row.get("webSiteURL")), *self.mails]
        self.domains = [*dict.fromkeys(domain for text in sites if (domain := domain_of(text)))]
        self.phones = [phone for text in several(row.get("telephoneNumber")) if (phone := parse_phone(text))]
        self.numbers = [number for text in several(row.get("partyIdentification")) if (number := registered(text))]
        self.single = [number for text in several(row.get("registrationNumber")) if (number := registered(text))]
        self.home = home_key(self.address)

    @property
    def firm(self) -> Firm:
        """The name that comes first."""
        return self.firms[0] if self.firms else Firm()

    def contacts(self) -> list[str]:
        """Return what organisations may share."""
        return [*self.mails, *self.domains, *self.phones, *self.numbers, *([self.home] if self.home else [])]


def read_address(
    line: str, house: str, unit: str, city: str, postcode: str, more: str = "", country: str = ""
) -> Address:
    """Take an address apart; what stands before the house (a building, a unit) and where the postcode stands makes no difference."""
    plain = _UNIT.sub(" ", line)
    parts = [part.strip() for part in plain.split(",")]
    at = next((place for place, part in enumerate(parts) if _HOUSE.match(part)), 0)
    codes = _POSTCODE.findall(" ".join(parts[at:])) if not postcode else []
    if codes:
        parts = [part.replace(codes[-1], " ").strip() for part in parts]
    whole = ", ".join(part for part in parts[at:] if part)
    return parse_address(whole, house, unit, city, postcode or "".join(codes[-1:]), more, country)


def registered(text: str) -> str:
    """Return `scheme:number` without marks, a tax number without its country, "" when nothing is left."""
    number = document_of(text)
    scheme, _, bare = number.partition(":")
    if scheme in _COUNTRY and bare[:_PREFIX].isalpha() and bare[_PREFIX:].isdigit():
        return f"{scheme}:{bare[_PREFIX:]}"
    return number


def survey(records: Sequence[Values]) -> Frequencies:
    """Say what the whole of the data tells: how frequent names and places are, and which contacts are of several names."""
    found = Frequencies()
    counts: dict[str, dict[str, int]] = {column: defaultdict(int) for column in FREQUENT}
    holders: dict[str, dict[str, Firm]] = defaultdict(dict)
    for row in records:
        read = _Read(row)
        for column, value in (
            ("firm", read.firm.name),
            ("postcode", read.address.postcode),
            ("city", read.address.city),
        ):
            if value:
                counts[column][value] += 1
        for contact in read.contacts() if read.firms else ():
            holders[contact].setdefault(read.firm.name, read.firm)
    for column, counter in counts.items():
        total = sum(counter.values()) or 1
        found.shares[column] = {value: count / total for value, count in counter.items()}
        found.rarest[column] = 1 / total
    for contact, firms in holders.items():
        different = _different(firms.values()) if len(firms) > 1 else 1
        if different > TOO_MANY:
            found.generic.add(contact)
        elif different > 1:
            found.family.add(contact)
    return found


def _different(firms: Iterable[Firm]) -> int:
    """Return how many of these names are of different organisations; up to a few more than too many are looked at."""
    distinct: list[Firm] = []
    for firm in sorted(firms, key=lambda one: one.name):
        if not any(_may_be_one(firm, other) for other in distinct):
            distinct.append(firm)
        if len(distinct) > TOO_MANY:
            break
    return len(distinct)


def _may_be_one(one: Firm, other: Firm) -> bool:
    """Whether two names may be one organisation's: the words of one are those of the other, as they sound; alike; or initials."""
    mine, theirs = ({spoken(word) for word in firm.words} for firm in (one, other))
    return (
        mine <= theirs
        or theirs <= mine
        or JaroWinkler.similarity(one.run, other.run) >= _NAMED
        or one.run == other.initials
        or other.run == one.initials
    )


def columns_of(row: Values, found: Frequencies) -> dict[str, Any]:
    """Return the columns of one record: None where it says nothing; `tf_x` is how frequent its x is."""
    read = _Read(row)
    firm = read.firm
    known = {
        name: [one for one in values if one not in found.generic]
        for name, values in (
            ("mails", read.mails), ("domains", read.domains), ("phones", read.phones), ("homes", [read.home] if read.home else []),
        )
    }  # fmt: skip
    texts = {
        "firm": firm.name, "firm_run": firm.run, "firm_key": " ".join(sorted(firm.words)), "firm_spoken": firm.spoken,
        "lead": next(iter(firm.words), ""), "form": next(iter(firm.forms), ""), "phone": next(iter(known["phones"]), ""),
        **address_texts(read.address),
    }  # fmt: skip
    letters = [one.initials for one in read.firms if one.initials]
    runs = [one.run for one in read.firms]
    lists: dict[str, Iterable[str]] = {
        **known,
        "firms": runs,
        "letters": letters,
        "called_firm": (*runs, *letters),
        "firm_sounds": (spoken(word) for one in read.firms for word in one.words),
        "firm_parts": (part for one in read.firms for part in parts_of(one)),
        "family": (one for one in read.contacts() if one in found.family),
        "numbers": read.numbers,
        "lent": (one for one in read.numbers if one in found.family),
        "schemes": (one.partition(":")[0] for one in read.numbers),
        "registers": (one.partition(":")[0] for one in read.single),
        "registrations": read.single,
    }
    columns: dict[str, Any] = {column: texts[column] or None for column in TEXTS}
    for column in LISTS:
        columns[column] = [*dict.fromkeys(value for value in lists[column] if value)] or None
    for column in FREQUENT:
        value = columns[column]
        columns[f"tf_{column}"] = (
            found.shares[column].get(value, found.rarest[column]) if value and column in found.shares else None
        )
    return columns


def prepared(records: Sequence[Values], frequencies: Frequencies | None = None) -> tuple[Coded, Frequencies]:
    """Return the columns of all records, and what the whole of the data tells, if that is not given."""
    found = frequencies or survey(records)
    columns = (*TEXTS, *LISTS, *(f"tf_{column}" for column in FREQUENT))
    coding = Coding(columns, TEXTS, LISTS, FREQUENT)
    for start in range(0, len(records), 500):
        rows = (columns_of(row, found) for row in records[start : start + 500])
        coding.add([[row[column] for column in columns] for row in rows])
    return coding.coded(np.arange(len(records), dtype=np.int64)), found


_SHARES_ONLINE: Condition = ["any", ["shares", "domains"], ["shares", "mails"]]
_SAME_PLACE: Condition = ["any", ["same", "postcode"], ["same", "city"]]
_NEAR: Condition = ["all", _SAME_PLACE, ["same", "house"], ["any", ["edits", "road", 2], ["jaro", "road", 0.9]]]
_SEVERAL: Condition = ["any", ["all", _SHARES_ONLINE, ["shares", "phones"]], ["all", _SHARES_ONLINE, ["shares", "homes"]],
                       ["all", ["shares", "phones"], ["shares", "homes"]]]  # fmt: skip
_OF_SEVERAL: Condition = ["shares", "family"]
_TWO_KINDS: Condition = ["any", *(
    ["not", ["any", ["null", one], ["null", other]]]
    for one, other in (("domains", "phones"), ("domains", "homes"), ("phones", "homes"))
)]  # fmt: skip
_BLOCK = 4.0
"""How good the odds are at best by a contact alone that several have: an office block, a switchboard, a group's domain."""


def _name() -> Comparison:
    return Comparison("firm", ["null", "firm"], [
        Level("same name", ["same", "firm"], 0.52, 0.0005, frequency="firm"),
        Level("same name, in another order or another of its names", ["any", ["same", "firm_key"], ["shares", "firms"]], 0.06, 0.0003),
        Level("name spelled almost alike", ["any", ["edits", "firm_run", 2], ["jaro", "firm_run", _NAMED]], 0.14, 0.002),
        Level("initials", ["within", "firm_run", "letters"], 0.04, 0.0005),
        Level("all words of the shorter name are in the other", ["within", "firm_spoken", "firm_parts"], 0.18, 0.004),
        Level("different name", ELSE, 0.06, 0.9927, alone=0.0),
    ])  # fmt: skip


def _contact() -> Comparison:
    nothing: Condition = ["all", ["null", "domains"], ["null", "mails"], ["null", "phones"], ["null", "address"]]
    return Comparison("firm_contact", nothing, [
        Level("several contacts shared, of several names", ["all", _OF_SEVERAL, _SEVERAL], 0.04, 0.0002),
        Level("several contacts shared", _SEVERAL, 0.20, 0.0001),
        Level("domain shared, of several names", ["all", _OF_SEVERAL, ["shares", "domains"]], 0.04, 0.0005, alone=_BLOCK),
        Level("domain shared", ["shares", "domains"], 0.15, 0.0003),
        Level("e-mail shared", ["shares", "mails"], 0.04, 0.0001),
        Level("phone shared, of several names", ["all", _OF_SEVERAL, ["shares", "phones"]], 0.03, 0.0005, alone=_BLOCK),
        Level("phone shared", ["shares", "phones"], 0.12, 0.0002),
        Level("address shared, of several names", ["all", _OF_SEVERAL, ["shares", "homes"]], 0.04, 0.001, alone=_BLOCK),
        Level("address shared", ["shares", "homes"], 0.12, 0.0005),
        Level("phone almost alike", ["any", ["edits", "phone", 1], ["tail", "phone", 7]], 0.02, 0.0005),
        Level("house and road almost alike", _NEAR, 0.08, 0.001),
        Level("same road", ["all", ["same", "road"], _SAME_PLACE], 0.03, 0.003),
        Level("another domain", ["not", ["null", "domains"]], 0.04, 0.2, alone=0.0),
        Level("contacts of two kinds differ", _TWO_KINDS, 0.03, 0.3),
        Level("no contact shared", ELSE, 0.10, 0.4923, alone=0.0),
    ], shared=True)  # fmt: skip


def _others() -> dict[str, Comparison]:
    return {
        "form": Comparison("firm_form", ["null", "form"], [
            Level("same legal form", ["same", "form"], 0.90),
            Level("different legal form", ELSE, 0.10, alone=0.0),
        ]),
        "number": Comparison("firm_number", ["not", ["shares", "schemes"]], [
            Level("same registration number, with names that conflict", ["shares", "lent"], 0.05, 0.0005),
            Level("same registration number", ["shares", "numbers"], 0.85, 0.0005),
            Level("different registration number", ELSE, 0.10, 0.999, alone=0.0),
        ]),
    }  # fmt: skip


def choose(filled: dict[str, float]) -> list[Comparison]:
    """Choose the comparisons for columns by the share of records in which each is filled."""

    def there(*columns: str) -> bool:
        return any(filled.get(column, 0.0) > 0 for column in columns)

    others = _others()
    chosen = [_name()] if there("firm") else []
    if there("domains", "mails", "phones", "address"):
        chosen.append(_contact())
    if there("postcode", "city"):
        chosen.append(msgspec.structs.replace(place(), name="firm_place"))
    return chosen + [others[name] for name, column in (("form", "form"), ("number", "numbers")) if there(column)]


def walls(*, families: bool) -> list[Wall]:  # noqa: ARG001  # organisations have no twins
    """Return what two records of one organisation never have."""
    two: Condition = ["all", ["shares", "registers"], ["not", ["shares", "registrations"]]]
    return [Wall("two different numbers of one register", two)]


def lacks(filled: Mapping[str, float], records: int, model: "Model") -> list[str]:
    """Return what is missing, as sentences for the person who maps the data; none when nothing is."""
    found = []
    if filled.get("firm", 0.0) < 0.2:
        found.append(
            "Fewer than one organisation in five has a name: map businessName or legalName of Organization, or name of Account."
        )
    if max((filled.get(column, 0.0) for column in ("domains", "phones", "homes", "numbers")), default=0.0) < 0.2:
        found.append(
            "Hardly any organisation has a domain, a phone, an address or a registration number: namesakes cannot be told apart."
            " Map webSiteURL, telephoneNumber, addressLine1 or partyIdentification."
        )
    expected = model.prior * records * (records - 1) / 2
    if expected < 50:
        found.append(
            f"About {expected:.0f} pairs of organisations are one: too few to learn from, so their part of the model is close to"
            " what is expected of any data."
        )
    return found
