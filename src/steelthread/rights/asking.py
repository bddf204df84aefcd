"""What people ask for."""

from collections.abc import Mapping

import msgspec

from steelthread.kit import Invalid
from steelthread.privacy import Right
from steelthread.rights.verification import Asker

_SAME: Mapping[str, Right] = {"know": "access", "correct": "rectification"}


class Asking(msgspec.Struct, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """What somebody asks for."""

    kind: str
    """access (know), portability, rectification (correct), erasure, restriction, objection, opt_out, limit, human_review."""
    ref: str
    """Who it is about: email:..., phone:..., user_id:..., record:..."""
    contact: str = ""
    """Where the answer goes, email:... or phone:...; the reference itself by default."""
    language: str = "en"
    place: str = ""
    """Where the person lives, such as DE or US-CA; the project's place by default."""
    actor: Asker = "self"
    purposes: list[str] = []
    """Of an objection or a restriction: these only."""


def kind_of(name: str) -> Right:
    """Return the right that a word names; Invalid for one that names none."""
    kind = _SAME.get(name, name)
    try:
        right: Right = msgspec.convert(kind, Right)
    except msgspec.ValidationError:
        raise Invalid(f"{name[:40]!r} cannot be asked for; see docs/rights.md for what can.") from None
    return right
