"""Which identifiers a live event carries, as (kind, namespace, value)."""

from typing import Any

from steelthread.intake.live.types import Message

SHARED_NAMESPACE = "users"
"""The namespace of `user_id` of all live sources that do not name their own: one login for the whole company."""
_LONGEST = 512


def identifiers(message: Message, namespace: str) -> list[tuple[str, str, str]]:
    """Return the identifiers of an event, each once: login, anonymous id, device, address told with it, others."""
    traits = _dict(message.context.get("traits"))
    device = _dict(message.context.get("device"))
    found: dict[tuple[str, str, str], None] = {}
    for kind, value in (
        ("user_id", message.user_id),
        ("anonymous_id", message.anonymous_id),
        ("email", message.traits.get("email") or message.once.get("email") or traits.get("email")),
        ("device_id", device.get("id")),
        ("device_id", device.get("advertisingId")),
        *message.external_ids,
    ):
        text = value.strip() if isinstance(value, str) else ""
        if text and len(text) <= _LONGEST:
            found[(kind, namespace if kind == "user_id" else "", text)] = None
    if message.type == "alias" and message.previous_id:
        found[("anonymous_id", "", message.previous_id)] = None
    return list(found)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
