"""Drafting a contract from what a source sends. Pure."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import yaml

from steelthread.intake.contracts.judging import event_name, said
from steelthread.intake.live import Message
from steelthread.intake.live.words import TRAITS, plain_trait
from steelthread.model import Model

_HEAD = """# Drafted from traffic: what `{source}` sends, as an Open Data Contract Standard file. Check it, then say under
# customProperties what is done about violations: onViolation (allow, drop, block), onUnknownProperty, onUnknownEvent.
"""


MOST_VALUES, LEAST_PEOPLE = 12, 5
"""A closed set has at most so many values, and so many people have told each of them."""
_LONGEST_VALUE = 40
_PERSONAL = re.compile(r"[@/]|[0-9]{4}")


def closed_sets(
    messages: Iterable[Message], model: Model, is_name: Callable[[str], bool]
) -> dict[tuple[str, str], list[str]]:
    """Return the values of the (event, property) that have a few only, for a contract to allow.

    Never a personal value: what the model knows as one has none here; each value was told by at least five people, so it
    tells nobody from the others; and a property with a name (`is_name`), an @, a / or four digits in a row in a value has
    none. Documents that a mapping reads say of nobody who they are of: they have none.
    """
    people: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    open_: set[tuple[str, str]] = set()
    personal = _personal(model)
    for message in messages:
        who = message.user_id or message.anonymous_id
        for name, value in () if message.mapped else said(message).items():
            word = (event_name(message), name)
            if word in open_ or value is None:
                continue
            if (
                not (isinstance(value, str) and 0 < len(value) <= _LONGEST_VALUE)
                or _PERSONAL.search(value)
                or (value not in people[word] and is_name(value))
                or plain_trait(name) in personal
                or len(people[word].keys() | {value}) > MOST_VALUES
            ):
                open_.add(word)
            else:
                people[word][value].add(who)
    return {
        word: sorted(values)
        for word, values in people.items()
        if word not in open_ and all(len(told) >= LEAST_PEOPLE for told in values.values())
    }


def _personal(model: Model) -> frozenset[str]:
    """Return the names, in plain form, of what the model knows to be of a person."""
    traits = {name for name, (entity, attribute) in TRAITS.items() if _class(model, entity, attribute) != "none"}
    words = {
        plain_trait(word)
        for entity in model.entities.values()
        for name, one in entity.attributes.items()
        if one.privacy in ("direct", "special") or one.identity
        for word in (name, *one.aliases)
    }
    return frozenset(traits | words)


def _class(model: Model, entity: str, attribute: str) -> str:
    return model.entity(entity).attributes[attribute].privacy


def draft_plan(
    source: str,
    seen: Iterable[dict[str, Any]],
    model: Model,
    allowed: Mapping[tuple[str, str], list[str]] | None = None,
) -> str:
    """Return the text of a contract: events with their properties, types, which of them always came, and allowed values."""
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
        values = (allowed or {}).get((word["event"], word["property"]))
        if values and kind == "string":
            rule = {"type": "library", "metric": "invalidValues", "arguments": {"validValues": values}, "mustBe": 0}
            one["quality"] = [rule]
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
    return _class(model, *home) if home else "direct"
