"""The collector's routes: where SDKs send events. Plain Starlette routes: no schema stands between a client and its "ok".

A status tells an SDK what to do: 200 it may forget the events, 429 and 5xx it keeps them and comes again. A 4xx makes it
drop them, so only a call that nobody could ever take (no key, no JSON, too large) gets one.
"""

import base64
import time
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from steelthread import intake
from steelthread.api.basic import basic_user
from steelthread.intake import BODY_LIMIT, Decoded, LiveSource
from steelthread.kit import Overloaded, SteelthreadError
from steelthread.thread import Collector

_REMEMBERED = 5.0
_CORS = {
    "Access-Control-Allow-Methods": "POST, GET, OPTIONS",
    "Access-Control-Allow-Headers": "authorization, content-type, content-encoding, x-retry-count, x-write-key, anonymousid",
    "Access-Control-Max-Age": "86400",
}
_PIXEL = base64.b64decode(b"R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_RETRY_SECONDS = "5"
Decode = Callable[[dict[str, Any], int], Decoded]


class Doorkeeper:
    """Tells which source a write key lets events into; remembers it for some seconds."""

    def __init__(self, pool: "ConnectionPool[psycopg.Connection[Any]]") -> None:
        self._pool = pool
        self._known: dict[bytes, tuple[float, LiveSource | None]] = {}

    async def source(self, key: str) -> LiveSource | None:
        """Return the source of a key, None for a key that lets nothing in."""
        digest = intake.key_digest(key)
        at, source = self._known.get(digest, (-1e9, None))
        if time.monotonic() - at > _REMEMBERED:
            source = await run_in_threadpool(self._look_up, digest)
            if len(self._known) > 10_000:
                self._known.clear()
            if source is not None:  # a key that is made in this moment must work at once
                self._known[digest] = (time.monotonic(), source)
            else:
                self._known.pop(digest, None)
        return source

    def _look_up(self, digest: bytes) -> LiveSource | None:
        with self._pool.connection(timeout=5) as conn:
            return intake.source_of_key(conn, digest)


class Collect:
    """Answers the calls of SDKs."""

    def __init__(self, collector: Collector, doorkeeper: Doorkeeper) -> None:
        self._collector = collector
        self._doorkeeper = doorkeeper

    def routes(self) -> list[Route]:
        """Return all paths of all dialects."""
        kinds = {**{one: one for one in sorted(intake.TYPES)}, **intake.SHORT}
        segment = [("batch", ""), ("import", ""), ("b", ""), *kinds.items()]
        paths: list[tuple[str, Decode]] = [(f"/v1/{path}", _segment(kind)) for path, kind in segment]
        paths += [(f"/api/s/{path}", _segment(kind)) for path, kind in segment]
        paths += [(f"/api/s/s2s/{path}", _segment(kind)) for path, kind in segment]
        paths += [("/beacon/v1/batch", _segment(""))]
        paths += [
            (path, intake.decode_posthog) for path in ("/batch", "/batch/", "/capture", "/capture/", "/e/", "/i/v0/e/")
        ]
        routes = [Route(path, self._endpoint(decode), methods=["POST", "OPTIONS"]) for path, decode in paths]
        routes += [
            Route(f"/pixel/v1/{kind}", self._pixel(kind), methods=["GET"]) for kind in ("track", "page")
        ]  # fmt: skip
        return [
            *routes,
            Route("/v1/m", self._metrics, methods=["POST", "OPTIONS"]),
            Route("/v1/projects/{key}/settings", self._settings, methods=["GET", "OPTIONS"]),
        ]

    def _endpoint(self, decode: Decode) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            if request.method == "OPTIONS":
                return Response(status_code=204, headers=_cors(request))
            try:
                return await self._take(request, decode)
            except SteelthreadError as error:
                headers = _cors(request)
                if isinstance(error, Overloaded):
                    headers["Retry-After"] = _RETRY_SECONDS
                return JSONResponse({"success": False, "message": str(error)}, error.status, headers)

        return endpoint

    async def _take(self, request: Request, decode: Decode) -> Response:
        body = await body_of(request)
        if body is None:
            return JSONResponse({"success": False, "message": "larger than 4000 kB"}, 413, _cors(request))
        raw = intake.document(intake.unpacked(body, request.headers.get("content-encoding", "")))
        key = _key(request, raw)
        source = await self._doorkeeper.source(key) if key else None
        if source is None:
            message = "invalid write key" if key else "failed to read writekey"
            return JSONResponse({"success": False, "message": message}, 401, _cors(request))
        decoded = decode(raw, time.time_ns() // 1000)
        await self._collector.accept(source, decoded.messages)
        await self._collector.refuse(source, decoded.refusals)  # after it: a call that comes again counts them once
        return JSONResponse({"success": True, "status": 1}, headers=_cors(request))

    def _pixel(self, kind: str) -> Callable[[Request], Any]:
        decode = _segment(kind)

        async def pixel(request: Request) -> Response:
            said = dict(request.query_params)
            source = await self._doorkeeper.source(said.pop("writeKey", ""))
            if source is None:
                return Response(status_code=401)
            named = ("anonymousId", "userId", "event", "name", "messageId", "timestamp")
            event: dict[str, Any] = {name: said.pop(name) for name in named if name in said}
            decoded = decode({**event, "properties": said}, time.time_ns() // 1000)
            try:
                await self._collector.accept(source, decoded.messages)
                await self._collector.refuse(source, decoded.refusals)
            except SteelthreadError as error:
                later = {"Retry-After": _RETRY_SECONDS} if isinstance(error, Overloaded) else None
                return Response(status_code=error.status, headers=later)
            return Response(_PIXEL, media_type="image/gif", headers={"Cache-Control": "no-store"})

        return pixel

    async def _metrics(self, request: Request) -> Response:
        """Take an SDK's own metrics, of which we want none."""
        return JSONResponse({"success": True}, headers=_cors(request))

    async def _settings(self, request: Request) -> Response:
        """Say to the browser SDK where events go: here."""
        host = f"{request.url.netloc}/v1"
        settings = {"apiKey": request.path_params["key"], "apiHost": host}
        return JSONResponse({"integrations": {"Segment.io": settings}, "plan": {}}, headers=_cors(request))


def _segment(kind: str) -> Decode:
    return lambda raw, received: intake.decode_segment(raw, received, kind)


async def body_of(request: Request) -> bytes | None:
    """Return the body, None when it is larger than the limit; no more than that is ever held."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > BODY_LIMIT:
            return None
        parts.append(part)
    return b"".join(parts)


def _key(request: Request, raw: dict[str, Any]) -> str:
    """Return the write key: Basic (user name), bearer, header, query or body, as each dialect has it."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.casefold() == "basic":
        return basic_user(request)
    said = (
        raw.get("writeKey"), raw.get("api_key"), raw.get("token"), request.headers.get("x-write-key"),
        request.query_params.get("writeKey"), value if scheme.casefold() == "bearer" else "",
    )  # fmt: skip
    return next((one for one in said if isinstance(one, str) and one), "")


def _cors(request: Request) -> dict[str, str]:
    origin = request.headers.get("origin")
    return {**_CORS, "Access-Control-Allow-Origin": origin, "Vary": "Origin"} if origin else {}
