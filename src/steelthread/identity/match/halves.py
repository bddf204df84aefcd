"""Reading many records in two processes: a fork reads the second half, and hands back what it found through a pipe.

Nothing touches a disk. Only a process without other threads forks (a fork takes no thread along, but their locks); else,
and where the fork does not come back, one process reads all.
"""

import os
import threading
from collections.abc import Sequence
from typing import NoReturn

import msgspec
import numpy as np

from steelthread.identity.match.birthdays import Birth
from steelthread.identity.match.coded import NONE, Codes
from steelthread.identity.match.contacts import Mailbox
from steelthread.identity.match.distinct import Distinct, Item
from steelthread.identity.match.filled import Packed
from steelthread.identity.match.prepare import Values
from steelthread.identity.match.reading import Long, Reading
from steelthread.identity.match.spelling import Name
from steelthread.identity.places import Address

LARGE = 100_000
"""From so many records on two processes read."""


class _Half(msgspec.Struct, array_like=True):
    """What was read, as it goes through the pipe: distinct things, and arrays of their places as bytes."""

    texts: list[str]
    names: list[Name]
    births: list[Birth | None]
    addresses: list[Address]
    boxes: list[Mailbox]
    columns: list[bytes]
    records: list[bytes]
    values: list[bytes]
    landline: bytes
    filled: list[Packed]


def read(records: Sequence[Values], number: dict[str, int], *, dayfirst: bool) -> Reading:
    """Read all records."""
    if len(records) < LARGE or threading.active_count() > 1 or not hasattr(os, "fork"):
        return Reading(records, number, dayfirst=dayfirst)
    half = len(records) // 2
    receiving, sending = os.pipe()
    child = os.fork()
    if not child:
        _hand_over(records[half:], sending, dayfirst=dayfirst)
    os.close(sending)
    with os.fdopen(receiving, "rb") as stream:
        reading = Reading(records[:half], number, dayfirst=dayfirst)
        told = stream.read()
    if os.waitpid(child, 0)[1]:
        number.clear()
        return Reading(records, number, dayfirst=dayfirst)
    _take_in(reading, number, msgspec.msgpack.decode(told, type=_Half), half, len(records))
    return reading


def _hand_over(records: Sequence[Values], pipe: int, *, dayfirst: bool) -> NoReturn:
    """In the fork: read, write into the pipe, and end without anything that the process would do at its end."""
    status = 1
    try:
        number: dict[str, int] = {}
        one = Reading(records, number, dayfirst=dayfirst)
        lists = (one.mailboxes, one.phones, one.documents)
        half = _Half(
            list(number), one.names.items, one.births.items, one.addresses.items, one.boxes.items,
            [column.tobytes() for column in (one.name, one.birth, one.address, one.gender, one.category)],
            [each.record.tobytes() for each in lists], [each.values.tobytes() for each in lists], one.landline.tobytes(),
            [each.packed() for each in one.filled],
        )  # fmt: skip
        with os.fdopen(pipe, "wb") as stream:
            stream.write(msgspec.msgpack.encode(half))
        status = 0
    finally:
        os._exit(status)


def _take_in(reading: Reading, number: dict[str, int], half: _Half, start: int, count: int) -> None:
    """Put what the fork read behind what was read here; things that both met are one."""
    codes = _places([number.setdefault(text, len(number)) for text in half.texts])
    before = [len(things) for things in (reading.names, reading.addresses, reading.boxes)]
    names, births = _known(reading.names, half.names), _known(reading.births, half.births)
    addresses, boxes = _known(reading.addresses, half.addresses), _known(reading.boxes, half.boxes)
    places = [np.flatnonzero(own[:-1] >= known) for own, known in zip((names, addresses, boxes), before, strict=True)]
    reading.of_names.take_in(half.filled[0], places[0], codes)
    reading.of_addresses.take_in(half.filled[1], places[1], codes)
    reading.of_boxes.take_in(half.filled[2], places[2], codes)
    columns = [np.frombuffer(column, dtype=np.int32) for column in half.columns]
    reading.count = count
    reading.name = np.concatenate([reading.name, names[columns[0]]])
    reading.birth = np.concatenate([reading.birth, births[columns[1]]])
    reading.address = np.concatenate([reading.address, addresses[columns[2]]])
    reading.gender = np.concatenate([reading.gender, codes[columns[3]]])
    reading.category = np.concatenate([reading.category, codes[columns[4]]])
    lists = [
        Long(np.frombuffer(record, dtype=np.int64) + start, known[np.frombuffer(values, dtype=np.int32)])
        for record, values, known in zip(half.records, half.values, (boxes, codes, codes), strict=True)
    ]
    reading.mailboxes = _behind(reading.mailboxes, lists[0])
    reading.phones = _behind(reading.phones, lists[1])
    reading.documents = _behind(reading.documents, lists[2])
    reading.landline = np.concatenate([reading.landline, np.frombuffer(half.landline, dtype=np.bool_)])


def _known(here: Distinct[Item], there: list[Item]) -> Codes:
    return _places([here.place(item) for item in there])


def _places(places: list[int]) -> Codes:
    return np.array([*places, NONE], dtype=np.int32)


def _behind(one: Long, other: Long) -> Long:
    return Long(np.concatenate([one.record, other.record]), np.concatenate([one.values, other.values]))
