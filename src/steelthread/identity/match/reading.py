"""All records of a run, read once: each distinct name, date, address and mailbox is taken apart a single time."""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, compress, repeat
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from steelthread.identity.match.birthdays import Birth
from steelthread.identity.match.coded import NONE, Codes, Ints
from steelthread.identity.match.contacts import Mailbox, parse_mailbox
from steelthread.identity.match.distinct import Distinct, Numbers
from steelthread.identity.match.filled import Filled
from steelthread.identity.match.prepare import (
    ADDRESS_WORDS,
    NAME_WORDS,
    Frequencies,
    Phone,
    Value,
    Values,
    address_texts,
    birth_of,
    digits_of,
    document_of,
    gender_of,
    home_key,
    land_of,
    name_lists,
    name_texts,
    phone_of,
    several,
    single,
)
from steelthread.identity.match.spelling import Name, named_by_mailbox, parse_name
from steelthread.identity.places import Address, parse_address, parse_city

Thing = TypeVar("Thing")


class Long:
    """Lists of all records in one row: `record` says whose each of `values` is; in the order of records."""

    def __init__(self, record: Ints, values: Codes) -> None:
        self.record, self.values = record, values

    def where(self, kept: npt.NDArray[np.bool_]) -> "Long":
        """Return those that are kept."""
        return Long(self.record[kept], self.values[kept])


class Reading:
    """What stands in records, distinct things by their places: names are read apart from the rest, so two processes may."""

    def __init__(self, count: int, number: Numbers, found: Frequencies) -> None:
        """`found` tells how dates and phones are written."""
        self.count = count
        self._number = number
        self.found = found
        self.names: Distinct[Name] = Distinct()
        self.births: Distinct[Birth | None] = Distinct()
        self.addresses: Distinct[Address] = Distinct()
        self.boxes: Distinct[Mailbox] = Distinct()
        self.of_names = Filled(self.names, number, Name(), name_texts, name_lists)
        self.of_addresses = Filled(self.addresses, number, Address(), _address_texts)
        self.of_boxes = Filled(self.boxes, number, Mailbox("", "", ()), _box_texts, _box_lists)

    def code(self, text: str) -> int:
        """Return the number of a text, NONE for an empty one."""
        return self._number[text] if text else NONE

    def read_names(self, records: Sequence[Values]) -> None:
        """Read the names; what one lacks may stand in the first mailbox."""
        names = self.names
        self.name = _by_words(records, NAME_WORDS, lambda *words: names.place(parse_name(*words)))
        lacks = np.array([not (name.first and name.last) for name in names.items], dtype=np.bool_)
        for record in np.flatnonzero(lacks[self.name]).tolist():
            words = _words_of_first(records[record].get("emailAddress"))
            if words:
                self.name[record] = names.place(named_by_mailbox(names.items[self.name[record]], words))
        self.of_names.fill()

    def read_rest(self, records: Sequence[Values]) -> None:
        """Read what is no name."""
        found = self.found
        lands = [land_of(row) for row in records]
        self._read_contacts(records, lands)
        self.address = _by_words(records, ADDRESS_WORDS, lambda *words: self.addresses.place(parse_address(*words)))
        births = zip([single(row.get("birthDate")) for row in records], lands, strict=True)
        self.birth = _each(list(births), lambda one: self.births.place(birth_of(*one, found)))
        self.gender = _by_text(records, "gender", lambda text: self.code(gender_of(text)))
        self.category = _by_text(records, "category", lambda text: self.code(parse_city(text)))
        self.of_addresses.fill()
        self.of_boxes.fill()

    def _read_contacts(self, records: Sequence[Values], lands: Sequence[str]) -> None:
        self.mailboxes = _lists(records, "emailAddress", self._read_box)
        self.documents = _lists(records, "partyIdentification", lambda text: self.code(document_of(text)))
        phones: Distinct[Phone] = Distinct()
        read = _lists(
            records, "telephoneNumber", lambda text, land: phones.place(phone_of(text, land, self.found)), lands
        )
        keys = np.array([self.code(one.key) for one in phones.items], dtype=np.int32)
        read = read.where(keys[read.values] >= 0)
        self.phones = Long(read.record, keys[read.values])
        self.calling_codes = np.array([self.code(one.code) for one in phones.items], dtype=np.int32)[read.values]
        self.landline = np.array([one.is_landline for one in phones.items], dtype=np.bool_)[read.values]

    def _read_box(self, text: str) -> int:
        box = parse_mailbox(text)
        return NONE if box is None else self.boxes.place(box)


def _words_of_first(mails: Value) -> tuple[str, ...]:
    """Return the words of the first of these that is an e-mail address."""
    return next((box.words for box in map(parse_mailbox, several(mails)) if box), ())


def _by_words(records: Sequence[Values], words: Sequence[str], read: Callable[..., int]) -> Codes:
    """Return what stands under several words in all records; each distinct row of values is read once."""
    known: dict[tuple[Value, ...], int] = {}
    places = []
    for row in records:
        raw = tuple(map(row.get, words))
        try:
            place = known.get(raw)
        except TypeError:  # a list of values: the first counts
            raw = tuple(map(single, raw))
            place = known.get(raw)
        if place is None:
            place = known[raw] = read(*map(single, raw))
        places.append(place)
    return np.array(places, dtype=np.int32)


def _by_text(records: Sequence[Values], word: str, read: Callable[[str], int]) -> Codes:
    """Return what stands under a word in all records; each distinct text is read once."""
    return _each([single(row.get(word)) for row in records], read)


def _each(things: Sequence[Thing], read: Callable[[Thing], int]) -> Codes:
    """Return what each thing is read as; each distinct one is read once."""
    known = {thing: read(thing) for thing in dict.fromkeys(things)}
    return np.fromiter(map(known.__getitem__, things), np.int32, len(things))


def _lists(records: Sequence[Values], word: str, read: Callable[..., int], lands: Sequence[str] | None = None) -> Long:
    """Return what stands under a word in all records, where it may be several; what says nothing is left out.

    With `lands` each is read together with the country of its record.
    """
    every = [row.get(word) for row in records]
    there = np.fromiter(map(bool, every), np.bool_, len(every))
    values = [(value,) if isinstance(value, str) else value for value in every if value]
    sizes = np.fromiter(map(len, values), np.int64, len(values))
    texts = list(chain.from_iterable(values))
    if lands is None:
        codes = _each(texts, read)
    else:
        of = chain.from_iterable(map(repeat, compress(lands, there.tolist()), sizes.tolist()))
        codes = _each(list(zip(texts, of, strict=True)), lambda one: read(*one))
    says = codes >= 0
    return Long(np.repeat(np.flatnonzero(there), sizes)[says], codes[says])


def _address_texts(address: Address) -> dict[str, str]:
    return {**address_texts(address), "home": home_key(address)}


def _box_texts(box: Mailbox) -> dict[str, str]:
    return {"mail": box.key, "local": box.local, "mail_digits": digits_of(box.local)}


def _box_lists(box: Mailbox) -> dict[str, Iterable[str]]:
    return {"local_words": box.words}
