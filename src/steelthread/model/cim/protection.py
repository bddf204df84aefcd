"""Privacy classes and meanings of imported attributes, which the published file does not give.

First what a curated entity says of the same attribute, of the entity or an ancestor; then the table of patterns; then a
default by whom the record is about: `indirect` where it hangs on a person, so that a forgotten pattern protects too much
rather than too little, `none` for catalogues and lookups.
"""

import re
from collections.abc import Mapping
from typing import Literal

from steelthread.model.cim.repairing import Mended
from steelthread.model.entities import Attribute, Entity, Privacy

About = Literal["people", "things", "words"]
COMMON = frozenset({
    "externalRecordId", "externalSourceId", "createdDate", "lastModifiedDate", "systemModstamp", "implementorType",
    "implementerType",
})  # fmt: skip
_BY_NAME: tuple[tuple[Privacy, str], ...] = (
    ("special", r"(?i)religio|ethnic|disabilit|dietary|alcohol|drug|tobacco|hospitali|surger|convict|Citation"),
    ("special", r"(?i)lifeAttitude|personalValue|^person(Height|Weight)$|health|medical|pregnan|politic|sexual"),
    ("direct", r"(?i)^(first|last|middle|full|secondLast|suffix|billToFirst|billToLast)Name$|cardHolder|maidenName"),
    ("direct", r"(?i)^(person|preferred|official|ordering|mailing|individualFull)Name$|nameSuffix|assistantName"),
    (
        "direct",
        r"(?i)email(?!.*(Date|Time|Reason|Domain|Rate|Frequency|Id$|Count))|phone.*(Number|Text)$|^assistantPhone",
    ),
    ("direct", r"(?i)(phone|telephone)Number|^telephone|(authorization|Reversal)(Email|Phone)$|E164"),
    ("direct", r"(?i)addressLine\d|Street\d?(Text|Name)?$|street\d?Text|^streetName$|geoCode|latitude|longitude"),
    ("direct", r"(?i)^identificationNumber$|licenseNumber|certificateNumber|^taxId$|passport|socialSecurity|^dUNS"),
    ("direct", r"(?i)ipAddress|macAddress|cookie|cardToken|maskedNumber|numberLastDigits|accountNumber|iban|deviceId"),
    (
        "direct",
        r"(?i)socialHandle|photoURL|profilePicture|^webSiteURL$|applicationLogin|LoginId|contactNote|notes?Text",
    ),
    ("direct", r"(?i)giftMessage|giftOrderMessage|deliveryInstructions|specialInstructions|paymentGatewayToken"),
    ("indirect", r"(?i)birth|death|gender|marital|income|netWorth|credit|city|postal|stateProvince|household"),
)
_PATTERNS = tuple((privacy, re.compile(pattern)) for privacy, pattern in _BY_NAME)
_LOGICALS = tuple(
    (logical, re.compile(pattern))
    for logical, pattern in (
        ("email", r"^email(Address)?$|EmailAddress$|EmailText$"),
        ("phone", r"[pP]hone(Number)?(Text)?$|^formatted.*PhoneNumber$"),
        ("url", r"(URL|Url)$|^uRL$|^website$|^webSite$"),
        ("postcode", r"[pP]ostalCodeText$"),
        ("street", r"(addressLine|AddressLine)\d$|Street\d?(Text)?$|^streetName$"),
        ("ip", r"^iPAddress$"),
        ("country", r"[cC]ountryName$"),
        ("text", r"[dD]escription$|(comment|note|notes|reason|message|instructions)s?Text$|^comments?Text$"),
        ("name", r"Name$|^name$|^title$"),
        ("code", r"Code$"),
    )
)
_PEOPLE = frozenset({
    "Party", "Individual", "Customer", "Account", "Contact", "AccountContact", "Lead", "PersonalAccount", "Household",
    "Supplier", "Seller", "PartyRole", "SalesOrder", "Payment", "ContactPoint", "ContactPointEmail",
    "ContactPointPhone", "ContactPointAddress", "PaymentMethod", "PartyHierarchy",
})  # fmt: skip
_CATALOGUE = frozenset({"Product"})


def about_people(name: str, area: str, line: tuple[str, ...], attributes: Mapping[str, Mended]) -> About:
    """Tell what records of the entity are about: a person (it is one, hangs on one or has something of one), or not."""
    refers = {target for one in attributes.values() if not one.many for target in one.targets}
    if area not in _CATALOGUE and (_PEOPLE & {name, *line} or _PEOPLE & refers):
        return "people"
    return "things" if refers else "words"


def privacy_of(
    name: str, attribute: str, line: tuple[str, ...], curated: Mapping[str, Entity], about: About
) -> Privacy:
    """Return the class of an attribute; `line` is the entity's ancestors, the nearest first."""
    for entity in (name, *line):
        if entity in curated and attribute in curated[entity].attributes:
            return curated[entity].attributes[attribute].privacy
    if attribute in COMMON:
        return "none"
    fitting = next((privacy for privacy, pattern in _PATTERNS if pattern.search(attribute)), None)
    if about == "people":
        return fitting or "indirect"
    # A list of words (Religion.religionName) tells of nobody; but what looks like an address is one anywhere.
    return "direct" if fitting == "direct" else "none"


def logical_of(one: Mended, curated: Attribute | None) -> str | None:
    """Return what a value means: as mended, as curated, or by its name."""
    if one.logical is not None:
        return one.logical
    if curated is not None and curated.type == one.type and not one.targets:
        return curated.logical
    if one.targets == ("Currency",):
        return "currency"
    if one.type != "string" or one.targets:
        return None
    return next((logical for logical, pattern in _LOGICALS if pattern.search(one.name)), None)
