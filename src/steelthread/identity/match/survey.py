"""What only the whole of the data can tell about a value (`Frequencies`), from all records read once."""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from steelthread.identity.match.beside import can_fork, told_beside
from steelthread.identity.match.birthdays import day_first
from steelthread.identity.match.coded import NONE, Codes, Ints
from steelthread.identity.match.contacts import START, code_of_phone, is_named_after
from steelthread.identity.match.distinct import Distinct
from steelthread.identity.match.halves import LARGE
from steelthread.identity.match.linkage import ends_of, key_of
from steelthread.identity.match.prepare import (
    FREQUENT,
    Frequencies,
    Values,
    called_name,
    several,
    single,
)
from steelthread.identity.match.reading import Long, Reading
from steelthread.identity.match.spelling import sound
from steelthread.identity.names import NameEvidence, conflict

TOO_MANY = 8
"""From this many different names on a contact says nothing about who somebody is: a role mailbox, a call centre."""
JANUARY_FIRST = 0.03
"""Eleven times as often as any other day: it stands for the year."""


def habits(records: Sequence[Values]) -> Frequencies:
    """Return how these data write dates and phones; the rest is for `survey` to say."""
    return Frequencies(dayfirst=_has_day_first(records), calling=_common_calling(records))


def _has_day_first(records: Sequence[Values]) -> bool | None:
    values = (single(record.get("birthDate")) for record in records)
    return day_first([value for value in values if not value[:3].isdigit()])


def _common_calling(records: Sequence[Values]) -> str:
    counts: Counter[str] = Counter()
    starts = Counter(text[:START] for record in records for text in several(record.get("telephoneNumber")))
    for text, times in starts.items():
        counts[code_of_phone(text)] += times
    del counts[""]
    return min(counts, key=lambda code: (-counts[code], code), default="")


def survey(reading: Reading, texts: Sequence[str]) -> Frequencies:
    """Add to the habits what the whole tells; `texts` are those of the reading, by number. Of many records two processes say it."""
    counts = np.bincount(reading.birth, minlength=len(reading.births)).tolist()
    dated = [(birth, count) for birth, count in zip(reading.births.items, counts, strict=True) if birth and birth.day]
    january = sum(count for birth, count in dated if birth.digits.endswith("0101"))
    found = reading.found
    found.year_only = bool(dated) and january / sum(count for _, count in dated) > JANUARY_FIRST
    shared, found.owners = _of_contacts(reading)
    found.generic, found.family = ({texts[one] for one in part} for part in shared)
    for column, counter in _counted(reading, texts).items():
        total = counter.total() or 1
        found.shares[column] = {value: count / total for value, count in counter.items()}
        found.rarest[column] = 1 / total
    return found


def _of_contacts(reading: Reading) -> tuple[tuple[list[int], list[int]], dict[str, str]]:
    """Return the contacts that say nothing and those of families, by number, and after whom mailboxes are named."""
    if reading.count < LARGE or not can_fork():
        return _shared_contacts(reading), _owners(reading)
    told, owners = told_beside(lambda: msgspec.msgpack.encode(_shared_contacts(reading)), lambda: _owners(reading))
    return msgspec.msgpack.decode(told, type=tuple[list[int], list[int]]), owners


