"""Prepared records to numbers, page by page: each is coded when it is at hand, and what was read of it may go at once."""

from collections.abc import Callable, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from steelthread.identity.match.coded import NONE, Coded, Codes, Floats, Ints, Lists
from steelthread.identity.match.distinct import Numbers

Cells = Sequence[Any]


class _Told(msgspec.Struct, array_like=True):
    """Records of a coding: the texts by number, and the arrays."""

    count: int
    texts: list[str]
    codes: bytes
    sizes: bytes
    flat: bytes
    shares: bytes


_encode = msgspec.msgpack.Encoder().encode
_told = msgspec.msgpack.Decoder(_Told).decode


class _Codes(dict[str | None, int]):
    """The numbers of texts, and 0 for none: told by one look, as nine in ten are known."""

    def __init__(self, number: Numbers) -> None:
        super().__init__({None: 0})
        self._number = number

    def __missing__(self, text: str) -> int:
        code = self[text] = self._number[text]
        return code


class Coding:
    """Some columns of prepared records, as numbers; the first record added stands at place 0.

    A row of each array is a record. Of lists there are the sizes, and all their texts one after the other.
    """

    def __init__(self, columns: Sequence[str], texts: Sequence[str], lists: Sequence[str], rare: Sequence[str]) -> None:
        """`columns` are those of a record, in order; kept are `texts`, `lists`, and how frequent those in `rare` are."""
        self._number = Numbers({"": 0})  # stands for what is not there
        self._code = _Codes(self._number)
        self._texts, self._lists, self._rare = list(texts), list(lists), list(rare)
        self._in_texts = _cells([columns.index(name) for name in texts])
        self._in_lists = _cells([columns.index(name) for name in lists])
        self._in_shares = _cells([columns.index(f"tf_{name}") for name in rare])
        self._codes: list[Codes] = [np.zeros((0, len(self._texts)), np.int32)]
        self._sizes: list[Codes] = [np.zeros((0, len(self._lists)), np.int32)]
        self._flat: list[Codes] = [np.zeros(0, np.int32)]
        self._shares: list[Floats] = [np.zeros((0, len(self._rare)))]
        self._count = 0

    def add(self, rows: Sequence[Cells]) -> range:
        """Take records in; return their places. Some hundreds at a time are quickest: they stay near at hand."""
        code = self._code.__getitem__
        texts = map(code, chain.from_iterable(map(self._in_texts, rows)))
        self._codes.append(_table(texts, np.int32, len(rows), len(self._texts)))
        lists = list(chain.from_iterable(map(self._in_lists, rows)))
        sizes = [len(one) if one else 0 for one in lists]
        self._sizes.append(_table(sizes, np.int32, len(rows), len(self._lists)))
        self._flat.append(np.fromiter(map(code, chain.from_iterable(filter(None, lists))), np.int32))
        shares = [np.nan if one is None else one for one in chain.from_iterable(map(self._in_shares, rows))]
        self._shares.append(_table(shares, np.float64, len(rows), len(self._rare)))
        first, self._count = self._count, self._count + len(rows)
        return range(first, self._count)

    def told(self) -> bytes:
        """Return all records taken in as bytes."""
        tables = (self._codes, self._sizes, self._flat, self._shares)
        return _encode(_Told(self._count, list(self._number), *(np.concatenate(parts).tobytes() for parts in tables)))

    def take(self, told: bytes) -> range:
        """Take in the records that another coding of these columns has told; return their places."""
        page = _told(told)
        code = np.array([*map(self._code.__getitem__, page.texts)], np.int32)
        self._codes.append(code[np.frombuffer(page.codes, np.int32)].reshape(page.count, len(self._texts)))
        self._sizes.append(np.frombuffer(page.sizes, np.int32).reshape(page.count, len(self._lists)))
        self._flat.append(code[np.frombuffer(page.flat, np.int32)])
        self._shares.append(np.frombuffer(page.shares, np.float64).reshape(page.count, len(self._rare)))
        first, self._count = self._count, self._count + page.count
        return range(first, self._count)

    def coded(self, places: Ints) -> Coded:
        """Return the records at these places, in this order, by column."""
        codes, sizes = np.concatenate(self._codes)[places].T.copy(), np.concatenate(self._sizes)
        codes[codes == 0] = NONE
        starts = (np.cumsum(sizes, dtype=np.int64) - sizes.ravel()).reshape(sizes.shape)[places]
        sizes, flat = sizes[places], np.concatenate(self._flat)
        shares = np.concatenate(self._shares)[places]
        return Coded(
            len(places),
            dict(zip(self._texts, codes, strict=True)),
            {name: Lists.at(starts[:, at], sizes[:, at], flat) for at, name in enumerate(self._lists)},
            {name: shares[:, at].copy() for at, name in enumerate(self._rare)},
            self._number,
        )


def _cells(places: list[int]) -> Callable[[Cells], Cells]:
    """Return what takes the cells at these places out of a row."""
    if len(places) < 2:
        return lambda row: [row[place] for place in places]
    return itemgetter(*places)


def _table(values: Any, kind: type[Any], rows: int, columns: int) -> npt.NDArray[Any]:
    return np.fromiter(values, kind, rows * columns).reshape(rows, columns)
