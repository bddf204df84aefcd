"""Which pairs are compared at all: records that share a key, of keys that are not too common. Set-based, in SQL.

Keys that stand on many records are left out, as many as it takes to stay within a budget of pairs per record: what
they would give is found by another key, or is not one person. So the pairs grow with the records, not with their square.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from steelthread.identity.match.ground import Dialect, Ground

BUDGET = 60
"""Pairs per record, before those that are found twice are counted once: for the first `MANY` records of the data."""
BEYOND = 15
"""Pairs for each record more: where there are many, what a common key would find is found by a rarer one."""
MANY = 30_000
FEW = 1000
"""Up to so many records all pairs are compared."""
_SPARE = 500_000
RULES = (
    "mails*", "phones*", "numbers*", "local+5", "homes* first:1", "homes* year", "road house first_sound",
    "birthday last_sound:3", "birthday first_sound:2", "birthday<swapped last_sound|first_sound:2",
    "birth postcode|city", "birth area", "birth word", "called* last_sound", "first<last first>last",
    "first_sound last_sound year:3", "last year first:1", "surnames* postcode", "called* postcode", "names* postcode",
    "names* city year:3", "last_sound area first_sound:1", "first area year", "last_sound city first_sound:1",
    "postcode year", "postcode category", "city category year:3", "names*", "birthday", "postcode", "called* city",
    "surnames* city", "last_sound:3 city", "last:4 first:2", "names* category", "birth first|word:1",
    "local_words* first|last|word:1",
)  # fmt: skip
"""Keys as words in a row: a column; `x*` each of a list; `x:2` its first two signs; `x|y` the first that is there;
`x<y` the lesser, `x>y` the greater of those there; `x+5` only when longer than five signs. All words, or no key."""
_WORD = re.compile(r"([a-z_|]+)(?:([<>])([a-z_]+)|([:+])(\d)|(\*))?$")


def budget(records: int) -> int:
    """Return how many pairs may be found, before those that are found twice are counted once."""
    return BUDGET * min(records, MANY) + BEYOND * max(records - MANY, 0) + _SPARE


class Word:
    """A word of a rule, taken apart."""

    def __init__(self, text: str) -> None:
        found = _WORD.match(text)
        assert found is not None
        name, order, other, cut, size, each = (one or "" for one in found.groups())
        self.text = text
        self.names = name.split("|")
        self.order, self.other, self.cut, self.size, self.each = order, other, cut, int(size or 0), bool(each)

    def sql(self, dialect: Dialect) -> str:
        """Return the word as SQL; in Spark `item` is each of the list that `among` takes apart."""
        name = self.names[0]
        column = f"coalesce({', '.join(self.names)})" if len(self.names) > 1 else name
        if self.order:
            return f"{'least' if self.order == '<' else 'greatest'}({name}, {self.other})"
        if self.cut == ":":
            return f"left({column}, {self.size})"
        if self.cut == "+":
            return f"case when length({name}) > {self.size} then {name} end"
        if self.each:
            return f"unnest({name})" if dialect == "duckdb" else "item"
        return column

    def among(self, dialect: Dialect) -> str:
        """Return what stands behind the table in SQL, "" for most words."""
        return f" lateral view explode({self.names[0]}) lists as item" if self.each and dialect == "spark" else ""

    def values(self, row: Mapping[str, Any]) -> Sequence[str]:
        """Return what the word is of a prepared record."""
        if self.each:
            return row[self.names[0]] or ()
        if self.order:
            there = [row[one] for one in (self.names[0], self.other) if row[one] is not None]
            return [min(there) if self.order == "<" else max(there)] if there else ()
        value = next((row[one] for one in self.names if row[one] is not None), None)
        if value is None or (self.cut == "+" and len(value) <= self.size):
            return ()
        return (value[: self.size] if self.cut == ":" else value,)


WORDS = [[Word(text) for text in rule.split()] for rule in RULES]
"""The rules, word by word."""


def keys_of(row: Mapping[str, Any], rules: Sequence[Sequence[Word]] = WORDS, mark: str = "") -> list[str]:
    """Return the keys of a prepared record, each with the number of its rule after `mark`: what `block` joins on."""
    found: list[str] = []
    told: dict[str, Sequence[str]] = {}
    """The values of words that were met: most stand in several rules."""
    for number, words in enumerate(rules):
        values = [f"{mark}{number}|"]
        for word in words:
            more = told.get(word.text)
            if more is None:
                more = told[word.text] = word.values(row)
            if not more:
                break
            values = [before + value for before in values for value in more]
        else:
            found += values
    return list(dict.fromkeys(found))


def compares_all(records: int) -> bool:
    """Whether so many records are all compared with each other, whatever keys they have."""
    return records <= FEW


def common_of(keys: npt.NDArray[np.int64], records: int) -> list[int]:
    """Return those of all keys of so many records that are too common to find anybody, within the same budget of pairs."""
    if compares_all(records):
        return []
    distinct, held = np.unique(keys, return_counts=True)
    sizes, times = np.unique(held[held > 1], return_counts=True)
    within = sizes[np.cumsum(sizes * (sizes - 1) // 2 * times) <= budget(records)]
    found: list[int] = distinct[held > int(within.max(initial=2))].tolist()
    return found


def block(ground: Ground, table: str, into: str, rules: Sequence[Sequence[Word]] = WORDS) -> int:
    """Write the pairs (record_l < record_r) of a table of prepared records; return how many there are."""
    records = ground.count(table)
    if compares_all(records):
        ground.make(
            into,
            f"select l.record as record_l, r.record as record_r from {table} l join {table} r on l.record < r.record",
        )
        return records * (records - 1) // 2
    dialect = ground.dialect
    parts = " union all ".join(
        f"select record, {number}::tinyint as rule, {' || '.join(word.sql(dialect) for word in words)} as value"
        f" from {table}{''.join(word.among(dialect) for word in words)}"
        for number, words in enumerate(rules)
    )
    key = "hash" if dialect == "duckdb" else "xxhash64"
    ground.make("keys", f"select record, {key}(rule, value) as key from ({parts}) where value is not null")
    ground.make("sizes", "select key, count(*) as size from keys group by key having count(*) > 1")
    largest = ground.ask(
        "select coalesce(max(size), 2) as size from"
        " (select size, sum(sum(size * (size - 1) / 2)) over (order by size) as pairs from sizes group by size)"
        f" where pairs <= {budget(records)}"
    )["size"][0]
    ground.make("small", f"select key from sizes where size <= {largest}")
    ground.make("kept", "select distinct record, key from keys semi join small using (key)")
    ground.make(
        into,
        "select distinct l.record as record_l, r.record as record_r"
        " from kept l join kept r on l.key = r.key and l.record < r.record",
    )
    ground.drop("keys", "sizes", "small", "kept")
    return ground.count(into)
