"""Conditions on many pairs at once: the third reading of `conditions`, over arrays of coded records.

Each part of a condition is looked at only for the pairs that those before it leave open, and what stands in several
places of a model is answered once per pair. Texts are compared only by the conditions that ask how alike two are.
"""

from collections import Counter
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import DamerauLevenshtein, JaroWinkler
from rapidfuzz.process import cpdist

from steelthread.identity.match.coded import NONE, Coded, Codes, Floats, Ints, Lists
from steelthread.identity.match.conditions import Condition
from steelthread.identity.match.signs import lacking, may_be_alike
from steelthread.kit import Invalid

Bools = npt.NDArray[np.bool_]
_MOST = 20_000_000
_FEW = 8
"""For less than an eighth of the pairs a column is looked up for these alone."""


class Pairs:
    """Pairs of coded records, and what is known of them already."""

    def __init__(self, coded: Coded, left: Ints, right: Ints) -> None:
        self.coded, self.left, self.right = coded, left, right
        self.memo: dict[str, npt.NDArray[np.int8]] = {}
        self._codes: dict[str, tuple[Codes, Codes]] = {}
        self._alike: dict[str, Floats] = {}

    def __len__(self) -> int:
        return len(self.left)

    def codes(self, column: str, at: Ints) -> tuple[Codes, Codes]:
        """Return what the pairs at these places have in a column, on either side."""
        if column not in self._codes:
            codes = self.coded.texts[column]
            if len(at) * _FEW < len(self):
                return codes[self.left[at]], codes[self.right[at]]
            self._codes[column] = codes[self.left], codes[self.right]
        one, other = self._codes[column]
        return (one, other) if len(at) == len(self) else (one[at], other[at])

    def similar(self, column: str, at: Ints, least: float) -> Bools:
        """Whether the texts of a column are so much alike (Jaro-Winkler); what was compared once is remembered."""
        known = self._alike.get(column)
        if known is None:
            known = self._alike[column] = np.full(len(self), np.nan)
        found = known[at]
        unknown = np.flatnonzero(np.isnan(found))
        if len(unknown):
            one, other = self.codes(column, at[unknown])
            able = able_to_be_alike(self.coded, column, one, other, least)
            unknown, one, other = unknown[able], one[able], other[able]
            found[unknown] = known[at[unknown]] = jaro_winkler(self.coded, one, other)
        return np.asarray(found >= least)


Test = Callable[[Pairs, Ints], Bools]
"""Whether a condition holds for the pairs at these places."""


def able_to_be_alike(coded: Coded, column: str, one: Codes, other: Codes, least: float) -> Ints:
    """Return the places of texts (by their numbers) whose Jaro-Winkler similarity may be so high, at a look."""
    at = np.flatnonzero((one >= 0) & (other >= 0))
    one, other = one[at], other[at]
    signs, heads = coded.signs(column)
    sizes = coded.sizes
    may = may_be_alike((signs[one], signs[other]), (sizes[one], sizes[other]), (heads[one], heads[other]), least)
    return np.asarray(at[may])


def jaro_winkler(coded: Coded, one: Codes, other: Codes) -> Floats:
    """Return the Jaro-Winkler similarity of texts by their numbers, 0 where one is missing."""
    found = np.where((one == other) & (one >= 0), 1.0, 0.0)
    open_ = np.flatnonzero((one != other) & (one >= 0) & (other >= 0))
    if len(open_):
        words = coded.words
        found[open_] = cpdist(words[one[open_]], words[other[open_]], scorer=JaroWinkler.similarity, dtype=np.float64)
    return found


def often(conditions: Iterable[Condition]) -> frozenset[str]:
    """Return (as `repr`) which conditions stand in several places of these, and are more than a look at two numbers."""
    counts: Counter[str] = Counter()

    def count(condition: Condition) -> None:
        name, *rest = condition
        counts[repr(condition)] += name not in ("same", "null", "differ", "not", "neither", "else")
        if name in ("all", "any", "not"):
            for one in rest:
                count(one)

    for condition in conditions:
        count(condition)
    return frozenset(key for key, times in counts.items() if times > 1)


