"""What is wrong in the published file, mended by rule; each repair says what it changed and why.

A rule either names the properties it is about, where a pattern would catch too many, or tells them by their type.
Sources: the file itself, and what its descriptions and the sibling entities say.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from steelthread.model.cim.published import DATATYPES, Property, Published, Shape

Rule = Literal[
    "time_is_datetime", "name_says_datetime", "date_typed_otherwise", "types_unified", "money", "percentage",
    "count_as_money", "text_as_number", "identifier_type", "one_spelling", "misspelt", "inherited", "no_key",
    "missing_ancestor", "not_enforced", "collection_not_required", "ambiguous_description", "other_end",
]  # fmt: skip
REASONS: dict[Rule, str] = {
    "time_is_datetime": "published as a time of day; it is a moment: date and time",
    "name_says_datetime": "published as a date although its name says date and time",
    "date_typed_otherwise": "a date by name and by its sibling, published as another type",
    "types_unified": "published as a date in one entity and as a moment in another: a moment holds both",
    "money": "an amount of money, published as amount, integer or decimal: always decimal, with its currency beside it",
    "percentage": "a share, published as percentage or decimal: always a decimal percentage",
    "count_as_money": "a number of things, published as an amount of money",
    "text_as_number": "an address of the web, published as a number",
    "identifier_type": "`id` is an identifier everywhere but here, or a name is typed as one",
    "one_spelling": "spelt in two ways that differ by case only and clash in SQL: one spelling, the other is an alias",
    "misspelt": "the published name is misspelt: it stays, the right spelling is an alias",
    "inherited": "the ancestor's properties were not repeated here: now they are inherited",
    "no_key": "the entity has no `id`: every record has one",
    "missing_ancestor": "the ancestor is no entity of the file: the entity stands alone",
    "not_enforced": "published as mandatory, more than any source can fill: kept as information, not enforced",
    "collection_not_required": "published as a collection with at least one member: it may be empty",
    "ambiguous_description": "the descriptions of this name contradict each other and none says of which entity it speaks",
    "other_end": "several properties could be the other end of the collection: the one that names the owner was taken",
}
_TIMES_OF_DAY = frozenset({"bestTimeToContactStartTime", "bestTimeToContactEndTime", "retryIntervalTime"})
_DATES = frozenset({"minimumAdvertisementAmountStartDate", "endEffectiveDate"})
_MOMENTS = frozenset({"effectiveDate", "expirationDate", "paymentGatewayDate"})
_COUNTS = frozenset({"shipmentProductCount"})
_URLS = frozenset({"productAttributeValueURL"})
_MONEY = frozenset({"annualIncome", "annualRevenue", "balanceAmountLimit", "netWorth", "yearlyIncome"})
_SPELLINGS = {"accountID": "accountId", "paymentMethodID": "paymentMethodId"}
MISSPELT = {
    "requiresInvididualUnitPricing": "requiresIndividualUnitPricing",
    "trainingCertificactionCount": "trainingCertificationCount",
    "bankcruptcyTypeName": "bankruptcyTypeName",
    "demonstationsGivenCount": "demonstrationsGivenCount",
    "endDateTIme": "endDateTime",
    "isTobaccoConsume": "isTobaccoConsumer",
    "competitorTheats": "competitorThreats",
    "implementerType": "implementorType",
    "shippingPhoneid": "shippingPhoneId",
}

ENTITY_ALIASES = {"SalesOrderProductPriceAdjuType": ("SalesOrderProductPriceAdjustmentType",)}


class Repair(msgspec.Struct, frozen=True):
    """One thing mended: by which rule, of which attribute, in which entities, from what to what, and why."""

    rule: Rule
    attribute: str
    entities: tuple[str, ...]
    was: str
    now: str
    reason: str


class Notes:
    """The repairs as they are made; equal ones of several entities become one."""

    def __init__(self) -> None:
        self._found: dict[tuple[Rule, str, str, str], list[str]] = {}

    def add(self, rule: Rule, entity: str, attribute: str, was: str, now: str) -> None:
        """Note a repair."""
        self._found.setdefault((rule, attribute, was, now), []).append(entity)

    def all(self) -> tuple[Repair, ...]:
        """Return all, in an order that depends on nothing but their content."""
        repairs = [
            Repair(rule, attribute, tuple(sorted(entities)), was, now, REASONS[rule])
            for (rule, attribute, was, now), entities in self._found.items()
        ]
        places = {rule: place for place, rule in enumerate(REASONS)}
        return tuple(sorted(repairs, key=lambda one: (places[one.rule], one.attribute, one.entities, one.was)))


class Mended(msgspec.Struct, frozen=True):
    """A property with its type and meaning put right; `term` is the published name."""

    name: str
    term: str
    type: str
    logical: str | None
    targets: tuple[str, ...]
    required: bool
    many: bool
    aliases: tuple[str, ...]


def mended(shape: Shape, notes: Notes) -> dict[str, Mended]:
    """Put right the properties of one shape, each by itself."""
    found: dict[str, Mended] = {}
    for one in shape.properties.values():
        name = _SPELLINGS.get(one.name, one.name)
        aliases: tuple[str, ...] = ()
        if name != one.name:
            notes.add("one_spelling", shape.name, one.name, one.name, name)
            aliases = (one.name,)
        elif one.name in MISSPELT:
            notes.add("misspelt", shape.name, one.name, one.name, MISSPELT[one.name])
            aliases = (MISSPELT[one.name],)
        kind, logical = _typed(shape, one, notes)
        _note_required(shape.name, one, notes)
        found[name] = Mended(
            name, one.name, kind, logical, one.targets, one.required and not one.many, one.many, aliases
        )
    if "id" not in found:
        notes.add("no_key", shape.name, "id", "", "string")
    found.pop("id", None)  # every entity has it
    return found


def _note_required(entity: str, one: Property, notes: Notes) -> None:
    if one.required and one.many:
        notes.add("collection_not_required", entity, one.name, "1..*", "0..*")
    elif one.required and one.name != "id":
        notes.add("not_enforced", entity, one.name, "1..1", "0..1")


def _typed(shape: Shape, one: Property, notes: Notes) -> tuple[str, str | None]:
    """Return (type, logical type)."""
    if one.datatype is None:
        return "string", None
    for rule, kind, logical in _rules(shape, one):
        if (
            one.datatype in ("cim:amount", "cim:percentage")
            or DATATYPES[one.datatype] != kind
            or rule in ("money", "identifier_type")
        ):
            notes.add(rule, shape.name, one.name, one.datatype, f"{kind} ({logical})" if logical else kind)
        return kind, logical
    return DATATYPES[one.datatype], None


def _rules(shape: Shape, one: Property) -> Iterable[tuple[Rule, str, str | None]]:
    """Yield the rules that fit, the first one counts."""
    name, datatype = one.name, one.datatype
    if name in _MOMENTS and datatype == "xsd:date":
        yield "types_unified", "datetime", None
    if datatype == "xsd:time" and name not in _TIMES_OF_DAY:
        yield "time_is_datetime", "datetime", None
    if datatype == "xsd:date" and name.endswith("DateTime"):
        yield "name_says_datetime", "datetime", None
    if name in _DATES and datatype != "xsd:date":
        yield "date_typed_otherwise", "date", None
    if name in _COUNTS:
        yield "count_as_money", "decimal", None
    if name in _URLS:
        yield "text_as_number", "string", "url"
    if datatype == "cim:amount" or (datatype in ("xsd:integer", "xsd:decimal") and _is_money(shape, name)):
        yield "money", "decimal", "money"
    if datatype == "cim:percentage" or (datatype == "xsd:decimal" and re.search(r"Percent(age)?$", name)):
        yield "percentage", "decimal", "percentage"
    if (name == "id" and datatype != "cim:id") or (name != "id" and datatype == "cim:id"):
        yield "identifier_type", "string", None


def _is_money(shape: Shape, name: str) -> bool:
    """Tell money that is not typed so: by name, or by a currency beside it."""
    return name in _MONEY or name.endswith("Amount") or bool(_currencies(name) & set(shape.properties))


def _currencies(name: str) -> set[str]:
    return {f"{name}Currency", f"{name}CurrencyId"}


def effective(
    shapes: Mapping[str, Shape], own: Mapping[str, Mapping[str, Mended]], notes: Notes
) -> dict[str, dict[str, Mended]]:
    """Give each entity its ancestors' properties too; where both have one, the looser side decides what is mandatory."""
    found: dict[str, dict[str, Mended]] = {}

    def of(name: str) -> dict[str, Mended]:
        if name not in found:
            parent = shapes[name].parent
            if parent is not None and parent not in shapes:
                notes.add("missing_ancestor", name, "", parent, "")
            found[name] = _over(own[name], of(parent) if parent in shapes and parent else {}, name, notes)
        return found[name]

    for name in shapes:
        of(name)
    return found


