"""What is shown for a purpose: `fields` of purposes.yaml name the attributes; whatever else identifies is left out."""

from collections.abc import Sequence
from typing import Any

from steelthread.model import Model
from steelthread.privacy import EVERYTHING, PARTS, Purpose
from steelthread.profiles import CONTACT_VALUE


class Mask:
    """Masks what is read for one purpose."""

    def __init__(self, purpose: Purpose, model: Model, hidden: frozenset[str] = frozenset()) -> None:
        """`hidden` are fields that access policies keep from the reader: what has no name in the model goes with them."""
        self.whole = EVERYTHING in purpose.fields and not hidden
        """Whether everything is shown."""
        attributes = [one for entity in model.entities.values() for one in entity.attributes.values()]
        shown = {*PARTS, *(one.name for one in attributes)} if EVERYTHING in purpose.fields else {*purpose.fields}
        self._fields = frozenset(shown - hidden)
        self._kinds = {one.identity for one in attributes if one.identity and one.name in self._fields}
        self._kinds -= {one.identity for one in attributes if one.name in hidden}

    def profile(self, content: dict[str, Any]) -> dict[str, Any]:
        """Mask a profile."""
        if self.whole:
            return content
        shown = {
            **content,
            "attributes": {name: self._sourced(one) for name, one in self._only(content["attributes"]).items()},
            "contactPoints": [one for one in content["contactPoints"] if self._is_contact(one["kind"])],
            "identifiers": [one for one in content["identifiers"] if self._is_kind(one["kind"])],
        }
        return {name: value for name, value in shown.items() if name not in PARTS or name in self._fields}

    def _sourced(self, one: dict[str, Any]) -> dict[str, Any]:
        """Leave out from which record a value is where records are not shown: its name holds the record's key."""
        if "records" in self._fields:
            return one
        told = {name: value for name, value in one.items() if name != "record"}
        if "alternatives" in told:
            told["alternatives"] = [
                {name: value for name, value in each.items() if name != "record"} for each in told["alternatives"]
            ]
        return told

    def shows(self, part: str) -> bool:
        """Whether a part of a profile is shown."""
        return self.whole or part in self._fields

    def _only(self, values: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if name in self._fields}

    def _is_kind(self, kind: str) -> bool:
        return kind.partition(".")[0] in self._kinds or kind in self._fields

    def _is_contact(self, kind: str) -> bool:
        names = {attribute for one, attribute in CONTACT_VALUE.values() if one == kind}
        return bool(names & self._fields) or (kind == "address" and "addressLine1" in self._fields)

    def timeline(self, entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Mask a timeline: what happened when stays, values and the keys of records go as far as they are not fields."""
        if self.whole:
            return list(entries)
        kept = (
            "at",
            "entity",
            "cursor",
            *(name for name in ("amount", "currency", "lines") if "totals" in self._fields),
        )
        return [{**{name: one[name] for name in kept}, "values": self._only(one["values"])} for one in entries]

    def records(self, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Mask records in full."""
        if self.whole:
            return list(records)
        return [
            {
                "source": one["source"], "entity": one["entity"], "observedAt": one["observedAt"],
                "values": self._only(one["values"]),
                "parts": [{"entity": part["entity"], "values": self._only(part["values"])} for part in one["parts"]],
            }
            for one in records
        ]  # fmt: skip

    def explanation(self, told: dict[str, Any]) -> dict[str, Any]:
        """Mask the reasons why two are one: kinds stay, values go as far as their kind is not a field."""
        if self.whole:
            return told
        steps: dict[str, Any] = {
            part: [{**one, "from": self._name(one["from"]), "to": self._name(one["to"])} for one in told[part]]
            for part in ("path", "refused")
        }
        if told.get("nearest"):
            near = told["nearest"]
            steps["nearest"] = {**near, "from": self._name(near["from"]), "to": self._name(near["to"])}
        return {**told, **steps}

    def _name(self, name: str) -> str:
        kind = name.partition(":")[0]
        return name if self._is_kind(kind) else kind
