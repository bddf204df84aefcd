"""Records to the columns that comparisons look at, and what only the whole of the data can tell about a value.

The whole tells: whether 3/4/1980 is in March or in April; whether January 1 stands for "some day of that year"; which
contacts are shared by too many to say anything; which are a family's (they stand with first names that conflict).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from steelthread.identity.match.birthdays import Birth, day_first, parse_birth
from steelthread.identity.match.contacts import (
    Mailbox,
    is_landline,
    is_named_after,
    parse_mailbox,
    parse_number,
    parse_phone,
)
from steelthread.identity.match.spelling import (
    Name,
    called,
    is_known,
    named_by_mailbox,
    named_by_owner,
    parse_name,
    sound,
)
from steelthread.identity.names import NameEvidence, conflict
from steelthread.identity.places import Address, parse_address, parse_city

Value = str | Sequence[str] | None
Values = Mapping[str, Value]

TEXTS = (
    "first", "known", "last", "word", "first_sound", "last_sound", "generation", "birth", "birthday", "swapped", "year", "gender",
    "category", "postcode", "area", "city", "road", "house", "address", "local", "mail", "mail_digits",
    "phone", "number",
)  # fmt: skip
LISTS = (
    "given", "called", "called_letters", "surnames", "middle", "names", "mails", "phones", "homes", "family", "numbers", "lent", "schemes",
    "middle_letters", "local_words", "open", "own_mails",
)  # fmt: skip
FREQUENT = ("first", "last", "word", "postcode", "city", "category")
"""Columns whose rare values say more than their common ones."""
TOO_MANY = 8
"""From this many different names on a contact says nothing about who somebody is: a role mailbox, a call centre."""
JANUARY_FIRST = 0.03
"""Eleven times as often as any other day: it stands for the year."""


class Frequencies(msgspec.Struct):
    """What the whole of the data tells; a model version keeps it frozen. Frequencies are shares of the values there."""

    dayfirst: bool = False
    year_only: bool = False
    shares: dict[str, dict[str, float]] = {}
    rarest: dict[str, float] = {}
    family: set[str] = set()
    generic: set[str] = set()
    owners: dict[str, str] = {}
    """Mailbox -> the first name after which it is named."""


class _Read(msgspec.Struct):
    name: Name
    birth: Birth | None
    mails: list[Mailbox]
    phones: list[str]
    landlines: list[str]
    address: Address
    numbers: list[str]


def _one(value: Value) -> str:
    return value if isinstance(value, str) else (value[0] if value else "")


def _many(value: Value) -> Sequence[str]:
    return (value,) if isinstance(value, str) else value or ()


def _read(values: Values, *, dayfirst: bool) -> _Read:
    get = values.get
    name = parse_name(
        _one(get("firstName")), _one(get("middleName")), _one(get("lastName")), _one(get("personName")),
        _one(get("nameSuffix")),
    )  # fmt: skip
    address = parse_address(
        _one(get("addressLine1")), _one(get("houseNumber")), _one(get("unitNumber")), _one(get("cityName")),
        _one(get("postalCodeText")),
    )  # fmt: skip
    birth = _one(get("birthDate"))
    numbers = []
    for one in _many(get("partyIdentification")):
        scheme, _, number = one.partition(":")
        bare = parse_number(number)
        if bare:
            numbers.append(f"{scheme}:{bare}")
    mails = [box for box in map(parse_mailbox, _many(get("emailAddress"))) if box]
    if mails and not (name.first and name.last):
        name = named_by_mailbox(name, mails[0].words)
    phones = [(phone, text) for text in _many(get("telephoneNumber")) if (phone := parse_phone(text))]
    return _Read(
        name,
        parse_birth(birth, dayfirst=dayfirst) if birth else None,
        mails,
        [phone for phone, _ in phones],
        [phone for phone, text in phones if is_landline(text)],
        address,
        numbers,
    )


def _called(name: Name) -> str:
    """Return the first name, also of a record that has nothing else."""
    return name.first or (name.word if name.given else "")


def _home(address: Address) -> str:
    return f"{address.key}|{address.postcode or address.city}" if address.key else ""


def _contacts(read: _Read) -> list[str]:
    home = _home(read.address)
    return [*(box.key for box in read.mails), *read.phones, *read.numbers, *([home] if home else [])]


def learn_frequencies(records: Iterable[Values]) -> Frequencies:
    """Read all records once and say what the whole tells."""
    rows = list(records)
    dayfirst = day_first([_one(row.get("birthDate")) for row in rows])
    reads = [_read(row, dayfirst=dayfirst) for row in rows]
    births = [one.birth for one in reads if one.birth and one.birth.day]
    january = sum(birth.digits.endswith("0101") for birth in births)
    found = Frequencies(dayfirst=dayfirst, year_only=bool(births) and january / len(births) > JANUARY_FIRST)
    _shared(reads, found)
    counts: dict[str, Counter[str]] = {column: Counter() for column in FREQUENT}
    for row, read in zip(rows, reads, strict=True):
        for column, value in _texts(row, read, found).items():
            if column in counts and value:
                counts[column][value] += 1
    counts["word"] = counts["word"] + counts["first"] + counts["last"]
    for column, counter in counts.items():
        total = counter.total() or 1
        found.shares[column] = {value: count / total for value, count in counter.items()}
        found.rarest[column] = 1 / total
    return found


def _shared(reads: list[_Read], found: Frequencies) -> None:
    names: dict[str, set[NameEvidence]] = defaultdict(set)
    last: dict[str, set[str]] = defaultdict(set)
    for read in reads:
        for contact in _contacts(read):
            if _called(read.name):
                names[contact].add(NameEvidence(" ".join(read.name.given) or read.name.first, read.name.generation))
                last[contact].add(sound(read.name.last)[:2])
    found.owners = _owners(reads)
    for contact, people in names.items():
        distinct: list[NameEvidence] = []
        for one in sorted(people, key=lambda name: (name.first, name.suffix)):
            if all(conflict(one, other) for other in distinct):
                distinct.append(one)
            if len(distinct) > TOO_MANY:
                break
        if len(distinct) > TOO_MANY and len(last[contact]) > TOO_MANY // 2:
            found.generic.add(contact)
        elif len(distinct) > 1:
            found.family.add(contact)


def _owners(reads: list[_Read]) -> dict[str, str]:
    """Return mailboxes with the first name after which each is named, as the records that have it say.

    "" for one that is named after the last name of one who has it: thomas77@ may be Henry Thomas.
    """
    owners: dict[str, Counter[str]] = defaultdict(Counter)
    for read in reads:
        first = _called(read.name)
        for box in read.mails:
            if first and is_named_after(box, first, read.name.last):
                owners[box.key][first] += 1
            elif box.words and box.words[0] in read.name.surnames:
                owners[box.key][""] += 0
    return {key: min(names, key=lambda name: (-names[name], name)) for key, names in owners.items()}


def _owner(read: _Read, found: Frequencies) -> str:
    """Return after whom the first of a record's mailboxes is named that is no family's, "" for nobody."""
    for box in read.mails:
        owner = found.owners.get(box.key, next((word for word in box.words[:1] if is_known(word)), ""))
        if owner and box.key not in found.family and box.key not in found.generic:
            return owner
    return ""


def _open(read: _Read, found: Frequencies) -> list[str]:
    """Return the contacts that a home may share: mailboxes that are named after nobody, and landlines."""
    first = _called(read.name)
    return [
        *(
            box.key
            for box in read.mails
            if not found.owners.get(box.key, box.words and is_known(box.words[0]))
            and not is_named_after(box, first, read.name.last)
        ),
        *read.landlines,
    ]


def _texts(row: Values, read: _Read, found: Frequencies) -> dict[str, str]:
    name, birth, address = read.name, read.birth, read.address
    whole_year = birth is not None and (not birth.day or (found.year_only and birth.digits.endswith("0101")))
    mails = [box for box in read.mails if box.key not in found.generic]
    return {
        "first": name.first,
        "known": name.first if is_known(name.first) else "",
        "last": name.last,
        "word": name.word,
        "first_sound": sound(name.first),
        "last_sound": sound(name.last),
        "generation": name.generation,
        "birth": birth.digits if birth else "",
        "birthday": birth.day if birth and not whole_year else "",
        "swapped": birth.swapped if birth and not whole_year else "",
        "year": birth.year if birth else "",
        "gender": _one(row.get("gender")).strip().lower()[:1].replace("u", ""),
        "category": parse_city(_one(row.get("category"))),
        "postcode": address.postcode,
        "area": address.postcode[:-3]
        if len(address.postcode) > 4 and not address.postcode.isdigit()
        else address.postcode[:3],
        "city": address.city,
        "road": address.road,
        "house": address.house,
        "address": address.key,
        "local": mails[0].local if mails else "",
        "mail": mails[0].key if mails else "",
        "mail_digits": "".join(one for one in mails[0].local if one.isdigit()) or "-" if mails else "",
        "phone": next((one for one in read.phones if one not in found.generic), ""),
        "number": read.numbers[0] if read.numbers else "",
    }


def columns_of(row: Values, found: Frequencies) -> dict[str, Any]:
    """Return the columns of one record: None where it says nothing; `tf_x` is how frequent its x is."""
    read = _read(row, dayfirst=found.dayfirst)
    if not read.name.first:
        read.name = named_by_owner(read.name, _owner(read, found))
    name, home, shared = read.name, _home(read.address), _open(read, found)
    columns: dict[str, Any] = {column: value or None for column, value in _texts(row, read, found).items()}
    known = [
        one
        for one in (*(box.key for box in read.mails), *read.phones, *read.numbers, home)
        if one and one not in found.generic
    ]
    lists: dict[str, Iterable[str]] = {
        "given": name.given,
        "called": called(_called(name)),
        "called_letters": [one[0] for one in called(name.first)],
        "surnames": name.surnames,
        "middle": name.middle,
        "middle_letters": [one[0] for one in name.middle],
        "names": (*name.given, name.first, *name.surnames, name.last, name.word),
        "mails": [box.key for box in read.mails if box.key not in found.generic],
        "phones": [one for one in read.phones if one not in found.generic],
        "homes": [home] if home and home not in found.generic else [],
        "family": [one for one in known if one in found.family],
        "numbers": read.numbers,
        "lent": [one for one in read.numbers if one in found.family],
        "schemes": [one.partition(":")[0] for one in read.numbers],
        "local_words": [word for box in read.mails for word in box.words],
        "open": [one for one in shared if one not in found.generic],
        "own_mails": [box.key for box in read.mails if box.key not in shared and box.key not in found.generic],
    }
    for column, values in lists.items():
        columns[column] = [*dict.fromkeys(value for value in values if value)] or None
    for column in FREQUENT:
        value = columns[column]
        columns[f"tf_{column}"] = (
            found.shares[column].get(value, found.rarest[column]) if value and column in found.shares else None
        )
    return columns
