"""Results that are remembered by values which may be a person's, and forgotten when somebody is erased."""

from collections.abc import Callable
from functools import _lru_cache_wrapper, lru_cache
from typing import Any, TypeVar
from weakref import WeakSet

Returned = TypeVar("Returned")
_REMEMBERED: "WeakSet[_lru_cache_wrapper[Any]]" = WeakSet()


def remembered(most: int) -> "Callable[[Callable[..., Returned]], _lru_cache_wrapper[Returned]]":
    """Remember the last `most` results of a function, as `functools.lru_cache` does, until `forget_remembered`."""

    def wrap(function: Callable[..., Returned]) -> "_lru_cache_wrapper[Returned]":
        cached = lru_cache(maxsize=most)(function)
        _REMEMBERED.add(cached)
        return cached

    return wrap


def forget_remembered() -> None:
    """Forget all results: a key of somebody was destroyed, and what was computed of them must not stay in memory."""
    for one in list(_REMEMBERED):
        one.cache_clear()
