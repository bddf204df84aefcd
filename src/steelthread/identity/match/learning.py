"""Learning without labels: expectation-maximisation over all pairs of the data (Fellegi and Sunter 1969, Winkler 1988).

The pairs that share a blocking key are all looked at; those that share none are told from a random sample, weighted up.
So `u` is right for rare agreements too (a shared phone is seen only among blocked pairs), and families, who share
contacts and are not one person, are learned from as what they are. Pairs with equal levels count as one pattern. What
we expect beforehand counts like `EXPECTED` pairs, so that thin data does not lead astray.
"""

import math
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from steelthread.identity.match.comparisons import Comparison

Masks = list[list[npt.NDArray[np.bool_]]]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Told = tuple[int, int, bool]
"""What a person said of two records: that they are one person (true), or never are."""
EXPECTED = 30.0
_HELD = 0.15
"""The part of m that is held by what we expect, however much data there is: so that "one person" keeps its meaning."""
_MOST = 3.0
"""One person's first name or birth date differs at most so many times as often as we expect. Else namesakes, who are
many, would teach that a person has two birth dates wherever no person's birth date is there twice."""
TOLD = 5.0
"""A pair that a person decided counts like so many: who looks closely says more than one pair among millions."""
_ROUNDS = 100
_LEAST = 1e-9


class Patterns(msgspec.Struct):
    """Distinct rows of levels (-1: silent, 0: else, then upwards) with counts.

    `rarity` and `rarity_shared` are the sums of -log2 frequencies, of what a person has alone and of what a household
    shares. `together` says that the pairs stand in one cluster already: they are one person, whatever they look like alone.
    `apart` says that a person said they are not.
    """

    levels: npt.NDArray[np.int64]
    rarity: Floats
    rarity_shared: Floats
    counts: Floats
    blocked: npt.NDArray[np.bool_]
    together: npt.NDArray[np.bool_]
    apart: npt.NDArray[np.bool_]


def decided(patterns: Patterns, *, same: bool) -> Patterns:
    """Return patterns of pairs of which a person said that they are one person, or are not."""
    every = np.ones(len(patterns.counts), dtype=np.bool_)
    return msgspec.structs.replace(patterns, together=every & same, apart=every & (not same))


def ends_told(told: Sequence[Told], *, same: bool) -> tuple[Ints, Ints]:
    """Return the pairs on which people said this, each once and in order: the lesser records, the greater ones."""
    pairs = sorted({(min(a, b), max(a, b)) for a, b, verdict in told if verdict == same})
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return ends[:, 0], ends[:, 1]


def _masks(comparisons: Sequence[Comparison], patterns: Patterns) -> Masks:
    """Return for each comparison and each of its levels, from most alike, in which patterns it holds."""
    return [
        [patterns.levels[:, column] == len(one.levels) - 1 - place for place in range(len(one.levels))]
        for column, one in enumerate(comparisons)
    ]


class _Mixture(msgspec.Struct):
    """Three kinds of pairs: one person, one household, strangers. Shares of levels per comparison, and of all pairs."""

    one: list[Floats]
    home: list[Floats]
    stranger: list[Floats]
    prior: float
    homes: float


def learn(comparisons: Sequence[Comparison], patterns: Patterns, records: int) -> tuple[list[Comparison], float]:
    """Return the comparisons with m and u learned, and the prior."""
    masks = _masks(comparisons, patterns)
    expected = [np.array([level.m for level in one.levels]) for one in comparisons]
    expected = [one / one.sum() for one in expected]
    strangers = _first_u(comparisons, masks, patterns)
    few = min(0.25, 1.0 / max(records, 2))
    home = [
        _told(one) if one.name == "last_home" else mine if one.shared else other
        for one, mine, other in zip(comparisons, expected, strangers, strict=True)
    ]
    start = _Mixture(expected, home, strangers, few, few)
    mixture = start
    for _ in range(_ROUNDS):
        before = mixture
        mixture, u = _round(comparisons, masks, patterns, mixture, start)
        if abs(math.log(mixture.prior / before.prior)) < 1e-4:
            break
    learned = [
        msgspec.structs.replace(one, levels=[
            msgspec.structs.replace(level, m=float(mixture.one[at][place]), u=float(u[at][place]))
            for place, level in enumerate(one.levels)
        ])
        for at, one in enumerate(comparisons)
    ]  # fmt: skip
    return learned, mixture.prior


