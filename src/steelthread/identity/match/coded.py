"""Prepared records as arrays of numbers: each distinct text has one number, in whichever column it stands.

Whether two values are equal, or one is among others, is then a comparison of whole arrays of numbers; texts are looked at
only where it matters how alike two of them are.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from threading import Lock
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from steelthread.identity.match.signs import NUMBERS, WORDS, Heads, Signs, signs_of

Codes = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
NONE = -1
"""The number of a value that is not there."""
_FIGURES = frozenset(("birth", "phone", "number"))
"""Columns of numbers; the others hold words."""


class Lists:
    """A column of lists: the values of record i are `flat[start[i]:start[i] + count[i]]`, the first of them `first[i]`."""

    def __init__(self, count: npt.NDArray[Any], flat: Codes) -> None:
        self.count: Codes = count.astype(np.int32)
        self.flat = flat
        self.start: Ints = np.cumsum(self.count, dtype=np.int64) - self.count
        self.first: Codes = np.full(len(self.count), NONE, dtype=np.int32)
        there = self.count > 0
        self.first[there] = self.flat[self.start[there]]

    @classmethod
    def of(cls, lists: Sequence[Sequence[int]]) -> "Lists":
        """Return lists as a column."""
        return cls(
            np.fromiter(map(len, lists), np.int32, len(lists)),
            np.fromiter(chain.from_iterable(lists), np.int32),
        )

    @classmethod
    def at(cls, start: Ints, count: npt.NDArray[Any], flat: Codes) -> "Lists":
        """Return lists that stand in `flat`, each from its start on, as a column of its own."""
        within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count, dtype=np.int64) - count, count)
        return cls(count, flat[np.repeat(start, count) + within])

    def taken(self, places: npt.NDArray[Any]) -> "Lists":
        """Return the lists at these places, as a column of its own."""
        return Lists.at(self.start[places], self.count[places], self.flat)

    def values(self, record: int) -> list[int]:
        """Return the values of a record."""
        found: list[int] = self.flat[self.start[record] : self.start[record] + self.count[record]].tolist()
        return found


class Coded:
    """Prepared records, by column."""

    def __init__(
        self,
        count: int,
        texts: Mapping[str, Codes],
        lists: Mapping[str, Lists],
        shares: Mapping[str, Floats],
        number: dict[str, int],
    ) -> None:
        self.count, self.texts, self.lists, self.shares = count, texts, lists, shares
        self._number = number
        self._words: npt.NDArray[np.object_] | None = None
        self._sizes: Codes | None = None
        self._cut: dict[tuple[str, int | None, int | None], Codes] = {}
        self._signs: dict[bool, tuple[Signs, Heads]] = {}
        self._signed: set[str] = set()
        self._growing = Lock()

    @property
    def words(self) -> npt.NDArray[np.object_]:
        """The texts by number."""
        if self._words is None or len(self._words) < len(self._number):
            self._words = np.fromiter(self._number, dtype=object, count=len(self._number))
        return self._words

    @property
    def sizes(self) -> Codes:
        """How long the texts are, by number."""
        if self._sizes is None or len(self._sizes) < len(self._number):
            self._sizes = np.fromiter(map(len, self._number), dtype=np.int32, count=len(self._number))
        return self._sizes

    def signs(self, column: str) -> tuple[Signs, Heads]:
        """Return what is told of the texts of a column at a look (`signs`), by number."""
        with self._growing:
            figures = column in _FIGURES
            if column not in self._signed:
                none = np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.uint32)
                signs, heads = self._signs.get(figures, none)
                room = (0, len(self._number) - len(signs))
                signs, heads = np.pad(signs, room), np.pad(heads, room)
                codes = np.unique(self.texts[column])
                codes = codes[codes >= 0]
                signs[codes], heads[codes] = signs_of(self.words[codes].tolist(), NUMBERS if figures else WORDS)
                self._signs[figures] = signs, heads
                self._signed.add(column)
            return self._signs[figures]

    def cut(self, column: str, start: int | None, end: int | None) -> Codes:
        """Return a column of which only `text[start:end]` is looked at."""
        key = (column, start, end)
        with self._growing:
            if key not in self._cut:
                distinct, place = np.unique(self.texts[column], return_inverse=True)
                words, number = self.words, self._number
                parts = (NONE if one < 0 else number.setdefault(words[one][start:end], len(number)) for one in distinct)
                self._cut[key] = np.fromiter(parts, np.int32, len(distinct))[place]
        return self._cut[key]

    def filled(self) -> dict[str, float]:
        """Return the share of records in which each column is filled; of no records, each is."""
        total = max(self.count, 1)
        found = {name: 1 - float((codes < 0).sum()) / total for name, codes in self.texts.items()}
        return found | {name: 1 - float((one.count == 0).sum()) / total for name, one in self.lists.items()}

    def row(self, record: int) -> dict[str, Any]:
        """Return a record as it was prepared."""
        words = self.words
        row: dict[str, Any] = {}
        for name, codes in self.texts.items():
            row[name] = words[codes[record]] if codes[record] >= 0 else None
        for name, values in self.lists.items():
            row[name] = [words[one] for one in values.values(record)] or None
        for name, shares in self.shares.items():
            row[f"tf_{name}"] = None if np.isnan(shares[record]) else float(shares[record])
        return row


class Rows(Sequence[dict[str, Any]]):
    """The records as they were prepared, each put together when it is asked for."""

    def __init__(self, coded: Coded) -> None:
        self._coded = coded

    @property
    def coded(self) -> Coded:
        """The columns that they stand in."""
        return self._coded

    def __len__(self) -> int:
        return self._coded.count

    @overload
    def __getitem__(self, place: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, place: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, place: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(place, slice):
            return [self._coded.row(one) for one in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        return self._coded.row(place % len(self))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self._coded.row(one) for one in range(len(self)))
