"""Identity resolution rulesets of Salesforce Data Cloud (Connect REST API, `/ssot/identity-resolutions`, version 57 on).

Match rules are alternatives, the criteria of a rule hold together. A rule of exact criteria is a composite key here; a
fuzzy first name (of an account: its name) beside exact criteria is a weak key, which the name guard watches over. A ruleset
is of individuals or of accounts, `configurationType` says which; a project has rules for people and for organisations.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from steelthread.identity.normalise import slug
from steelthread.identity.organisations import NAMES
from steelthread.identity.rulesets.types import Of, OwnRules, TakenRules
from steelthread.kit import Invalid

_ENTITIES = (
    "ContactPointEmail",
    "ContactPointPhone",
    "ContactPointAddress",
    "PartyIdentification",
    "Individual",
    "Account",
)
_ALIASES = {"formattedE164PhoneNumber": "telephoneNumber", "accountName": "name"}
_FROM = {"lastupdated": "last_updated", "mostfrequent": "most_frequent", "sourcesequence": "source_priority",
         "sourcepriority": "source_priority"}  # fmt: skip
_FIELDS = ("emailAddress", "telephoneNumber")
"""What a kind joins by that has a field of its own there."""
_TO = {"last_updated": "LAST_UPDATED", "most_frequent": "MOST_FREQUENT", "source_priority": "SOURCE_SEQUENCE"}


class _Type(NamedTuple):
    """A configuration type: whom the rules are of, and how these go here."""

    word: str
    entity: str
    """Whose attributes are reconciled."""
    of: Of
    guarded: str
    """What the name guard looks at."""
    kinds: Mapping[str, str]
    """Attribute -> the kind that joins by it alone."""
    number: str
    """How the kind of a scheme's numbers begins."""


_INDIVIDUAL = _Type(
    "INDIVIDUAL", "Individual", "people", "firstName", {"emailAddress": "email", "telephoneNumber": "phone"}, "party_id",
)  # fmt: skip
_ACCOUNT = _Type(
    "ACCOUNT", "Account", "organisations", "name",
    {"emailAddress": "account_email", "telephoneNumber": "account_phone", "webSiteURL": "account_domain"}, "account_id",
)  # fmt: skip


def read_salesforce(ruleset: Mapping[str, Any], project: OwnRules) -> TakenRules:
    """Return what a ruleset comes to here. Invalid when it is none."""
    if not isinstance(ruleset.get("matchRules"), list) and not isinstance(ruleset.get("reconciliationRules"), list):
        raise Invalid("This is no ruleset of Data Cloud: it has neither matchRules nor reconciliationRules.")
    for one in (ruleset.get("matchRules") or [], ruleset.get("reconciliationRules") or []):
        if not all(isinstance(rule, Mapping) for rule in one):
            raise Invalid("This is no ruleset of Data Cloud: each of its rules is an object.")
    word = str(ruleset.get("configurationType") or "INDIVIDUAL").upper()
    type_ = next((one for one in (_INDIVIDUAL, _ACCOUNT) if one.word == word), None)
    if type_ is None:
        raise Invalid("configurationType of a ruleset is INDIVIDUAL or ACCOUNT.")
    taken = TakenRules()
    for rule in ruleset.get("matchRules") or []:
        _Match(rule, type_, project, taken).read()
    if ruleset.get("matchRules"):
        _say_what_joins_besides(type_, project, taken)
    for rule in ruleset.get("reconciliationRules") or []:
        _reconcile(rule, type_, project, taken)
    return taken


