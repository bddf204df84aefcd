"""The one door to personal data: whoever reads profiles, records or events over HTTP gets its reader here."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from fastapi import FastAPI, Response

from steelthread.profiles import Reader
from steelthread.thread import Space

_ENCODE = msgspec.json.Encoder(decimal_format="number").encode
OBJECT: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {"schema": {"type": "object"}}}}}


@contextmanager
def reading(api: FastAPI, space: Space) -> Iterator[Reader]:
    """Lend what reads personal data, on a connection of the pool."""
    with api.state.pool.connection() as conn:
        yield space.reader(conn)


def answer(content: Any, status: int = 200) -> Response:
    """Answer with JSON; decimal numbers are written exactly."""
    return Response(_ENCODE(content), status, media_type="application/json")
