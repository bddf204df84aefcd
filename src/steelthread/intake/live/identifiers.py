"""Which identifiers a live event carries, as (kind, namespace, value)."""

from typing import Any

from steelthread.intake.live.types import Message

SHARED_NAMESPACE = "users"
"""The namespace of `user_id` of all live sources that do not name their own: one login for the whole company."""
_LONGEST = 512


def has_one_name(message: Message) -> bool:
    """Whether an event tells a login or an anonymous id, and no more, as most do."""
    context = message.context
    return not (
        (message.user_id and message.anonymous_id)
        or message.traits
        or message.once
        or message.external_ids
        or message.type == "alias"
        or "traits" in context
        or "device" in context
    )


def name_of(user_id: str, anonymous_id: str, namespace: str) -> list[tuple[str, str, str]]:
    """Return the identifier of an event that `has_one_name`; none where it is empty, or too long for one."""
    kind, scope, value = ("user_id", namespace, user_id) if user_id else ("anonymous_id", "", anonymous_id)
    text = value.strip()
    return [(kind, scope, text)] if text and len(text) <= _LONGEST else []


def identifiers(message: Message, namespace: str) -> list[tuple[str, str, str]]:
    """Return the identifiers of an event, each once: login, anonymous id, device, address told with it, others."""
    if has_one_name(message):
        return name_of(message.user_id, message.anonymous_id, namespace)
    context = message.context
    told: list[tuple[str, Any]] = []
    if message.user_id:
        told.append(("user_id", message.user_id))
    if message.anonymous_id:
        told.append(("anonymous_id", message.anonymous_id))
    traits, device = context.get("traits"), context.get("device")
    if message.traits or message.once or traits:
        within = traits.get("email") if isinstance(traits, dict) else None
        told.append(("email", message.traits.get("email") or message.once.get("email") or within))
    if isinstance(device, dict):
        told += (("device_id", device.get("id")), ("device_id", device.get("advertisingId")))
    told += message.external_ids
    found: dict[tuple[str, str, str], None] = {}
    for kind, value in told:
        text = value.strip() if isinstance(value, str) else ""
        if text and len(text) <= _LONGEST:
            found[(kind, namespace if kind == "user_id" else "", text)] = None
    if message.type == "alias" and message.previous_id:  # a visitor's: no public write key may join two logins
        found[("anonymous_id", "", message.previous_id)] = None
    return list(found)
