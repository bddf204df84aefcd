"""Identity settings of Segment (Unify: external ids with priority and limit, blocked values).

Segment has no file for them, so we read and write one in the words of its settings page:
`{"externalIds": [{"type", "priority", "limit": {"value", "frequency"}}], "blockedValues": [{"type", "exact", "regex"}]}`;
frequency is ever, weekly, monthly or annually, and priority 1 is the first. A limit that is left out is Segment's default;
`null`, which its page does not know, is none. What goes out comes in again as what it was.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from steelthread.identity.rulesets.types import OwnRules, TakenRules
from steelthread.kit import Invalid

DAYS = {"ever": None, "weekly": 7, "monthly": 30, "annually": 365}
_OURS = {
    "user_id": "user_id", "email": "email", "phone": "phone", "anonymous_id": "anonymous_id", "ga_client_id": "cookie",
    "android.id": "device_id", "android.idfa": "device_id", "ios.id": "device_id", "ios.idfa": "device_id",
}  # fmt: skip
_WITHOUT = {
    "group_id": "a group is an Account here, no identifier of a person",
    "android.push_token": "push tokens are no identifiers here", "ios.push_token": "push tokens are no identifiers here",
    "braze_id": "say it as an identifier of its own under kinds", "cross_domain_id": "say it as an identifier of its own under kinds",
}  # fmt: skip
_FIRST, _STEP = 30, 5
"""Strength of the first external id here, and between two: party ids and loyalty numbers go before, as they did."""
_DEFAULT_LIMITS = {"user_id": 1}
_DEFAULT_LIMIT = 5


def read_segment(settings: Mapping[str, Any], project: OwnRules) -> TakenRules:
    """Return what Segment's settings come to here. Invalid when they are none."""
    ids = settings.get("externalIds")
    if not isinstance(ids, list) or not all(isinstance(one, Mapping) for one in ids):
        raise Invalid("These are no identity settings of Segment: externalIds is missing. See docs/matching.md.")
    taken = TakenRules()
    known = project.identity.get("kinds") or {}
    for one in sorted(ids, key=_order):
        name = str(one.get("type", ""))
        kind = _OURS.get(name, name)
        if not kind or name in _WITHOUT:
            taken.missing.append(f"{name or 'an external id without a type'}: {_WITHOUT.get(name, 'it has no name')}")
            continue
        if kind in taken.kinds:
            taken.differs.append(f"{name}: it is a {kind} here, with priority and limit of the one before")
            continue
        limit = _limit(one, name)
        said = dict(known.get(kind, {}))
        if _written(said.get("limit") or [])[0] != _page(limit):  # else limits besides, which Segment has not, stay
            said["limit"] = [limit] if limit else []
        taken.kinds[kind] = said
        taken.same.append(f"{name}: kind {kind}, priority {len(taken.kinds)}, {_told(limit)}")
        if said.get("weak"):
            taken.differs.append(
                f"{name}: it joins unless first names conflict (`weak: false` under kinds joins always)"
            )
    _rank(taken.kinds)
    if taken.same:
        taken.differs.append(
            "an id over its limit is refused in the order of strength; Segment drops the weakest of an event"
        )
    _block(settings, taken)
    return taken


def _rank(kinds: Mapping[str, dict[str, Any]]) -> None:
    """Give kinds, the first one first, strengths in their order; those that are in it already keep theirs."""
    now = [int(said.get("strength", -1)) for said in kinds.values()]
    if min(now, default=0) < 0 or not all(one < other for one, other in pairwise(now)):
        for place, said in enumerate(kinds.values()):
            said["strength"] = _FIRST + _STEP * place


def _order(one: Mapping[str, Any]) -> tuple[int, int, str]:
    """Return the priority: said, else user_id, e-mail, then the rest by the alphabet."""
    name = str(one.get("type", ""))
    priority = _number(one.get("priority") or 1_000_000, f"{name}: priority")
    return (priority, ("user_id", "email", name).index(name), name)


def _number(said: object, what: str) -> int:
    if not str(said).isdecimal() or not int(str(said)):
        raise Invalid(f"{what} is a whole number from 1 on.")
    return int(str(said))


