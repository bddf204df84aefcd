"""What a model says of pairs, whoever asks them, and the sample of pairs that stand for all strangers."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from steelthread.identity.match.linkage import Floats, Ints

SAMPLE = 300_000
"""Random pairs that stand for all pairs without a common key."""
SEED = 20_260_101
"""The same data give the same model."""


class Judged:
    """What a model says of pairs.

    `levels` has a row per pair: which answer gave each part of its weight (0: silent, 1: else, then upwards); `wall` is
    the number of the wall between the two, from 1; 0 for none. `said` is what the answers come to in bits, for and against
    taken together.
    """

    def __init__(
        self,
        ends: tuple[Ints, Ints],
        levels: npt.NDArray[np.uint8],
        steps: Callable[[slice], Floats],
        said: tuple[Floats, Floats],
        wall: npt.NDArray[np.uint8],
    ) -> None:
        self.left, self.right = ends
        self.levels = levels
        self.weight, self.said = said
        self.wall = wall
        self._steps = steps

    @property
    def steps(self) -> Floats:
        """A row per pair, which sums to its weight: the prior, then a part per comparison. Made when it is asked for."""
        return self._steps(slice(None))

    def steps_of(self, part: slice) -> Floats:
        """Return the same of some of the pairs: of many millions all of them would fill the memory."""
        return self._steps(part)
