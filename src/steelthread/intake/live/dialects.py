"""All paths of the collector, each with its dialect."""

import os
from typing import Any, NamedTuple

from steelthread.intake.live import cloudevents, posthog, segment, snowplow, webhook
from steelthread.intake.live.bodies import document, unpacked
from steelthread.intake.live.calls import Call, Dialect, first_text, json_of, read_json, unbase64, write_key
from steelthread.intake.live.decoding import Decoded
from steelthread.intake.live.source_file import LiveFile
from steelthread.kit import Invalid

_SNOWPLOW = "/com.snowplowanalytics.snowplow/tp2"
_PIXEL_FIELDS = ("anonymousId", "userId", "event", "name", "messageId", "timestamp", "groupId", "previousId", "type")


class Path(NamedTuple):
    """A path (with `{key}` where the write key is part of it), its methods, and who answers."""

    path: str
    methods: tuple[str, ...]
    dialect: Dialect
    is_pixel: bool = False
    """Whether the answer is an image."""


def paths() -> list[Path]:
    """Return all paths that take events."""
    post = ("POST",)
    found = [Path(f"/v1/{name}", post, _segment(kind, limited=True)) for name, kind in _KINDS]
    found += [Path(f"/api/s{s2s}/{name}", post, _segment(kind)) for s2s in ("", "/s2s") for name, kind in _KINDS]
    found += [Path("/beacon/v1/batch", post, _segment("")), Path("/v1/merge", post, _segment("merge"))]
    found += [
        Path(f"{front}/{kind}", ("GET",), _pixel(kind), is_pixel=True)
        for front in ("/pixel/v1", "/v1/pixel")
        for kind in sorted(segment.TYPES)
    ]
    found += [
        Path(f"{name}{end}", post, POSTHOG)
        for name in ("/batch", "/capture", "/e", "/i/v0/e", "/track")
        for end in ("", "/")
    ]
    found += [Path(name, post, SNOWPLOW) for name in (_SNOWPLOW, "/snowplow/{key}/tp2")]
    found += [Path(name, ("GET",), SNOWPLOW, is_pixel=True) for name in ("/i", "/snowplow/{key}/i")]
    found += [Path(name, post, CLOUDEVENTS) for name in ("/cloudevents", "/cloudevents/{key}")]
    found += [Path(name, ("POST", "GET"), WEBHOOK) for name in ("/v1/webhook", "/webhooks/{key}")]
    return found


def _segment(kind: str, *, limited: bool = False) -> Dialect:
    def read(call: Call) -> dict[str, Any]:
        body = unpacked(call.body, call.headers.get("content-encoding", ""))
        raw = json_of(body)
        if limited and len(body) > segment.BATCH_LIMIT and segment.is_segment(raw):
            raise Invalid(f"The call is larger than {segment.BATCH_LIMIT // 1000} kB: send smaller batches.")
        return raw

    def decode(raw: dict[str, Any], call: Call, _file: LiveFile) -> Decoded:
        return segment.decode(raw, call.received, kind)

    return Dialect("segment", read, decode, write_key)


_KINDS = (
    ("batch", ""), ("import", ""), ("b", ""), *((one, one) for one in sorted(segment.TYPES)), *segment.SHORT.items(),
)  # fmt: skip


def _pixel(kind: str) -> Dialect:
    """Take an event from a query: Segment's `data` (base64 of JSON), or each field as RudderStack has it."""

    def read(call: Call) -> dict[str, Any]:
        if "data" in call.query:
            return document(unbase64(call.query["data"].replace(" ", "+")))
        said = {name: value for name, value in call.query.items() if name != "writeKey"}
        event: dict[str, Any] = {name: said.pop(name) for name in _PIXEL_FIELDS if name in said}
        return {**event, "traits" if kind in ("identify", "group") else "properties": said}

    def decode(raw: dict[str, Any], call: Call, _file: LiveFile) -> Decoded:
        return segment.decode(raw, call.received, kind)

    return Dialect("segment", read, decode, write_key)


def _posthog_key(call: Call, raw: dict[str, Any]) -> str:
    return first_text(posthog.api_key(raw), call.query.get("api_key"), call.query.get("token"), write_key(call, raw))


def _signed(call: Call, file: LiveFile) -> None:
    if file.webhook.signature is not None:
        webhook.check_signature(call, file.webhook.signature, os.environ)


POSTHOG = Dialect(
    "posthog",
    read_json,
    lambda raw, call, _: posthog.decode(raw, call.received),
    _posthog_key,
    overloaded=503,  # posthog-js drops what any 4xx answers, 429 too (its retry-queue.ts)
)
SNOWPLOW = Dialect("snowplow", snowplow.read, lambda raw, call, _: snowplow.decode(raw, call.received), snowplow.key)
CLOUDEVENTS = Dialect(
    "cloudevents",
    cloudevents.read,
    lambda raw, call, file: cloudevents.decode(raw, call.received, mapped=file.mapped),
    lambda call, _: write_key(call, {}),
)
WEBHOOK = Dialect(
    "webhook",
    webhook.read,
    lambda raw, call, file: webhook.decode(raw, call.received, file, call.headers),
    lambda call, _: write_key(call, {}),
    _signed,
)
