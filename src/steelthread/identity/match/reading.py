"""All records of a run, read once: each distinct name, date, address and mailbox is taken apart a single time."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from steelthread.identity.match.birthdays import Birth, parse_birth
from steelthread.identity.match.coded import NONE, Codes, Ints
from steelthread.identity.match.contacts import Mailbox, is_landline, parse_mailbox, parse_phone
from steelthread.identity.match.distinct import Distinct, Item
from steelthread.identity.match.filled import Filled
from steelthread.identity.match.prepare import (
    ADDRESS_WORDS,
    NAME_WORDS,
    Value,
    Values,
    address_texts,
    digits_of,
    document_of,
    gender_of,
    home_key,
    name_lists,
    name_texts,
    several,
    single,
)
from steelthread.identity.match.spelling import Name, named_by_mailbox, parse_name
from steelthread.identity.places import Address, parse_address, parse_city

Raw = TypeVar("Raw", bound=Hashable)


class Long:
    """Lists of all records in one row: `record` says whose each of `values` is; in the order of records."""

    def __init__(self, record: Ints, values: Codes) -> None:
        self.record, self.values = record, values

    def where(self, kept: npt.NDArray[np.bool_]) -> "Long":
        """Return those that are kept."""
        return Long(self.record[kept], self.values[kept])


class Reading:
    """What stands in the records, distinct things by their places."""

    def __init__(self, records: Sequence[Values], number: dict[str, int], *, dayfirst: bool) -> None:
        self.count = len(records)
        self._number = number
        self._dayfirst = dayfirst
        self.names: Distinct[Name] = Distinct()
        self.births: Distinct[Birth | None] = Distinct()
        self.addresses: Distinct[Address] = Distinct()
        self.boxes: Distinct[Mailbox] = Distinct()
        self._raw_names: dict[tuple[Value, ...], int] = {}
        self._raw_addresses: dict[tuple[Value, ...], int] = {}
        self._filled: dict[tuple[int, int], int] = {}
        self._birth = _remembering(self._read_birth)
        self._box = _remembering(self._read_box)
        self._phone = _remembering(self._read_phone)
        self._document = _remembering(self._read_document)
        self._gender = _remembering(self._read_gender)
        self._category = _remembering(lambda text: self.code(parse_city(text)))
        self.of_names = Filled(self.names, self.code, Name(), name_texts, name_lists)
        self.of_addresses = Filled(self.addresses, self.code, Address(), _address_texts)
        self.of_boxes = Filled(self.boxes, self.code, Mailbox("", "", ()), _box_texts, _box_lists)
        self._read(records)
        for filled in self.filled:
            filled.fill()

    @property
    def filled(self) -> tuple[Filled[Name], Filled[Address], Filled[Mailbox]]:
        """The columns of what was read."""
        return self.of_names, self.of_addresses, self.of_boxes

    def code(self, text: str) -> int:
        """Return the number of a text, NONE for an empty one."""
        return self._number.setdefault(text, len(self._number)) if text else NONE

    def _read(self, records: Sequence[Values]) -> None:
        names, births, addresses = [], [], []
        genders, categories = [], []
        boxes, phones, documents = _Growing(), _Growing(), _Growing()
        landlines: list[bool] = []
        for place, row in enumerate(records):
            get = row.get
            mails, lines, numbers = get("emailAddress"), get("telephoneNumber"), get("partyIdentification")
            mine = [box for text in several(mails) if (box := self._box(text)) >= 0] if mails else []
            boxes.add(place, mine)
            names.append(self._name(row, mine))
            births.append(self._birth(single(get("birthDate"))))
            addresses.append(self._address(row))
            if lines:
                found = [one for text in several(lines) if (one := self._phone(text))[0] >= 0]
                phones.add(place, [phone for phone, _ in found])
                landlines += [landline for _, landline in found]
            if numbers:
                documents.add(place, [number for text in several(numbers) if (number := self._document(text)) >= 0])
            genders.append(self._gender(single(get("gender"))))
            categories.append(self._category(single(get("category"))))
        self.name, self.birth, self.address = _array(names), _array(births), _array(addresses)
        self.gender, self.category = _array(genders), _array(categories)
        self.mailboxes, self.phones, self.documents = boxes.long(), phones.long(), documents.long()
        self.landline = np.array(landlines, dtype=np.bool_)

    def _name(self, row: Values, boxes: Sequence[int]) -> int:
        raw = _raw(row, NAME_WORDS)
        place = self._raw_names.get(raw)
        if place is None:
            place = self._raw_names[raw] = self.names.place(parse_name(*map(single, raw)))
        if boxes:
            name = self.names.items[place]
            if not (name.first and name.last):
                pair = (place, boxes[0])
                if pair not in self._filled:
                    self._filled[pair] = self.names.place(named_by_mailbox(name, self.boxes.items[boxes[0]].words))
                return self._filled[pair]
        return place

    def _address(self, row: Values) -> int:
        raw = _raw(row, ADDRESS_WORDS)
        place = self._raw_addresses.get(raw)
        if place is None:
            place = self._raw_addresses[raw] = self.addresses.place(parse_address(*map(single, raw)))
        return place

    def _read_birth(self, text: str) -> int:
        return self.births.place(parse_birth(text, dayfirst=self._dayfirst) if text else None)

    def _read_box(self, text: str) -> int:
        box = parse_mailbox(text)
        return NONE if box is None else self.boxes.place(box)

    def _read_phone(self, text: str) -> tuple[int, bool]:
        phone = self.code(parse_phone(text))
        return phone, phone >= 0 and is_landline(text)

    def _read_gender(self, text: str) -> int:
        return self.code(gender_of(text))

    def _read_document(self, text: str) -> int:
        return self.code(document_of(text))


def _address_texts(address: Address) -> dict[str, str]:
    return {**address_texts(address), "home": home_key(address)}


def _box_texts(box: Mailbox) -> dict[str, str]:
    return {"mail": box.key, "local": box.local, "mail_digits": digits_of(box.local)}


def _box_lists(box: Mailbox) -> dict[str, Iterable[str]]:
    return {"local_words": box.words}


def _raw(row: Values, words: Sequence[str]) -> tuple[Value, ...]:
    """Return what stands under these words, as something that can be looked up."""
    raw = tuple(map(row.get, words))
    try:
        hash(raw)
    except TypeError:  # a list of values: the first counts
        return tuple(map(single, raw))
    return raw


def _remembering(read: Callable[[Raw], Item]) -> Callable[[Raw], Item]:
    """Return the function with what it said kept as long as it lives: each distinct value is read once in a run."""
    known: dict[Raw, Item] = {}

    def told(raw: Raw) -> Item:
        found = known.get(raw)
        if found is None:
            found = known[raw] = read(raw)
        return found

    return told


class _Growing:
    def __init__(self) -> None:
        self._records: list[int] = []
        self._values: list[int] = []

    def add(self, record: int, values: list[int]) -> None:
        self._records += [record] * len(values)
        self._values += values

    def long(self) -> Long:
        return Long(np.array(self._records, dtype=np.int64), np.array(self._values, dtype=np.int32))


def _array(values: list[int]) -> Codes:
    return np.array(values, dtype=np.int32)
