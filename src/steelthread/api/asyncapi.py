"""What streams out, as an AsyncAPI 3.0 document: changes and live events as server-sent events, changes as webhooks."""

from typing import Any

from fastapi import FastAPI, Request, Response

from steelthread import __version__
from steelthread.api.reading import OBJECT, answer
from steelthread.thread import CHANGE_TYPES

_UUID = {"type": "string", "format": "uuid"}
_TIME = {"type": "string", "format": "date-time"}
_TEXTS = {"type": "array", "items": {"type": "string"}}
_DATA: dict[str, dict[str, Any]] = {
    "profile.created": {"individualId": _UUID},
    "profile.changed": {"individualId": _UUID},
    "profile.merged": {"individualId": _UUID, "gone": {"type": "array", "items": _UUID, "minItems": 1}},
    "profile.split": {"individualId": _UUID, "part": _UUID},
    "profile.erased": {"individualId": _UUID},
    "alert.raised": {name: {"type": "string"} for name in ("kind", "source", "event", "message")},
}
_VERDICTS = ["folded", "duplicate", "refused", "not shown"]


def change_schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of a change: a CloudEvent 1.0 without personal values."""
    data = _DATA[kind]
    properties = {
        "specversion": {"const": "1.0"}, "id": {"type": "string", "pattern": "^[0-9]+[.][0-9]+$"},
        "source": {"type": "string", "format": "uri-reference"}, "type": {"const": kind},
        "subject": {"type": "string"} if kind == "alert.raised" else _UUID,
        "time": _TIME, "datacontenttype": {"const": "application/json"},
        "data": {"type": "object", "properties": data, "required": sorted(data), "additionalProperties": False},
    }  # fmt: skip
    return {
        "type": "object", "properties": properties, "required": sorted(properties), "additionalProperties": False,
    }  # fmt: skip


def event_schema() -> dict[str, Any]:
    """Return the JSON Schema of a live event as it is watched."""
    profile = {
        "type": ["object", "null"],
        "properties": {
            "individualId": _UUID, "did": {"enum": ["created", "changed", "merged", "split"]},
            "gone": {"type": "array", "items": _UUID}, "parts": {"type": "array", "items": _UUID},
        },
        "required": ["did", "individualId"],
    }  # fmt: skip
    record = {
        "type": "object",
        "properties": {
            "entity": {"type": "string"}, "key": {"type": "string"}, "values": {"type": "object"},
            "parts": {"type": "array"}, "unmapped": {"type": "object"},
        },
        "required": ["entity", "key", "values"],
    }  # fmt: skip
    return {
        "type": "object",
        "properties": {
            "verdict": {"enum": _VERDICTS}, "number": {"type": "integer"}, "receivedAt": _TIME, "at": _TIME,
            "source": {"type": "string"}, "messageId": {"type": "string"}, "type": {"type": "string"},
            "event": {"type": ["string", "null"]}, "reason": {"type": "string"}, "profile": profile,
            "records": {"type": "array", "items": record}, "identifiers": {"type": "array", "items": _TEXTS},
            "setAside": {"type": "array", "items": {"type": "object"}}, "events": {"type": "integer"},
        },
        "required": ["verdict"],
        "additionalProperties": False,
    }  # fmt: skip


def document(host: str, protocol: str) -> dict[str, Any]:
    """Return the document of a server."""
    names = {kind: kind.replace(".", "_") for kind in CHANGE_TYPES}
    messages: dict[str, Any] = {
        names[kind]: {"name": kind, "contentType": "application/cloudevents+json", "payload": change_schema(kind)}
        for kind in CHANGE_TYPES
    }
    messages["live_event"] = {"name": "live event", "contentType": "application/json", "payload": event_schema()}
    batch = {
        "type": "array",
        "minItems": 1,
        "maxItems": 100,
        "items": {"oneOf": [change_schema(one) for one in CHANGE_TYPES]},
    }
    messages["webhook"] = {
        "name": "webhook", "contentType": "application/cloudevents-batch+json", "payload": batch,
        "headers": {
            "type": "object",
            "properties": {
                "webhook-id": {"type": "string"}, "webhook-timestamp": {"type": "string"},
                "webhook-signature": {"type": "string", "description": "Standard Webhooks: v1, HMAC-SHA256"},
            },
            "required": ["webhook-id", "webhook-signature", "webhook-timestamp"],
        },
    }  # fmt: skip
    told = {
        "changes": ("/api/changes", [names[kind] for kind in CHANGE_TYPES], "What became of profiles, resumable."),
        "liveEvents": (
            "/api/events/live",
            ["live_event"],
            "Live events as they are folded in, for the purpose that `?purpose=` names.",
        ),
        "webhook": (None, ["webhook"], "Changes, sent to the addresses of `steelthread webhook add`."),
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Steelthread",
            "version": __version__,
            "description": "What streams out. See docs/serving.md.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "api": {"host": host, "protocol": protocol, "security": [{"$ref": "#/components/securitySchemes/key"}]}
        },
        "channels": {name: _channel(*one) for name, one in told.items()},
        "operations": {
            name: {
                "action": "send",
                "channel": {"$ref": f"#/channels/{name}"},
                "messages": [{"$ref": f"#/channels/{name}/messages/{message}"} for message in one[1]],
            }
            for name, one in told.items()
        },
        "components": {"messages": messages, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }


def _channel(address: str | None, messages: list[str], description: str) -> dict[str, Any]:
    told: dict[str, Any] = {
        "address": address,
        "description": description,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }
    if address:
        told["bindings"] = {"http": {"bindingVersion": "0.3.0"}}
        told["servers"] = [{"$ref": "#/servers/api"}]
    return told


def asyncapi(api: FastAPI) -> None:
    """Add the document."""

    @api.get("/asyncapi.json", tags=["operation"], responses=OBJECT)
    def streams_document(request: Request) -> Response:
        """What streams out, as AsyncAPI 3."""
        return answer(document(request.url.netloc, request.url.scheme))
