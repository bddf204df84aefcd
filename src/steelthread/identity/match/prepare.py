"""Records to the columns that comparisons look at, and what only the whole of the data can tell about a value.

The whole tells: whether 3/4/1980 is in March or in April; whether January 1 stands for "some day of that year"; which
contacts are shared by too many to say anything; which are a family's (they stand with first names that conflict).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from steelthread.identity.countries import has_day_ahead, known_country
from steelthread.identity.match.birthdays import Birth, parse_birth
from steelthread.identity.match.contacts import (
    Mailbox,
    calling_code,
    code_of_phone,
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
from steelthread.identity.places import Address, parse_address, parse_city

Value = str | Sequence[str] | None
Values = Mapping[str, Value]

TEXTS = (
    "first", "known", "last", "word", "first_sound", "last_sound", "generation", "birth", "birthday", "swapped", "year", "gender",
    "category", "postcode", "area", "city", "road", "house", "address", "local", "mail", "mail_digits",
    "phone", "number", "calling",
)  # fmt: skip
LISTS = (
    "given", "called", "called_letters", "surnames", "middle", "names", "mails", "phones", "homes", "family", "numbers", "lent", "schemes",
    "middle_letters", "local_words", "open", "own_mails",
)  # fmt: skip
NAME_WORDS = ("firstName", "middleName", "lastName", "personName", "nameSuffix")
ADDRESS_WORDS = (
    "addressLine1", "houseNumber", "unitNumber", "cityName", "postalCodeText", "addressLine2", "countryName",
)  # fmt: skip
FREQUENT = ("first", "last", "word", "postcode", "city", "category")
"""Columns whose rare values say more than their common ones."""


COLUMNS = (*TEXTS, *LISTS, *(f"tf_{column}" for column in FREQUENT))
_NUMBERS = COLUMNS.index("numbers")
_decoded = msgspec.msgpack.Decoder().decode


def packed(row: Mapping[str, Any], columns: Sequence[str] = COLUMNS) -> bytes:
    """Return a prepared record as bytes."""
    return msgspec.msgpack.encode(cells_of(row, columns))


def cells_of(row: Mapping[str, Any], columns: Sequence[str] = COLUMNS) -> list[Any]:
    """Return a prepared record as the values of its columns, in order."""
    return [row[column] for column in columns]


def numbers_of(cells: Sequence[Any]) -> list[str]:
    """Return the numbers of a record given so, each with its scheme."""
    return cells[_NUMBERS] or []


def unpacked(content: bytes) -> list[Any]:
    """Return a prepared record of these bytes, as `cells_of` gives it."""
    found: list[Any] = _decoded(content)
    return found


class Frequencies(msgspec.Struct):
    """What the whole of the data tells; a model version keeps it frozen. Frequencies are shares of the values there."""

    dayfirst: bool | None = None
    """Whether the day stands first in 3/4/1980; None: these data do not say, and the country of a record does."""
    calling: str | None = None
    """The calling code that most phones give, "" when none gives one; None: a former model, which looked at no codes."""
    year_only: bool = False
    shares: dict[str, dict[str, float]] = {}
    rarest: dict[str, float] = {}
    family: set[str] = set()
    generic: set[str] = set()
    owners: dict[str, str] = {}
    """Mailbox -> the first name after which it is named."""


class Phone(msgspec.Struct, frozen=True):
    """A phone number to compare by, and its calling code, "" when it is not known."""

    key: str
    code: str
    is_landline: bool


class _Read(msgspec.Struct):
    name: Name
    birth: Birth | None
    mails: list[Mailbox]
    phones: list[Phone]
    address: Address
    numbers: list[str]


def single(value: Value) -> str:
    """Return a value, the first of several; "" for none."""
    return value if isinstance(value, str) else (value[0] if value else "")


def several(value: Value) -> Sequence[str]:
    """Return all of a value."""
    return (value,) if isinstance(value, str) else value or ()


def document_of(text: str) -> str:
    """Return `scheme:number` without marks, "" when nothing is left of the number."""
    scheme, _, number = text.partition(":")
    bare = parse_number(number)
    return f"{scheme}:{bare}" if bare else ""


def gender_of(text: str) -> str:
    """Return the first letter of a gender, "" when it is not known."""
    return text.strip().lower()[:1].replace("u", "")


def digits_of(local: str) -> str:
    """Return the digits of a mailbox, "-" when it has none."""
    return "".join(one for one in local if one.isdigit()) or "-"


def area_of(postcode: str) -> str:
    """Return the beginning of a postcode, which stands for an area."""
    return postcode[:-3] if len(postcode) > 4 and not postcode.isdigit() else postcode[:3]


def land_of(values: Values) -> str:
    """Return the country of a record as ISO alpha-2, "" when it is not known."""
    land = single(values.get("countryName"))
    return known_country(land) if land else ""


def birth_of(text: str, land: str, found: Frequencies) -> Birth | None:
    """Return a date of birth as the data write it; where they leave it open, as the country of the record does."""
    dayfirst = has_day_ahead(land) if found.dayfirst is None else found.dayfirst
    return parse_birth(text, dayfirst=dayfirst) if text else None


def phone_of(text: str, land: str, found: Frequencies) -> Phone:
    """Return a phone: of the country whose code it gives, or else of that of its record."""
    code = code_of_phone(text) or calling_code(land)
    return Phone(parse_phone(text, code, found.calling), code, is_landline(text))


def _read(values: Values, found: Frequencies) -> _Read:
    get = values.get
    land = land_of(values)
    name = parse_name(*(single(get(word)) for word in NAME_WORDS))
    address = parse_address(*(single(get(word)) for word in ADDRESS_WORDS))
    birth = single(get("birthDate"))
    numbers = [number for one in several(get("partyIdentification")) if (number := document_of(one))]
    mails = [box for box in map(parse_mailbox, several(get("emailAddress"))) if box]
    if mails and not (name.first and name.last):
        name = named_by_mailbox(name, mails[0].words)
    phones = [one for text in several(get("telephoneNumber")) if (one := phone_of(text, land, found)).key]
    return _Read(
        name,
        birth_of(birth, land, found),
        mails,
        phones,
        address,
        numbers,
    )


def called_name(name: Name) -> str:
    """Return the first name, also of a record that has nothing else."""
    return name.first or (name.word if name.given else "")


def home_key(address: Address) -> str:
    """Return a home: house, road, unit where it is told, and postcode or place; "" when one of the others is missing."""
    unit = f" #{address.unit}" if address.unit else ""
    return f"{address.key}{unit}|{address.postcode or address.city}" if address.key else ""


def _owner(read: _Read, found: Frequencies) -> str:
    """Return after whom the first of a record's mailboxes is named that is no family's, "" for nobody."""
    return next((owner for box in read.mails if (owner := owner_of(box, found))), "")


def owner_of(box: Mailbox, found: Frequencies) -> str:
    """Return after whom a mailbox is named that is no family's, "" for nobody."""
    owner = found.owners.get(box.key)
    if owner is None:
        owner = next((word for word in box.words[:1] if is_known(word)), "")
    return owner if box.key not in found.family and box.key not in found.generic else ""


