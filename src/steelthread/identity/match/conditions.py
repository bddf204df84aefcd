"""The little language of conditions on two records: written once, read as SQL, on arrays (`alike`) and in Python.

SQL is for an engine, arrays are for a whole run, Python is for the scorer of the stream.

A condition is a list: an operator, then columns, numbers or conditions.

`[null, a]` one side has no a · `[same, a]` equal · `[differ, a]` both are there and not equal · `[cross, a, b]` a of each is b of the other · `[either, a, b]` a of
one is b of the other · `[shares, a]` lists with a common element · `[within, a, b]` a of one is among b of the other ·
`[neither, a]` no side has an a · `[near, a, b, n]` a of one and b of the other are alike by Jaro-Winkler ·
`[jaro, a, n]` Jaro-Winkler similarity of at least n · `[edits, a, n]` at most n edits (Damerau-Levenshtein) of values
with more than 2n signs · `[tail, a, n]` the last n signs
are equal · `[all, ...]`, `[any, ...]`, `[not, x]`. All of them are symmetric and never unknown: without a value false.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rapidfuzz.distance import DamerauLevenshtein, JaroWinkler

from steelthread.identity.match.ground import Dialect
from steelthread.kit import Invalid

Condition = list[Any]
Row = Mapping[str, Any]
Test = Callable[[Row, Row], bool]
LIKENESS = "likeness"
"""Jaro-Winkler similarity in Spark: rapidfuzz's, as everywhere here. Splink's own function there counts half transpositions."""


def to_sql(condition: Condition, dialect: Dialect = "duckdb") -> str:
    """Return the condition as SQL over columns a_l and a_r."""
    name, *rest = condition
    if name in ("all", "any"):
        return _in_turn([to_sql(one, dialect) for one in rest], met=name == "any")
    if name == "not":
        return f"(not {to_sql(rest[0], dialect)})"
    if name not in _SQL:
        raise Invalid(f"{name} is no condition of a matching model; see docs/matching.md.")
    return (_SPARK.get(name, _SQL[name]) if dialect == "spark" else _SQL[name])(*rest)


def _in_turn(parts: list[str], *, met: bool) -> str:
    """Join conditions so that each is only looked at where those before leave it open: `and` and `or` look at all."""
    *ahead, last = parts
    cases = " ".join(f"when {'' if met else 'not '}{part} then {'true' if met else 'false'}" for part in ahead)
    return f"(case {cases} else {last} end)" if ahead else last


def columns_in(condition: Condition) -> set[str]:
    """Return the columns at which a condition looks."""
    name, *rest = condition
    if name in ("all", "any", "not"):
        return set().union(*(columns_in(one) for one in rest))
    return {one for one in rest if isinstance(one, str)}


_SQL: dict[str, Callable[..., str]] = {
    "null": lambda a: f"({a}_l is null or {a}_r is null)",
    "same": lambda a: f"coalesce({a}_l = {a}_r, false)",
    "differ": lambda a: f"coalesce({a}_l <> {a}_r, false)",
    "neither": lambda a: f"({a}_l is null and {a}_r is null)",
    "near": lambda a, b, n: (
        f"(coalesce(jaro_winkler_similarity({a}_l, {b}_r) >= {n}, false)"
        f" or coalesce(jaro_winkler_similarity({b}_l, {a}_r) >= {n}, false))"
    ),
    "cross": lambda a, b: f"coalesce({a}_l = {b}_r and {b}_l = {a}_r, false)",
    "either": lambda a, b: f"(coalesce({a}_l = {b}_r, false) or coalesce({b}_l = {a}_r, false))",
    "shares": lambda a: (
        f"(case when {a}_l is null or {a}_r is null then false when {a}_l[1] = {a}_r[1] then true"
        f" when len({a}_l) = 1 and len({a}_r) = 1 then false else list_has_any({a}_l, {a}_r) end)"
    ),
    "within": lambda a, b: (
        f"(case when {a}_l is not null and {b}_r is not null and list_contains({b}_r, {a}_l) then true"
        f" when {a}_r is not null and {b}_l is not null then list_contains({b}_l, {a}_r) else false end)"
    ),
    "jaro": lambda a, n: (
        f"(case when {a}_l is null or {a}_r is null then false when {a}_l = {a}_r then true"
        f" else jaro_winkler_similarity({a}_l, {a}_r) >= {n} end)"
    ),
    "edits": lambda a, n: (
        f"(case when {a}_l is null or {a}_r is null or least(length({a}_l), length({a}_r)) <= {2 * n} then false"
        f" when abs(length({a}_l) - length({a}_r)) > {n} then false"
        f" else damerau_levenshtein({a}_l, {a}_r) <= {n} end)"
    ),
    "tail": lambda a, n: f"coalesce(right({a}_l, {n}) = right({a}_r, {n}), false)",
}

_SPARK: dict[str, Callable[..., str]] = {
    "near": lambda a, b, n: (
        f"(coalesce({LIKENESS}({a}_l, {b}_r) >= {n}, false) or coalesce({LIKENESS}({b}_l, {a}_r) >= {n}, false))"
    ),
    "shares": lambda a: f"coalesce(arrays_overlap({a}_l, {a}_r), false)",
    "within": lambda a, b: (
        f"(coalesce(array_contains({b}_r, {a}_l), false) or coalesce(array_contains({b}_l, {a}_r), false))"
    ),
    "jaro": lambda a, n: f"coalesce({LIKENESS}({a}_l, {a}_r) >= {n}, false)",
}


def to_python(condition: Condition, known: Mapping[str, str] | None = None) -> str:
    """Return the condition as an expression of two rows x and y; equal to the SQL on ASCII values.

    `known` holds the names of what is computed before, by its own expression. Columns and numbers of a model are written as
    literals, so nothing but a condition is ever compiled.
    """
    name, *rest = condition
    if name in ("all", "any"):
        return f"({(' and ' if name == 'all' else ' or ').join(to_python(one, known) for one in rest)})"
    if name == "not":
        return f"(not {to_python(rest[0], known)})"
    if name not in _PYTHON:
        raise Invalid(f"{name} is no condition of a matching model; see docs/matching.md.")
    columns = [f"[{one!r}]" for one in rest if isinstance(one, str)]
    text = _PYTHON[name](*columns, *(repr(float(one)) for one in rest if not isinstance(one, str)))
    return text if known is None else known.get(text, text)


def parts_of(condition: Condition) -> Iterator[Condition]:
    """Yield the comparisons of which a condition is made."""
    name, *rest = condition
    if name in ("all", "any", "not"):
        for one in rest:
            yield from parts_of(one)
    else:
        yield condition


def compiled(condition: Condition) -> Test:
    """Return the condition as a function of two rows."""
    test: Test = eval(f"lambda x, y: bool({to_python(condition)})", dict(GIVEN))  # noqa: S307  # of literals only, see `to_python`
    return test


GIVEN: dict[str, Any] = {"alike": JaroWinkler.similarity, "distance": DamerauLevenshtein.distance}
"""What the expressions of conditions call."""
_PYTHON: dict[str, Callable[..., str]] = {
    "null": lambda a: f"(x{a} is None or y{a} is None)",
    "same": lambda a: f"(x{a} is not None and x{a} == y{a})",
    "differ": lambda a: f"(x{a} is not None and y{a} is not None and x{a} != y{a})",
    "neither": lambda a: f"(x{a} is None and y{a} is None)",
    "near": lambda a, b, n: (
        f"(x{a} is not None and y{b} is not None and alike(x{a}, y{b}) >= {n}"
        f" or x{b} is not None and y{a} is not None and alike(x{b}, y{a}) >= {n})"
    ),
    "cross": lambda a, b: f"(x{a} is not None and x{b} is not None and x{a} == y{b} and x{b} == y{a})",
    "either": lambda a, b: f"(x{a} is not None and x{a} == y{b} or y{a} is not None and y{a} == x{b})",
    "shares": lambda a: f"(x{a} and y{a} and not set(x{a}).isdisjoint(y{a}))",
    "within": lambda a, b: f"(x{a} is not None and x{a} in (y{b} or ()) or y{a} is not None and y{a} in (x{b} or ()))",
    "jaro": lambda a, n: f"(x{a} is not None and y{a} is not None and alike(x{a}, y{a}) >= {n})",
    "edits": lambda a, n: (
        f"(x{a} is not None and y{a} is not None and min(len(x{a}), len(y{a})) > 2 * {n}"
        f" and abs(len(x{a}) - len(y{a})) <= {n} and distance(x{a}, y{a}, score_cutoff=int({n})) <= {n})"
    ),
    "tail": lambda a, n: f"(x{a} is not None and y{a} is not None and x{a}[-int({n}):] == y{a}[-int({n}):])",
}
