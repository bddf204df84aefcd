"""Identity resolution rulesets of Salesforce Data Cloud (Connect REST API, `/ssot/identity-resolutions`, version 57 on).

Match rules are alternatives, the criteria of a rule hold together. A rule of exact criteria is a composite key here; a
fuzzy first name beside exact criteria is a weak key, which the name guard watches over.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from steelthread.identity.normalise import slug
from steelthread.identity.rulesets.types import OwnRules, TakenRules
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
_KINDS = {"emailAddress": "email", "telephoneNumber": "phone"}
_FROM = {"lastupdated": "last_updated", "mostfrequent": "most_frequent", "sourcesequence": "source_priority",
         "sourcepriority": "source_priority"}  # fmt: skip
_TO = {"last_updated": "LAST_UPDATED", "most_frequent": "MOST_FREQUENT", "source_priority": "SOURCE_SEQUENCE"}
_GUARDED = "firstName"


def read_salesforce(ruleset: Mapping[str, Any], project: OwnRules) -> TakenRules:
    """Return what a ruleset comes to here. Invalid when it is none."""
    if not isinstance(ruleset.get("matchRules"), list) and not isinstance(ruleset.get("reconciliationRules"), list):
        raise Invalid("This is no ruleset of Data Cloud: it has neither matchRules nor reconciliationRules.")
    taken = TakenRules()
    if str(ruleset.get("configurationType", "INDIVIDUAL")).upper() == "ACCOUNT":
        taken.missing.append("match rules of accounts: organisations go by kinds of their own (docs/matching.md)")
    else:
        for rule in ruleset.get("matchRules") or []:
            _Match(rule, project, taken).read()
        _say_what_joins_besides(project, taken)
    for rule in ruleset.get("reconciliationRules") or []:
        _reconcile(rule, project, taken)
    return taken


class _Match:
    """One match rule on its way into identity.yaml."""

    def __init__(self, rule: Mapping[str, Any], project: OwnRules, taken: TakenRules) -> None:
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
            elif attribute not in self._project.entities:
                return self._without(f"{one.get('entityName')}.{one.get('fieldName')} is no attribute of people here")
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
        others = [one for one in fuzzy if one != _GUARDED]
        if others or not (exact or numbers):
            what = ", ".join(others or fuzzy) or "nothing"
            return self._without(f"fuzzy on {what}: rules compare exactly, `steelthread resolve` weighs what is alike")
        self._differences()
        if numbers:
            return self._same(f"{', '.join(f'party_id.{one}' for one in numbers)} joins by itself")
        kind = _KINDS.get(exact[0]) if len(exact) == 1 else None
        if kind is None:
            return self._same(f"rule {' and '.join(self._key(exact, fuzzy=bool(fuzzy)))}")
        guarded = bool((self._project.identity.get("kinds") or {}).get(kind, {}).get("weak"))
        if guarded and not fuzzy:
            self._taken.differs.append(
                f"{self._label}: {kind} joins unless first names conflict (`weak: false` under kinds joins always)"
            )
        elif fuzzy and not guarded:
            self._taken.kinds[kind] = {"weak": True}
        return self._same(f"kind {kind}" + (" with the name guard" if fuzzy else ""))

    def _key(self, exact: list[str], *, fuzzy: bool) -> list[str]:
        """Add a composite key; return its name.

        A key is one person's. Of several who share one, those called the same find each other by a key with the name.
        """
        names = [self._name("")]
        if fuzzy and all({_GUARDED, *exact} != set(one["all"]) for one in self._taken.rules):
            names.append(self._name("_called_the_same"))
            self._taken.rules.append({"name": names[1], "all": [_GUARDED, *exact]})
        self._taken.rules.append({"name": names[0], "all": exact, **({"weak": True} if fuzzy else {})})
        return names

    def _name(self, ending: str) -> str:
        """Return a name for a rule that none has yet."""
        name, taken = (slug(self._label) or "rule") + ending, {one["name"] for one in self._taken.rules}
        return next(one for one in (name, *(f"{name}_{number}" for number in range(2, 1000))) if one not in taken)

    def _differences(self) -> None:
        for one in self._criteria:
            if one.get("shouldMatchOnBlank") and attribute_of(str(one.get("fieldName", ""))) != _GUARDED:
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


def _say_what_joins_besides(project: OwnRules, taken: TakenRules) -> None:
    told = " ".join(taken.same)
    rest = [kind for kind in project.identity.get("kinds") or {} if not re.search(rf"\b{kind}\b", told)]
    if rest:
        taken.differs.append(f"these join here besides, by identity.yaml: {', '.join(rest)}")


def _reconcile(rule: Mapping[str, Any], project: OwnRules, taken: TakenRules) -> None:
    entity = entity_of(str(rule.get("entityName", "")))
    if entity != "Individual":
        taken.missing.append(
            f"reconciliation of {rule.get('entityName')}: a profile keeps every contact point and number"
        )
        return
    own = {attribute_of(str(one.get("fieldName", ""))): one for one in rule.get("fields") or []}
    for name, one in own.items():
        if name not in project.attributes:
            taken.missing.append(f"reconciliation of {one.get('fieldName')}: Individual has no such attribute")
    sequences = {_reconciled(name, now, own.get(name, rule), taken) for name, now in project.attributes.items()}
    said = [rule, *(one for name, one in own.items() if name in project.attributes)]
    for one in said:
        if _FROM.get(_bare(one.get("ruleType"))) is None:
            taken.missing.append(f"reconciliation of {_of(one)}: {one.get('ruleType')} is not known")
        if one.get("shouldIgnoreEmptyValue") is False:
            taken.differs.append(f"reconciliation of {_of(one)}: an empty value never wins here")
    for sequence in sorted(sequences - {""}):
        taken.differs.append(f"sources in order ({sequence}): say `priority` in sources/*.yaml, the highest wins")
    taken.same.append(f"reconciliation of Individual: {len(taken.attributes)} attributes differ from what held")


def _of(rule: Mapping[str, Any]) -> str:
    return attribute_of(str(rule["fieldName"])) if "fieldName" in rule else "Individual"


def _reconciled(name: str, now: str, said: Mapping[str, Any], taken: TakenRules) -> str:
    """Note what an attribute goes by, where that is new; return the order of sources that it wants, "" for none."""
    wanted = _FROM.get(_bare(said.get("ruleType")))
    if wanted is not None and wanted != now:
        taken.attributes[name] = wanted
    return " > ".join(_source(one) for one in said.get("sources") or []) if wanted == "source_priority" else ""


def _source(one: object) -> str:
    return str(one.get("name") or one.get("sourceName") or one) if isinstance(one, Mapping) else str(one)


def write_salesforce(project: OwnRules, label: str) -> tuple[dict[str, Any], list[str]]:
    """Return a project's rules as a ruleset, and what has no counterpart there."""
    missing: list[str] = []
    rules = []
    kinds = project.identity.get("kinds") or {}
    guard = _criterion("Individual", _GUARDED, "FUZZY", blank=True)
    for attribute, kind in _KINDS.items():
        if kind in kinds:
            criteria = [_criterion(project.entities[attribute], attribute)]
            rules.append({"label": kind, "criteria": criteria + ([guard] if kinds[kind].get("weak") else [])})
    for scheme in project.identity.get("exclusive_schemes") or []:
        number = _criterion("PartyIdentification", "identificationNumber")
        rules.append({"label": scheme, "criteria": [{**number, "partyIdentificationInfo": {"partyName": scheme}}]})
    for rule in project.identity.get("rules") or []:
        unknown = [name for name in rule["all"] if name not in project.entities]
        if unknown:
            missing.append(f"rule {rule['name']}: {', '.join(unknown)} has no field in Data Cloud")
            continue
        criteria = [_criterion(project.entities[name], name) for name in rule["all"]]
        weak = rule.get("weak") and _GUARDED not in rule["all"]
        rules.append({"label": rule["name"], "criteria": criteria + ([guard] if weak else [])})
    missing += _without_counterpart(project)
    named = {name: rule for name, rule in project.attributes.items() if rule != "last_updated"}
    missing += [f"attribute {name}: {rule}" for name, rule in named.items() if rule not in _TO]
    fields = [
        {"fieldName": _field(name), "ruleType": _TO[rule], "shouldIgnoreEmptyValue": True,
         "sources": list(project.sources) if rule == "source_priority" else []}
        for name, rule in named.items() if rule in _TO
    ]  # fmt: skip
    individual = {"entityName": "ssot__Individual__dlm", "ruleType": "LAST_UPDATED", "shouldIgnoreEmptyValue": True,
                  "sources": [], "fields": fields}  # fmt: skip
    made = {"label": label, "description": "", "configurationType": "INDIVIDUAL", "matchRules": rules,
            "reconciliationRules": [individual]}  # fmt: skip
    return made, missing


