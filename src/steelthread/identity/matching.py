"""The door to `identity.match`, which is an extra: it is opened when matching is asked for, not before."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from steelthread.kit import Unavailable


def load_match() -> Any:
    """Return the package `steelthread.identity.match`; Unavailable says how to install what it needs."""
    try:
        return import_module("steelthread.identity.match")
    except ModuleNotFoundError as error:
        raise Unavailable(
            f"Matching by evidence needs {error.name}: pip install 'steelthread[match]', then run it again."
        ) from None


@contextmanager
def by_spark(master: str, memory: str, folder: Path) -> Iterator[Any]:
    """Start Spark and lend what compares there (`engine_of` of `match.resolve`); Unavailable says what is missing."""
    load_match()
    try:
        spark = import_module("steelthread.identity.match.spark")
    except ModuleNotFoundError as error:
        raise Unavailable(
            f"--engine spark needs {error.name}: pip install 'steelthread[spark]', then run it again. "
            "Without --engine it runs on this machine alone."
        ) from None
    with spark.in_spark(master, memory, folder) as ground:
        yield partial(spark.Engine, ground=ground)