class _Match:
    """One match rule on its way into identity.yaml."""

    def __init__(self, rule: Mapping[str, Any], type_: _Type, project: OwnRules, taken: TakenRules) -> None:
        self._type = type_
        self._label = str(rule.get("label") or "unnamed")
        self._criteria: Sequence[Mapping[str, Any]] = rule.get("criteria") or []
        self._project = project
        self._taken = taken

    def read(self) -> None:
        """Take the rule over, or say why not."""
        exact, fuzzy, numbers = [], [], []
        for one in self._criteria:
            attribute, method = attribute_of(str(one.get("fieldName", ""))), _bare(one.get("matchMethodType"))
            number = _number(one)
            if number:
                numbers.append(number)
            elif attribute not in self._project.entities_of(self._type.of):
                said = f"{one.get('entityName')}.{one.get('fieldName')}"
                return self._without(f"{said} is no attribute of {self._type.of} here")
            elif method.startswith("exact"):
                exact.append(attribute)
            elif method.startswith("fuzzy"):
                fuzzy.append(attribute)
            else:
                return self._without(f"match method {one.get('matchMethodType')} is not known")
        self._take(exact, fuzzy, numbers)
        return None

    def _take(self, exact: list[str], fuzzy: list[str], numbers: list[str]) -> None:
        if numbers and (exact or fuzzy):
            return self._without(
                f"a number ({', '.join(numbers)}) together with other criteria; here it joins by itself"
            )
        others = [one for one in fuzzy if one != self._type.guarded]
        if others or not (exact or numbers):
            what = ", ".join(others or fuzzy) or "nothing"
            return self._without(f"fuzzy on {what}: rules compare exactly, `steelthread resolve` weighs what is alike")
        self._differences()
        if numbers:
            return self._same(f"{', '.join(f'{self._type.number}.{one}' for one in numbers)} joins by itself")
        kind = self._type.kinds.get(exact[0]) if len(exact) == 1 else None
        if kind is None:
            return self._same(f"rule {' and '.join(self._key(exact, fuzzy=bool(fuzzy)))}")
        guarded = _is_weak(kind, self._type, self._project)
        if guarded and not fuzzy:
            names = "first names" if self._type is _INDIVIDUAL else "names"
            self._taken.differs.append(
                f"{self._label}: {kind} joins unless {names} conflict (`weak: false` under kinds joins always)"
            )
        elif fuzzy and not guarded:
            self._taken.kinds[kind] = {"weak": True}
        return self._same(f"kind {kind}" + (" with the name guard" if fuzzy else ""))

    def _key(self, exact: list[str], *, fuzzy: bool) -> list[str]:
        """Add a composite key; return its name.

        A key is one person's. Of several who share one, those called the same find each other by a key with the name.
        """
        names, guarded = [self._name("")], self._type.guarded
        of = {} if self._type is _INDIVIDUAL else {"of": self._type.of}
        if fuzzy and all({guarded, *exact} != set(one["all"]) for one in self._taken.rules):
            names.append(self._name("_called_the_same"))
            self._taken.rules.append({"name": names[1], "all": [guarded, *exact], **of})
        self._taken.rules.append({"name": names[0], "all": exact, **({"weak": True} if fuzzy else {}), **of})
        return names

    def _name(self, ending: str) -> str:
        """Return a name for a rule that none has yet; one of the same parties that was brought before gives way."""
        name, taken = (slug(self._label) or "rule") + ending, {one["name"] for one in self._taken.rules}
        taken |= {one["name"] for one in self._project.identity.get("rules") or [] if _of(one) != self._type.of}
        return next(one for one in (name, *(f"{name}_{number}" for number in range(2, 1000))) if one not in taken)

    def _differences(self) -> None:
        for one in self._criteria:
            if one.get("shouldMatchOnBlank") and attribute_of(str(one.get("fieldName", ""))) != self._type.guarded:
                self._taken.differs.append(f"{self._label}: a blank {one.get('fieldName')} matches nothing here")
            if one.get("caseSensitiveMatch"):
                self._taken.differs.append(f"{self._label}: upper and lower case are the same here")
            if _bare(one.get("matchMethodType")) == "exact":
                self._taken.differs.append(f"{self._label}: {one.get('fieldName')} is compared normalised")

    def _same(self, what: str) -> None:
        self._taken.same.append(f"{self._label}: {what}")

    def _without(self, why: str) -> None:
        self._taken.missing.append(f"match rule {self._label}: {why}")


def attribute_of(field: str) -> str:
    """Return our name of a field: `ssot__FirstName__c` is firstName."""
    parts = [one.strip("*") for one in field.split("__") if one]
    name = next((one for one in reversed(parts) if one not in ("c", "dlm")), "")
    name = name[:1].lower() + name[1:]
    return _ALIASES.get(name, name)