def _told(comparison: Comparison) -> Floats:
    told = np.array([level.u for level in comparison.levels])
    return np.asarray(told / told.sum())


def _round(
    comparisons: Sequence[Comparison], masks: Masks, patterns: Patterns, now: _Mixture, start: _Mixture
) -> tuple[_Mixture, list[Floats]]:
    """One round of expectation and maximisation; also the shares among all pairs that are not one person."""
    one = now.prior * np.exp2(_weights(comparisons, masks, now.one, lambda _: True))
    home = now.homes * np.exp2(_weights(comparisons, masks, now.home, lambda one: one.shared) - patterns.rarity)
    strange = _weights(comparisons, masks, now.stranger, lambda _: False) - patterns.rarity - patterns.rarity_shared
    other = (1 - now.prior - now.homes) * np.exp2(strange)
    every = np.where(patterns.apart, 0.0, one) + home + other
    match = np.where(patterns.together, 1.0, np.where(patterns.apart, 0.0, one / every))
    mates = np.where(patterns.together, 0.0, home / every)
    of_one, of_home, of_both = patterns.counts * match, patterns.counts * mates, patterns.counts * (1 - match)
    of_strangers = of_both - of_home
    total = float(patterns.counts.sum())
    prior = float(np.clip((of_one.sum() + 1) / (total + 1), 1e-12, 0.5))
    homes = float(np.clip((of_home.sum() + 1) / (total + 1), 1e-12, 0.4))
    m, h, s, u = [], [], [], []
    for at, comparison in enumerate(comparisons):
        levels = masks[at]
        m.append(_held(_shares(levels, of_one, start.one[at]), start.one[at], shared=comparison.shared))
        both = _shares(levels, of_both, start.stranger[at])
        s.append(_shares(levels, of_strangers, start.stranger[at]) if comparison.shared else both)
        h.append(_shares(levels, of_home, start.home[at]) if comparison.shared else both)
        alone = np.array([level.alone for level in comparison.levels])
        least = m[at] * prior / (1 - prior) / np.maximum(alone, _LEAST)
        u.append(np.maximum(both, np.where(alone > 0, least, m[at])))
    return _Mixture(m, h, s, prior, homes), u


def _held(learned: Floats, expected: Floats, *, shared: bool) -> Floats:
    held = np.asarray((1 - _HELD) * learned + _HELD * expected)
    most = _MOST * float(expected[-1])
    if shared or held[-1] <= most:
        return held
    return np.append(held[:-1] * (1 - most) / (1 - held[-1]), most)


def _first_u(comparisons: Sequence[Comparison], masks: Masks, patterns: Patterns) -> list[Floats]:
    """Return how often strangers agree: by the sample of pairs without a common key, except where it is told beforehand."""
    strangers = patterns.counts if patterns.blocked.all() else np.where(patterns.blocked, 0.0, patterns.counts)
    found = []
    for one, levels in zip(comparisons, masks, strict=True):
        told = np.array([level.u for level in one.levels])
        if told.sum() > 0:
            found.append(told / told.sum())
            continue
        seen = np.array([float(strangers[mask].sum()) for mask in levels])
        smallest = 0.5 / max(float(patterns.counts.sum()), 2.0)
        share = np.maximum(seen / max(seen.sum(), 1.0), smallest)
        found.append(share / share.sum())
    return found


def _shares(levels: list[npt.NDArray[np.bool_]], counts: Floats, expected: Floats) -> Floats:
    seen = np.array([float(counts[mask].sum()) for mask in levels])
    share = (seen + EXPECTED * expected) / (seen.sum() + EXPECTED)
    return np.asarray(np.maximum(share, _LEAST / 1000))


def _weights(
    comparisons: Sequence[Comparison], masks: Masks, shares: list[Floats], alike: Callable[[Comparison], bool]
) -> Floats:
    """Return the log2 probability of each pattern under these shares of levels.

    Where the rarity of a value counts, two records that are not `alike` by nature meet by chance: then the frequency
    of the value stands for the share of the level, and the caller subtracts it.
    """
    weight = np.zeros(len(masks[0][0]))
    for at, one in enumerate(comparisons):
        for place, level in enumerate(one.levels):
            if not level.frequency or alike(one):
                weight[masks[at][place]] += math.log2(shares[at][place])
    return weight
