"""Activation: what other systems are told. Signed webhooks of changes, for a purpose, with retries and a dead-letter list."""

from steelthread.activation.deliver import Deliverer
from steelthread.activation.queries import (
    OF_NOBODY,
    Aim,
    Dead,
    Sending,
    Webhook,
    add_webhook,
    aim_at,
    dead_letters,
    known_webhook,
    list_webhooks,
    remove_webhook,
    retry_webhook,
    rotate_secret,
    sendings,
    set_aim,
    webhooks,
)
from steelthread.activation.signing import new_secret, signed, verified

__all__ = [
    "OF_NOBODY",
    "Aim",
    "Dead",
    "Deliverer",
    "Sending",
    "Webhook",
    "add_webhook",
    "aim_at",
    "dead_letters",
    "known_webhook",
    "list_webhooks",
    "new_secret",
    "remove_webhook",
    "retry_webhook",
    "rotate_secret",
    "sendings",
    "set_aim",
    "signed",
    "verified",
    "webhooks",
]