def entity_of(name: str) -> str:
    """Return our name of a data model object: `ssot__Individual__dlm` is Individual."""
    return next((one for one in _ENTITIES if re.search(rf"(?:\A|[_*]){one}(?:\Z|[_*])", name)), "")


def _bare(word: object) -> str:
    return re.sub(r"[^a-z]", "", str(word or "").lower())


def _number(criterion: Mapping[str, Any]) -> str:
    info = criterion.get("partyIdentificationInfo") or {}
    said = str(info.get("partyType") or info.get("partyName") or "")
    return slug(said) or ("other" if entity_of(str(criterion.get("entityName", ""))) == "PartyIdentification" else "")


def _of(rule: Mapping[str, Any]) -> str:
    return str(rule.get("of", "people"))


def _other(of: Of) -> Of:
    return "organisations" if of == "people" else "people"


def _is_weak(kind: str, type_: _Type, project: OwnRules) -> bool:
    """Whether a kind obeys the name guard."""
    return bool(project.kinds_of(type_.of).get(kind, {}).get("weak"))


def _say_what_joins_besides(type_: _Type, project: OwnRules, taken: TakenRules) -> None:
    told = " ".join(taken.same)
    kinds = project.kinds_of(type_.of)
    rest = [kind for kind in kinds if not re.search(rf"\b{kind}\b", told)]
    if rest:
        taken.differs.append(f"these join here besides, by identity.yaml: {', '.join(rest)}")


def _reconcile(rule: Mapping[str, Any], type_: _Type, project: OwnRules, taken: TakenRules) -> None:
    entity = entity_of(str(rule.get("entityName", "")))
    if entity != type_.entity:
        taken.missing.append(
            f"reconciliation of {rule.get('entityName')}: a profile keeps every contact point and number"
        )
        return
    own = {attribute_of(str(one.get("fieldName", ""))): one for one in rule.get("fields") or []}
    attributes = project.attributes_of(type_.of)
    if type_ is _ACCOUNT and "name" in own:  # how an account is called: whichever word its records have for it
        own |= {name: own["name"] for name in NAMES if name not in own}
    for name, one in own.items():
        if name not in attributes:
            taken.missing.append(f"reconciliation of {one.get('fieldName')}: {type_.entity} has no such attribute")
    sequences = {_reconciled(name, now, own.get(name, rule), taken) for name, now in attributes.items()}
    said = [rule, *(one for name, one in own.items() if name in attributes)]
    for one in said:
        what = attribute_of(str(one["fieldName"])) if "fieldName" in one else type_.entity
        if _FROM.get(_bare(one.get("ruleType"))) is None:
            taken.missing.append(f"reconciliation of {what}: {one.get('ruleType')} is not known")
        if one.get("shouldIgnoreEmptyValue") is False:
            taken.differs.append(f"reconciliation of {what}: an empty value never wins here")
    shared = sorted(taken.attributes.keys() & project.attributes_of(_other(type_.of)).keys())
    if shared:
        taken.differs.append(
            f"{', '.join(shared)}: an attribute of {_other(type_.of)} too, which goes by the same rule"
        )
    for sequence in sorted(sequences - {""}):
        taken.differs.append(f"sources in order ({sequence}): say `priority` in sources/*.yaml, the highest wins")
    taken.same.append(f"reconciliation of {type_.entity}: {len(taken.attributes)} attributes differ from what held")


def _reconciled(name: str, now: str, said: Mapping[str, Any], taken: TakenRules) -> str:
    """Note what an attribute goes by, where that is new; return the order of sources that it wants, "" for none."""
    wanted = _FROM.get(_bare(said.get("ruleType")))
    if wanted is not None and wanted != now:
        taken.attributes[name] = wanted
    return " > ".join(_source(one) for one in said.get("sources") or []) if wanted == "source_priority" else ""


def _source(one: object) -> str:
    return str(one.get("name") or one.get("sourceName") or one) if isinstance(one, Mapping) else str(one)


