"""`retention.yaml`: how long what is kept, from when on, for which purpose. The shortest rule that is valid wins."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec
import yaml

from steelthread.kit import Invalid
from steelthread.privacy.clocks import Span, add_months
from steelthread.privacy.purposes import Purposes

Trigger = Literal["happened", "lastSeen", "kept", "closed"]
_TRIGGERS: dict[str, tuple[Trigger, ...]] = {
    "events": ("happened", "lastSeen"), "people": ("lastSeen",), "rejects": ("kept",), "requests": ("closed",),
}  # fmt: skip
_UNITS = {"day": (1, 0), "week": (7, 0), "month": (0, 1), "year": (0, 12)}
_REQUESTS = 24
"""Months for which requests are kept as evidence at least (11 CCR 7101)."""


class RetentionRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """One rule."""

    of: Literal["events", "people", "rejects", "requests"]
    keep: str
    """A length of time: `90 days`, `13 months`, `2 years`."""
    after: Trigger
    """From when: it `happened`, the person was `lastSeen`, it was `kept`, the request was `closed`."""
    name: str = ""
    entities: tuple[str, ...] = ()
    """Of events: these entities only, what hangs below them included."""
    purpose: str = ""
    """Why it is kept so long: the rule is valid for people whose data may be used for it; without one, always."""

    @property
    def span(self) -> Span:
        """The length of time."""
        found = re.fullmatch(r"([1-9]\d{0,4}) (day|week|month|year)s?", self.keep)
        if found is None:
            raise Invalid(f"retention.yaml, {self.name}: {self.keep[:40]!r} is no length of time such as 13 months.")
        days, months = _UNITS[found[2]]
        return Span(days=days * int(found[1]), months=months * int(found[1]))

    def cutoff(self, at: datetime) -> datetime:
        """Return the moment before which it is due at another."""
        span = self.span
        day = add_months(at.date(), -span.months) if span.months else at.date()
        return datetime.combine(day, at.timetz()) - timedelta(days=span.days)


class _File(msgspec.Struct, forbid_unknown_fields=True):
    rules: dict[str, RetentionRule] | None = None


def load_retention(path: Path, purposes: Purposes) -> Sequence[RetentionRule]:
    """Read retention.yaml; a file that is not there has no rule. Invalid when it cannot be understood."""
    try:
        content = yaml.safe_load(path.read_text("utf-8")) if path.exists() else None
        rules = msgspec.convert(content or {}, _File).rules or {}
    except (yaml.YAMLError, UnicodeDecodeError):
        raise Invalid(f"{path} is not valid YAML: mend it, then read again.") from None
    except msgspec.ValidationError as error:
        raise Invalid(f"{path}: {error}. See docs/retention.md for what a rule may say.") from None
    return [_checked(msgspec.structs.replace(one, name=name), purposes) for name, one in rules.items()]


def _checked(rule: RetentionRule, purposes: Purposes) -> RetentionRule:
    span = rule.span
    if rule.after not in _TRIGGERS[rule.of]:
        raise Invalid(f"retention.yaml, {rule.name}: {rule.of} are kept after {' or '.join(_TRIGGERS[rule.of])}.")
    if rule.entities and rule.of != "events":
        raise Invalid(f"retention.yaml, {rule.name}: only events have entities.")
    if rule.purpose:
        if rule.of not in ("events", "people"):
            raise Invalid(f"retention.yaml, {rule.name}: {rule.of} are kept for no purpose of a person.")
        purposes.get(rule.purpose)
    if rule.of == "requests" and (span.months < _REQUESTS or span.days):
        raise Invalid(
            f"retention.yaml, {rule.name}: requests are evidence for {_REQUESTS} months at least (11 CCR 7101)."
        )
    return rule
