"""Distinct things by place, and texts by number."""

from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class Numbers(dict[str, int]):
    """Texts by number: one that was never asked for has the next."""

    def __missing__(self, text: str) -> int:
        number = self[text] = len(self)
        return number


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

    def take(self, items: Sequence[Item]) -> None:
        """Be these things, which are distinct already."""
        self.items += items
        self._place.update(zip(items, range(len(items)), strict=True))
