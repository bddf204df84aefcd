"""Opens what a model saw of records, for those who may be meant: unsealed, unpacked and turned into numbers.

That is half of what a run of newcomers computes, so a fork does every other page of it. It has the keyring and the model at
hand, keeps nothing, writes nothing anywhere, and ends with the run.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Self

import msgspec

from steelthread.identity import Like, load_match
from steelthread.thread.models import context_of
from steelthread.vault import Vault, unseal

_PAGE = 500


class Opened(NamedTuple):
    """A record that is open, where it stands among those that are weighed, and its numbers, each with its scheme."""

    record: int
    place: int
    numbers: Sequence[str]


class _Page(msgspec.Struct, array_like=True):
    """Records as a fork tells of them."""

    records: list[int]
    numbers: list[list[str]]
    coded: bytes


_encode = msgspec.msgpack.Encoder().encode
_asked = msgspec.msgpack.Decoder(list[Like]).decode
_told = msgspec.msgpack.Decoder(_Page).decode


class Opening:
    """Opens records for a weighing."""

    def __init__(self, vault: Vault, model: Any, *, numbered: bool) -> None:
        """`numbered` says whether the records have numbers that count."""
        self._match = load_match()
        self._model = model
        self._reading = vault.reading()
        self._numbered = numbered
        self._fork: Any = None
        self._away: Sequence[Like] = ()
        """What the fork is asked to open."""
        self.weighing = self._match.Weighing(model)

    def __enter__(self) -> Self:
        """Have a fork help, where this process may have one."""
        self._fork = self._match.Answering(self._answer) if self._match.can_fork() else None
        return self

    def __exit__(self, *_: object) -> None:
        if self._fork is not None:
            self._fork.close()
            self._fork = None

    def open(self, found: Sequence[Like]) -> Iterator[Opened]:
        """Open records that are sealed; yield which are open by now: these, if the fork is busy, and those it came back with."""
        if self._fork is not None and not self._away and len(found) > 1:
            self._away = found
            self._fork.ask(_encode(found))
            return
        yield from self._here(found)
        if self._fork is not None and self._fork.is_ready():
            yield from self.rest()

    def rest(self) -> Iterator[Opened]:
        """Yield what was not yielded yet."""
        away, self._away = self._away, ()
        if not away:
            return
        answer = self._fork.answer()
        if answer is None:  # it has ended before its time
            self._fork.close()
            self._fork = None
            yield from self._here(away)
            return
        page = _told(answer)
        yield from map(Opened, page.records, self.weighing.take(page.coded), page.numbers)

    def _here(self, found: Sequence[Like]) -> Iterator[Opened]:
        for records, rows in self._rows(found):
            yield from map(Opened, records, self.weighing.add(rows), map(self._numbers, rows))

    def _rows(self, found: Sequence[Like]) -> Iterator[tuple[list[int], list[Any]]]:
        """Yield records and their cells, some at a time; those are left out whose keys were destroyed."""
        keys = self._reading.keys(one.subject for one in found if one.subject is not None)
        able = [
            (one.record, keys[one.subject], one.sealed)
            for one in found
            if one.sealed is not None and one.subject is not None and one.subject in keys
        ]
        unpacked = self._match.unpacked
        for start in range(0, len(able), _PAGE):
            some = able[start : start + _PAGE]
            cells = [unpacked(unseal(key, sealed, context_of(record))) for record, key, sealed in some]
            yield [record for record, _, _ in some], cells

    def _numbers(self, cells: Sequence[Any]) -> list[str]:
        return self._match.numbers_of(cells) if self._numbered else []

    def _answer(self, asked: bytes) -> bytes:
        """Be the fork: open what is asked for."""
        weighing = self._match.Weighing(self._model)
        page = _Page([], [], b"")
        for records, rows in self._rows(_asked(asked)):
            weighing.add(rows)
            page.records += records
            page.numbers += map(self._numbers, rows)
        page.coded = weighing.told()
        return _encode(page)
