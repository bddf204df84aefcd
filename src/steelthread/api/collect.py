"""The collector's routes: where SDKs send events. Plain Starlette routes: no schema stands between a client and its "ok".

A status tells an SDK what to do: 200 it may forget the events, 429 and 5xx it keeps them and comes again (PostHog's gets no
429: it would drop them). A 4xx makes it drop them, so only a call that nobody could ever take (no key, no JSON, too large)
gets one.
"""

import base64
import gzip
import time
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from steelthread import __version__, intake
from steelthread.api.doorkeeper import Doorkeeper, SourceFiles
from steelthread.intake import BODY_LIMIT, Call, LiveFile, LiveSource, Refusal, Surroundings
from steelthread.kit import Forbidden, Overloaded, SteelthreadError, TooLarge, Unauthorized, Unavailable
from steelthread.privacy import QUERY
from steelthread.thread import GPC, Collector, Packed

_CORS = {
    "Access-Control-Allow-Methods": "POST, GET, OPTIONS",
    "Access-Control-Allow-Headers": "authorization, content-type, content-encoding, x-retry-count, x-write-key, anonymousid",
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Max-Age": "86400",
}
_PIXEL = base64.b64decode(b"R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_SNIPPET = (resources.files("steelthread.api") / "snippet" / "steelthread.js").read_bytes()
_SNIPPET_PACKED = gzip.compress(_SNIPPET, mtime=0)
_RETRY_SECONDS = "5"
Answer = Callable[[Request], Any]


class Collect:
    """Answers the calls of SDKs."""

    def __init__(
        self, collector: Collector, doorkeeper: Doorkeeper, files: SourceFiles, surroundings: Surroundings
    ) -> None:
        self._collector = collector
        self._doorkeeper = doorkeeper
        self._files = files
        self._surroundings = surroundings

    def routes(self) -> list[Route]:
        """Return all paths of all dialects, and what their SDKs ask before they send."""
        asked = [
            ("/v1/m", ("POST",), self._metrics), ("/v1/projects/{key}/settings", ("GET",), self._settings),
            ("/sourceConfig", ("GET",), self._source_config), ("/sourceConfig/", ("GET",), self._source_config),
            *((f"/{name}{end}", ("POST", "GET"), self._flags) for name in ("flags", "decide") for end in ("", "/")),
            ("/array/{key}/config", ("GET",), self._flags), ("/steelthread.js", ("GET",), self._snippet),
            ("/.well-known/gpc.json", ("GET",), self._gpc),
        ]  # fmt: skip
        routes = [Route(path, _open(answer), methods=[*methods, "OPTIONS"]) for path, methods, answer in asked]
        return routes + [
            Route(one.path, _open(self._endpoint(one), one.dialect.overloaded), methods=[*one.methods, "OPTIONS"])
            for one in intake.paths()
        ]

    def _endpoint(self, path: intake.Path) -> Answer:
        async def endpoint(request: Request) -> Response:
            source, packed, refusals = await self._taken(path, request)
            await self._collector.keep(packed)
            await self._collector.refuse(source, refusals)  # after it: a call that comes again counts them once
            if path.is_pixel:
                return Response(_PIXEL, media_type="image/gif", headers={"Cache-Control": "no-store"})
            return JSONResponse({"success": True, "status": 1, "refused": len(refusals)})

        return endpoint

    async def _taken(self, path: intake.Path, request: Request) -> tuple[LiveSource, Packed, list[Refusal]]:
        """Read a call; nothing of it is held but what waits to be kept."""
        call = await _call(request)
        raw = path.dialect.read(call)
        source = await self._source(path.dialect.key(call, raw))
        file = self._files.of(source.name)
        _check_origin(request, file)
        path.dialect.check(call, file)
        decoded = path.dialect.decode(raw, call, file)
        address = request.client.host if request.client else ""
        asks_for_privacy = "1" in request.headers.getlist("sec-gpc")
        told = {field: call.query[name] for name, field in QUERY.items() if name in call.query}
        for message in decoded.messages:
            self._surroundings.add(message, call.headers, address, keeps_ip=bool(file.ip_purpose))
            if asks_for_privacy:
                message.context[GPC] = True
            if told:
                message.context["consentQuery"] = told
        for refusal in decoded.refusals:
            self._surroundings.cut(refusal)
        return source, self._collector.pack(source, decoded.messages), decoded.refusals

    async def _source(self, key: str) -> LiveSource:
        source = await self._doorkeeper.source(key) if key else None
        if source is None:
            raise Unauthorized("invalid write key" if key else "failed to read writekey")
        return source

    async def _snippet(self, request: Request) -> Response:
        """Give our own browser snippet."""
        packed = "gzip" in request.headers.get("accept-encoding", "")
        headers = {
            "Cache-Control": "public, max-age=3600",
            "ETag": f'"{__version__}-{len(_SNIPPET)}"',
            "Vary": "Accept-Encoding",
        }
        if packed:
            headers["Content-Encoding"] = "gzip"
        return Response(_SNIPPET_PACKED if packed else _SNIPPET, media_type="text/javascript", headers=headers)

    async def _gpc(self, _: Request) -> Response:
        """Say that Global Privacy Control is heeded (W3C Global Privacy Control, section 4)."""
        return JSONResponse({"gpc": True, "lastUpdate": "2026-11-26"})

    async def _metrics(self, _: Request) -> Response:
        """Take an SDK's own metrics, of which we want none."""
        return JSONResponse({"success": True})

    async def _settings(self, request: Request) -> Response:
        """Say to Segment's browser SDK where events go: here."""
        host = f"{request.url.netloc}/v1"
        settings = {"apiKey": request.path_params["key"], "apiHost": host, "protocol": request.url.scheme}
        return JSONResponse({"integrations": {"Segment.io": settings}, "plan": {}})

    async def _source_config(self, request: Request) -> Response:
        """Say to RudderStack's browser SDK that its source is on, and has no destinations of its own."""
        call = await _call(request)
        key = intake.write_key(call, {})
        source = await self._source(key)
        off = {"errors": {"enabled": False}, "metrics": {"enabled": False}}
        said = {
            "id": source.name, "name": source.name, "writeKey": key, "enabled": True, "workspaceId": "steelthread",
            "config": {"statsCollection": off}, "destinations": [], "connections": [], "dataplanes": {},
            "updatedAt": "2026-01-01T00:00:00.000Z",
        }  # fmt: skip
        return JSONResponse({"source": said, "updatedAt": said["updatedAt"], "consentManagementMetadata": {}})

    async def _flags(self, request: Request) -> Response:
        """Say to PostHog's browser SDK that there are no flags, no recording, no surveys: events alone."""
        call = await _call(request)
        said = intake.read_json(call) if call.method == "POST" and call.body else {}
        token = request.path_params.get("key") or intake.posthog_key(said)
        return JSONResponse(intake.posthog_config(token))


def _open(answer: Answer, overloaded: int = Overloaded.status) -> Answer:
    """Answer as browsers need it: preflight, CORS, errors with their status."""

    async def endpoint(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_preflight(request))
        try:
            response: Response = await answer(request)
        except ClientDisconnect:
            return Response(status_code=499)
        except SteelthreadError as error:
            status = overloaded if isinstance(error, Overloaded) else error.status
            response = JSONResponse({"success": False, "message": str(error)}, status)
            if isinstance(error, Overloaded | Unavailable):
                response.headers["Retry-After"] = _RETRY_SECONDS
        response.headers.update(_cors(request))
        return response

    return endpoint


async def _call(request: Request) -> Call:
    query: Mapping[str, str] = request.query_params
    if b"%00" in request.scope["query_string"]:  # a character that no text may hold: PostgreSQL takes none
        query = {name.replace("\x00", ""): value.replace("\x00", "") for name, value in query.items()}
    return Call(
        body=await body_of(request),
        headers=request.headers,
        query=query,
        received=time.time_ns() // 1000,
        key=request.path_params.get("key", ""),
        method=request.method,
    )


async def body_of(request: Request) -> bytes:
    """Return the body; TooLarge when it is larger than the limit; no more than that is ever held."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > BODY_LIMIT:
            raise TooLarge("larger than 4000 kB")
        parts.append(part)
    return b"".join(parts)


def _check_origin(request: Request, file: LiveFile) -> None:
    origin = request.headers.get("origin")
    if file.problem:
        raise Unavailable("The source's file cannot be read: its owner has to mend it. Send the events again later.")
    if origin and file.origins and not any(_fits(origin, one) for one in file.origins):
        raise Forbidden("Pages of this origin may not send to this source (`origins` in its file).")


def _fits(origin: str, allowed: str) -> bool:
    scheme, mark, host = allowed.rstrip("/").partition("://*")
    if mark:
        return origin.startswith(f"{scheme}://") and origin.endswith(host) and host.startswith(".")
    return origin == allowed.rstrip("/")


def _preflight(request: Request) -> dict[str, str]:
    """Allow what a browser asks for; CloudEvents senders shake hands with OPTIONS too (HTTP webhooks, section 4)."""
    headers = _cors(request)
    asked = request.headers.get("access-control-request-headers")
    if headers and asked:
        headers["Access-Control-Allow-Headers"] = asked
    sender = request.headers.get("webhook-request-origin")
    if sender:
        headers |= {"WebHook-Allowed-Origin": sender, "WebHook-Allowed-Rate": "*", "Allow": "POST"}
    return headers


def _cors(request: Request) -> dict[str, str]:
    origin = request.headers.get("origin")
    return {**_CORS, "Access-Control-Allow-Origin": origin, "Vary": "Origin"} if origin else {}
