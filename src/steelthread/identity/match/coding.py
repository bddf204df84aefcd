"""Prepared records to numbers, page by page: each is coded when it is at hand, and what was read of it may go at once."""

from array import array
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from steelthread.identity.match.coded import NONE, Coded, Ints, Lists
from steelthread.identity.match.distinct import Numbers


class Coding:
    """Some columns of prepared records, as numbers; the first record added stands at place 0."""

    def __init__(self, columns: Sequence[str], texts: Sequence[str], lists: Sequence[str], rare: Sequence[str]) -> None:
        """`columns` are those of a record, in order; kept are `texts`, `lists`, and how frequent those in `rare` are."""
        self._columns = columns
        self._number = Numbers({"": 0})  # stands for what is not there
        self._codes = {name: array("i") for name in texts}
        self._lists = {name: (array("i"), array("i")) for name in lists}
        self._shares = {name: array("d") for name in rare}
        self._count = 0

    def add(self, rows: Sequence[Sequence[Any]]) -> range:
        """Take records in; return their places. Some hundreds at a time are quickest: they stay near at hand."""
        if rows:
            self._take(dict(zip(self._columns, zip(*rows, strict=True), strict=True)))
        first, self._count = self._count, self._count + len(rows)
        return range(first, self._count)

    def _take(self, columns: dict[str, Sequence[Any]]) -> None:
        number = self._number
        for name, codes in self._codes.items():
            codes.extend([number[text or ""] for text in columns[name]])
        for name, (counts, flat) in self._lists.items():
            column = columns[name]
            counts.extend([len(one) if one else 0 for one in column])
            flat.extend([number[text] for text in chain.from_iterable(filter(None, column))])
        for name, shares in self._shares.items():
            shares.extend(np.array(columns[f"tf_{name}"], dtype=np.float64).tolist())  # None becomes not a number

    def coded(self, places: Ints) -> Coded:
        """Return the records at these places, in this order, by column."""
        texts = {name: np.array(codes, dtype=np.int32)[places] for name, codes in self._codes.items()}
        for codes in texts.values():
            codes[codes == 0] = NONE
        lists = {
            name: Lists(np.array(counts, dtype=np.int32), np.array(flat, dtype=np.int32)).taken(places)
            for name, (counts, flat) in self._lists.items()
        }
        shares = {name: np.array(shares, dtype=np.float64)[places] for name, shares in self._shares.items()}
        return Coded(len(places), texts, lists, shares, self._number)
