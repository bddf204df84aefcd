"""What a live source's file may say besides its mapping: namespace of logins, origins, webhook with its signature."""

from typing import Literal

import msgspec

from steelthread.intake.live.identifiers import SHARED_NAMESPACE


class Signature(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How a webhook's sender signs. The secret itself stands in an environment variable, never in the file."""

    secret_env: str
    """Names of environment variables, separated by blanks: all hold, so that a secret can be changed without a gap."""
    scheme: Literal["hmac", "standard", "stripe"] = "hmac"
    """`hmac` of the body (GitHub, Shopify, ...), `standard` (Standard Webhooks), `stripe` (`t=...,v1=...`)."""
    header: str = ""
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    """What stands before the signature in the header, such as `sha256=`."""
    tolerance_seconds: int = 300
    """How old a signed time may be (`standard` and `stripe`)."""


class Webhook(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How to read the calls of a webhook."""

    signature: Signature | None = None
    events: str = ""
    """Path of the list of events within the body, such as `data.items`; empty for the body itself."""
    event: str = ""
    """Where a document's type stands, by which its contract knows it: a path within the event, or `header:NAME`."""
    id: str = ""
    """Path of an event's id within the event, or `header:NAME`; empty for the usual headers, else the event's content."""


class LiveFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A live source's file, without its mapping."""

    name: str = ""
    kind: str = "live"
    user_namespace: str = SHARED_NAMESPACE
    origins: list[str] = []
    """Pages (scheme, host, port) that may send from a browser, `*` at the front of a host for its subdomains; empty: all."""
    purpose: str = ""
    """What its events are collected for, a purpose of purposes.yaml; empty: nobody is asked."""
    without: Literal["drop", "strip"] = "drop"
    """What becomes of an event of somebody who does not allow the purpose: gone, or stripped of all that identifies."""
    link_purpose: str = ""
    """For what devices may be tied to logins and to one another, a purpose of purposes.yaml; empty: nobody is asked."""
    ip_purpose: str = ""
    """For what IP addresses are kept, sealed, of those who allow it, a purpose of purposes.yaml; empty: of nobody."""
    webhook: Webhook = Webhook()
    mapped: bool = False
    """Whether the file has a mapping (`entities`) for webhooks and CloudEvents. Not a word of the file."""
    problem: str = ""
    """Why the file cannot be read, empty when it can. Not a word of the file."""
