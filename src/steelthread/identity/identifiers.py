"""The identifiers of a record, and references that people type."""

from typing import Any, Literal
from uuid import UUID

import msgspec

from steelthread.identity.config import Composite, IdentityRules, Kind
from steelthread.identity.names import normal
from steelthread.identity.normalise import normalise, provider_key, slug
from steelthread.identity.organisations import (
    KINDS,
    MARK,
    NAMES,
    account_kind,
    derived,
    is_organisation,
    named,
    organisation_evidence,
    organisation_name,
)
from steelthread.intake import MappedRecord
from steelthread.kit import Invalid, Misused
from steelthread.model import Model

Found = tuple[int, str, str, str]
"""(kind number, kind name, matching key, value as shown)."""


class Identifiers:
    """Finds the identifiers in the records of one source."""

    def __init__(self, rules: IdentityRules, model: Model, source: str, country: str) -> None:
        self._rules = rules
        self._model = model
        self._source = source
        self._country = country
        self._roles: dict[str, list[tuple[str, str]]] = {}
        self._organisations: dict[str, bool] = {}
        self._telling: dict[str, frozenset[str]] = {}

    def of(self, record: MappedRecord) -> tuple[list[Found], list[str]]:
        """Return the identifiers, each once, and the kinds of those that are blocked."""
        found: dict[tuple[str, str], Found] = {}
        blocked: list[str] = []
        raw = self._raw(record)
        firm = self.is_organisation(record.entity)
        if firm:
            raw = _of_account(record, raw)
        for kind, namespace, value in raw:
            self._add(self._rules.kind(kind), namespace, value, found, blocked)
        if firm:
            self._add_named(record, found)
        for composite in self._composites_of(record.entity):
            joined = self._joined(record, composite.all)
            if joined:
                rule = self._rules.kinds[f"rule.{composite.name}"]
                found[(rule.name, joined)] = (rule.index, rule.name, joined, joined)
        return self._rules.untied(list(found.values()), lambda one: one[1], known=record.party is not None), blocked

    def telling(self, entity: str) -> frozenset[str]:
        """Return the attributes of an entity that are identifiers, or a part of one."""
        known = self._telling.get(entity)
        if known is None:
            parts = {name for composite in self._composites_of(entity) for name in composite.all}
            known = self._telling[entity] = frozenset(parts | {name for name, _ in self._roles_of(entity)})
        return known

    def group(self, name: str, key: str) -> int:
        """Return the group of identifiers of which a person has one that the namespace tells, 0 for none."""
        return self._rules.group(name, key)

    def tells_of_a_visitor(self, found: list[Found], *, known: bool) -> bool:
        """Whether identifiers tell of a visitor who was a customer, and of a project that keeps the two apart."""
        visiting = [self._rules.is_visitors(name) for _, name, _, _ in found]
        return any(visiting) and (known or not all(visiting))

    def _add_named(self, record: MappedRecord, found: dict[tuple[str, str], Found]) -> None:
        evidence = organisation_evidence(organisation_name(record.values))
        rule = self._rules.kinds["account_name"]
        for _, kind, value, _ in list(found.values()):
            both = named(evidence, kind, value)
            if both:
                found[(rule.name, both)] = (rule.index, rule.name, both, both)

    def is_organisation(self, entity: str) -> bool:
        """Whether records of this entity are organisations: they themselves, and accounts but for those of a person."""
        known = self._organisations.get(entity)
        if known is None:
            known = self._organisations[entity] = is_organisation(self._model.is_a, entity)
        return known

    def _composites_of(self, entity: str) -> list[Composite]:
        of = "organisations" if self.is_organisation(entity) else "people"
        return [one for one in self._rules.composites if one.of == of]

    def _add(
        self, kind: Kind, namespace: str, value: str, found: dict[tuple[str, str], Found], blocked: list[str]
    ) -> None:
        key = normalise(kind, value, self._country)
        if key is None:
            return
        if self._rules.is_blocked(kind.name, key):
            blocked.append(kind.name)
            return
        shown = key
        if kind.scoped:
            key = shown = f"{namespace or self._source}/{key}"
        found[(kind.name, key)] = (kind.index, kind.name, key, shown)
        if kind.name == "email" and "email_provider" in self._rules.kinds:
            mailbox = provider_key(key)
            if mailbox != key:
                provider = self._rules.kinds["email_provider"]
                found[(provider.name, mailbox)] = (provider.index, provider.name, mailbox, mailbox)

    def _raw(self, record: MappedRecord) -> list[tuple[str, str, str]]:
        raw = [(kind, namespace, value) for kind, namespace, value in record.identifiers]
        raw += self._by_role(record.entity, record.values)
        for part in record.parts:
            raw += self._by_role(part.entity, part.values)
        return raw

    def _by_role(self, entity: str, values: dict[str, Any]) -> list[tuple[str, str, str]]:
        found = []
        for name, kind in self._roles_of(entity):
            value = values.get(name)
            if value:
                found.append((self._scheme(values) if kind == "party_id" else kind, "", str(value)))
        return found

    def _roles_of(self, entity: str) -> list[tuple[str, str]]:
        """Return the attributes of an entity that are identifiers, with their kinds."""
        roles = self._roles.get(entity)
        if roles is None:
            attributes = self._model.entity(entity).attributes.values()
            roles = self._roles[entity] = [(one.name, one.identity) for one in attributes if one.identity]
        return roles

    def _scheme(self, values: dict[str, Any]) -> str:
        scheme = slug(str(values.get("partyIdentificationTypeId") or values.get("name") or "other"))
        return f"party_id.{scheme or 'other'}"

    def _joined(self, record: MappedRecord, names: list[str]) -> str | None:
        """Return all parts together; None when one is missing, or identifies nobody by itself (a role mailbox)."""
        parts = []
        for name in names:
            entity, value = self._part(record, name)
            key = self._key(record.entity, entity, name, str(value)) if value else None
            if not key:
                return None
            parts.append(key)
        return "|".join(parts)

    def _part(self, record: MappedRecord, name: str) -> tuple[str, Any]:
        if name == "name" and self.is_organisation(record.entity):
            accounts = (part.values for part in record.parts if self.is_organisation(part.entity))
            return record.entity, next(filter(None, map(organisation_name, (record.values, *accounts))), None)
        if record.values.get(name):
            return record.entity, record.values[name]
        return next(((part.entity, part.values[name]) for part in record.parts if part.values.get(name)), ("", None))

    def _key(self, of: str, entity: str, name: str, value: str) -> str | None:
        role = next((kind for one, kind in self._roles_of(entity) if one == name), "")
        if self.is_organisation(of):
            if name in NAMES:
                return organisation_evidence(value).first.removeprefix(MARK)
            role = KINDS.get(role, role)
        if role in self._rules.kinds:
            key = normalise(self._rules.kinds[role], value, self._country)
            return None if key is None or self._rules.is_blocked(role, key) else key
        return normal(value)


