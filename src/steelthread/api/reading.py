"""The one door to personal data: whoever reads profiles, records or events over HTTP gets its reader here."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from fastapi import FastAPI, Response

from steelthread.api.desk import Reading
from steelthread.profiles import Reader
from steelthread.thread import Space

_ENCODE = msgspec.json.Encoder(decimal_format="number").encode
OBJECT: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {"schema": {"type": "object"}}}}}


@contextmanager
def reading(api: FastAPI, space: Space, granted: Reading, what: str, *refs: str) -> Iterator[Reader]:
    """Lend what reads personal data, on a connection for readers, after policy and people were asked; the audit log tells.

    Each question is a transaction of its own: none has to wait for a BEGIN and a COMMIT beside.
    """
    with api.state.readers.connection() as conn:
        reader = space.reader(conn)
        reader.reads_whole = what == "profile"
        granted.check(conn, what, *refs, reader=reader)
        yield reader


def answer(content: Any, status: int = 200) -> Response:
    """Answer with JSON; decimal numbers are written exactly."""
    return Response(_ENCODE(content), status, media_type="application/json")


def conditional(content: Any, if_none_match: str) -> Response:
    """Answer with JSON and its tag; 304 without a body when the client has it already (RFC 9110, 13.1.2)."""
    body = _ENCODE(content)
    tag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    known = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)