def in_arrays(condition: Condition, known: frozenset[str] = frozenset()) -> Test:
    """Return the condition as a function of many pairs; `known` are those that a pair is asked once."""
    name, *rest = condition
    if name in ("all", "any"):
        test = _in_turn([in_arrays(one, known) for one in rest], met=name == "any")
    elif name == "not":
        inner = in_arrays(rest[0], known)

        def test(pairs: Pairs, at: Ints) -> Bools:
            return ~inner(pairs, at)
    elif name in _TESTS:
        test = _TESTS[name](*rest)
    else:
        raise Invalid(f"{name} is no condition of a matching model; see docs/matching.md.")
    key = repr(condition)
    return _once(test, key) if key in known else test


def _once(test: Test, key: str) -> Test:
    def asked(pairs: Pairs, at: Ints) -> Bools:
        memo = pairs.memo.get(key)
        if memo is None:
            memo = pairs.memo[key] = np.full(len(pairs), -1, dtype=np.int8)
        found = memo[at]
        unknown = np.flatnonzero(found < 0)
        if len(unknown):
            found[unknown] = test(pairs, at[unknown])
            memo[at[unknown]] = found[unknown]
        return found.astype(np.bool_)

    return asked


def _in_turn(tests: list[Test], *, met: bool) -> Test:
    """`any` (met) and `all` (not met): each part is asked of those that the ones before leave open."""

    def asked(pairs: Pairs, at: Ints) -> Bools:
        found = tests[0](pairs, at)
        for test in tests[1:]:
            open_ = np.flatnonzero(found != met)
            if not len(open_):
                break
            found[open_] = test(pairs, at[open_])
        return found

    return asked


def _null(a: str) -> Test:
    def test(pairs: Pairs, at: Ints) -> Bools:
        if a in pairs.coded.lists:
            count = pairs.coded.lists[a].count
            return np.asarray((count[pairs.left[at]] == 0) | (count[pairs.right[at]] == 0))
        one, other = pairs.codes(a, at)
        return (one < 0) | (other < 0)

    return test


def _same(a: str) -> Test:
    def test(pairs: Pairs, at: Ints) -> Bools:
        one, other = pairs.codes(a, at)
        return np.asarray((one == other) & (one >= 0))

    return test


def _differ(a: str) -> Test:
    def test(pairs: Pairs, at: Ints) -> Bools:
        one, other = pairs.codes(a, at)
        return np.asarray((one != other) & (one >= 0) & (other >= 0))

    return test


def _neither(a: str) -> Test:
    def test(pairs: Pairs, at: Ints) -> Bools:
        one, other = pairs.codes(a, at)
        return (one < 0) & (other < 0)

    return test


def _cross(a: str, b: str) -> Test:
    def test(pairs: Pairs, at: Ints) -> Bools:
        (one, other), (mine, theirs) = pairs.codes(a, at), pairs.codes(b, at)
        return np.asarray((one == theirs) & (mine == other) & (one >= 0) & (mine >= 0))

    return test


def _either(a: str, b: str) -> Test:
    def test(pairs: Pairs, at: Ints) -> Bools:
        (one, other), (mine, theirs) = pairs.codes(a, at), pairs.codes(b, at)
        return np.asarray(((one == theirs) & (one >= 0)) | ((mine == other) & (mine >= 0)))

    return test


def _near(a: str, b: str, n: float) -> Test:
    def test(pairs: Pairs, at: Ints) -> Bools:
        (one, other), (mine, theirs) = pairs.codes(a, at), pairs.codes(b, at)
        pairs.coded.signs(b)
        found = np.zeros(len(at), dtype=np.bool_)
        for x, y in ((one, theirs), (mine, other)):
            able = able_to_be_alike(pairs.coded, a, x, y, n)
            found[able] |= jaro_winkler(pairs.coded, x[able], y[able]) >= n
        return found

    return test


