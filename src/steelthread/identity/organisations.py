"""Organisations: what of an Organization or Account identifies it, and when two names cannot be one organisation's. Pure.

An organisation's identifiers are of kinds of their own (`account_phone`, not `phone`), so that no identifier ever joins a
person and an organisation. The weak ones (domain, e-mail, phone, address) join two unless their names
conflict, as first names do for people; a registration number joins by itself.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rapidfuzz.distance import JaroWinkler

from steelthread.identity.names import NameEvidence, normal
from steelthread.identity.places import home_of
from steelthread.kit import remembered

MARK = "\x1forganisation"
"""How the evidence of an organisation's name begins: no first name does."""
KINDS = {"email": "account_email", "phone": "account_phone"}
PREFIX = "account_"
FORMS = {
    "ltd": "ltd", "limited": "ltd", "plc": "plc", "llc": "llc", "llp": "llp", "lp": "lp", "inc": "inc", "incorporated": "inc",
    "corp": "inc", "corporation": "inc", "gmbh": "gmbh", "ag": "ag", "kg": "kg", "ohg": "ohg", "ug": "ug", "ev": "ev", "se": "se",
    "sa": "sa", "sas": "sas", "sarl": "sarl", "srl": "srl", "spa": "spa", "bv": "bv", "nv": "nv", "oy": "oy", "oyj": "oy", "ab": "ab",
    "aps": "aps", "sl": "sl", "slu": "sl", "lda": "lda", "ltda": "ltda", "sro": "sro", "kft": "kft", "zoo": "zoo", "kk": "kk",
}  # fmt: skip
SAID_BY_ALL = frozenset(
    ("the", "and", "und", "et", "y", "e", "of", "de", "company", "co", "group", "holding", "holdings")
)
_FREE = frozenset(
    "gmail.com googlemail.com yahoo.com yahoo.co.uk yahoo.fr yahoo.de ymail.com hotmail.com hotmail.co.uk hotmail.fr outlook.com live.com "  # noqa: SIM905
    "msn.com icloud.com me.com mac.com aol.com gmx.de gmx.net gmx.at gmx.ch web.de t-online.de freenet.de mail.ru yandex.ru qq.com 163.com "
    "126.com proton.me protonmail.com orange.fr wanadoo.fr free.fr laposte.net sfr.fr libero.it virgilio.it btinternet.com sky.com "
    "comcast.net verizon.net att.net zoho.com fastmail.com mail.com bluewin.ch uol.com.br bol.com.br rediffmail.com naver.com".split()
)
_HOST = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?(?:[^/@]*@)?(?:www\d?\.)?([a-z0-9-]+(?:\.[a-z0-9-]+)+)", re.IGNORECASE)
UMLAUT = re.compile(r"([aou])e")
"""Mueller is how Müller is written without its marks, which are gone here."""
_SITES = ("webSiteURL", "website")
REGISTERS = frozenset(("company_number", "lei", "registration_number"))
"""Schemes of which an organisation has one number, beside those of which anybody has one (`exclusive_schemes`)."""
_NUMBERS = {"taxId": "account_id.tax_id", "dUNSNumber": "account_id.duns"}
_NAMED = ("account_address", "account_domain", "account_email", "account_phone")
NAMES = ("businessName", "legalName", "name")
"""Under which words an organisation is called something; the first that is told counts."""
_ALIKE = 0.92
_ACRONYM = 3


def is_organisation(is_a: Callable[[str, str], bool], entity: str) -> bool:
    """Whether records of this entity are organisations: they themselves, and accounts but for those of a person."""
    business = is_a(entity, "Account") and not is_a(entity, "PersonalAccount")
    return business or is_a(entity, "Organization")


def organisation_name(values: Mapping[str, Any]) -> str:
    """Return what an organisation is called: the name it trades under, the one in the register, or that of its account."""
    return next((str(values[name]) for name in NAMES if values.get(name)), "")


def organisation_evidence(name: str) -> NameEvidence:
    """Return what the name guard looks at: legal forms and words of a name; "" for a name that says nothing."""
    words = [UMLAUT.sub(r"\1", word) for word in normal(re.sub(r"(?<=\b\w)\.(?=\w\b|\s|$)", "", name)).split()]
    forms = sorted({FORMS[word] for word in words[1:] if word in FORMS})
    rest = [word for place, word in enumerate(words) if not (place and word in FORMS) and word not in SAID_BY_ALL]
    rest = rest or [word for word in words if word not in FORMS]
    return NameEvidence(f"{MARK}|{' '.join(forms)}|{' '.join(rest)}" if rest else "", "")


@remembered(65_536)
def organisations_conflict(one: str, other: str) -> str | None:
    """Say why the names of two accounts cannot be one organisation's, or None. Symmetric.

    One may be short for the other (its first words, or its initials) or be written slightly differently.
    """
    (_, forms, words), (_, forms_of_other, words_of_other) = one.split("|"), other.split("|")
    if forms and forms_of_other and not set(forms.split()) & set(forms_of_other.split()):
        return "different legal forms"
    short, long = sorted((words.split(), words_of_other.split()), key=lambda one: (len(one), one))
    if set(short) <= set(long) and short[0] == long[0]:
        return None
    if len(short) == 1 and len(long) >= _ACRONYM and short[0] == "".join(word[0] for word in long):
        return None
    plain = ("".join(short), "".join(long))
    if sorted(short) == sorted(long) or JaroWinkler.similarity(*plain) >= _ALIKE:
        return None
    return "different names of organisations"


def named(evidence: NameEvidence, kind: str, value: str) -> str | None:
    """Return a weak identifier together with the first word of the name, None for another identifier or without a name.

    An identifier is one organisation's; of several that share it, those of one name find each other by this.
    """
    if kind not in _NAMED or not evidence.first:
        return None
    return f"{evidence.first.rpartition('|')[2].split()[0]}|{value}"


def domain_of(text: str) -> str | None:
    """Return the domain of a site or an address, None for a mail provider's or for none."""
    found = _HOST.match(text.strip())
    domain = found.group(1).casefold() if found else ""
    return None if not domain or domain in _FREE or domain.replace(".", "").isdigit() else domain


def account_kind(kind: str) -> str:
    """Return the kind under which an account has an identifier."""
    if kind.startswith(PREFIX):
        return kind
    return KINDS.get(kind) or f"account_id.{kind.removeprefix('party_id.')}"


def derived(
    values: Mapping[str, Any], parts: Iterable[tuple[str, Mapping[str, Any]]], emails: Iterable[str]
) -> list[tuple[str, str]]:
    """Return (kind, value) of what else identifies an organisation: its numbers and domains, and where it is, if it has a name."""
    everything = [("", values), *parts]
    found = [("account_domain", str(part[name])) for _, part in everything for name in _SITES if part.get(name)]
    found += [("account_domain", email.rpartition("@")[2]) for email in emails]
    found += [(kind, str(values[name])) for name, kind in _NUMBERS.items() if values.get(name)]
    if organisation_name(values):
        places = (home_of(part) for entity, part in everything if entity == "ContactPointAddress")
        found += [("account_address", place) for place in places if place]
    return found