def _without_counterpart(project: OwnRules) -> list[str]:
    kinds = project.identity.get("kinds") or {}
    missing = [f"kind {kind}: Data Cloud matches on attributes of people only" for kind in kinds
               if kind not in (*_KINDS.values(), "party_id")]  # fmt: skip
    if "party_id" in kinds:
        missing.append("kind party_id: a rule needs the name of each scheme; those of exclusive_schemes are written")
    for word in ("limit", "generic_above"):
        named = [kind for kind, said in kinds.items() if said.get(word) is not None]
        if named:
            missing.append(f"{word} of {', '.join(named)}")
    missing += [f"blocked values of {kind}" for kind in project.identity.get("blocked") or {}]
    if project.identity.get("exclusive_schemes"):
        missing.append("exclusive_schemes as a wall: two different numbers keep nobody apart there")
    return [*missing, "matching by evidence in sum (`steelthread resolve`), and what people said by hand"]


def _criterion(entity: str, attribute: str, method: str = "EXACT_NORMALIZED", *, blank: bool = False) -> dict[str, Any]:
    return {"entityName": f"ssot__{entity}__dlm", "fieldName": _field(attribute), "matchMethodType": method,
            "shouldMatchOnBlank": blank}  # fmt: skip


def _field(attribute: str) -> str:
    return f"ssot__{attribute[:1].upper()}{attribute[1:]}__c"
