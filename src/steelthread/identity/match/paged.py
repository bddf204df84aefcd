"""Coded records page by page, as they are kept: what is compared of each as bytes, and the keys by which it is found.

It gives what `packed` and `keys_of` give of single records, column by column, and makes each distinct key of a page once.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from steelthread.identity.match.blocking import Word
from steelthread.identity.match.coded import Coded, Codes, Ints
from steelthread.identity.match.party import Party

Tokens = Callable[[str, Iterable[str]], bytes]
"""Gives the keyed hashes of texts that begin alike, as 64-bit numbers in the machine's own order of bytes."""
_ODD = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)
_encoded = msgspec.msgpack.Encoder().encode


class Paged:
    """The records of a run, to be kept page by page."""

    def __init__(self, coded: Coded, party: Party) -> None:
        self._coded = coded
        self._party = party
        for words in party.words:
            for word in words:  # what is made once, is made before a fork would make it again
                if word.cut == ":":
                    for name in word.names:
                        coded.cut(name, 0, word.size)
        self._texts: npt.NDArray[np.object_] = np.concatenate([coded.words, np.array([None], dtype=object)])

    def packed(self, page: range) -> list[bytes]:
        """Return what is compared of each record of a page, as `packed` does."""
        return [_encoded(cells) for cells in zip(*self._columns(page), strict=True)]

    def column(self, name: str, page: range) -> list[list[str] | None]:
        """Return a column of lists of a page's records, None for an empty one."""
        lists = self._coded.lists[name]
        part = slice(page.start, page.stop)
        found: list[list[str] | None] = [None] * len(page)
        count, start = lists.count[part], lists.start[part]
        if not len(page) or not count.any():
            return found
        first = int(start[0])
        flat = self._texts[lists.flat[first : int(start[-1] + count[-1])]].tolist()
        there = np.flatnonzero(count)
        begins = start[there] - first
        for place, begin, end in zip(there.tolist(), begins.tolist(), (begins + count[there]).tolist(), strict=True):
            found[place] = flat[begin:end]
        return found

    def _columns(self, page: range) -> Iterator[list[Any]]:
        part, coded, party = slice(page.start, page.stop), self._coded, self._party
        for name in party.texts:
            yield self._texts[coded.texts[name][part]].tolist()  # NONE is the last place, where None stands
        for name in party.lists:
            yield self.column(name, page)
        for name in party.frequent:
            shares = coded.shares[name][part]
            found = shares.astype(object)
            found[np.isnan(shares)] = None
            yield found.tolist()

    def keys(self, page: range, tokens: Tokens) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the keyed hashes of all keys of a page's records, in order of records and hashes, and where each record's begin."""
        places, hashes = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
        for number, words in enumerate(self._party.words):
            records, columns = self._values(page, words)
            if not len(records):
                continue
            first, inverse = _distinct(columns)
            texts = self._texts[columns[0][first]]
            for column in columns[1:]:
                texts = texts + self._texts[column[first]]
            told = np.frombuffer(tokens(f"match|{self._party.mark}{number}|", texts.tolist()), dtype=np.int64)
            places.append(records)
            hashes.append(told[inverse])
        place, told = np.concatenate(places), np.concatenate(hashes)
        turn = np.lexsort((told, place))
        place, told = place[turn], told[turn]
        again = np.zeros(len(place), dtype=np.bool_)  # a key that a record has twice
        again[1:] = (place[1:] == place[:-1]) & (told[1:] == told[:-1])
        place, told = place[~again], told[~again]
        return told, np.searchsorted(place, np.arange(len(page) + 1))

    def _values(self, page: range, words: Sequence[Word]) -> tuple[Ints, list[Codes]]:
        """Return the places in a page of the records that a rule has keys for, and the number of each word of each key."""
        records: Ints = np.arange(len(page), dtype=np.int64)
        columns: list[Codes] = []
        for word in words:
            if word.each:
                lists = self._coded.lists[word.names[0]]
                at = records + page.start
                sizes = lists.count[at].astype(np.int64)
                within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
                codes = lists.flat[np.repeat(lists.start[at], sizes) + within]
                records, columns = np.repeat(records, sizes), [np.repeat(one, sizes) for one in columns]
            else:
                codes = self._codes(word, page)[records]
                there = codes >= 0
                records, codes, columns = records[there], codes[there], [one[there] for one in columns]
            columns.append(codes)
        return records, columns

    def _codes(self, word: Word, page: range) -> Codes:
        """Return what a word that takes no list is of each record of a page, by number: what `Word.values` gives."""
        coded, part = self._coded, slice(page.start, page.stop)
        found = coded.texts[word.names[0]][part]
        if word.order:
            return self._ordered(found, coded.texts[word.other][part], lesser=word.order == "<")
        if word.cut == ":":
            found = coded.cut(word.names[0], 0, word.size)[part]
        for name in word.names[1:]:
            other = coded.cut(name, 0, word.size)[part] if word.cut == ":" else coded.texts[name][part]
            found = np.where(found >= 0, found, other)
        if word.cut == "+":
            found = np.where((found >= 0) & (coded.sizes[found] > word.size), found, -1)
        return found

    def _ordered(self, one: Codes, other: Codes, *, lesser: bool) -> Codes:
        """Return of two texts the lesser, or else the greater, or the one that is there."""
        found = np.where(one < 0, other, one)
        both = np.flatnonzero((one >= 0) & (other >= 0))
        mine, theirs = self._texts[one[both]], self._texts[other[both]]
        turned = np.asarray(mine > theirs if lesser else mine < theirs, dtype=np.bool_)
        found[both[turned]] = other[both[turned]]
        return found


def _distinct(columns: Sequence[Codes]) -> tuple[Ints, Ints]:
    """Return where each distinct row of numbers stands first, and which of these each row is."""
    keys = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        keys ^= column.astype(np.uint64)
        keys *= _ODD
        keys ^= keys >> _SHIFT
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return first, inverse
