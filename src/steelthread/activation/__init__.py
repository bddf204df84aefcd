"""Activation: what other systems are told. Signed webhooks of changes, with retries, a dead-letter list and key rotation."""

from steelthread.activation.deliver import Deliverer
from steelthread.activation.queries import (
    Dead,
    Webhook,
    add_webhook,
    dead_letters,
    list_webhooks,
    remove_webhook,
    retry_webhook,
    rotate_secret,
)
from steelthread.activation.signing import new_secret, signed, verified

__all__ = [
    "Dead",
    "Deliverer",
    "Webhook",
    "add_webhook",
    "dead_letters",
    "list_webhooks",
    "new_secret",
    "remove_webhook",
    "retry_webhook",
    "rotate_secret",
    "signed",
    "verified",
]
