"""Signatures of webhooks, as Standard Webhooks 1.0 has them: HMAC-SHA256 over `id.timestamp.body`. Pure."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping

_PREFIX = "whsec_"
TOLERANCE = 300
"""Seconds by which the time of a webhook may differ from the receiver's clock."""


def new_secret() -> str:
    """Return a new signing secret: 32 random bytes."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signed(secrets_: Iterable[str], message: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of a webhook, signed with every secret in force, so that secrets rotate without a gap."""
    signatures = " ".join(_signature(secret, message, str(timestamp), body) for secret in secrets_)
    return {"webhook-id": message, "webhook-timestamp": str(timestamp), "webhook-signature": signatures}


def verified(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether a webhook was signed with this secret, lately: what a receiver asks first."""
    message, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isdecimal() or abs(now - int(timestamp)) > TOLERANCE:
        return False
    expected = _signature(secret, message, timestamp, body)
    return any(hmac.compare_digest(expected, one) for one in headers.get("webhook-signature", "").split())


def _signature(secret: str, message: str, timestamp: str, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    digest = hmac.new(key, f"{message}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()