def _over(own: Mapping[str, Mended], inherited: dict[str, Mended], entity: str, notes: Notes) -> dict[str, Mended]:
    for name, one in inherited.items():
        if name not in own and not one.many:
            notes.add("inherited", entity, name, "", "inherited")
    both = {name: _looser(one, inherited[name]) for name, one in own.items() if name in inherited}
    return {**inherited, **own, **both}


def _looser(one: Mended, parent: Mended) -> Mended:
    return msgspec.structs.replace(
        one,
        required=one.required and parent.required,
        aliases=tuple(dict.fromkeys((*one.aliases, *parent.aliases))),
    )


def other_ends(own: Mapping[str, Mapping[str, Mended]], notes: Notes) -> dict[tuple[str, str], str]:
    """Return (entity, collection) -> the attribute at the other end, which refers back."""
    found: dict[tuple[str, str], str] = {}
    for entity, attributes in own.items():
        for one in attributes.values():
            if not one.many:
                continue
            back = [name for name, other in own[one.targets[0]].items() if not other.many and entity in other.targets]
            usual = f"{entity[0].lower()}{entity[1:]}Id"
            chosen = usual if usual in back else min(back, key=lambda name: (not name.startswith("parent"), name))
            if len(back) > 1 and chosen != usual:
                notes.add("other_end", entity, one.name, ", ".join(sorted(back)), chosen)
            found[entity, one.name] = chosen
    return found


def descriptions(published: Published, notes: Notes) -> dict[str, str]:
    """Return the description of each property name that has one only."""
    for name, several in published.descriptions.items():
        if len(several) > 1:
            notes.add("ambiguous_description", "", name, f"{len(several)} descriptions", "")
    return {name: several[0] for name, several in published.descriptions.items() if len(several) == 1}
