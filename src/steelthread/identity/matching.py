"""The door to `identity.match`, which is an extra: it is opened when matching is asked for, not before."""

from importlib import import_module
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