def _of_account(record: MappedRecord, raw: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Return the identifiers of an organisation: under kinds of its own, and those that its site and address give."""
    emails = [value for kind, _, value in raw if kind in ("email", "account_email")]
    found = derived(record.values, [(part.entity, part.values) for part in record.parts], emails)
    return [
        *((account_kind(kind), space, value) for kind, space, value in raw),
        *((kind, "", value) for kind, value in found),
    ]


class Ref(msgspec.Struct, frozen=True):
    """A reference: `individual:UUID`, `KIND:VALUE` or `record:SOURCE/ENTITY/KEY`."""

    form: Literal["individual", "identifier", "record"]
    value: str
    kind: str = ""
    source: str = ""
    entity: str = ""


_FORMS = "individual:UUID, KIND:VALUE (email:ann@example.com) or record:SOURCE/ENTITY/KEY"


def parse_ref(text: str, rules: IdentityRules) -> Ref:
    """Read a reference; Invalid says what forms there are."""
    kind, colon, value = text.partition(":")
    if not colon or not value:
        raise Misused(f"This is no reference: say {_FORMS}.")
    if kind == "individual":
        try:
            return Ref("individual", str(UUID(value)))
        except ValueError:
            raise Misused(
                "individual: takes a UUID, such as individual:0190a3c8-5f2e-7c1d-8e4b-2f6a9d0c1b7e."
            ) from None
    if kind == "record":
        source, _, rest = value.partition("/")
        entity, slash, key = rest.partition("/")
        if not slash or not key:
            raise Misused("record: takes SOURCE/ENTITY/KEY, such as record:crm/Individual/1001.")
        return Ref("record", key, source=source, entity=entity)
    try:
        return Ref("identifier", value, kind=rules.kind(kind).name)
    except Invalid as error:
        raise Misused(str(error)) from None


def match_values(ref: Ref, rules: IdentityRules, country: str, namespaces: list[str]) -> list[str]:
    """Return the matching keys that a typed identifier may mean; scoped kinds without a namespace mean any."""
    kind = rules.kind(ref.kind)
    key = normalise(kind, ref.value, country)
    if key is None:
        raise Invalid(f"This is not a value of kind {ref.kind}.")
    if not kind.scoped:
        return [key]
    return [key, *(f"{namespace}/{key}" for namespace in namespaces)]
