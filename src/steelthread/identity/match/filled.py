"""The columns that distinct things fill (a name, an address, a mailbox), by their places: each thing is asked once."""

from collections.abc import Callable, Iterable, Mapping
from typing import Generic

import numpy as np
import numpy.typing as npt

from steelthread.identity.match.coded import NONE, Codes, Lists
from steelthread.identity.match.distinct import Distinct, Item, Numbers

Packed = tuple[list[bytes], list[tuple[bytes, bytes]]]


def _no_lists(_: object) -> dict[str, Iterable[str]]:
    return {}


class Filled(Generic[Item]):
    """Columns of texts and of lists, as numbers of texts; `blank` is a thing that fills none."""

    def __init__(
        self,
        things: Distinct[Item],
        number: Numbers,
        blank: Item,
        texts: Callable[[Item], Mapping[str, str]],
        lists: Callable[[Item], Mapping[str, Iterable[str]]] = _no_lists,
    ) -> None:
        self._things, self._number = things, number
        self._texts_of, self._lists_of = texts, lists
        self.texts: dict[str, Codes] = {name: np.zeros(0, dtype=np.int32) for name in texts(blank)}
        self.lists: dict[str, Lists] = {name: Lists.of([]) for name in lists(blank)}
        self._count = 0

    def fill(self) -> None:
        """Ask the things that came since."""
        fresh = self._things.items[self._count :]
        if not fresh:
            return
        number = self._number
        texts = zip(*(self._texts_of(one).values() for one in fresh), strict=True)
        lists = zip(*(self._lists_of(one).values() for one in fresh), strict=True)
        self._append(
            [np.array([number[text] if text else NONE for text in column], dtype=np.int32) for column in texts],
            [Lists.of(self._coded(column)) for column in lists],
        )

    def _coded(self, column: Iterable[Iterable[str]]) -> list[list[int]]:
        """Return the numbers of lists of texts, each text once; lists that are alike are looked at once."""
        number, known = self._number, dict[tuple[str, ...], list[int]]()
        found = []
        for values in column:
            listed = tuple(values)
            codes = known.get(listed)
            if codes is None:
                codes = known[listed] = [number[value] for value in dict.fromkeys(listed) if value]
            found.append(codes)
        return found

    def _append(self, texts: Iterable[Codes], lists: Iterable[Lists]) -> None:
        for name, codes in zip(self.texts, texts, strict=True):
            self.texts[name] = np.concatenate([self.texts[name], codes])
        for name, one in zip(self.lists, lists, strict=True):
            known = self.lists[name]
            self.lists[name] = Lists(np.concatenate([known.count, one.count]), np.concatenate([known.flat, one.flat]))
        self._count = len(self._things)

    def packed(self) -> Packed:
        """Return all columns as bytes."""
        return (
            [codes.tobytes() for codes in self.texts.values()],
            [(one.count.tobytes(), one.flat.tobytes()) for one in self.lists.values()],
        )

    def take_in(self, packed: Packed, codes: Codes) -> None:
        """Take in the columns of all things as another has filled them; `codes` says what its numbers are here."""
        texts = (codes[np.frombuffer(one, dtype=np.int32)] for one in packed[0])
        lists = (
            Lists(np.frombuffer(count, dtype=np.int32), codes[np.frombuffer(flat, dtype=np.int32)])
            for count, flat in packed[1]
        )
        self._append(texts, lists)

    def text(self, name: str, places: npt.NDArray[np.int32]) -> Codes:
        """Return a column of texts for those at whom these things stand (NONE: nothing does)."""
        return np.asarray(np.append(self.texts[name], np.int32(NONE))[places])
