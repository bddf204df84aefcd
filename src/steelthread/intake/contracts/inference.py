"""Drafting a contract from what a source sends. Pure."""

from collections.abc import Iterable
from typing import Any

import yaml

from steelthread.intake.live.words import TRAITS, plain_trait
from steelthread.model import Model

_HEAD = """# Drafted from traffic: what `{source}` sends, as an Open Data Contract Standard file. Check it, then say under
# customProperties what is done about violations: onViolation (allow, drop, block), onUnknownProperty, onUnknownEvent.
"""


def draft_plan(source: str, seen: Iterable[dict[str, Any]], model: Model) -> str:
    """Return the text of a contract: events with their properties, types, and which of them always came."""
    events: dict[str, dict[str, Any]] = {}
    totals: dict[str, int] = {}
    for word in seen:
        event = events.setdefault(word["event"], {"name": word["event"], "logicalType": "object", "properties": []})
        if not word["property"]:
            totals[word["event"]] = word["total"]
            continue
        one: dict[str, Any] = {"name": word["property"]}
        kind = _type(set(word["types"]))
        if kind:
            one["logicalType"] = kind
        if word["total"] >= totals.get(word["event"], 0) > 0:
            one["required"] = True
        one["classification"] = _privacy(word["property"], word["event"], model)
        event["properties"].append(one)
    contract = {
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": f"steelthread:{source}", "name": source, "version": "0.1.0",
        "status": "draft",
        "customProperties": [
            {"property": "onViolation", "value": "allow"},
            {"property": "onUnknownProperty", "value": "allow"},
            {"property": "onUnknownEvent", "value": "allow"},
        ],
        "schema": list(events.values()),
    }  # fmt: skip
    return _HEAD.format(source=source) + yaml.safe_dump(contract, sort_keys=False, allow_unicode=True, width=120)


def _type(kinds: set[str]) -> str:
    kinds.discard("null")
    if kinds == {"integer", "number"}:
        return "number"
    if kinds == {"string", "timestamp"}:
        return "string"
    return kinds.pop() if len(kinds) == 1 else ""


def _privacy(name: str, event: str, model: Model) -> str:
    """Return the class that the model has for a trait; a property that nobody knows may hold anything: direct."""
    home = TRAITS.get(plain_trait(name)) if event == "identify" else None
    return model.entity(home[0]).attributes[home[1]].privacy if home else "direct"
