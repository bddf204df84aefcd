"""What a model says of pairs, whoever asks them, and the sample of pairs that stand for all strangers."""

import msgspec
import numpy as np
import numpy.typing as npt

from steelthread.identity.match.linkage import Floats, Ints

SAMPLE = 300_000
"""Random pairs that stand for all pairs without a common key."""
SEED = 20_260_101
"""The same data give the same model."""


class Judged(msgspec.Struct):
    """What a model says of pairs.

    `steps` has a row per pair, which sums to its weight: the prior, then a part per comparison; `levels` says which
    answer gave each part (0: silent, 1: else, then upwards); `wall` is the number of the wall between the two, from 1;
    0 for none.
    """

    left: Ints
    right: Ints
    levels: npt.NDArray[np.int16]
    steps: Floats
    wall: Ints

    @property
    def weight(self) -> Floats:
        """The weights, as log2 odds."""
        return np.asarray(self.steps.sum(axis=1), dtype=np.float64)
