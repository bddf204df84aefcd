"""What stands around newcomers: all that atoms, heavy model links and contacts in doubt connect with some records.

It is asked for beside the caller's own work, on a connection, as those records become known.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

import numpy as np
import psycopg

from steelthread import identity
from steelthread.identity import load_match
from steelthread.thread.pairs import Pair

Connection = psycopg.Connection[Any]


class Surroundings:
    """Records with all that is connected with them: taken bit by bit, they are those that are taken at once."""

    def __init__(self, conn: Connection, least: float) -> None:
        """`least` is the weight from which a model link connects."""
        self._conn = conn
        self._least = least
        self._beside = ThreadPoolExecutor(1, "surroundings")
        self._growing: list[Future[None]] = []
        self._weights: dict[Pair, float] = {}
        self.members: set[int] = set()
        self.atoms: dict[int, int] = {}
        self.doubted: set[Pair] = set()
        """Pairs at a contact in doubt."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._beside.shutdown(cancel_futures=True)

    def take(self, records: Iterable[int]) -> None:
        """Have these records looked at, and who is connected with them."""
        self._growing.append(self._beside.submit(self._grow, set(records)))

    def links(self) -> dict[Pair, float]:
        """Return the weights of the model links between all members, when all that was taken is there."""
        for one in self._growing:
            one.result()
        return {ends: weight for ends, weight in self._weights.items() if ends[1] in self.members}

    def groups(self, weights: Mapping[Pair, float], largest: int) -> Iterator[list[int]]:
        """Yield whom heavy pairs and common atoms connect; what is too large is taken apart, as a whole run does it."""
        records, atoms = sorted(self.members), self.atoms
        place = {record: number for number, record in enumerate(records)}
        first: dict[int, int] = {}
        joined = [(first.setdefault(atoms.get(one, one), one), one, math.inf) for one in records]
        joined += [
            (one, other, weight)
            for (one, other), weight in weights.items()
            if weight >= self._least and one in place and other in place
        ]
        left = np.array([place[one] for one, _, _ in joined], dtype=np.int64)
        right = np.array([place[other] for _, other, _ in joined], dtype=np.int64)
        weight = np.array([weight for _, _, weight in joined], dtype=np.float64)
        label = load_match().components_up_to(largest, len(records), left, right, weight)
        groups: dict[int, list[int]] = defaultdict(list)
        for record, number in zip(records, label.tolist(), strict=True):
            groups[number].append(record)
        yield from groups.values()

    def _grow(self, records: set[int]) -> None:
        frontier = records - self.members
        self.members |= frontier
        while frontier:
            atoms = identity.atoms_around(self._conn, frontier)
            self.atoms |= atoms
            found = frontier.union(atoms)
            for ends in identity.model_pairs(self._conn, sorted(found), self._least):
                found.update(ends)
            for ends in identity.contacts_in_doubt(self._conn, found):
                self.doubted.add(ends)
                found.update(ends)
            self._weights |= identity.model_weights_from(self._conn, frontier)
            frontier = found - self.members
            self.members |= found
