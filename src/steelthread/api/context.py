"""One call that takes events and returns the profile: for servers whose pages personalise on the spot."""

import time
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends, FastAPI, Request, Response
from psycopg_pool import ConnectionPool

from steelthread import intake
from steelthread.api.collect import body_of
from steelthread.api.desk import Reading, for_purpose
from steelthread.api.doorkeeper import Doorkeeper, SourceFiles
from steelthread.api.folded import folded
from steelthread.api.keys import needs
from steelthread.api.profiles import FIELDS, chosen, listed, selected
from steelthread.api.reading import OBJECT, answer, reading
from steelthread.intake import Decoded, Surroundings
from steelthread.kit import Invalid, NotFound, Unauthorized
from steelthread.thread import Collector, Space

_WAIT = 2.0
_LONGEST = 10.0
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["writeKey"],
                    "properties": {
                        "writeKey": {"type": "string", "description": "of the live source; or the header X-Write-Key"},
                        "batch": {"type": "array", "items": {"type": "object"}, "description": "Segment's events"},
                        "profile": {"type": "string", "description": "whose; by default the last event's"},
                        "wait": {"type": "number", "minimum": 0, "maximum": _LONGEST, "default": _WAIT},
                        "fields": {"type": "string"},
                        "attributes": {"type": "string"},
                        "traits": {"type": "string"},
                    },
                }
            }
        },
    }
}

_KNOWN = frozenset(("writeKey", "batch", "profile", "wait", "fields", "attributes", "traits"))
"""What a call may say that brings no events."""


def context(api: FastAPI, space: Space, collector: Collector, files: SourceFiles, surroundings: Surroundings) -> None:
    """Add the endpoint."""
    pool: ConnectionPool[Any] = api.state.pool
    doorkeeper = Doorkeeper(pool)

    @api.post(
        "/api/context",
        tags=["events"],
        dependencies=[Depends(needs("events:write"))],
        responses=OBJECT,
        openapi_extra=_BODY,
    )
    async def take(request: Request, granted: Annotated[Reading, for_purpose("profiles:read")]) -> Response:
        """Keep events, wait until they are folded in, and return the profile that they belong to.

        The key needs `profiles:read` and `events:write`: it is for servers, not for browsers. Events are Segment's, as in
        `/v1/batch`. `folded` says whether the profile has them already.
        """
        body = await body_of(request)
        raw = intake.document(intake.unpacked(body, request.headers.get("content-encoding", "")))
        source = await doorkeeper.source(str(raw.get("writeKey") or request.headers.get("x-write-key", "")))
        if source is None:
            raise Unauthorized(
                "Name the live source of the events by its write key: `writeKey`, or the header X-Write-Key."
            )
        fields = chosen(str(raw.get("fields") or ""), FIELDS)
        some = {part: listed(str(raw.get(part) or "")) for part in ("attributes", "traits")}
        decoded = _events(raw)
        file = files.of(source.name)
        for message in decoded.messages:
            surroundings.add(message, request.headers, "", keeps_ip=bool(file.ip_purpose))
        ref, seconds = _ref(raw, decoded, file.user_namespace), _seconds(raw.get("wait", _WAIT))
        await collector.accept(source, decoded.messages)
        await collector.refuse(source, decoded.refusals)
        whole = await folded(api, space, seconds)

        def read() -> dict[str, Any] | None:
            try:
                with reading(api, space, granted, "context", ref) as reader:
                    return selected(granted.mask.profile(reader.profile(ref)), fields, some)
            except NotFound:
                return None

        refused = [{"place": one.place, "reason": one.reason} for one in decoded.refusals]
        found = await to_thread.run_sync(read) if ref else None
        return answer({"accepted": len(decoded.messages), "refused": refused, "folded": whole, "profile": found})


def _events(raw: dict[str, Any]) -> Decoded:
    """Return the events of a call: a batch, one, or none where a profile alone is wanted; never none by a slip of the pen."""
    if "batch" in raw or "type" in raw:
        return intake.decode_segment(raw, time.time_ns() // 1000, "")
    unknown = sorted(raw.keys() - _KNOWN)
    if unknown or not raw.get("profile"):
        raise Invalid("Give events as `batch`, a list, or one with its `type`; or a `profile` alone.")
    return Decoded([], [])


def _ref(raw: dict[str, Any], decoded: Decoded, namespace: str) -> str:
    """Return whose profile is wanted: the one named, else that of the last event."""
    named = raw.get("profile")
    if isinstance(named, str) and named:
        return named
    for message in reversed(decoded.messages):
        return f"user_id:{namespace}/{message.user_id}" if message.user_id else f"anonymous_id:{message.anonymous_id}"
    return ""


def _seconds(said: Any) -> float:
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said <= _LONGEST:
        raise Invalid(f"wait is a number of seconds between 0 and {_LONGEST:g}.")
    return float(said)
