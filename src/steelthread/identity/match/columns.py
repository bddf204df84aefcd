"""All records of a run to columns at once: what `prepare.columns_of` does of one record, value by value."""

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from steelthread.identity.match.birthdays import Birth
from steelthread.identity.match.coded import NONE, Coded, Codes, Floats, Ints, Lists
from steelthread.identity.match.contacts import is_named_after
from steelthread.identity.match.distinct import Numbers
from steelthread.identity.match.halves import read
from steelthread.identity.match.linkage import ends_of, key_of
from steelthread.identity.match.prepare import (
    FREQUENT,
    Frequencies,
    Values,
    called_name,
    has_owner,
    is_whole_year,
    owner_of,
)
from steelthread.identity.match.reading import Long, Reading
from steelthread.identity.match.spelling import named_by_owner
from steelthread.identity.match.survey import contacts_of, habits, survey

Bools = npt.NDArray[np.bool_]


def prepared(records: Sequence[Values], frequencies: Frequencies | None = None) -> tuple[Coded, Frequencies]:
    """Return the columns of all records, and what the whole of the data tells, if that is not given."""
    with nothing_collected():
        return _prepared(records, frequencies)


@contextmanager
def nothing_collected() -> Iterator[None]:
    """Hold the collector of garbage back, which would look through millions of texts again and again for circles."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            if not gc.get_freeze_count():  # what was made counts as old, or the next look would be at all of it
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def _prepared(records: Sequence[Values], frequencies: Frequencies | None) -> tuple[Coded, Frequencies]:
    number = Numbers()
    reading = read(records, number, frequencies or habits(records))
    found = frequencies or survey(reading, list(number))
    return _Columns(reading, number, found, fresh=frequencies is None).coded(), found


class _Columns:
    """`fresh` says that the frequencies are of this reading itself."""

    def __init__(self, reading: Reading, number: Numbers, found: Frequencies, *, fresh: bool) -> None:
        self._reading = reading
        self._number = number
        self._found = found
        self._fresh = fresh
        self._name = self._named()
        reading.of_names.fill()
        self._mails, self._phones, self._documents, self._home = contacts_of(reading)

    def coded(self) -> Coded:
        """Return all columns."""
        lists = self._of_names() | self._of_contacts()
        texts = self._of_texts()
        shares = {column: self._shares(column, texts[column]) for column in FREQUENT}
        return Coded(self._reading.count, texts, lists, shares, self._number)

    def _named(self) -> Codes:
        """Return the name of each record; one without a first name has that of the person after whom its mailbox is named."""
        reading, found = self._reading, self._found
        names, boxes = reading.names, reading.mailboxes
        owner = [owner_of(box, found) for box in reading.boxes.items]
        lacks = np.array([not name.first for name in names.items], dtype=np.bool_)
        name = reading.name.copy()
        if not len(boxes.record):
            return name
        owned = np.array([bool(one) for one in owner], dtype=np.bool_)[boxes.values]
        wanted = boxes.where(owned & lacks[name[boxes.record]])
        first = np.flatnonzero(np.diff(wanted.record, prepend=-1))
        for record, box in zip(wanted.record[first].tolist(), wanted.values[first].tolist(), strict=True):
            name[record] = names.place(named_by_owner(names.items[name[record]], owner[box]))
        return name

    def _of_names(self) -> dict[str, Lists]:
        return {column: lists.taken(self._name) for column, lists in self._reading.of_names.lists.items()}

    def _of_texts(self) -> dict[str, Codes]:
        reading, found = self._reading, self._found
        first = self._first(reading.mailboxes.where(~self._is_generic(self._mails.values)))
        stand = ((reading.of_names, self._name), (reading.of_addresses, reading.address), (reading.of_boxes, first))
        texts = {name: filled.text(name, places) for filled, places in stand for name in filled.texts if name != "home"}
        births = (_birth_texts(birth, found) for birth in reading.births.items)
        texts |= self._by_place(births, _birth_texts(None, found), reading.birth)
        texts |= {"gender": reading.gender, "category": reading.category}
        own = ~self._is_generic(self._phones.values)
        texts["phone"] = self._first(self._phones.where(own))
        texts["calling"] = self._first(Long(self._phones.record, reading.calling_codes).where(own))
        texts["number"] = self._first(self._documents)
        return texts

    def _by_place(
        self, items: Iterable[Mapping[str, str]], blank: Mapping[str, str], places: Codes
    ) -> dict[str, Codes]:
        """Return the columns that things fill for the records at which they stand (NONE: nothing does)."""
        number = self._number
        columns = zip(*(item.values() for item in items), strict=True)
        texts = dict(zip(blank, columns, strict=False)) or dict.fromkeys(blank, ())
        found = {}
        for name, column in texts.items():
            codes = [number[text] if text else NONE for text in column]
            found[name] = np.array([*codes, NONE], dtype=np.int32)[places]
        return found

    def _of_contacts(self) -> dict[str, Lists]:
        reading, found = self._reading, self._found
        mails, phones, documents, home = self._mails, self._phones, self._documents, self._home
        own_mails, own_phones, own_homes = (one.where(~self._is_generic(one.values)) for one in (mails, phones, home))
        family = self._marked(found.family)
        generic = self._marked(found.generic)
        known = _together([mails, phones, documents, home])
        free = self._is_open()
        shared = _together([mails.where(free), phones.where(reading.landline)])
        named = ~np.isin(key_of(mails.record, mails.values), key_of(shared.record, shared.values))
        schemes = np.array(
            [reading.code(text.partition(":")[0]) for text in self._texts(documents.values)], dtype=np.int32
        )
        columns = {
            "mails": own_mails,
            "phones": own_phones,
            "homes": own_homes,
            "family": known.where(family[known.values] & ~generic[known.values]),
            "numbers": documents,
            "lent": documents.where(family[documents.values]),
            "schemes": Long(documents.record, schemes),
            "local_words": _spread(reading.mailboxes, reading.of_boxes.lists["local_words"]),
            "open": shared.where(~generic[shared.values]),
            "own_mails": mails.where(named & ~generic[mails.values]),
        }
        return {name: _listed(reading.count, one) for name, one in columns.items()}

    def _texts(self, codes: Codes) -> Iterable[str]:
        texts = list(self._number)
        return [texts[code] for code in codes.tolist()]

    def _is_open(self) -> Bools:
        """Return which mailboxes are named after nobody: neither after one who has it nor after who stands in the record."""
        reading, found = self._reading, self._found
        boxes = reading.mailboxes
        if not len(boxes.record):
            return np.zeros(0, dtype=np.bool_)
        owned = np.array([has_owner(box, found) for box in reading.boxes.items], dtype=np.bool_)
        free = ~owned[boxes.values]
        open_ = np.flatnonzero(free)
        if (
            self._fresh
        ):  # with the name that it was read with a record has none that is named after it: it would be owned
            open_ = open_[self._name[boxes.record[open_]] != reading.name[boxes.record[open_]]]
        keys = key_of(boxes.values[open_], self._name[boxes.record[open_]])
        pairs, place = np.unique(keys, return_inverse=True)
        places, names = ends_of(pairs)
        named = np.zeros(len(pairs), dtype=np.bool_)
        for at, (box, name) in enumerate(zip(places.tolist(), names.tolist(), strict=True)):
            one = reading.names.items[name]
            named[at] = is_named_after(reading.boxes.items[box], called_name(one), one.last)
        free[open_] = ~named[place]
        return free

    def _marked(self, texts: Iterable[str]) -> Bools:
        marked = np.zeros(len(self._number) + 1, dtype=np.bool_)
        marked[[self._number.get(text, NONE) for text in texts]] = True
        marked[NONE] = False
        return marked

    def _is_generic(self, codes: Codes) -> Bools:
        return np.asarray(self._marked(self._found.generic)[codes])

    def _first(self, long: Long) -> Codes:
        """Return the first value of each record."""
        found = np.full(self._reading.count, NONE, dtype=np.int32)
        first = np.flatnonzero(np.diff(long.record, prepend=-1))
        found[long.record[first]] = long.values[first]
        return found

    def _shares(self, column: str, codes: Codes) -> Floats:
        """Return how frequent the value of each record is, NaN where there is none."""
        found = np.full(len(self._number) + 1, self._found.rarest.get(column, np.nan))
        for value, share in self._found.shares.get(column, {}).items():
            code = self._number.get(value)
            if code is not None:
                found[code] = share
        found[NONE] = np.nan
        return np.asarray(found[codes])


def _birth_texts(birth: Birth | None, found: Frequencies) -> dict[str, str]:
    if birth is None:
        return dict.fromkeys(("birth", "birthday", "swapped", "year"), "")
    whole = is_whole_year(birth, found)
    return {
        "birth": birth.digits,
        "birthday": "" if whole else birth.day,
        "swapped": "" if whole else birth.swapped,
        "year": birth.year,
    }


def _together(parts: Sequence[Long]) -> Long:
    """Return several lists of each record as one, one after the other."""
    record = np.concatenate([one.record for one in parts])
    turn = np.argsort(record, kind="stable")
    return Long(record[turn], np.concatenate([one.values for one in parts])[turn])


def _spread(long: Long, lists: Lists) -> Long:
    """Return for each record the values in the lists of its things."""
    taken = lists.taken(long.values)
    return Long(np.repeat(long.record, taken.count), taken.flat)


def _listed(count: int, long: Long) -> Lists:
    """Return lists by record, each value once."""
    sizes = np.bincount(long.record, minlength=count)
    several = np.flatnonzero(sizes[long.record] > 1)
    kept = np.ones(len(long.record), dtype=np.bool_)
    kept[several] = False
    first = np.unique(key_of(long.record[several], long.values[several]), return_index=True)[1]
    kept[several[first]] = True
    record: Ints = long.record[kept]
    return Lists(np.bincount(record, minlength=count), long.values[kept])