def _counted(reading: Reading, texts: Sequence[str]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {column: Counter() for column in FREQUENT}
    parts = (
        (reading.name, reading.of_names.texts),
        (reading.address, reading.of_addresses.texts),
    )
    for places, columns in parts:
        often = np.bincount(places, minlength=len(next(iter(columns.values()))))
        for column in FREQUENT:
            if column in columns:
                counts[column].update(_by_text(columns[column], often, texts))
    categories = reading.category[reading.category > NONE]
    for code, count in zip(*(one.tolist() for one in np.unique(categories, return_counts=True)), strict=True):
        counts["category"][texts[code]] += count
    counts["word"] = counts["word"] + counts["first"] + counts["last"]
    return counts


def _by_text(codes: Codes, often: npt.NDArray[np.int64], texts: Sequence[str]) -> dict[str, int]:
    """Return how often each text stands in records, by the numbers of the things in which it stands."""
    counted = np.zeros(len(texts), dtype=np.int64)
    np.add.at(counted, codes[codes > NONE], often[codes > NONE])
    there = np.flatnonzero(counted)
    return dict(zip([texts[one] for one in there.tolist()], counted[there].tolist(), strict=True))


def contacts_of(reading: Reading) -> list[Long]:
    """Return what people share: mailboxes, phones, numbers of documents, and homes."""
    keys, home = reading.of_boxes.texts["mail"], reading.of_addresses.text("home", reading.address)
    there = np.flatnonzero(home >= 0)
    boxes = reading.mailboxes
    return [
        Long(boxes.record, keys[boxes.values] if len(keys) else boxes.values),
        reading.phones,
        reading.documents,
        Long(there, home[there]),
    ]


def _shared_contacts(reading: Reading) -> tuple[list[int], list[int]]:
    """Return the contacts that stand with first names which conflict, by number: nobody's, and a family's."""
    evidence: Distinct[NameEvidence] = Distinct()
    sounds: Distinct[str] = Distinct()
    names = reading.names.items
    said = np.array([evidence.place(_evidence(name)) if called_name(name) else NONE for name in names], dtype=np.int64)
    last = np.array([sounds.place(sound(name.last)[:2]) for name in names], dtype=np.int64)
    every = contacts_of(reading)
    record = np.concatenate([one.record for one in every])
    contact = np.concatenate([one.values for one in every]).astype(np.int64)
    if not len(record):
        return [], []
    name = reading.name[record]
    record, contact = record[said[name] > NONE], contact[said[name] > NONE]
    name = reading.name[record]
    contacts, people = ends_of(np.unique(key_of(contact, said[name])))
    differ = _conflicts(evidence.items, contacts, people)
    many = {one for one, count in differ.items() if count > TOO_MANY}
    crowd = np.isin(contact, [*many])
    lasts = Counter(ends_of(np.unique(key_of(contact[crowd], last[name[crowd]])))[0].tolist())
    generic = {one for one in many if lasts[one] > TOO_MANY // 2}
    return sorted(generic), [one for one, count in differ.items() if count > 1 and one not in generic]


def _evidence(name: object) -> NameEvidence:
    first, given, generation = (getattr(name, one) for one in ("first", "given", "generation"))
    return NameEvidence(" ".join(given) or first, generation)


def _conflicts(evidence: Sequence[NameEvidence], contacts: Ints, people: Ints) -> dict[int, int]:
    """Return for each contact with several first names how many of them are of different people."""
    starts = np.flatnonzero(np.diff(contacts, prepend=-1))
    sizes = np.diff(starts, append=len(contacts))
    several = sizes > 1
    known: dict[tuple[int, ...], int] = {}
    found = {}
    for start, size in zip(starts[several].tolist(), sizes[several].tolist(), strict=True):
        group = tuple(people[start : start + size].tolist())
        if group not in known:
            known[group] = _different([evidence[one] for one in group])
        found[int(contacts[start])] = known[group]
    return found


def _different(people: Iterable[NameEvidence]) -> int:
    distinct: list[NameEvidence] = []
    for one in sorted(people, key=lambda name: (name.first, name.suffix)):
        if all(conflict(one, other) for other in distinct):
            distinct.append(one)
        if len(distinct) > TOO_MANY:
            break
    return len(distinct)


def _owners(reading: Reading) -> dict[str, str]:
    """Return mailboxes with the first name after which each is named, as the records that have it say.

    "" for one that is named after the last name of one who has it: thomas77@ may be Henry Thomas.
    """
    votes: dict[str, dict[str, int]] = {}
    keys = key_of(reading.mailboxes.values, reading.name[reading.mailboxes.record])
    pairs, counts = np.unique(keys, return_counts=True)
    boxes, names = ends_of(pairs)
    for place, at, count in zip(boxes.tolist(), names.tolist(), counts.tolist(), strict=True):
        box, name = reading.boxes.items[place], reading.names.items[at]
        first = called_name(name)
        if first and is_named_after(box, first, name.last):
            owner, times = first, count
        elif box.words and box.words[0] in name.surnames:
            owner, times = "", 0
        else:
            continue
        held = votes.get(box.key)
        if held is None:
            votes[box.key] = {owner: times}
        else:
            held[owner] = held.get(owner, 0) + times
    return {
        key: next(iter(held)) if len(held) == 1 else min(held, key=lambda name: (-held[name], name))
        for key, held in votes.items()
    }
