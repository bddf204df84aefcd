"""Results that are remembered by values which may be a person's, and forgotten when somebody is erased."""

from collections.abc import Callable
from functools import _lru_cache_wrapper, lru_cache
from typing import Protocol, TypeVar
from weakref import WeakSet

Returned = TypeVar("Returned")


class Remembering(Protocol):
    """Whatever remembers something of somebody."""

    def cache_clear(self) -> None:
        """Forget all; it may be called by another thread."""


_REMEMBERED: "WeakSet[Remembering]" = WeakSet()


def remembered(most: int) -> "Callable[[Callable[..., Returned]], _lru_cache_wrapper[Returned]]":
    """Remember the last `most` results of a function, as `functools.lru_cache` does, until `forget_remembered`."""

    def wrap(function: Callable[..., Returned]) -> "_lru_cache_wrapper[Returned]":
        cached = lru_cache(maxsize=most)(function)
        _REMEMBERED.add(cached)
        return cached

    return wrap


def to_be_forgotten(one: Remembering) -> None:
    """Have `forget_remembered` clear something as long as it is there."""
    _REMEMBERED.add(one)


def forget_remembered() -> None:
    """Forget all results: a key of somebody was destroyed, and what was computed of them must not stay in memory."""
    for one in list(_REMEMBERED):
        one.cache_clear()
