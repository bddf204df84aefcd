"""The made-up retailer: each person is made from (seed, number), so any size runs in constant memory.

The dirt: nicknames, typos in last names, people who moved or took their spouse's name, twins, families that share an
e-mail address, a landline or a tablet, phone numbers that were given to somebody new, role mailboxes, test phone
numbers, missing values, duplicates within a source, a late file and a repeated one. Truth.csv says who is who;
`linkable_group` is what deterministic keys can find of a person.
"""

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from steelthread.demo.names import CITIES, FIRST, LAST, PRODUCTS, STREETS
from steelthread.identity import default_text


class DemoCompany(msgspec.Struct):
    """What was made: loads in order (source, file), and where the truth is."""

    loads: list[tuple[str, Path]]
    truth: Path


class _Person(msgspec.Struct):
    number: int
    first: str
    last: str
    email: str
    own_email: bool
    phone: str
    birth: str
    street: str
    city: str
    card: str
    family: str
    tablet: str
    """The family's device, by which its members visit the shop."""


CRM = [
    "contact_id",
    "first_name",
    "last_name",
    "email",
    "phone",
    "birth_date",
    "street",
    "city",
    "postcode",
    "country",
    "updated_at",
]
SHOP = ["customer_id", "first_name", "last_name", "email", "mobile", "city", "created_at"]
ORDERS = ["order_id", "customer_id", "order_date", "total", "currency"]
TILLS = ["receipt_id", "loyalty_card", "date", "total", "currency"]
CARDS = ["member_id", "first_name", "last_name", "loyalty_number", "email"]
NEWS = ["subscriber_id", "email", "first_name"]
TRUTH = ["source", "entity", "key", "person", "linkable_group", "family"]

_MAPPINGS = {
    "crm": """priority: 20
key: contact_id
observed_at: updated_at
entities:
  - entity: Individual
    attributes: {firstName: first_name, lastName: last_name, birthDate: birth_date}
  - entity: ContactPointEmail
    attributes: {emailAddress: email}
  - entity: ContactPointPhone
    attributes: {telephoneNumber: phone}
  - entity: ContactPointAddress
    attributes: {addressLine1: street, cityName: city, postalCodeText: postcode, countryName: country}
""",
    "shop_customers": """priority: 10
key: customer_id
observed_at: created_at
entities:
  - entity: Individual
    attributes: {firstName: first_name, lastName: last_name}
  - entity: ContactPointEmail
    attributes: {emailAddress: email}
  - entity: ContactPointPhone
    attributes: {telephoneNumber: mobile}
  - entity: ContactPointAddress
    attributes: {cityName: city}
""",
    "shop_orders": """key: order_id
entities:
  - entity: SalesOrder
    party: {source: shop_customers, key: customer_id}
    attributes: {orderNumber: order_id, purchaseOrderDate: order_date, grandTotalAmount: total, currencyCode: currency}
""",
    "tills": """key: receipt_id
entities:
  - entity: SalesOrder
    attributes: {orderNumber: receipt_id, purchaseOrderDate: date, grandTotalAmount: total, currencyCode: currency}
identifiers:
  - {kind: loyalty_number, column: loyalty_card}
""",
    "loyalty": """key: member_id
entities:
  - entity: Individual
    attributes: {firstName: first_name, lastName: last_name}
  - entity: LoyaltyMember
    attributes: {memberNumber: loyalty_number}
  - entity: ContactPointEmail
    attributes: {emailAddress: email}
""",
    "newsletter": """key: subscriber_id
entities:
  - entity: Individual
    attributes: {firstName: first_name}
  - entity: ContactPointEmail
    attributes: {emailAddress: email}
""",
    "cases": """key: ticket_id
entities:
  - entity: Case
    attributes: {openedDateTime: opened_at}
identifiers:
  - {kind: email, column: requester.email}
""",
    "visits": """key: visit_id
entities:
  - entity: WebsiteEngagement
    attributes: {eventDateTime: at}
identifiers:
  - {kind: anonymous_id, column: anonymous_id}
  - {kind: email, column: login_email}
""",
}
_FILES = {
    "crm": "crm_contacts.csv", "shop_customers": "shop_customers.csv", "shop_orders": "shop_orders.csv",
    "tills": "till_receipts.csv", "loyalty": "loyalty_members.csv", "newsletter": "newsletter.csv",
    "cases": "cases.jsonl", "visits": "visits.jsonl",
}  # fmt: skip


