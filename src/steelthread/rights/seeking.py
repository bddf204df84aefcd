"""Looking for people in what lies sealed without a name: refused rows, values set aside, samples of broken contracts.

Each is opened for it, once for any number of people. It is theirs whose row it was, and theirs whose identifier stands
in it as a whole: an address that ends in another one is another one. Only identifiers that are a person's alone are
looked for: what a constraint refused, or another one asserts too, may be another one's.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import psycopg
from ahocorasick_rs import AhoCorasick

from steelthread.identity import provider_key
from steelthread.thread import Space
from steelthread.vault import unseal

Connection = psycopg.Connection[Any]
_PAGE = 2000
_SHORTEST = 5
"""Letters of the shortest identifier that is looked for: shorter ones stand in anything."""
_REJECT = msgspec.msgpack.Decoder(tuple[list[str], list[str]]).decode
_ADDRESS = re.compile(r"[^\s@,;:<>()\[\]\"']+@[^\s@,;:<>()\[\]\"']+")
_SEPARATED = re.compile(r"(?<=\d)[ \t\xa0()./-]+(?=\d)")
_DIGITS = re.compile(r"(?<!\d)\d{9,15}(?!\d)")
_NATIONAL = 9


class Sought(msgspec.Struct):
    """What of one person is looked for."""

    values: Sequence[str]
    """Identifiers that are this person's alone, as shown."""
    digests: Sequence[bytes] = ()
    """Digests of the rows that are this person's."""


class Found(msgspec.Struct):
    """What was found."""

    rejects: dict[int, tuple[int, int]] = {}
    """Number of a refused row -> (person, subject under whose key it is sealed)."""
    samples: dict[int, int] = {}
    """Subject of a sample -> person."""


class Seeker:
    """Knows people, by their places in a list, by what stands in a text."""

    def __init__(self, people: Sequence[Sought]) -> None:
        self._digests: dict[bytes, int] = {}
        self._addresses: dict[str, int] = {}
        self._phones: dict[str, int] = {}
        words: dict[str, int] = {}
        for number, one in enumerate(people):
            for digest in one.digests:
                self._digests.setdefault(digest, number)
            for value in (value.casefold().strip() for value in one.values if len(value) >= _SHORTEST):
                if "@" in value:
                    self._addresses.setdefault(value, number)
                    self._addresses.setdefault(provider_key(value), number)
                elif value.startswith("+") and value[1:].isdigit():
                    self._phones.setdefault(value[-_NATIONAL:], number)
                else:
                    words.setdefault(value, number)
        self._words = list(words.values())
        self._automaton = AhoCorasick(list(words)) if words else None

    def of_row(self, digest: bytes) -> int | None:
        """Return whose row this is."""
        return self._digests.get(digest) if digest else None

    def of_text(self, text: str) -> int | None:
        """Return whose identifier stands in a text: the first one's."""
        return next(self._standing(text.casefold()), None)

    def _standing(self, text: str) -> Iterator[int]:
        for match in _ADDRESS.finditer(text) if "@" in text else ():
            address = match.group().rstrip(".")
            for name in (address, provider_key(address)):
                if name in self._addresses:
                    yield self._addresses[name]
        for match in _DIGITS.finditer(_SEPARATED.sub("", text)) if self._phones else ():
            if match.group()[-_NATIONAL:] in self._phones:
                yield self._phones[match.group()[-_NATIONAL:]]
        if self._automaton is not None:
            for number, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
                if not text[start - 1 : start].isalnum() and not text[end : end + 1].isalnum():
                    yield self._words[number]


def find_sealed(space: Space, conn: Connection, people: Sequence[Sought]) -> Found:
    """Return which refused rows, values set aside and samples are of these people."""
    seeker = Seeker(people)
    return Found(_rejects(space, conn, seeker), _samples(space, conn, seeker))


def _rejects(space: Space, conn: Connection, seeker: Seeker) -> dict[int, tuple[int, int]]:
    found: dict[int, tuple[int, int]] = {}
    after = 0
    while page := conn.execute(
        "select reject_id, subject, row_digest, sealed from intake.reject where reject_id > %s order by 1 limit %s",
        (after, _PAGE),
    ).fetchall():
        after = page[-1][0]
        keys = space.vault.keys({subject for _, subject, _, _ in page})
        for number, subject, digest, sealed in page:
            person = seeker.of_row(bytes(digest))
            if person is None and subject in keys:
                person = seeker.of_text("\n".join(_REJECT(unseal(keys[subject], sealed, b"reject"))[1]))
            if person is not None:
                found[number] = (person, subject)
    return found


def _samples(space: Space, conn: Connection, seeker: Seeker) -> dict[int, int]:
    rows = conn.execute("select subject, sealed from intake.violation").fetchall()
    keys = space.vault.keys({subject for subject, _ in rows})
    found: dict[int, int] = {}
    for subject, sealed in rows:
        if subject in keys:
            person = seeker.of_text(_flat(msgspec.msgpack.decode(unseal(keys[subject], sealed, b"violation"))))
            if person is not None:
                found[subject] = person
    return found


def _flat(value: Any) -> str:
    """Return all text within a value, a line each."""
    if isinstance(value, Mapping):
        return "\n".join(_flat(one) for one in value.values())
    if isinstance(value, list | tuple):
        return "\n".join(map(_flat, value))
    return str(value)
