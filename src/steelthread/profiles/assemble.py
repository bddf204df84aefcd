"""The 360: opened records and events of one person, put together for a reader. Pure.

The answer is the same for the same records whatever the order in which they came.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from steelthread.kit import iso
from steelthread.profiles.ahead import Sum
from steelthread.profiles.fold import Observation, Winner, reconcile, told_at
from steelthread.profiles.views import View

CONTACT_VALUE = {
    "ContactPointEmail": ("email", "emailAddress"),
    "ContactPointPhone": ("phone", "telephoneNumber"),
    "ContactPointSocial": ("social", "socialHandleName"),
    "PartyWebAddress": ("web", "webSiteURL"),
}


def attributes(views: Sequence[View], rule_of: Callable[[str, str], str]) -> dict[str, Any]:
    """Reconcile every attribute: value, source, record, time, rule, and the values that lost."""
    by_record = {view.record_id: view for view in views}
    observed: dict[str, list[Observation]] = defaultdict(list)
    rules: dict[str, str] = {}
    for view in views:
        key = (view.source, view.entity, view.key)
        for name, value in view.values.items():
            at = told_at(view.times[name]) if name in view.times else view.observed_at
            one = Observation(view.record_id, value, len(str(value)), at, view.priority, key)
            observed[name].append(one)
            rules.setdefault(name, rule_of(name, view.entity))
    told = {name: _told(reconcile(rules[name], observed[name]), by_record) for name in observed}
    custom = _custom(views, lambda view: view.custom, set(observed))
    for name, observations in custom.items():
        told[name] = {**_told(reconcile("last_updated", observations), by_record), "custom": True}
    return dict(sorted(told.items()))


def _custom(
    views: Sequence[View], traits: Callable[[View], dict[str, tuple[Any, int]]], without: Collection[str] = ()
) -> dict[str, list[Observation]]:
    """Return what live events told, by trait."""
    observed: dict[str, list[Observation]] = defaultdict(list)
    for view in views:
        for name, (value, at) in traits(view).items():
            if name not in without:
                key = (view.source, view.entity, view.key)
                observed[name].append(
                    Observation(view.record_id, value, len(str(value)), told_at(at), view.priority, key)
                )
    return observed


def told(views: Sequence[View]) -> dict[str, dict[str, Any]]:
    """Return every trait that live events told, under its own name: the latest value, its source and time."""
    by_record = {view.record_id: view for view in views}
    found = _custom(views, lambda view: view.told)
    return {name: _told(reconcile("last_updated", one), by_record) for name, one in sorted(found.items())}


def _told(winner: Winner, views: dict[int, View]) -> dict[str, Any]:
    first = winner.chosen[0]
    told = _observation(first, views)
    if winner.rule == "union":
        told["value"] = [one.token for one in winner.chosen]
    told["rule"] = winner.rule
    told["alternatives"] = [_observation(one, views) for one in winner.alternatives]
    return told


def _observation(one: Observation, views: dict[int, View]) -> dict[str, Any]:
    view = views[one.record]
    return {
        "value": one.token,
        "source": view.source,
        "record": view.ref,
        "observedAt": iso(one.observed_at),
    }


def identifiers(views: Sequence[View]) -> list[dict[str, Any]]:
    """List every identifier once, with when and where it was seen."""
    seen: dict[tuple[str, str], dict[str, Any]] = {}
    for view in views:
        for kind, value in view.identifiers:
            entry = seen.setdefault(
                (kind, value),
                {"kind": kind, "value": value, "firstSeen": view.first_observed_at, "lastSeen": view.observed_at,
                 "sources": set()},
            )  # fmt: skip
            entry["firstSeen"] = min(entry["firstSeen"], view.first_observed_at)
            entry["lastSeen"] = max(entry["lastSeen"], view.observed_at)
            entry["sources"].add(view.source)
    return [
        {**entry, "firstSeen": iso(entry["firstSeen"]), "lastSeen": iso(entry["lastSeen"]),
         "sources": sorted(entry["sources"])}
        for _, entry in sorted(seen.items())
    ]  # fmt: skip


def contact_points(views: Sequence[View]) -> list[dict[str, Any]]:
    """List the contact points, each once, with the strongest state that any record gives: bounced, verified, declared."""
    points: dict[tuple[str, str], dict[str, Any]] = {}
    for view in sorted(views, key=lambda view: (view.observed_at, view.source, view.key)):
        for entity, values in view.parts:
            kind, shown = _point(entity, values)
            if kind is None:
                continue
            entry = points.setdefault(
                (kind, shown.casefold()),
                {"kind": kind, "state": "declared", "firstSeen": iso(view.first_observed_at), "sources": set()},
            )
            entry["value"] = shown
            entry["state"] = _state(values) if _state(values) != "declared" else entry["state"]
            entry["lastSeen"] = iso(view.observed_at)
            entry["sources"].add(view.source)
            if kind == "address":
                entry["address"] = dict(sorted(values.items()))
    return [{**entry, "sources": sorted(entry["sources"])} for _, entry in sorted(points.items())]


def _point(entity: str, values: dict[str, Any]) -> tuple[str | None, str]:
    if entity in CONTACT_VALUE:
        kind, attribute = CONTACT_VALUE[entity]
        shown = values.get(attribute)
        return (kind, str(shown)) if shown else (None, "")
    if entity == "ContactPointAddress":
        order = ("addressLine1", "addressLine2", "addressLine3", "postalCodeText", "cityName", "stateProvinceName",
                 "countryName")  # fmt: skip
        shown = ", ".join(str(values[name]) for name in order if values.get(name))
        return ("address", shown) if shown else (None, "")
    return None, ""


def _state(values: dict[str, Any]) -> str:
    if values.get("isUndeliverable") or values.get("emailLatestBounceDateTime"):
        return "bounced"
    return "verified" if values.get("verifiedDate") or values.get("isVerified") else "declared"


def span(views: Sequence[View], sums: Sequence[Sum]) -> tuple[str | None, str | None]:
    """Return first and last sight over records and events."""
    first: list[datetime] = [view.first_observed_at for view in views]
    last: list[datetime] = [view.observed_at for view in views]
    first += [one.first for one in sums if one.first]
    last += [one.last for one in sums if one.last]
    return iso(min(first, default=None)), iso(max(last, default=None))
