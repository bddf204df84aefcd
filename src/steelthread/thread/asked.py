"""All records of people, or of organisations, as a run over all compares them: two processes read them, page by page."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import psycopg

from steelthread import identity
from steelthread.identity import homes_of, load_match
from steelthread.thread.people import Person
from steelthread.thread.space import Space
from steelthread.thread.types import Stage, silent

Connection = psycopg.Connection[Any]
Read = Callable[[Space, Connection, Collection[int]], Iterable[Person]]
_PAGE = 5000
_OFTEN = ("firstName", "lastName", "birthDate", "gender", "cityName", "postalCodeText", "countryName")
"""Words whose values many records share: each text is held once."""


class _Page(msgspec.Struct, array_like=True):
    """Records as one process tells them to the other."""

    records: list[int] = []
    subjects: list[int] = []
    digests: list[bytes] = []
    values: list[dict[str, str | list[str]]] = []
    singles: dict[int, dict[str, list[str]]] = {}
    homes: list[tuple[int, int]] = []


_told = msgspec.msgpack.Decoder(_Page).decode


class Asked(msgspec.Struct):
    """Records to be compared, in order, which of them are joined already, and what people said of pairs of them; by their places."""

    records: npt.NDArray[np.int64]
    subjects: npt.NDArray[np.int64]
    digests: list[bytes]
    """Of the version that is looked at."""
    values: list[dict[str, Any]]
    """In the words of matching."""
    singles: dict[int, dict[str, list[str]]]
    """The numbers of which a person has one, of those that have any: place -> scheme -> numbers."""
    homes: list[tuple[int, int]]
    """Where people live: (record, keyed token)."""
    known: list[tuple[int, int]] = []
    told: list[tuple[int, int, bool]] = []


def asked(
    space: Space,
    conn: Connection,
    wanted: Collection[int],
    read: Read,
    *,
    told: bool,
    within: bool,
    stage: Stage = silent,
) -> Asked:
    """Return these records as `read` gives them; `within` says that the caller's transaction changed what is read."""
    match = load_match()
    records = sorted(wanted)
    pages = [records[start : start + _PAGE] for start in range(0, len(records), _PAGE)]
    with match.nothing_collected():
        reading = _Reading(space, conn, read)
        parts = map(reading.page, pages) if within else match.pages_beside(pages, reading.page, reading.ended)
        found = _together(one for one in _staged(parts, stage, len(records)))
    listed = found.records.tolist()
    place = {record: number for number, record in enumerate(listed)}
    found.known = atoms_of(conn, listed)
    doubted = identity.contacts_in_doubt(conn, None)
    found.known += [(place[a], place[b]) for a, b in doubted if a in place and b in place]
    said = identity.decided_pairs(conn, listed) if told else []
    found.told = [(place[a], place[b], same) for a, b, same in said]
    return found


class _Reading:
    """Reads pages; in a fork by a connection of its own."""

    def __init__(self, space: Space, conn: Connection, read: Read) -> None:
        self._space = space
        self._conn = conn
        self._read = read
        self._process = os.getpid()

    def page(self, records: Sequence[int]) -> bytes:
        """Return these records as bytes."""
        page, token = _Page(), self._space.vault.token
        for one in self._read(self._space, self._connection(), records):
            if one.singles:
                page.singles[len(page.records)] = {scheme: sorted(numbers) for scheme, numbers in one.singles.items()}
            page.records.append(one.record)
            page.subjects.append(one.subject)
            page.digests.append(one.digest)
            page.values.append(one.values)
            page.homes += [(one.record, token(home)) for home in homes_of(one.values, [one.values])]
        return msgspec.msgpack.encode(page)

    def _connection(self) -> Connection:
        if os.getpid() != self._process:
            self._process = os.getpid()
            self._conn = self._space.database.connect()
            self._conn.autocommit = True
        return self._conn

    def ended(self) -> None:
        """Close the connection of a fork."""
        self._conn.close()


def _staged(parts: Iterable[bytes], stage: Stage, records: int) -> Iterator[bytes]:
    for number, part in enumerate(parts):
        stage("reading records", min(number * _PAGE, records), records)
        yield part


def _together(parts: Iterable[bytes]) -> Asked:
    """Put pages together."""
    records, subjects = ([np.zeros(0, dtype=np.int64)] for _ in range(2))
    found = Asked(records[0], subjects[0], [], [], {}, [])
    texts: dict[str, str] = {}
    for page in map(_told, parts):
        before = len(found.values)
        found.singles |= {before + place: numbers for place, numbers in page.singles.items()}
        records.append(np.array(page.records, dtype=np.int64))
        subjects.append(np.array(page.subjects, dtype=np.int64))
        found.digests += page.digests
        found.values += _shared(page.values, texts)
        found.homes += page.homes
    found.records, found.subjects = np.concatenate(records), np.concatenate(subjects)
    return found


def _shared(values: list[dict[str, Any]], texts: dict[str, str]) -> Iterator[dict[str, Any]]:
    for one in values:
        for word in _OFTEN:
            text = one.get(word)
            if type(text) is str:
                one[word] = texts.setdefault(text, text)
        yield one


def atoms_of(conn: Connection, records: Sequence[int]) -> list[tuple[int, int]]:
    """Return pairs of places in `records` that rules and people have joined already: a chain through each atom."""
    atoms = identity.atoms_of_records(conn, records)
    last: dict[int, int] = {}
    pairs = []
    for place, record in enumerate(records):
        atom = atoms[record]
        if atom in last:
            pairs.append((last[atom], place))
        last[atom] = place
    return pairs
