"""`identity.yaml`: kinds of identifiers, blocked values, composite keys, the name guard."""

import hashlib
import re
from collections.abc import Callable
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
import yaml

from steelthread.identity.organisations import REGISTERS
from steelthread.kit import Invalid

BUILT_IN = (
    "party_id", "loyalty_number", "user_id", "email", "phone", "email_provider", "device_id", "cookie", "anonymous_id",
)  # fmt: skip
NODES_OF = {"email_provider": "email"}
"""Rules whose identifiers are nodes of another kind: the mailbox behind an address is an address itself."""
ACCOUNT_ID = "account_id."
_FIRST_OWN, _FIRST_SCHEME = 100, 1000
Told = TypeVar("Told")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times as fast, where it is built


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most `count` identifiers of a kind per person, within `window` days or ever."""

    count: int
    window: int | None = None


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of identifier."""

    name: str = ""
    index: int = 0
    strength: int = 100
    durable: bool = False
    weak: bool = False
    scoped: bool = False
    exclusive: bool = False
    """Whether a person has one at most; of a kind that is scoped, one in each namespace."""
    generic_above: int | None = None
    limit: list[Limit] = []
    fold: bool = False
    """Whether upper and lower case are the same."""


ACCOUNT_KINDS = (
    Kind("account_name", strength=40, weak=True),
    Kind("account_address", strength=45, weak=True, generic_above=25),
    Kind("account_domain", strength=50, weak=True, generic_above=50),
    Kind("account_email", strength=55, weak=True, generic_above=25),
    Kind("account_phone", strength=60, weak=True, generic_above=25),
)
"""Kinds of identifiers of organisations; identity.yaml may say otherwise."""


class Blocked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Values that identify nobody."""

    exact: list[str] = []
    regex: list[str] = []


class Composite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An identifier made of several attributes: all of them, or none."""

    name: str
    all: list[str]
    strength: int = 40
    weak: bool = False
    of: Literal["people", "organisations"] = "people"
    """Whose records have it; `name` is an organisation's name under whichever word its records tell it."""


class NameGuard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From which Jaro-Winkler similarity on two first names may be one."""

    threshold: float = 0.8


class Matching(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How sure matching by evidence must be before it joins people."""

    confidence: Literal["exact", "strict", "loose"] = "strict"


