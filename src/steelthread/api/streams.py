"""Streams: changes of profiles, and live events as they are folded in, as server-sent events (WHATWG HTML, 9.2)."""

import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Annotated, Any

import msgspec
from anyio import CapacityLimiter, to_thread
from fastapi import Depends, FastAPI, Header, Query, Request, Response
from starlette.responses import StreamingResponse

from steelthread.api.desk import Reading, for_purpose
from steelthread.api.keys import admit, needs
from steelthread.api.reading import OBJECT, answer
from steelthread.kit import Forbidden, Invalid, SteelthreadError, Unauthorized
from steelthread.thread import CHANGE_TYPES, Changes, Heard, Space, Tail, changes_since, newest

_ENCODE = msgspec.json.Encoder().encode
_PAGE = 500
_QUIET = 15.0
"""Seconds after which a quiet stream says that it lives: proxies close what says nothing."""
_LOOK = 1.0
"""Seconds after which a stream looks for itself, whether it heard of something or not."""
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}, "application/json": {"schema": {"type": "object"}}}}
}  # fmt: skip
Batch = Sequence[tuple[str, str, Any]]
"""(id, type, content) of some events."""


def streams(api: FastAPI, space: Space, heard: Heard) -> None:
    """Add the streams to the API."""
    threads = CapacityLimiter(2)

    @api.get("/api/changes", tags=["changes"], dependencies=[Depends(needs("changes:read"))], responses=_STREAM)
    async def changes(
        request: Request,
        since: str = "",
        types: str = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        last_event_id: Annotated[str, Header()] = "",
    ) -> Response:
        """What became of profiles, as CloudEvents: one page of JSON, or a stream with `Accept: text/event-stream`.

        `since` is the id of the last change that you had; a stream resumes after `Last-Event-ID` as browsers send it, and
        without either begins now. `types` chooses some, with commas between.
        """
        wanted = _types(types)
        following = last_event_id or since
        streamed = "text/event-stream" in request.headers.get("accept", "")

        def page(after: str, most: int) -> Changes:
            with api.state.pool.connection() as conn:
                if streamed and not after:
                    return Changes([], newest(space, conn))
                return changes_since(space, conn, after, most)

        found = await to_thread.run_sync(page, following, 0 if streamed else limit, limiter=threads)
        if not streamed:
            return answer({"changes": [one for one in found.events if one["type"] in wanted], "next": found.next})
        position = [following or found.next]

        def more() -> Batch:
            told = page(position[0], _PAGE)
            position[0] = told.next
            return [(one["id"], one["type"], one) for one in told.events if one["type"] in wanted]

        return _stream(heard, more, threads, _allowed(request, "changes:read"))

    watchers = CapacityLimiter(2)

    @api.get("/api/events/live", tags=["events"], responses=_STREAM)
    async def events(request: Request, granted: Annotated[Reading, for_purpose("events:read", whole=True)]) -> Response:
        """Live events as they are folded in, each with its verdict, its records, and what it did to which profile."""

        def begin() -> Tail:
            granted.note("events/live", [])
            with api.state.pool.connection() as conn:
                return Tail(space, conn)

        tail = await to_thread.run_sync(begin, limiter=watchers)

        def more() -> Batch:
            with api.state.pool.connection() as conn:
                return [(str(one.get("number", "")), one["verdict"], one) for one in tail.step(conn)]

        return _stream(heard, more, watchers, _allowed(request, "events:read"))


def changes_head(api: FastAPI, space: Space) -> None:
    """Add the id of the newest change."""

    @api.get("/api/changes/head", tags=["changes"], dependencies=[Depends(needs("changes:read"))], responses=OBJECT)
    def head() -> Response:
        """The id of the newest change: from where to follow after a full export."""
        with api.state.pool.connection() as conn:
            return answer({"next": newest(space, conn)})


def _types(text: str) -> frozenset[str]:
    wanted = frozenset(one for one in text.split(",") if one) or frozenset(CHANGE_TYPES)
    if wanted - set(CHANGE_TYPES):
        raise Invalid(f"types are some of {', '.join(CHANGE_TYPES)}, with commas between.")
    return wanted


def _allowed(request: Request, scope: str) -> Callable[[], Awaitable[bool]]:
    """Return what tells whether the key of a stream still has its scope: one that is revoked ends its streams."""
    secret = request.headers.get("authorization", "").partition(" ")[2].strip()

    async def allowed() -> bool:
        try:
            await admit(request, secret, scope)
        except (Forbidden, Unauthorized):
            return False
        return True

    return allowed


def _stream(
    heard: Heard, more: Callable[[], Batch], threads: CapacityLimiter, allowed: Callable[[], Awaitable[bool]]
) -> StreamingResponse:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_told(heard, more, threads, allowed), media_type="text/event-stream", headers=headers)


async def _told(
    heard: Heard, more: Callable[[], Batch], threads: CapacityLimiter, allowed: Callable[[], Awaitable[bool]]
) -> AsyncIterator[bytes]:
    yield b"retry: 2000\n\n"
    spoke = time.monotonic()
    while await allowed():
        batch: Batch = ()
        with contextlib.suppress(SteelthreadError):  # the database is away: the stream goes on when it is back
            batch = await to_thread.run_sync(more, limiter=threads)
        if batch:
            spoke = time.monotonic()
            yield b"".join(_event(*one) for one in batch)
            continue
        if time.monotonic() - spoke > _QUIET:
            spoke = time.monotonic()
            yield b": quiet\n\n"
        await heard.wait(_LOOK)


def _event(number: str, kind: str, content: Any) -> bytes:
    named = f"id: {number}\n" if number else ""
    return f"{named}event: {kind}\ndata: ".encode() + _ENCODE(content) + b"\n\n"