def write_salesforce(project: OwnRules, label: str, *, of: Of = "people") -> tuple[dict[str, Any], list[str]]:
    """Return a project's rules for people or organisations as a ruleset, and what has no counterpart there."""
    type_ = _INDIVIDUAL if of == "people" else _ACCOUNT
    attributes = project.attributes_of(of)
    rules, missing = _rules(project, type_)
    missing += _without_counterpart(project, type_)
    named = {name: rule for name, rule in attributes.items() if rule != "last_updated"}
    missing += [f"attribute {name}: {rule}" for name, rule in named.items() if rule not in _TO]
    beyond = [name for name in named if project.entities_of(of)[name] != type_.entity]
    missing += [f"attribute {name}: {type_.entity} has no such field" for name in beyond]
    fields = [
        {"fieldName": _field(name), "ruleType": _TO[rule], "shouldIgnoreEmptyValue": True,
         "sources": list(project.sources) if rule == "source_priority" else []}
        for name, rule in named.items() if rule in _TO and name not in beyond
    ]  # fmt: skip
    reconciled = {"entityName": f"ssot__{type_.entity}__dlm", "ruleType": "LAST_UPDATED", "shouldIgnoreEmptyValue": True,
                  "sources": [], "fields": fields}  # fmt: skip
    made = {"label": label, "description": "", "configurationType": type_.word, "matchRules": rules,
            "reconciliationRules": [reconciled]}  # fmt: skip
    return made, missing


def _rules(project: OwnRules, type_: _Type) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the match rules, and which composite keys have no counterpart."""
    missing: list[str] = []
    rules = []
    entities = project.entities_of(type_.of)
    guard = _criterion(entities[type_.guarded], type_.guarded, "FUZZY", blank=True)
    for attribute, kind in type_.kinds.items():
        if kind in project.kinds_of(type_.of) and attribute in _FIELDS:
            criteria = [_criterion(entities[attribute], attribute)]
            rules.append({"label": kind, "criteria": criteria + ([guard] if _is_weak(kind, type_, project) else [])})
    for scheme in project.schemes_of(type_.of):
        number = _criterion("PartyIdentification", "identificationNumber")
        rules.append({"label": scheme, "criteria": [{**number, "partyIdentificationInfo": {"partyName": scheme}}]})
    for rule in project.identity.get("rules") or []:
        if _of(rule) != type_.of:
            continue
        unknown = [name for name in rule["all"] if name not in entities]
        if unknown:
            missing.append(f"rule {rule['name']}: {', '.join(unknown)} has no field in Data Cloud")
            continue
        criteria = [_criterion(entities[name], name) for name in rule["all"]]
        weak = rule.get("weak") and type_.guarded not in rule["all"]
        rules.append({"label": rule["name"], "criteria": criteria + ([guard] if weak else [])})
    return rules, missing


def _without_counterpart(project: OwnRules, type_: _Type) -> list[str]:
    kinds = project.kinds_of(type_.of)
    written = [kind for attribute, kind in type_.kinds.items() if attribute in _FIELDS]
    missing = [f"kind {kind}: Data Cloud matches on attributes of {type_.of} only" for kind in kinds
               if kind not in (*written, type_.number)]  # fmt: skip
    if type_.number in kinds:
        missing.append(
            f"kind {type_.number}: a rule needs the name of each scheme; those of which there is one are written"
        )
    for word in ("limit", "generic_above"):
        named = [kind for kind, one in kinds.items() if one.get(word) is not None]
        if named:
            missing.append(f"{word} of {', '.join(named)}")
    missing += [f"blocked values of {kind}" for kind in project.identity.get("blocked") or {}]
    if project.schemes_of(type_.of):
        missing.append("exclusive schemes as a wall: two different numbers keep nobody apart there")
    other = _other(type_.of)
    if any(_of(rule) == other for rule in project.identity.get("rules") or []):
        missing.append(f"rules of {other}: they are a ruleset of their own (`--of {other}`)")
    return [*missing, "matching by evidence in sum (`steelthread resolve`), and what people said by hand"]


def _criterion(entity: str, attribute: str, method: str = "EXACT_NORMALIZED", *, blank: bool = False) -> dict[str, Any]:
    return {"entityName": f"ssot__{entity}__dlm", "fieldName": _field(attribute), "matchMethodType": method,
            "shouldMatchOnBlank": blank}  # fmt: skip


def _field(attribute: str) -> str:
    return f"ssot__{attribute[:1].upper()}{attribute[1:]}__c"