def _chance(seed: int, number: int) -> random.Random:
    return random.Random(f"{seed}/{number}")


def _person(seed: int, number: int) -> _Person:
    """Make a person. Every tenth lives with the one before: same address, phone and often e-mail; some are twins."""
    chance = _chance(seed, number)
    names = list(FIRST)
    first, last = chance.choice(names), chance.choice(LAST)
    email = f"{first}.{last}.{number}@mail.example".lower()
    phone = f"+4479{number % 100_000_000:08d}"
    person = _Person(
        number, first, last, email, True, phone, f"{1940 + chance.randrange(65)}-{1 + chance.randrange(12):02d}-{1 + chance.randrange(28):02d}",
        f"{1 + chance.randrange(120)} {chance.choice(STREETS)}", chance.choice(list(CITIES)), f"L{number:09d}", "", "",
    )  # fmt: skip
    home = (number + 1) // 10
    if number % 10 == 0 or (number + 1) % 10 == 0:
        person.family = f"f{home}"
        person.tablet = f"a-{home:08d}-home" if home % 2 else ""
    elif number % 100 == 52:
        person.phone = f"+4479{number - 51:08d}"  # whose contract ended: the network gave the number away again
    if number % 10 == 0 and number:
        other = _person(seed, number - 1)
        person.last, person.street, person.city, person.phone = other.last, other.street, other.city, other.phone
        while person.first[0] == other.first[0] or person.first[:3] == other.first[:3]:
            person.first = chance.choice(names)
        if chance.random() < 0.5:
            person.email, person.own_email = other.email, False
        if number % 50 == 0:
            person.birth = other.birth  # twins
    return person


class _Writer:
    """The open files of the company."""

    def __init__(self, folder: Path) -> None:
        self._streams: list[Any] = []
        self._folder = folder
        self.csv = {
            name: self._table(_FILES[name], columns)
            for name, columns in (
                ("crm", CRM), ("shop_customers", SHOP), ("shop_orders", ORDERS), ("tills", TILLS), ("loyalty", CARDS),
                ("newsletter", NEWS),
            )
        }  # fmt: skip
        self.late = self._table("crm_contacts_late.csv", CRM)
        self.truth = self._table("../truth.csv", TRUTH)
        self.cases = self._open("cases.jsonl")
        self.visits = self._open("visits.jsonl")

    def _open(self, name: str) -> Any:
        stream = (self._folder / name).open("w", encoding="utf-8", newline="")
        self._streams.append(stream)
        return stream

    def _table(self, name: str, columns: list[str]) -> Callable[[list[Any]], Any]:
        writer = csv.writer(self._open(name), lineterminator="\n")
        writer.writerow(columns)
        return writer.writerow

    def close(self) -> None:
        for stream in self._streams:
            stream.close()


def generate(folder: Path, customers: int = 2000, seed: int = 7) -> DemoCompany:
    """Write the company into a project folder: data/, sources/ and truth.csv."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "sources").mkdir(exist_ok=True)
    for name, mapping in _MAPPINGS.items():
        head = f"# The made-up retailer's {name.replace('_', ' ')}.\nname: {name}\nfile: data/{_FILES[name]}\n"
        (folder / "sources" / f"{name}.yaml").write_text(head + mapping, encoding="utf-8")
    _add_rule(folder / "identity.yaml")
    files = _Writer(folder / "data")
    for number in range(customers):
        _write(files, _person(seed, number), _chance(seed + 1, number))
    files.close()
    data = folder / "data"
    loads = [(name, data / file) for name, file in _FILES.items()]
    return DemoCompany(
        [*loads, ("crm", data / "crm_contacts_late.csv"), ("crm", data / _FILES["crm"])], folder / "truth.csv"
    )


def _add_rule(path: Path) -> None:
    """Half of the families share an address: with the first name it still tells whose record it is."""
    text = path.read_text("utf-8") if path.exists() else default_text()
    rule = "rules:\n  - {name: email_and_first_name, all: [emailAddress, firstName]}\n"
    path.write_text(text.replace("rules: []\n", rule), encoding="utf-8")


def _write(files: _Writer, person: _Person, chance: random.Random) -> None:
    """Write one person's traces into the systems that know her."""
    at = f"2026-0{1 + chance.randrange(9)}-{1 + chance.randrange(28):02d}"
    if chance.random() < 0.7:
        _crm(files, person, chance, at)
    if chance.random() < 0.6:
        _shop(files, person, chance, at)
    if chance.random() < 0.4:
        _till(files, person, chance, at)
    if person.own_email and chance.random() < 0.4:
        first = person.first if chance.random() < 0.8 else ""
        files.csv["newsletter"]([f"n{person.number}", _dirty_email(person.email, chance), first])
        _true(files, person, "newsletter", f"n{person.number}", linkable=True, named=bool(first))
    if person.own_email and chance.random() < 0.15:
        case = {"ticket_id": f"t{person.number}", "opened_at": f"{at}T09:30:00Z", "requester": {"email": person.email}}
        files.cases.write(json.dumps(case) + "\n")
    if chance.random() < 0.3:
        device = person.tablet or f"a-{person.number:08d}-web"
        visit = {"visit_id": f"v{person.number}", "anonymous_id": device, "at": f"{at}T18:00:00Z"}
        if person.own_email and chance.random() < 0.3:
            visit["login_email"] = person.email
        files.visits.write(json.dumps(visit) + "\n")


