"""What a model says of many pairs, as columns, and as rows of COPY: of ten million pairs no objects are made."""

import struct
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from steelthread.identity.evidence import JUDGED, Judgement
from steelthread.identity.ledger import MODEL
from steelthread.kit import remembered
from steelthread.store import field, micros_2000

_FIELDS = JUDGED.count(",") + 1
_PORTION = 1 << 15
_INT2, _FLOAT8 = 21, 701
"""Types of PostgreSQL, by which arrays name that of their items."""
_HEAD = struct.Struct(">hiqiqihi?idiqiiiq").pack
_LEVEL = struct.Struct(">ih").pack
_STEP = struct.Struct(">id").pack


class Verdicts(msgspec.Struct):
    """What a model says of pairs: records, weights, which answers gave how much, and the number of the wall between them."""

    a: npt.NDArray[np.int64]
    """The record with the lower number of each pair."""
    b: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64]
    levels: npt.NDArray[np.uint8]
    """A row per pair, without the answers that stand `behind`."""
    steps: Callable[[slice], npt.NDArray[np.float64]]
    """Gives the steps of some of the pairs."""
    wall: npt.NDArray[np.uint8]
    walls: list[str]
    """What the walls are called by number; "" at 0."""
    behind: int = 0
    """So many answers that say nothing stand before these: those of a model's other part."""
    kept: npt.NDArray[np.bool_] | None = None
    """Which pairs count; all of them by default."""

    def without(self, records: Collection[int]) -> None:
        """Leave out what is said of these records."""
        if records:
            gone = np.fromiter(records, np.int64, len(records))
            free = ~(np.isin(self.a, gone) | np.isin(self.b, gone))
            self.kept = free if self.kept is None else self.kept & free

    def packed(self, version: str, at: datetime) -> Iterator[bytes]:
        """Yield them as rows of COPY, many at a time."""
        for start in range(0, len(self.a), _PORTION):
            part = slice(start, start + _PORTION)
            kept = np.ones(len(self.a[part]), dtype=np.bool_) if self.kept is None else self.kept[part]
            wall, steps = self.wall[part], self._steps(part)
            for number in np.unique(wall[kept]).tolist():
                yield self._rows(part, np.flatnonzero(kept & (wall == number)), steps, number, version, at)

    def _steps(self, part: slice) -> npt.NDArray[np.float64]:
        steps = self.steps(part)
        if not self.behind:
            return steps
        return np.hstack([steps[:, :1], np.zeros((len(steps), self.behind)), steps[:, 1:]])

    def _rows(
        self, part: slice, at: npt.NDArray[np.int64], steps: npt.NDArray[np.float64], wall: int, version: str, told: datetime
    ) -> bytes:  # fmt: skip
        """Return the rows of pairs with one wall: all of one length."""
        levels = self.levels[part][at]
        if self.behind:
            levels = np.hstack([np.zeros((len(at), self.behind), dtype=np.uint8), levels])
        blank, kind = _row_of(levels.shape[1], steps.shape[1], version, self.walls[wall], micros_2000(told))
        rows = np.frombuffer(bytearray(blank * len(at)), dtype=kind)
        rows["a"], rows["b"], rows["weight"] = self.a[part][at], self.b[part][at], self.weight[part][at]
        rows["levels"]["value"], rows["steps"]["value"] = levels, steps[at]
        return rows.tobytes()


@remembered(256)
def _row_of(levels: int, steps: int, version: str, wall: str, told: int) -> tuple[bytes, np.dtype[Any]]:
    """Return a row with nothing in it but what is the same of all, and where the rest stands."""
    middle = field(f"model {version}".encode()) + field(wall.encode()) + field(b"model")
    blank = (
        _HEAD(_FIELDS, 8, 0, 8, 0, 2, MODEL, 1, True, 8, 0.0, 8, 0, 4, 1, 8, told)
        + middle
        + _array(_INT2, _LEVEL, [(2, 0)] * levels)
        + _array(_FLOAT8, _STEP, [(8, 0.0)] * steps)
    )
    head = len(_HEAD(*(0,) * 17))
    level = np.dtype([("size", ">i4"), ("value", ">i2")])
    step = np.dtype([("size", ">i4"), ("value", ">f8")])
    first = head + len(middle) + 4 + _ARRAY_HEAD
    second = first + levels * level.itemsize + 4 + _ARRAY_HEAD
    places = {"a": (">i8", 6), "b": (">i8", 18), "weight": (">f8", 41), "levels": ((level, (levels,)), first)}
    places["steps"] = ((step, (steps,)), second)
    kind = np.dtype({
        "names": [*places],
        "formats": [one for one, _ in places.values()],
        "offsets": [place for _, place in places.values()],
        "itemsize": len(blank),
    })  # fmt: skip
    return blank, kind


_ARRAY_HEAD = 20


def _array(kind: int, pack: Callable[..., bytes], items: Iterable[tuple[int, Any]]) -> bytes:
    """Return an array as a field of a row."""
    packed = [pack(*item) for item in items]
    head = struct.pack(">iiIii", 1, 0, kind, len(packed), 1)
    return field(head + b"".join(packed))


def packed_judgements(found: Iterable[Judgement], version: str, at: datetime) -> Iterator[bytes]:
    """Yield what a model says of single pairs as rows of COPY."""
    told, rule, actor = micros_2000(at), field(f"model {version}".encode()), field(b"model")
    for one in found:
        yield b"".join((
            _HEAD(_FIELDS, 8, one.a, 8, one.b, 2, MODEL, 1, True, 8, one.weight, 8, 0, 4, 1, 8, told),
            rule, field(one.wall.encode()), actor,
            _array(_INT2, _LEVEL, ((2, level) for level in one.levels)),
            _array(_FLOAT8, _STEP, ((8, step) for step in one.steps)),
        ))  # fmt: skip
