"""The nouns of a batch: what it needs to know of its source, and what became of it."""

from collections.abc import Callable

import msgspec

from steelthread.identity import Outcome

LANE = "identity"
"""The lane on which is told what becomes of people; whoever changes the graph locks it."""


class SourceFacts(msgspec.Struct, frozen=True):
    """What the batch needs to know of the source."""

    source_id: int
    subject: int
    unique: bool


class Written(msgspec.Struct):
    """What became of a batch."""

    new: set[bytes]
    changed: set[bytes]
    outcome: Outcome
    same: list[int]
    """Records that the batch showed as they were."""
    shown: list[int]
    """Records that the batch showed at all."""


Stage = Callable[[str, int, int], None]
"""Is told what a run is at: its stage, how much of that is done, and of how much; 0 where nobody knows."""


def silent(_stage: str, _done: int, _of: int) -> None:
    """Tell nobody."""
