"""Distinct things by place."""

from collections.abc import Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class Distinct(Generic[Item]):
    """Distinct things by place, each thing once."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self._place: dict[Item, int] = {}

    def __len__(self) -> int:
        return len(self.items)

    def place(self, item: Item) -> int:
        """Return the place of a thing, a new one for a thing that was never seen."""
        found = self._place.setdefault(item, len(self.items))
        if found == len(self.items):
            self.items.append(item)
        return found
