"""What a column holds of people: by check digits and shapes of its values, by its name, by the attribute it maps to.

Labels are data categories of fideslang (https://ethyca.github.io/fideslang). What nothing speaks for stays unlabelled and is
treated as the strictest: sealed, shown only where everything is. No value of the file is told, only how many are of a kind.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Literal

import msgspec
from stdnum import get_cc_module, luhn
from stdnum.exceptions import ValidationError

from steelthread.intake.draft import vocabulary
from steelthread.intake.draft.sheet import EMAILS, PHONES, UUIDS, Column, plain
from steelthread.intake.language import AttributeMapping
from steelthread.intake.source import Source
from steelthread.model import Attribute, Model

Confidence = Literal["high", "medium", "low", "none"]
UNLABELLED = ""
_SAMPLE = 1000
_MOST, _SOME = 0.95, 0.6
_ENOUGH = 8
"""Values from which on a check digit does not fit by chance: one of ten fits any."""
_IP = re.compile(r"[0-9a-fA-F.:]{3,45}\Z")
_PLACE = re.compile(r"-?\d{1,3}\.\d{4,}\Z")
_INSIDE = re.compile(r"[^@\s]{2,}@[^@\s]+\.[A-Za-z]{2,}|(?<![\d-])\+\d[\d ()-]{7,15}\d")
_SSN = re.compile(r"(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}\Z")
_NINO = re.compile(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]\Z", re.IGNORECASE)
_COUNTRIES = (
    ("de", "idnr"), ("fr", "nir"), ("es", "dni"), ("es", "nie"), ("nl", "bsn"), ("it", "codicefiscale"),
    ("br", "cpf"), ("se", "personnummer"), ("pl", "pesel"), ("fi", "hetu"), ("be", "nn"), ("in_", "aadhaar"), ("dk", "cpr"),
)  # fmt: skip
_NATIONAL = "user.government_id.national_identification_number"
_DIRECT = (
    "user.name", "user.contact.email", "user.contact.phone", "user.contact.fax", "user.contact.address.street",
    "user.government_id", "user.financial", "user.device", "user.account.username", "user.unique_id", "user.content",
    "user.location.precise", "user.authorization", "user.contact.url", "user.biometric", "user.social",
)  # fmt: skip
_SPECIAL = (
    "user.health_and_medical", "user.biometric", "user.criminal_history", "user.demographic.political_opinion",
    "user.demographic.race_ethnicity", "user.demographic.religious_belief", "user.demographic.sexual_orientation",
)  # fmt: skip
_BY_NAME: Sequence[tuple[str, str]] = (
    (r"iban|bankaccount|accountiban|kontonummer|sortcode|bic$", "user.financial.bank_account"),
    (r"creditcard|ccnumber|cardpan|kreditkarte", "user.financial.credit_card"),
    (r"passport", "user.government_id.passport_number"),
    (r"identificationnumber", "user.government_id"),
    (r"driver.?s?licen[cs]e|licencenumber", "user.government_id.drivers_license_number"),
    (r"^ssn|socialsecurity|nationalid|taxid|steuerid|^nino$|^bsn$|^cpf$|^dni$|personnummer|aadhaar", _NATIONAL),
    (r"email|e?mailaddress|courriel", "user.contact.email"),
    (r"phone|mobile|telefon|^tel|msisdn|whatsapp", "user.contact.phone_number"),
    (r"^fax|faxnumber", "user.contact.fax_number"),
    (r"firstname|givenname|forename|vorname|prenom|middlename|^nickname", "user.name.first"),
    (r"lastname|surname|familyname|nachname|suffix$|maidenname", "user.name.last"),
    (r"fullname|personname|customername|contactname|displayname|salutation", "user.name"),
    (r"birth|^dob$|geburt", "user.demographic.date_of_birth"),
    (r"gender|^sex$|geschlecht", "user.demographic.gender"),
    (r"ethnic|^race$", "user.demographic.race_ethnicity"),
    (r"religio", "user.demographic.religious_belief"),
    (r"politic", "user.demographic.political_opinion"),
    (r"sexual|orientation$", "user.demographic.sexual_orientation"),
    (r"convict|criminal|citation", "user.criminal_history"),
    (r"health|diagnos|medical|allerg|disab|surger|hospital|drug|alcohol|tobacco|dietary|height$|weight$|bloodtype",
     "user.health_and_medical"),
    (r"^personalvalue|lifeattitude|mainpersonalvalue|mainlifeattitude", "user.demographic.profile"),
    (r"marital|maritalstatus", "user.demographic.marital_status"),
    (r"language|locale$", "user.demographic.language"),
    (r"street|addressline|houseno|housenumber|strasse", "user.contact.address.street"),
    (r"postcode|postalcode|zipcode|^zip$|^plz$", "user.contact.address.postal_code"),
    (r"^city|cityname|town|locality|^ort$", "user.contact.address.city"),
    (r"stateprovince|^state$|^region$|province", "user.contact.address.state"),
    (r"^country|countryname", "user.contact.address.country"),
    (r"latitude|longitude|^lat$|^lng$|^lon$|geopoint", "user.location.precise"),
    (r"timezone", "user.location.imprecise"),
    (r"ipaddress|^ip$", "user.device.ip_address"),
    (r"cookie", "user.device.cookie_id"),
    (r"deviceid|advertisingid|^idfa$|^gaid$|devicetoken", "user.device.device_id"),
    (r"useragent|osname|osversion|browser|devicetype|screen", "user.device"),
    (r"username|loginid|^login$", "user.account.username"),
    (r"password|passwd|^pin$|secret", "user.authorization.password"),
    (r"jobtitle|occupation|profession|^position$", "user.job_title"),
    (r"company|employer|organi[sz]ation|businessname", "user.workplace"),
    (r"consent|optin|optout|unsubscrib|gdpr|permission", "user.privacy_preferences"),
    (r"twitter|facebook|linkedin|instagram|socialhandle|tiktok", "user.social"),
    (r"website|weburl|homepage|^url$", "user.contact.url"),
    (r"pageurl|referrer|eventtype|session|pageview", "user.behavior.browsing_history"),
    (r"order|purchase|invoice|basket|^sku|product|quantity|amount|currency|loyalty|^price|total$", "user.behavior.purchase_history"),
    (r"payment|charge", "user.payment"),
    (r"note|comment|remark|message|description|freetext|bemerkung", "user.content.private"),
    (r"income|revenue|salary|creditscore", "user.financial"),
    (r"anonymousid|visitorid|pseudonym", "user.unique_id.pseudonymous"),
    (r"customerid|memberid|userid|contactid|customernumber|externalid", "user.unique_id"),
)  # fmt: skip
_NAMES = [(re.compile(pattern), label) for pattern, label in _BY_NAME]


class Classified(msgspec.Struct, rename="camel", omit_defaults=True):
    """What a column holds."""

    column: str
    label: str
    """A data category of fideslang; empty when nothing speaks for one."""
    privacy: str
    """How it is to be treated: special, direct, indirect, none; unlabelled as special."""
    confidence: Confidence
    why: list[str]
    attribute: str = ""
    """Where it maps to; empty when it has no home, and is kept sealed."""
    warning: str = ""


def classify(
    columns: Sequence[str], rows: Sequence[Sequence[str]], source: Source | None, model: Model
) -> list[Classified]:
    """Say of every column what it holds, from a sample of rows; with a mapping also whether it protects that enough."""
    homes = _homes(source, model) if source else {}
    found = []
    for index, name in enumerate(columns):
        column = Column(name, [row[index] for row in rows[:_SAMPLE] if index < len(row)])
        found.append(_classified(column, homes.get(name)))
    return found


def label_of(attribute: Attribute | str) -> str:
    """Return the label of an attribute of the model, by its name; empty when there is none for it."""
    return _by_name([plain(attribute if isinstance(attribute, str) else attribute.name)])


def _classified(column: Column, home: tuple[str, Attribute | None] | None) -> Classified:
    by_value, share, kind = _by_values(column)
    by_name = _by_name(column.names)
    why = [f"{share:.0%} of {len(column.filled)} values {kind}"] if by_value else []
    agrees = bool(by_name) and (by_value.startswith(by_name) or by_name.startswith(by_value))
    label, confidence = by_value, _confidence(share, len(column.filled), agrees=agrees)
    if not by_value or (confidence == "low" and by_name):
        label, confidence = by_name, "medium" if by_name else "none"
    if by_name:
        why.append(f"its name says {by_name}")
    if not label and home and home[1] and (label := label_of(home[1])):
        why, confidence = [f"it maps to {home[0]}"], "medium"
    told = Classified(column.name, label, _privacy(label), confidence, why or ["nothing speaks for a label"])
    if home:
        told.attribute = home[0]
        told.warning = _warning(told, home[1]) if home[1] else ""
    elif not label:
        told.warning = "unlabelled and without a home: kept sealed, shown only where everything is"
    return told


def _warning(told: Classified, attribute: Attribute) -> str:
    """Return what is wrong when the attribute protects less than the values need."""
    order = ("none", "indirect", "direct", "special")
    if told.confidence not in ("high", "medium") or not told.label or attribute.identity:
        return ""
    if order.index(attribute.privacy) >= order.index(told.privacy) or (told.privacy, attribute.privacy) == (
        "special",
        "direct",
    ):
        return ""
    return f"{told.attribute} is {attribute.privacy}, but this looks like {told.label} ({told.privacy}): map it elsewhere, or leave it out"


def _confidence(share: float, count: int, *, agrees: bool) -> Confidence:
    if share >= _MOST and (count >= _ENOUGH or agrees):
        return "high"
    return "medium" if share >= _SOME and (count >= _ENOUGH or agrees) else "low"


def _privacy(label: str) -> str:
    if not label or label.startswith(_SPECIAL):
        return "special"
    return "direct" if label.startswith(_DIRECT) else "indirect"


def _by_name(names: Iterable[str]) -> str:
    for name in names:
        if name in vocabulary.SECRET:
            return "user.authorization.credentials"
        for pattern, label in _NAMES:
            if pattern.search(name):
                return label
    return UNLABELLED


# -- values ----------------------------------------------------------------------------------------------------------


def _by_values(column: Column) -> tuple[str, float, str]:
    """Return (label, share of values that fit, what they are) of the check that fits best; strict checks go first."""
    if not column.filled:
        return "", 0.0, ""
    best = ("", 0.0, "")
    for label, kind, fits in _checks():
        share = sum(1 for value in column.filled if fits(value.strip())) / len(column.filled)
        if share >= _MOST:
            return label, share, kind
        if share > best[1] and share >= _SOME:
            best = (label, share, kind)
    inside = sum(1 for value in column.filled if " " in value.strip() and _INSIDE.search(value)) / len(column.filled)
    if not best[0] and inside > 0:
        return "user.content.private", inside, "are text with an address or number of somebody inside"
    return best


def _valid(module: Any) -> Callable[[str], bool]:
    """Return a check of stdnum that answers, and never raises."""

    def fits(value: str) -> bool:
        try:
            module.validate(value)
        except ValidationError:
            return False
        return True

    return fits


def _is_card(value: str) -> bool:
    digits = re.sub(r"[ -]", "", value)
    return (
        digits.isascii()
        and digits.isdigit()
        and 13 <= len(digits) <= 19
        and digits[0] in "23456"
        and luhn.is_valid(digits)
    )


def _is_ip(value: str) -> bool:
    if not _IP.match(value) or (value.count(".") != 3 and ":" not in value):
        return False
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def _is_phone(value: str) -> bool:
    return (
        bool(PHONES.match(value))
        and (value.startswith(("+", "00", "(")) or " " in value)
        and sum(map(str.isdigit, value)) >= 7
    )


@lru_cache(maxsize=1)
def _checks() -> Sequence[tuple[str, str, Callable[[str], bool]]]:
    """Return (label, what fits, check), strict ones first; what they need is loaded when somebody asks."""
    from stdnum import iban  # noqa: PLC0415
    from stdnum.gb import nhs  # noqa: PLC0415

    return (
        ("user.contact.email", "are e-mail addresses", lambda value: bool(EMAILS.match(value))),
        ("user.financial.bank_account", "are IBANs (their check digits fit)", _valid(iban)),
        ("user.financial.credit_card", "are card numbers (Luhn)", _is_card),
        ("user.device.ip_address", "are IP addresses", _is_ip),
        (_NATIONAL, "are social security numbers of the US", lambda value: bool(_SSN.match(value))),
        (_NATIONAL, "are national insurance numbers of GB", lambda value: bool(_NINO.match(value))),
        *(
            (_NATIONAL, f"are numbers of persons of {country.strip('_').upper()} ({name}, checked)", _valid(module))
            for country, name in _COUNTRIES
            if (module := get_cc_module(country.strip("_"), name)) is not None
        ),
        ("user.health_and_medical.record_id", "are NHS numbers (their check digit fits)", _valid(nhs)),
        ("user.contact.phone_number", "are phone numbers", _is_phone),
        ("user.unique_id.pseudonymous", "are UUIDs", lambda value: bool(UUIDS.match(value))),
        ("user.location.precise", "are coordinates", lambda value: bool(_PLACE.match(value))),
    )


def _homes(source: Source, model: Model) -> dict[str, tuple[str, Attribute | None]]:
    """Return column -> (Entity.attribute, attribute) of a mapping."""
    found: dict[str, tuple[str, Attribute | None]] = {}
    for entity in source.entities:
        known = model.entity(entity.entity).attributes
        for name, mapped in entity.attributes.items():
            for column in columns_of(mapped):
                if name in known:
                    found.setdefault(column, (f"{entity.entity}.{name}", known[name]))
    for identifier in source.identifiers:
        found.setdefault(identifier.column, (f"identifier {identifier.kind}", None))
    return found


def columns_of(mapped: AttributeMapping) -> list[str]:
    """Return the columns that an attribute is made of."""
    return [mapped.column] if mapped.column else list(mapped.concat or ())
