"""Reading many records in two processes: a fork reads the names, which is half of the work, and tells them through a pipe.

A process with other threads does not fork, and reads all by itself.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from steelthread.identity.match.beside import can_fork, told_beside
from steelthread.identity.match.coded import NONE
from steelthread.identity.match.distinct import Numbers
from steelthread.identity.match.filled import Packed
from steelthread.identity.match.prepare import Frequencies, Values
from steelthread.identity.match.reading import Reading
from steelthread.identity.match.spelling import Name

LARGE = 100_000
"""From so many records on two processes read."""


class _Names(msgspec.Struct, array_like=True):
    """The names of all records as they go through the pipe: the distinct ones, and arrays of numbers as bytes."""

    texts: list[str]
    names: list[Name]
    name: bytes
    filled: Packed


def read(records: Sequence[Values], number: Numbers, found: Frequencies) -> Reading:
    """Read all records, whose dates and phones are written as is known."""
    reading = Reading(len(records), number, found)
    if len(records) < LARGE or not can_fork():
        reading.read_names(records)
        reading.read_rest(records)
        return reading
    told, _ = told_beside(lambda: _names_of(records), lambda: reading.read_rest(records))
    names = msgspec.msgpack.decode(told, type=_Names)
    del told
    codes = np.array([*map(number.__getitem__, names.texts), NONE], dtype=np.int32)
    reading.names.take(names.names)
    reading.name = np.frombuffer(names.name, dtype=np.int32)
    reading.of_names.take_in(names.filled, codes)
    return reading


def _names_of(records: Sequence[Values]) -> bytes:
    number = Numbers()
    one = Reading(len(records), number, Frequencies())
    one.read_names(records)
    return msgspec.msgpack.encode(_Names(list(number), one.names.items, one.name.tobytes(), one.of_names.packed()))