def has_owner(box: Mailbox, found: Frequencies) -> bool:
    """Whether a mailbox is named after somebody, whoever writes it."""
    return bool(found.owners.get(box.key, box.words and is_known(box.words[0])))


def _open(read: _Read, found: Frequencies) -> list[str]:
    """Return the contacts that a home may share: mailboxes that are named after nobody, and landlines."""
    first = called_name(read.name)
    return [
        *(
            box.key
            for box in read.mails
            if not has_owner(box, found) and not is_named_after(box, first, read.name.last)
        ),
        *(phone.key for phone in read.phones if phone.is_landline),
    ]


def name_texts(name: Name) -> dict[str, str]:
    """Return the columns that a name fills."""
    return {
        "first": name.first,
        "known": name.first if is_known(name.first) else "",
        "last": name.last,
        "word": name.word,
        "first_sound": sound(name.first),
        "last_sound": sound(name.last),
        "generation": name.generation,
    }


def name_lists(name: Name) -> dict[str, Iterable[str]]:
    """Return the columns of lists that a name fills."""
    return {
        "given": name.given,
        "called": called(called_name(name)),
        "called_letters": [one[0] for one in called(name.first)],
        "surnames": name.surnames,
        "middle": name.middle,
        "middle_letters": [one[0] for one in name.middle],
        "names": (*name.given, name.first, *name.surnames, name.last, name.word),
    }


def address_texts(address: Address) -> dict[str, str]:
    """Return the columns that an address fills."""
    return {
        "postcode": address.postcode,
        "area": area_of(address.postcode),
        "city": address.city,
        "road": address.road,
        "house": address.house,
        "address": address.key,
    }


def is_whole_year(birth: Birth, found: Frequencies) -> bool:
    """Whether a date of birth stands for its year only."""
    return not birth.day or (found.year_only and birth.digits.endswith("0101"))


def _texts(row: Values, read: _Read, found: Frequencies) -> dict[str, str]:
    name, birth, address = read.name, read.birth, read.address
    whole_year = birth is not None and is_whole_year(birth, found)
    mails = [box for box in read.mails if box.key not in found.generic]
    phones = [one for one in read.phones if one.key not in found.generic]
    return {
        **name_texts(name),
        "birth": birth.digits if birth else "",
        "birthday": birth.day if birth and not whole_year else "",
        "swapped": birth.swapped if birth and not whole_year else "",
        "year": birth.year if birth else "",
        "gender": gender_of(single(row.get("gender"))),
        "category": parse_city(single(row.get("category"))),
        **address_texts(address),
        "local": mails[0].local if mails else "",
        "mail": mails[0].key if mails else "",
        "mail_digits": digits_of(mails[0].local) if mails else "",
        "phone": phones[0].key if phones else "",
        "calling": phones[0].code if phones else "",
        "number": read.numbers[0] if read.numbers else "",
    }


def columns_of(row: Values, found: Frequencies) -> dict[str, Any]:
    """Return the columns of one record: None where it says nothing; `tf_x` is how frequent its x is."""
    read = _read(row, found)
    if not read.name.first:
        read.name = named_by_owner(read.name, _owner(read, found))
    name, home, shared = read.name, home_key(read.address), _open(read, found)
    columns: dict[str, Any] = {column: value or None for column, value in _texts(row, read, found).items()}
    phones = [one.key for one in read.phones]
    known = [
        one
        for one in (*(box.key for box in read.mails), *phones, *read.numbers, home)
        if one and one not in found.generic
    ]
    lists: dict[str, Iterable[str]] = {
        **name_lists(name),
        "mails": [box.key for box in read.mails if box.key not in found.generic],
        "phones": [one for one in phones if one not in found.generic],
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
