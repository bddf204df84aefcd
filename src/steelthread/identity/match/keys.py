"""Blocking of coded records: the pairs that share a key (`blocking`). Keys are 64-bit numbers; who shares one stands together in order.

Rule by rule, since keys of two rules are never the same: so little is in memory at a time, and two threads share the work.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from steelthread.identity.match.blocking import FEW, WORDS, Word, budget
from steelthread.identity.match.coded import Coded, Codes, Ints
from steelthread.identity.match.linkage import key_of

_ODD = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


def _mixed(keys: npt.NDArray[np.uint64], codes: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    mixed = codes.astype(np.uint64)
    mixed ^= keys
    mixed *= _ODD
    mixed ^= mixed >> _SHIFT
    return mixed


def _codes(word: Word, coded: Coded) -> Codes:
    """Return what the word is of each record, by number; it is not one that takes each of a list."""
    columns = [coded.cut(name, 0, word.size) if word.cut == ":" else coded.texts[name] for name in word.names]
    found = columns[0]
    for column in columns[1:]:
        found = np.where(found >= 0, found, column)
    if word.cut == "+":
        found = np.where((found >= 0) & (coded.sizes[found] > word.size), found, -1)
    if word.order:
        other = coded.texts[word.other]
        both = np.minimum(found, other) if word.order == "<" else np.maximum(found, other)
        found = np.where(found < 0, other, np.where(other < 0, found, both))
    return np.asarray(found, dtype=np.int32)


def _keys(coded: Coded, number: int, words: Sequence[Word]) -> tuple[Ints, npt.NDArray[np.uint64]]:
    """Return the records that a rule has keys for, and the keys, as 64-bit hashes."""
    records: Ints = np.arange(coded.count, dtype=np.int64)
    keys = np.full(coded.count, (number + 1) * int(_ODD) & 0xFFFFFFFFFFFFFFFF, dtype=np.uint64)
    for word in words:
        if word.each:
            lists = coded.lists[word.names[0]]
            sizes = lists.count[records].astype(np.int64)
            place = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            codes = lists.flat[np.repeat(lists.start[records], sizes) + place]
            records, keys = np.repeat(records, sizes), np.repeat(keys, sizes)
        else:
            codes = _codes(word, coded)[records]
            there = codes >= 0
            records, keys, codes = records[there], keys[there], codes[there]
        keys = _mixed(keys, codes)
    return records, keys


class _Holders(msgspec.Struct):
    """Who shares the keys of a rule: group `i` is `records[start[i]:start[i] + size[i]]`, in order; each of two or more."""

    records: Codes
    start: Ints
    size: Ints


def _holders(coded: Coded, number: int, words: Sequence[Word]) -> _Holders:
    """Return who shares a key of a rule.

    The place of the record stands in the last bits of a key, so one order of plain numbers gives both.
    """
    records, keys = _keys(coded, number, words)
    mask = np.uint64((1 << max(coded.count - 1, 1).bit_length()) - 1)
    keys &= ~mask
    keys |= records.astype(np.uint64)
    keys.sort()
    first = np.ones(len(keys), dtype=np.bool_)
    first[1:] = (keys[1:] ^ keys[:-1]) > mask
    start = np.flatnonzero(first)
    size = np.diff(start, append=len(keys))
    start, size = start[size > 1], size[size > 1]
    return _Holders((keys & mask).astype(np.int32), start, size)


def _largest(rules: Sequence[_Holders], pairs: int) -> int:
    """Return how many records may share a key, so that there are at most so many pairs."""
    sizes, times = np.unique(np.concatenate([rule.size for rule in rules]), return_counts=True)
    within = sizes[np.cumsum(sizes * (sizes - 1) // 2 * times) <= pairs]
    return int(within.max(initial=2))


def _pairs(rule: _Holders, largest: int) -> Ints:
    """Return the pairs of those who share a key that is not on more records, as keys; some may come twice."""
    found = [np.zeros(0, dtype=np.int64)]
    for size in np.unique(rule.size[rule.size <= largest]).tolist():
        groups = rule.records[rule.start[rule.size == size][:, None] + np.arange(size)]
        found += [key_of(groups[:, one, None], groups[:, one + 1 :]).ravel() for one in range(size - 1)]
    keys = np.concatenate(found)
    return np.asarray(keys[keys >> 32 != keys & 0xFFFFFFFF])  # a key that a record has twice


def block(coded: Coded, words: Sequence[Sequence[Word]] = WORDS) -> Ints:
    """Return the pairs of records that share a key, as keys (`linkage.key_of`, the lesser record first), in order."""
    if coded.count <= FEW:
        left, right = np.triu_indices(coded.count, 1)
        return key_of(left, right)
    for word in (word for rule in words for word in rule if word.cut == ":"):
        for name in word.names:
            coded.cut(name, 0, word.size)  # here and in this order: it gives numbers to what is cut
    with ThreadPoolExecutor(2) as threads:
        rules = list(threads.map(lambda number: _holders(coded, number, words[number]), range(len(words))))
        largest = _largest(rules, budget(coded.count))
        pairs = np.concatenate(list(threads.map(lambda rule: _pairs(rule, largest), rules)))
    pairs.sort()
    first = np.ones(len(pairs), dtype=np.bool_)
    first[1:] = pairs[1:] != pairs[:-1]
    return np.asarray(pairs[first])
