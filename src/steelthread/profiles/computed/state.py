"""What the events of an owner in one bucket come to. Pure; states add up in any order to the same bytes.

Values of text stand for themselves nowhere: a state has their keyed tokens and, for each, a record that has the value; who
reads opens that record. Of many distinct values those with the smallest tokens are kept, so that order does not matter.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from steelthread.profiles.computed.definition import EXACT, plain

MOST = 500
"""Distinct values kept in a bucket; from there on `unique_count` is an estimate (k minimum values, about 4 % off)."""
_PACK = msgspec.msgpack.Encoder(order="sorted").encode
_UNPACK = msgspec.msgpack.Decoder().decode
_SPACE = 1 << 63


class One(msgspec.Struct):
    """What one event gives to a trait."""

    at: int
    """Microseconds since 1970."""
    key: bytes
    """The first bytes of the record's key hash: decides between equals."""
    record: int
    number: Decimal | None
    token: int


class State(msgspec.Struct, array_like=True, omit_defaults=True):
    """The state of any function; each fills what it needs."""

    count: int = 0
    total: str = "0"
    least: str = ""
    greatest: str = ""
    first: tuple[int, bytes, int] | None = None
    last: tuple[int, bytes, int] | None = None
    values: list[tuple[int, int, bytes, int]] = []
    """(token, count, key, record), by token."""


_STATE = msgspec.msgpack.Decoder(State).decode


def packed(state: State) -> bytes:
    """Return a state as it is kept."""
    return _PACK(state)


def unpacked(state: bytes) -> State:
    """Return a kept state."""
    return _STATE(state)


def of(function: str, one: One) -> State:
    """Return the state of a single event."""
    said = "" if one.number is None else plain(one.number)
    place = (one.at, one.key, one.record)
    if function in ("sum", "average"):
        return State(count=1, total=said)
    if function == "min":
        return State(count=1, least=said)
    if function == "max":
        return State(count=1, greatest=said)
    if function == "first":
        return State(count=1, first=place)
    if function == "last":
        return State(count=1, last=place)
    if function == "count":
        return State(count=1)
    return State(count=1, values=[(one.token, 1, one.key, one.record)])


def added(states: Iterable[State]) -> State:
    """Return what states come to together."""
    whole = State()
    values: dict[int, tuple[int, bytes, int]] = {}
    for state in states:
        whole.count += state.count
        if state.total != "0":
            whole.total = plain(EXACT.add(Decimal(whole.total), Decimal(state.total)))
        whole.least = min((one for one in (whole.least, state.least) if one), key=Decimal, default="")
        whole.greatest = max((one for one in (whole.greatest, state.greatest) if one), key=Decimal, default="")
        whole.first = min((one for one in (whole.first, state.first) if one), default=None)
        whole.last = max((one for one in (whole.last, state.last) if one), default=None)
        for token, count, key, record in state.values:
            known = values.get(token)
            place = (key, record) if known is None else min((key, record), known[1:])
            values[token] = (count + (known[0] if known else 0), *place)
    whole.values = [(token, *values[token]) for token in sorted(values)[:MOST]]
    return whole


def numeric(function: str, state: State) -> Any:
    """Return the value of a function that needs no record: a number, or None where there is nothing to tell."""
    if function == "count":
        return state.count
    if function == "sum":
        return Decimal(state.total)
    if function == "average":
        return round(Decimal(state.total) / state.count, 6).normalize() if state.count else None
    if function in ("min", "max"):
        said = state.least if function == "min" else state.greatest
        return Decimal(said) if said else None
    if len(state.values) < MOST:
        return len(state.values)
    furthest = (state.values[-1][0] + _SPACE) / (2 * _SPACE)  # tokens are spread evenly over 64 bits, with a sign
    return round((MOST - 1) / furthest)


def records(function: str, state: State, most: int) -> list[int]:
    """Return the records whose values a function shows, in order."""
    if function in ("first", "last"):
        place = state.first if function == "first" else state.last
        return [place[2]] if place else []
    if function == "most_frequent":
        ranked = sorted(state.values, key=lambda one: (-one[1], one[0]))
        return [one[3] for one in ranked[:1]]
    return [one[3] for one in state.values[:most]]