class Visitors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of a visitor who logs in."""

    strategy: Literal["join", "link", "isolate"] = "join"
    """The customer, also for what was before; a profile apart, of which the link tells; a profile apart, and nothing tells."""
    kinds: list[str] = msgspec.field(default_factory=lambda: ["anonymous_id", "cookie", "device_id"])
    """The identifiers that visitors have: of browsers and devices, not of people."""


class _Text(msgspec.Struct, forbid_unknown_fields=True):
    kinds: dict[str, Kind] = {}
    exclusive_schemes: list[str] = []
    blocked: dict[str, Blocked] = {}
    rules: list[Composite] = []
    name_guard: NameGuard = NameGuard()
    matching: Matching = Matching()
    visitors: Visitors = Visitors()


class IdentityRules:
    """The rules of a project, compiled. Kinds of party identifications come to be as schemes are seen."""

    def __init__(self, text: _Text) -> None:
        self.digest = hashlib.sha256(msgspec.json.encode(text, order="sorted")).digest()
        """Tells these rules from others."""
        self.kinds: dict[str, Kind] = {}
        self.composites = text.rules
        self.threshold = text.name_guard.threshold
        self.confidence = text.matching.confidence
        self.exclusive_schemes = frozenset(text.exclusive_schemes)
        self.registers = self.exclusive_schemes | REGISTERS
        """Schemes of which an organisation has one number."""
        self._single = frozenset(f"{ACCOUNT_ID}{scheme}" for scheme in self.registers)
        self.visitors = text.visitors.strategy
        unknown = [name for name in text.visitors.kinds if name not in {*BUILT_IN, *text.kinds}]
        if unknown:
            raise msgspec.ValidationError(f"visitors: {unknown[0]} is no kind of identifier here")
        self._visiting = frozenset(text.visitors.kinds if self.visitors != "join" else ())
        self._party = text.kinds.get("party_id", Kind(strength=10, durable=True))
        self._names: dict[int, str] = {}
        for name, kind in text.kinds.items():
            place = BUILT_IN.index(name) + 1 if name in BUILT_IN else _index(name, _FIRST_OWN, _FIRST_SCHEME)
            self._add(msgspec.structs.replace(kind, name=name, index=place))
        for kind in ACCOUNT_KINDS:
            if kind.name not in self.kinds:
                self._add(msgspec.structs.replace(kind, index=_index(kind.name, _FIRST_OWN, _FIRST_SCHEME)))
        for rule in text.rules:
            name = f"rule.{rule.name}"
            place = _index(name, _FIRST_OWN, _FIRST_SCHEME)
            self._add(Kind(name=name, index=place, strength=rule.strength, weak=rule.weak))
        self._blocked = text.blocked
        self._everywhere = text.blocked.get("*", Blocked())
        for one in text.blocked.values():
            for pattern in one.regex:
                re.compile(pattern)
        self._tests: dict[str, tuple[frozenset[str], Callable[[str], object]]] = {}

    def _add(self, kind: Kind) -> Kind:
        other = self._names.setdefault(kind.index, kind.name)
        if other != kind.name:
            raise Invalid(f"{kind.name} and {other} would have the same number in the database: rename one of them.")
        self.kinds[kind.name] = kind
        return kind

    def node_kind(self, name: str) -> str:
        """Return the kind of the nodes that a rule's identifiers are."""
        return NODES_OF.get(name, name)

    def knows(self, name: str) -> bool:
        """Whether there is a kind of this name; to ask costs less than to be refused, which looks for what was meant."""
        return name in self.kinds or name.startswith(("party_id.", ACCOUNT_ID))

    def kind(self, name: str) -> Kind:
        """Return a kind; a scheme of party identifications is made when it is new. Invalid for an unknown kind."""
        known = self.kinds.get(name)
        if known is not None:
            return known
        if name.startswith(("party_id.", ACCOUNT_ID)):
            scheme = name.removeprefix("party_id.")
            made = msgspec.structs.replace(
                self._party,
                name=name,
                index=_index(scheme, _FIRST_SCHEME, _FIRST_SCHEME + 30_000),
                exclusive=scheme in self.exclusive_schemes or scheme in self._single,
                weak=self._party.weak and not name.startswith(ACCOUNT_ID),  # a firm that was renamed keeps its number
            )
            return self._add(made)
        near = get_close_matches(name, self.kinds, n=1)
        hint = f"; did you mean {near[0]}?" if near else "."
        raise Invalid(f"{name} is no kind of identifier here{hint} There are {', '.join(self.kinds)}, party_id.SCHEME.")

    def group(self, name: str, key: str) -> int:
        """Return the group of identifiers of which a person has one that is told by the namespace; 0: the kind tells.

        Groups of namespaces are below 0, so that no kind's number is one.
        """
        kind = self.kinds.get(name)
        if kind is None or not (kind.exclusive and kind.scoped):
            return 0
        return -_index(f"{name}/{key.partition('/')[0]}", 1, 32_000)

    def untied(self, found: list[Told], kind_of: Callable[[Told], str], *, known: bool = False) -> list[Told]:
        """Return identifiers that were told together without a visitor's beside a customer's, where these stay unknown to each other."""
        if self.visitors != "isolate" or not (known or any(not self.is_visitors(kind_of(one)) for one in found)):
            return found
        return [one for one in found if not self.is_visitors(kind_of(one))]

    def is_visitors(self, kind: str) -> bool:
        """Whether an identifier is a visitor's, and stays apart from those of customers."""
        return kind in self._visiting

    def is_blocked(self, kind: str, value: str) -> bool:
        """Whether a normalised value identifies nobody."""
        exact, search = self._tests.get(kind) or self._test(kind)
        folded = value.casefold()
        return folded in exact or search(folded) is not None

    def _test(self, kind: str) -> tuple[frozenset[str], Callable[[str], object]]:
        own = self._blocked.get("phone" if kind == "account_phone" else kind, Blocked())
        patterns = [*own.regex, *self._everywhere.regex]
        search = re.compile("|".join(f"(?:{one})" for one in patterns) if patterns else r"(?!)", re.IGNORECASE).search
        exact = frozenset(value.casefold() for value in (*own.exact, *self._everywhere.exact))
        self._tests[kind] = test = (exact, search)
        return test


def _index(name: str, first: int, end: int) -> int:
    """Return a stable number for a name: it is stored, so it must not depend on order."""
    value = 0
    for letter in name:
        value = (value * 131 + ord(letter)) % (end - first)
    return first + value


def default_text() -> str:
    """Return the identity.yaml that `init` writes."""
    return (resources.files("steelthread") / "identity" / "default_identity.yaml").read_text("utf-8")


def load_rules(path: Path | None = None) -> IdentityRules:
    """Read identity.yaml; without one the defaults hold. Invalid names the file, the place and what to do."""
    text = path.read_text("utf-8") if path is not None and path.exists() else default_text()
    where = str(path or "identity.yaml")
    try:
        raw = yaml.load(text, Loader=_LOADER) or {}  # noqa: S506  # the safe loader, in C where there is one
    except yaml.YAMLError as error:
        mark: Any = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise Invalid(f"{where}{line}: this is not valid YAML.") from None
    try:
        rules = IdentityRules(msgspec.convert(raw, _Text))
    except msgspec.ValidationError as error:
        raise Invalid(f"{where}: {error}. See docs/identity.md.") from None
    except re.error as error:
        raise Invalid(f"{where}: a pattern under `blocked` is no regular expression ({error}).") from None
    return rules
