"""Levels of pairs: Splink finds them once, then patterns are counted and weights are summed from them under any model.

Splink gives weights, not levels, unless it is made to keep every column of both records. So it is asked with a model
whose weights name the levels (`probe`).
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from steelthread.identity.match.comparisons import Comparison
from steelthread.identity.match.ground import Ground
from steelthread.identity.match.learning import Floats, Patterns
from steelthread.identity.match.model import Model


def probe(comparison: Comparison) -> Comparison:
    """Give each level a weight that is its number: else 1, then upwards; silence has none and stays 0."""
    last = len(comparison.levels)
    levels = [
        msgspec.structs.replace(level, m=2.0 ** (last - place - 40), u=2.0**-40)
        for place, level in enumerate(comparison.levels)
    ]
    return msgspec.structs.replace(comparison, levels=levels)


def _rarity(comparison: Comparison, kind: str = "float") -> str:
    """Return SQL for -log2 of the frequency that counts at the level that holds, "" when none ever counts."""
    cases = []
    for place, level in enumerate(comparison.levels):
        if level.frequency:
            left, right = f"tf_{level.frequency}_l", f"tf_{level.frequency}_r"
            rare = f"-log2(greatest(coalesce({left}, {right}), coalesce({right}, {left})))"
            cases.append(f"when {len(comparison.levels) - place} then coalesce({rare}, 0)")
    number = f"round(mw_{comparison.name})::tinyint"
    return f"(case {number} {' '.join(cases)} else 0 end)::{kind}" if cases else ""


def has_rarity(comparison: Comparison) -> bool:
    """Whether rare values count at some level."""
    return any(level.frequency for level in comparison.levels)


def steps_of(
    model: Model, levels: Sequence[npt.NDArray[np.int64]], rarity: Sequence[Floats | None], pairs: int
) -> Floats:
    """Return what the weight of each pair is made of: a row per pair; the prior, then a step per comparison."""
    steps = np.zeros((pairs, 1 + len(model.comparisons)))
    steps[:, 0] = model.prior_weight
    for column, (one, level, rare) in enumerate(zip(model.comparisons, levels, rarity, strict=True), 1):
        gains = np.zeros(len(one.levels) + 1)
        counts = np.zeros(len(one.levels) + 1)
        for place, answer in enumerate(one.levels):
            gains[len(one.levels) - place] = math.log2(answer.m) - (0.0 if answer.frequency else math.log2(answer.u))
            counts[len(one.levels) - place] = bool(answer.frequency)
        steps[:, column] = gains[level] if rare is None else gains[level] + counts[level] * rare
    return steps


def levels_sql(predicted: str, comparisons: Sequence[Comparison], kind: str = "float") -> str:
    """Return SQL that reads level numbers and -log2 frequencies out of Splink's weights under `probe`."""
    columns = ["record_l", "record_r"]
    for one in comparisons:
        columns.append(f"round(mw_{one.name})::tinyint as at_{one.name}")
        rarity = _rarity(one, kind)
        if rarity:
            columns.append(f"{rarity} as rare_{one.name}")
    return f"select {', '.join(columns)} from {predicted}"


def patterns_of(
    ground: Ground,
    table: str,
    comparisons: Sequence[Comparison],
    *,
    labelled: bool = False,
    blocked: bool = True,
) -> Patterns:
    """Count the patterns of a table of levels; with labels also whether the pairs stand in one cluster."""
    names = [f"at_{one.name}" for one in comparisons]
    own, shared = (
        " + ".join(f"rare_{one.name}" for one in comparisons if one.shared == kind and _rarity(one)) or "0::float"
        for kind in (False, True)
    )
    label = "a.label = b.label" if labelled else "false"
    joined = " join labels a on a.record = record_l join labels b on b.record = record_r" if labelled else ""
    found = ground.ask(
        f"select {', '.join(names)}, round({own}) as rarity, round({shared}) as rarity_shared, {label} as together,"
        f" count(*) as pairs from {table}{joined} group by all order by all"
    )
    return Patterns(
        levels=np.column_stack([found[name].astype(np.int64) - 1 for name in names]),
        rarity=found["rarity"].astype(np.float64),
        rarity_shared=found["rarity_shared"].astype(np.float64),
        counts=found["pairs"].astype(np.float64),
        blocked=np.full(len(found["pairs"]), blocked),
        together=found["together"].astype(np.bool_),
        apart=np.zeros(len(found["pairs"]), dtype=np.bool_),
    )


def weight_sql(model: Model) -> str:
    """Return SQL for the weight under a model, over a table of levels."""
    parts = [_exact(model.prior_weight)]
    for one in model.comparisons:
        gains = []
        for place, level in enumerate(one.levels):
            gain = math.log2(level.m) - (0.0 if level.frequency else math.log2(level.u))
            rare = f" + rare_{one.name}" if level.frequency else ""
            gains.append(f"when {len(one.levels) - place} then {_exact(gain)}{rare}")
        parts.append(f"case at_{one.name} {' '.join(gains)} else 0 end")
    return " + ".join(parts)


def _exact(number: float) -> str:
    """Return a number as SQL reads it without a loss: digits with an exponent are a double everywhere."""
    return f"{number:.17e}"
