"""Data keys made before they are asked for: whoever needs a few of them does not wait for the disk."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Spare:
    """Keeps some new subjects with their data keys at hand, on disk already, and makes more beside.

    What is left of them when the process ends stays in the keyring and seals nothing.
    """

    def __init__(self, make: Callable[[int], list[tuple[int, bytes]]], most: int) -> None:
        self._make, self._most = make, most
        self._made: list[tuple[int, bytes]] = []
        self._lock = threading.Lock()
        self._beside = ThreadPoolExecutor(1, "spare-keys")
        self._filling: Future[None] = self._beside.submit(self._fill)

    def take(self, count: int) -> list[tuple[int, bytes]]:
        """Return so many, or none where fewer are at hand; each is given once."""
        with self._lock:
            taken = self._made[:count] if count <= len(self._made) else []
            del self._made[: len(taken)]
            if len(self._made) < self._most // 2 and self._filling.done():
                self._filling = self._beside.submit(self._fill)
        return taken

    def close(self) -> None:
        """Make no more."""
        self._beside.shutdown()

    def _fill(self) -> None:
        """Make what is missing; an error (a full disk) is met again by whoever finds none at hand."""
        made = self._make(self._most - len(self._made))
        with self._lock:
            self._made += made