def _limit(one: Mapping[str, Any], name: str) -> dict[str, int] | None:
    said = one.get("limit", {})
    if said is None:
        return None
    count = said.get("value") if isinstance(said, Mapping) else said
    word = str(said.get("frequency", "ever") if isinstance(said, Mapping) else one.get("frequency", "ever")).lower()
    if word not in DAYS:
        raise Invalid(f"{name}: frequency is one of {', '.join(DAYS)}.")
    number = _number(_DEFAULT_LIMITS.get(name, _DEFAULT_LIMIT) if count is None else count, f"{name}: limit")
    days = DAYS[word]
    return {"count": number} if days is None else {"count": number, "window": days}


def _told(limit: Mapping[str, int] | None) -> str:
    if limit is None:
        return "no limit"
    return f"at most {limit['count']}" + (f" in {limit['window']} days" if "window" in limit else "")


def _block(settings: Mapping[str, Any], taken: TakenRules) -> None:
    blocked = settings.get("blockedValues") or []
    if not isinstance(blocked, list) or not all(isinstance(one, Mapping) for one in blocked):
        raise Invalid('blockedValues is a list of {"type", "exact", "regex"}. See docs/matching.md.')
    if any(re.search(r"[A-Z]", str(pattern)) for one in blocked for pattern in one.get("regex") or []):
        taken.differs.append("blocked values: upper and lower case are the same here")
    for one in blocked:
        name = str(one.get("type") or "*")
        kind = _OURS.get(name, name)
        said = taken.blocked.setdefault(kind, {"exact": [], "regex": []})
        said["exact"] += [str(value).casefold() for value in one.get("exact") or []]
        said["regex"] += [str(value) for value in one.get("regex") or []]
        taken.same.append(f"blocked values of {name}: under blocked.{kind}")


def _written(limits: Sequence[Mapping[str, int]]) -> tuple[dict[str, Any] | None, list[Mapping[str, int]]]:
    """Return the first of a kind's limits that Segment's page can say, in its words, and the others."""
    limit = next((one for one in limits if one.get("window") in DAYS.values()), None)
    return _page(limit), [one for one in limits if one != limit]


def _page(limit: Mapping[str, int] | None) -> dict[str, Any] | None:
    """Return a limit in the words of Segment's page."""
    if limit is None:
        return None
    return {
        "value": limit["count"],
        "frequency": next(word for word, days in DAYS.items() if days == limit.get("window")),
    }


def write_segment(project: OwnRules) -> tuple[dict[str, Any], list[str]]:
    """Return a project's kinds as settings of Segment, and what has no counterpart there."""
    theirs = {ours: name for name, ours in reversed(_OURS.items())}
    kinds = project.kinds_of("people")
    ids: list[dict[str, Any]] = []
    missing: list[str] = []
    for kind, said in sorted(kinds.items(), key=lambda one: one[1].get("strength", 100)):
        if kind in ("party_id", "email_provider"):
            missing.append(
                f"kind {kind}: {'one kind for each scheme' if kind == 'party_id' else 'the mailbox behind an address'}"
            )
            continue
        limit, others = _written(said.get("limit") or [])
        if limit is None:
            missing.append(
                f"kind {kind}: no limit; Segment wants one, {_DEFAULT_LIMITS.get(kind, _DEFAULT_LIMIT)} by default"
            )
        missing += [f"kind {kind}: the limit of {_told(one)}" for one in others]
        ids.append({"type": theirs.get(kind, kind), "priority": len(ids) + 1, "limit": limit})
        missing += [f"kind {kind}: {word}" for word in ("weak", "generic_above") if said.get(word)]
    blocked = [
        {"type": theirs.get(kind, kind), "exact": list(said.get("exact") or []), "regex": list(said.get("regex") or [])}
        for kind, said in (project.identity.get("blocked") or {}).items()
    ]
    missing += [
        f"rule {one['name']}: Segment has no keys of several attributes" for one in project.identity.get("rules") or []
    ]
    missing += [f"attribute {name}: {rule}; Segment shows the value seen last" for name, rule in project.attributes.items()
                if rule != "last_updated"]  # fmt: skip
    return {"externalIds": ids, "blockedValues": blocked}, [
        *missing, "matching by evidence in sum (`steelthread resolve`), and what people said by hand",
    ]  # fmt: skip