def _crm(files: _Writer, person: _Person, chance: random.Random, at: str) -> None:
    email, phone = person.email if chance.random() < 0.9 else "", person.phone if chance.random() < 0.7 else ""
    linkable = bool(email)
    if chance.random() < 0.02:
        email, linkable = "info@shop.example", False
    if chance.random() < 0.01:
        phone = "00000000000"
    row = [f"c{person.number}", _first(person, chance), person.last, email, phone, person.birth, person.street, person.city,
           CITIES[person.city], "GB", f"{at} 10:00:00"]  # fmt: skip
    files.csv["crm"](row)
    _true(files, person, "crm", f"c{person.number}", linkable=linkable)
    if chance.random() < 0.03:
        moved = chance.choice(list(CITIES))
        files.late([*row[:6], "2 New Road", moved, CITIES[moved], "GB", "2026-11-01 12:00:00"])
    elif chance.random() < 0.01:
        married = chance.choice([name for name in LAST if name != person.last])
        files.late([*row[:2], married, *row[3:10], "2026-10-01 12:00:00"])


def _shop(files: _Writer, person: _Person, chance: random.Random, at: str) -> None:
    for copy in range(2 if chance.random() < 0.05 else 1):
        key = f"s{person.number}" + ("b" if copy else "")
        email = _dirty_email(person.email, chance)
        phone = person.phone if chance.random() < 0.3 else ""
        files.csv["shop_customers"](
            [key, _first(person, chance), _typo(person.last, chance), email, phone, person.city, at]
        )
        _true(files, person, "shop_customers", key, linkable=True)
        for order in range(chance.randrange(4)):
            total = sum(price for _, price in chance.sample(list(PRODUCTS.values()), 2)) / 100
            files.csv["shop_orders"](
                [
                    f"o{person.number}{'b' if copy else ''}-{order}",
                    key,
                    f"2026-{1 + chance.randrange(11):02d}-15T12:00:00Z",
                    f"{total:.2f}",
                    "GBP",
                ]
            )


def _till(files: _Writer, person: _Person, chance: random.Random, at: str) -> None:
    with_email = chance.random() < 0.8
    files.csv["loyalty"](
        [f"m{person.number}", _first(person, chance), person.last, person.card, person.email if with_email else ""]
    )
    _true(files, person, "loyalty", f"m{person.number}", linkable=with_email)
    for receipt in range(chance.randrange(5)):
        files.csv["tills"](
            [
                f"r{person.number}-{receipt}",
                person.card,
                f"{at}T1{receipt}:15:00Z",
                f"{5 + chance.randrange(90)}.50",
                "GBP",
            ]
        )


def _first(person: _Person, chance: random.Random) -> str:
    roll = chance.random()
    if roll < 0.12 and FIRST[person.first]:
        return FIRST[person.first]
    return person.first.upper() if roll > 0.95 else person.first


def _typo(name: str, chance: random.Random) -> str:
    if chance.random() > 0.05 or len(name) < 4:
        return name
    place = 1 + chance.randrange(len(name) - 2)
    return name[:place] + name[place + 1 :]


def _dirty_email(email: str, chance: random.Random) -> str:
    return email.upper() if chance.random() < 0.05 else email


def _true(files: _Writer, person: _Person, source: str, key: str, *, linkable: bool, named: bool = True) -> None:
    """Tell who a record is; its family only where it has a first name, by which it could be told from the others."""
    group = f"p{person.number}" if linkable else f"p{person.number}-{source}"
    files.truth([source, "Individual", key, f"p{person.number}", group, person.family if named else ""])
