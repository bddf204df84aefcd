"""Thresholds without truth: how far down clusters may be joined for a use that bears so many wrong pairs.

A mean weight is log2 odds, so each join says how likely it is right; the pairs above a threshold say together how
precise it would be. Each use has a floor: two to one for `strict`, below even odds for `loose`, since means are cautious
(every pair holds the prior anew), most of all where all data are alike.
"""

from collections.abc import Sequence

import numpy as np

from steelthread.identity.match.linkage import Join, Joins, sizes_of_joins
from steelthread.identity.match.model import Thresholds

FLOORS = Thresholds(exact=3.0, strict=1.0, loose=-3.0)
_PRECISE = Thresholds(exact=0.99, strict=0.92, loose=0.90)
_HIGHEST = 12.0


def calibrate(count: int, joins: Sequence[Join]) -> Thresholds:
    """Return the lowest thresholds, from the floors on, at which the expected precision is that of each use."""
    if not joins:
        return FLOORS
    heights = Joins.of(joins).height
    pairs = sizes_of_joins(count, joins).astype(np.float64)
    order = np.argsort(-heights)
    heights, pairs = heights[order], pairs[order]
    right = np.cumsum(pairs / (1 + np.exp2(-heights)))
    expected = right / np.cumsum(pairs)

    def lowest(floor: float, precise: float) -> float:
        for threshold in np.arange(floor, _HIGHEST, 0.25):
            above = int(np.searchsorted(-heights, -threshold, side="right"))
            if above and expected[above - 1] >= precise:
                return float(threshold)
        return _HIGHEST

    return Thresholds(
        exact=lowest(FLOORS.exact, _PRECISE.exact),
        strict=lowest(FLOORS.strict, _PRECISE.strict),
        loose=lowest(FLOORS.loose, _PRECISE.loose),
    )
