"""What a translation of rules gives and takes."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from steelthread.identity.config import ACCOUNT_ID, ACCOUNT_KINDS
from steelthread.identity.organisations import PREFIX, REGISTERS

Of = Literal["people", "organisations"]


class TakenRules(msgspec.Struct):
    """What was read from another system's rules."""

    rules: list[dict[str, Any]] = []
    """Composite keys for identity.yaml."""
    kinds: dict[str, dict[str, Any]] = {}
    """What identity.yaml says of kinds of identifiers, in place of or beside what it said."""
    blocked: dict[str, dict[str, list[str]]] = {}
    attributes: dict[str, str] = {}
    """Reconciliation for profile.yaml: attribute -> rule."""
    same: list[str] = []
    """What holds here already, or does now."""
    differs: list[str] = []
    """What is taken over and works differently here, and how."""
    missing: list[str] = []
    """What has no counterpart here, and was left out."""


class OwnRules(msgspec.Struct):
    """What a project says, for writing it in another system's words."""

    identity: Mapping[str, Any]
    """identity.yaml, as read."""
    attributes: Mapping[str, str]
    """Reconciliation of attributes of Individual: the project's, else the model's."""
    sources: Sequence[str]
    """Names of sources, the one with most priority first."""
    entities: Mapping[str, str]
    """Attribute -> the entity that has it: Individual, a contact point, PartyIdentification."""
    account_attributes: Mapping[str, str]
    """Reconciliation of attributes of Account and Organization."""
    account_entities: Mapping[str, str]
    """Attribute -> the entity that has it, of what is told of an organisation."""

    def attributes_of(self, of: Of) -> Mapping[str, str]:
        """Return the reconciliation of people's or of organisations' attributes."""
        return self.attributes if of == "people" else self.account_attributes

    def entities_of(self, of: Of) -> Mapping[str, str]:
        """Return the entity that has each attribute of people or organisations."""
        return self.entities if of == "people" else self.account_entities

    def kinds_of(self, of: Of) -> dict[str, Mapping[str, Any]]:
        """Return the kinds of identifiers of people or organisations: what identity.yaml says of each, else what holds."""
        said: Mapping[str, Mapping[str, Any]] = self.identity.get("kinds") or {}
        if of == "people":
            return {name: one for name, one in said.items() if not name.startswith(PREFIX)}
        theirs = {name: one for name, one in said.items() if name.startswith(PREFIX)}
        default = {one.name: {"weak": one.weak, "generic_above": one.generic_above} for one in ACCOUNT_KINDS}
        return {ACCOUNT_ID.rstrip("."): {}, **default, **theirs}

    def schemes_of(self, of: Of) -> list[str]:
        """Return the schemes of which a person, or an organisation, has one number."""
        said: list[str] = list(self.identity.get("exclusive_schemes") or [])
        return said if of == "people" else [*said, *sorted(REGISTERS - set(said))]