def _jaro(a: str, n: float) -> Test:
    return lambda pairs, at: pairs.similar(a, at, n)


def _edits(a: str, n: int) -> Test:
    def test(pairs: Pairs, at: Ints) -> Bools:
        one, other = pairs.codes(a, at)
        found = np.zeros(len(at), dtype=np.bool_)
        mine, theirs = pairs.coded.sizes[one], pairs.coded.sizes[other]
        enough = (one >= 0) & (other >= 0) & (np.minimum(mine, theirs) > 2 * n) & (np.abs(mine - theirs) <= n)
        there = np.flatnonzero(enough)
        if len(there):
            signs, _ = pairs.coded.signs(a)
            there = there[np.maximum(*lacking(signs[one[there]], signs[other[there]])) <= n]
            words = pairs.coded.words
            edits = cpdist(
                words[one[there]],
                words[other[there]],
                scorer=DamerauLevenshtein.distance,
                score_cutoff=n,
                dtype=np.int32,
            )
            found[there] = edits <= n
        return found

    return test


def _tail(a: str, n: int) -> Test:
    def test(pairs: Pairs, at: Ints) -> Bools:
        ends = pairs.coded.cut(a, -n, None)
        one, other = ends[pairs.left[at]], ends[pairs.right[at]]
        return np.asarray((one == other) & (one >= 0))

    return test


def _shares(a: str) -> Test:
    def test(pairs: Pairs, at: Ints) -> Bools:
        column, left, right = pairs.coded.lists[a], pairs.left[at], pairs.right[at]
        one, other = column.first[left], column.first[right]
        found = (one == other) & (one >= 0)
        several = (column.count[left] > 1) | (column.count[right] > 1)
        open_ = np.flatnonzero(~found & several & (one >= 0) & (other >= 0))
        if len(open_):
            found[open_] = common(column, left[open_], right[open_])
        return np.asarray(found)

    return test


def common(column: Lists, left: Ints, right: Ints) -> Bools:
    """Whether the lists of two records have a value in common; both have values."""
    wide = column.count[right].astype(np.int64)
    sizes = column.count[left] * wide
    total = int(sizes.sum())
    if total > _MOST and len(left) > 1:
        half = len(left) // 2
        return np.concatenate([common(column, left[:half], right[:half]), common(column, left[half:], right[half:])])
    pair = np.repeat(np.arange(len(left)), sizes)
    place = np.arange(total) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    wide = wide[pair]
    one = column.flat[column.start[left][pair] + place // wide]
    other = column.flat[column.start[right][pair] + place % wide]
    found = np.zeros(len(left), dtype=np.bool_)
    found[pair[one == other]] = True
    return found


def _within(a: str, b: str) -> Test:
    def test(pairs: Pairs, at: Ints) -> Bools:
        one, other = pairs.codes(a, at)
        column = pairs.coded.lists[b]
        return among(column, one, pairs.right[at]) | among(column, other, pairs.left[at])

    return test


def among(column: Lists, codes: Codes, records: Ints) -> Bools:
    """Whether each of these numbers is among the values of a record."""
    found = (codes == column.first[records]) & (codes >= 0)
    open_ = np.flatnonzero(~found & (codes > NONE) & (column.count[records] > 1))
    sizes = column.count[records[open_]].astype(np.int64)
    pair = np.repeat(open_, sizes)
    place = np.arange(len(pair)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    values = column.flat[np.repeat(column.start[records[open_]], sizes) + place]
    found[pair[values == codes[pair]]] = True
    return np.asarray(found)


_TESTS: dict[str, Callable[..., Test]] = {
    "null": _null,
    "same": _same,
    "differ": _differ,
    "neither": _neither,
    "near": _near,
    "cross": _cross,
    "either": _either,
    "shares": _shares,
    "within": _within,
    "jaro": _jaro,
    "edits": _edits,
    "tail": _tail,
}
