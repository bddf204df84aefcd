"""What the live thread knows of people from its last transactions, as long as nobody else had the identity lane since.

Most events are of people of whom there were events a moment ago. Their nodes, their clusters and what their profiles say of
events were read, or written, by the transaction before; nobody changes them without locking the lane, and the lane counts how
often it was locked. It is forgotten when somebody is erased, and after any error.
"""

from collections.abc import Mapping
from uuid import UUID

from steelthread import identity
from steelthread.kit import to_be_forgotten
from steelthread.profiles import Sums


class Recent(identity.Recent):
    """Nodes, clusters and sums as they were committed last."""

    def __init__(self) -> None:
        super().__init__()
        self.sums: dict[UUID, Sums] = {}
        self._turn: int | None = None
        to_be_forgotten(self)

    def begin(self, turn: int) -> bool:
        """Forget all if anybody else had the lane since `end`; return whether nobody had.

        `turn` is the lane's, locked by this transaction first.
        """
        alone = self._turn is not None and turn == self._turn + 1
        if not alone:
            self.cache_clear()
        self._turn = None
        return alone

    def end(self, turn: int) -> None:
        """Say that a transaction was committed that locked the lane last with this turn."""
        self._turn = turn

    def keep_sums(self, looked_at: Mapping[int, UUID], sums: Mapping[UUID, Sums]) -> None:
        """Know what the profiles say of those who only own more events, and no longer what others' said."""
        for individual in looked_at.values():
            self.sums.pop(individual, None)
        self.sums.update(sums)

    def cache_clear(self) -> None:
        """Know nothing any more."""
        super().cache_clear()
        self.sums.clear()
