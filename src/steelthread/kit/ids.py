"""Identifiers: UUID version 7 (RFC 9562, section 5.7), which sort by birth."""

import os
import time
from collections.abc import Iterator
from uuid import UUID

_MASK_74 = (1 << 74) - 1
_VERSION = 0x7 << 76
_VARIANT = 0x2 << 62


def _layout(milliseconds: int, tail: int) -> UUID:
    high = (tail >> 62) & 0xFFF
    low = tail & ((1 << 62) - 1)
    return UUID(int=(milliseconds & ((1 << 48) - 1)) << 80 | _VERSION | high << 64 | _VARIANT | low)


def uuid7(milliseconds: int | None = None) -> UUID:
    """Return a new UUIDv7; `milliseconds` is Unix time, now by default."""
    moment = time.time_ns() // 1_000_000 if milliseconds is None else milliseconds
    return _layout(moment, int.from_bytes(os.urandom(10), "big") & _MASK_74)


def births(count: int) -> Iterator[UUID]:
    """Yield `count` UUIDv7 of this moment in strictly rising order (monotonic random, RFC 9562 section 6.2 method 2).

    The tail starts at random in the lower half and rises by a random step, so ids of one batch keep their order.
    """
    moment = time.time_ns() // 1_000_000
    tail = int.from_bytes(os.urandom(10), "big") & (_MASK_74 >> 1)
    steps = os.urandom(4 * count)
    for index in range(count):
        yield _layout(moment, tail)
        tail += 1 + int.from_bytes(steps[4 * index : 4 * index + 4], "big")
