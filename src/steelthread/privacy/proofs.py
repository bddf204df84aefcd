"""Proofs of the entries that were appended last: they need the edge of the tree before them, not the whole log."""

from collections.abc import Sequence

from steelthread.privacy.checker import Edge, join


class Grown:
    """A tree that has just grown by some leaves."""

    def __init__(self, before: Edge, leaves: Sequence[bytes]) -> None:
        """`before` is the edge of the tree without them."""
        self._first = before.size
        self._leaves = leaves
        self._known: dict[tuple[int, int], bytes] = {}
        start = 0
        for bit, peak in zip(_bits(before.size), before.peaks, strict=True):
            self._known[start, start + bit] = peak
            start += bit

    def proof(self, number: int) -> list[bytes]:
        """Return the proof that the tree as it is now contains one of the new leaves (RFC 9162, 2.1.3.1).

        Beside the way from such a leaf to the root stand complete parts of the former tree, which its edge keeps, and
        parts made of the new leaves: nothing else of the log is read.
        """
        steps = []
        start, end = 0, self._first + len(self._leaves)
        while end - start > 1:
            middle = start + (1 << (end - start - 1).bit_length() - 1)
            if number < middle:
                steps.append(self._root(middle, end))
                end = middle
            else:
                steps.append(self._root(start, middle))
                start = middle
        return steps[::-1]

    def _root(self, start: int, end: int) -> bytes:
        found = self._known.get((start, end))
        if found is None:
            if end - start == 1:
                found = self._leaves[start - self._first]
            else:
                middle = start + (1 << (end - start - 1).bit_length() - 1)
                found = join(self._root(start, middle), self._root(middle, end))
            self._known[start, end] = found
        return found


def _bits(size: int) -> list[int]:
    return [1 << place for place in reversed(range(size.bit_length())) if size >> place & 1]
