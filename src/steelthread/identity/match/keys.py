"""Blocking of coded records: the pairs that share a key (`blocking`), each key a 64-bit number; DuckDB joins them."""

from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from steelthread.identity.match.blocking import FEW, WORDS, Word, budget
from steelthread.identity.match.coded import Coded, Codes, Ints
from steelthread.identity.match.linkage import key_of

_ODD = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


def _mixed(keys: npt.NDArray[np.uint64], codes: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    mixed = (keys ^ codes.astype(np.uint64)) * _ODD
    return np.asarray(mixed ^ (mixed >> _SHIFT))


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


def _arriving(coded: Coded) -> pa.Table:
    """Return the keys of all rules, each with its record."""
    found = [_keys(coded, number, words) for number, words in enumerate(WORDS)]
    records = np.concatenate([records.astype(np.int32) for records, _ in found])
    return pa.table({"record": records, "key": np.concatenate([keys for _, keys in found])})


def block(connection: duckdb.DuckDBPyConnection, coded: Coded) -> Ints:
    """Return the pairs of records that share a key, as keys (`linkage.key_of`, the lesser record first), in order."""
    if coded.count <= FEW:
        left, right = np.triu_indices(coded.count, 1)
        return key_of(left, right)
    connection.register("arriving", _arriving(coded))
    connection.execute("create or replace temp table keys as select record, key from arriving")
    connection.unregister("arriving")
    connection.execute(
        "create or replace temp table sizes as select key, count(*) as size from keys group by key having count(*) > 1"
    )
    largest = connection.execute(
        "select max(size) from (select size, sum(sum(size * (size - 1) / 2)) over (order by size) as pairs from sizes group by size)"
        f" where pairs <= {budget(coded.count)}"
    ).fetchall()[0][0]
    connection.execute(
        "create or replace temp table kept as select record, key from keys"
        f" semi join (select key from sizes where size <= {largest or 2}) using (key)"
    )
    pairs: Ints = connection.execute(
        "select distinct l.record::bigint << 32 | r.record as pair from kept l join kept r on l.key = r.key and l.record < r.record"
    ).fetchnumpy()["pair"]
    connection.execute("drop table keys; drop table sizes; drop table kept")
    pairs.sort()
    return pairs
