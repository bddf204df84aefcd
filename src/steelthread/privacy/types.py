"""The nouns of consent: what somebody said, of what, where it holds."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

Said = Literal[
    "given", "refused", "withdrawn", "objected", "opted_out", "limited", "expired", "double_confirmed",
    "restricted", "unrestricted", "minor", "authorised",
]  # fmt: skip
"""What can be said: the words of consent, then GDPR Art. 18 (restricted), then of children (minor, authorised)."""
Word = Said | Literal["retracted"]
"""What may stand in the ledger: what can be said, and that a file says something no longer (`evidence.corrects`)."""
Scope = Literal["contact_point", "device", "party"]
"""What it was said of: never the merged profile."""
OBJECTIONS = frozenset({"objected", "opted_out", "limited"})
NEGATIVES = OBJECTIONS | {"refused", "withdrawn"}
CONSENT = NEGATIVES | {"given", "expired", "double_confirmed"}


class Statement(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """One event of the consent ledger. It holds no identifier: `node` is the keyed hash of what it was said of."""

    event_id: UUID
    node: bytes
    scope: Scope
    purpose: str
    said: Word
    occurred_at: datetime
    recorded_at: datetime
    channel: str = ""
    """Empty: every channel."""
    valid_until: datetime | None = None
    """Until when a yes counts."""
    signal: str = ""
    """The automatic signal behind it, such as `gpc`; only a yes that answers the same signal takes it back."""
    source: str = ""
    method: str = ""
    actor: str = "self"
    brand: str = ""
    jurisdiction: str = ""
    notice: str = ""
    """Name and version of the text that was shown."""
    notice_sha256: bytes | None = None
    language: str = ""
    evidence: dict[str, Any] = {}
    record: bytes | None = None
    """Keyed hash of the record of a file that says so."""


class Evidence(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A statement as a decision cites it."""

    event_id: UUID
    said: str
    purpose: str
    at: datetime
    scope: str
    channel: str = ""
    source: str = ""
    valid_until: datetime | None = None
    signal: str = ""
    sha256: str = ""
    """Digest of the signal as it came."""


class Decision(msgspec.Struct, frozen=True, rename="camel"):
    """The answer to "may we?": the first reason decides; evidence are the statements behind the reasons."""

    allow: bool
    reasons: list[str]
    evidence: list[Evidence]
    policy_version: str
