"""What a translation of rules gives and takes."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec


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
