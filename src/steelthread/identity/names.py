"""Names as evidence: what the name guard compares."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

import msgspec
from nicknames import NickNamer
from rapidfuzz.distance import JaroWinkler

from steelthread.intake import MappedRecord
from steelthread.kit import remembered

TITLES = frozenset("mr mrs ms miss mister dr prof professor sir madam mme mlle herr frau fr hr don dona rev".split())  # noqa: SIM905  # a word list reads best so
SUFFIXES = {
    "jr": "jr",
    "junior": "jr",
    "jnr": "jr",
    "sr": "sr",
    "senior": "sr",
    "snr": "sr",
    "ii": "ii",
    "iii": "iii",
    "iv": "iv",
}
_ALSO = (
    {"robert", "robbie"}, {"johannes", "hans", "johann"}, {"josef", "sepp", "joseph"}, {"katharina", "kathi", "katrin"},
    {"friedrich", "fritz"}, {"wilhelm", "willi", "willy"}, {"heinrich", "heinz"}, {"margarete", "grete", "gretel"},
    {"francois", "francis"}, {"francisco", "paco", "pancho"}, {"jose", "pepe"}, {"ignacio", "nacho"},
    {"elisabeth", "lisa", "liesel", "elise"}, {"maximilian", "max"}, {"alexander", "alex", "sascha"},
)  # fmt: skip
"""Common short forms that the nicknames package does not have."""
_NEVER = {
    "robert": frozenset({"bill", "billy"}), "bill": frozenset({"robert", "bob"}), "billy": frozenset({"robert"}),
    "hannah": frozenset({"sue", "susan", "joan"}), "susan": frozenset({"hannah"}), "sue": frozenset({"hannah"}),
    "joan": frozenset({"hannah"}),
}  # fmt: skip
"""What the nicknames package holds for one name, though they are two: in a family it would join two people."""
_MORE = frozenset(
    "aaron adele agnes aisha albert alice alina amelie amir anders anja anna anton antonia antonio arthur astrid axel bastian beatrice "  # noqa: SIM905
    "bernd bianca bjorn boris brian bruno camilla carl carla carlos carmen cecilia chiara claudia clemens colin connor dario "
    "denis dieter dimitri dirk dmitri eduardo elena eleni elias elif ella elsa emil emilia emma erik esther eva fabian fabio fatima "
    "felix fernando finn florian frida gerd giovanni giulia grace greta guido gunter gustav hanna heidi helga henrik hugo ibrahim "
    "ines ingrid irene iris ivan jakob jan jana javier joanna joao johanna jonas jorge juan julia julian jurgen karin karl karla kirsten "
    "klaus lara lars laura lea lena leon leonie lina linus lorenzo louis luca lucas luis luisa lukas luka magda manuel marco marcel "
    "maria marie mario marta mateo mathilde matteo maya mia miguel mila milena mohamed mohammed muhammad nadia natalia nico nils nina noah "
    "noel nora olga oliver omar oscar oskar otto pablo paolo pascal pedro petra pierre pilar rafael ralf raul renate ricardo rosa "
    "ruth sabine samuel sandra sanne sara sergei sergio silvia simone sofia sonja sophia sophie stefan sven tanja tatiana thea theo tobias "
    "tomas ulrike uwe valentina vera viktor vincent walter werner wolfgang xavier yasmin yusuf zoe zoey".split()
)
"""Common first names that the nicknames package does not have, or knows under one spelling only."""
_NICK = NickNamer()


class NameEvidence(msgspec.Struct, frozen=True, array_like=True):
    """A normalised first name (tokens by blanks) and a generation: jr, sr, ii, iii, iv."""

    first: str
    suffix: str


@remembered(65_536)
def normal(text: str) -> str:
    """Return a name without accents, case, titles and marks: tokens by single blanks."""
    bare = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one)).casefold()
    words = "".join(one if one.isalnum() else " " for one in bare).split()
    return " ".join(word for word in words if word not in TITLES)


def name_words(text: str) -> list[str]:
    """Split a name into the whole tokens by which it is found."""
    bare = "".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one)).casefold()
    return "".join(one if one.isalnum() else " " for one in bare).split()


def has_first_name(text: str) -> bool:
    """Whether one of the words is a first name that has short forms, or is one: most common first names of English."""
    return any(_NICK.nicknames_of(word) or _NICK.canonicals_of(word) for word in name_words(text))


@remembered(65_536)
def is_first_name(word: str) -> bool:
    """Whether a word is a common first name, one that has short forms, or a short form."""
    return word in _MORE or bool(short_forms(word))


def name_evidence(record: MappedRecord, mailboxes: Iterable[str] = ()) -> NameEvidence:
    """Read first name and generation of a record: from its own attributes, from the whole name, or from its e-mail address."""
    values: dict[str, Any] = record.values
    first, last = str(values.get("firstName") or ""), str(values.get("lastName") or "")
    whole = str(values.get("personName") or "")
    if not first and whole:
        first = _first_of(whole)
    suffix = _suffix(str(values.get("nameSuffix") or "")) or _suffix(last) or _suffix(whole)
    bare = _bare(first) or next((name for box in mailboxes if (name := first_of_mailbox(box, normal(last)))), "")
    return NameEvidence(bare, suffix)


_MAILBOX = re.compile(r"([a-z]{2,})[._-]([a-z]{2,})[._-]?[0-9]*\Z")


@remembered(65_536)
def first_of_mailbox(address: str, last: str) -> str:
    """Return the first name after which an e-mail address is named, "" where it leaves a doubt: jane.doe.72@ is Jane's.

    One of its two words must be a known first name; the other is the last name where one is known (normalised), and no
    first name itself where none is.
    """
    found = _MAILBOX.match(address.casefold().partition("@")[0].partition("+")[0])
    if found is None:
        return ""
    names, known = found.groups(), last.split()
    firsts = [
        one
        for one, other in (names, names[::-1])
        if is_first_name(one) and (other in known and one not in known if known else not is_first_name(other))
    ]
    return firsts[0] if len(firsts) == 1 else ""


@remembered(65_536)
def _bare(first: str) -> str:
    return " ".join(word for word in normal(first).split() if word not in SUFFIXES)


def _first_of(whole: str) -> str:
    if "," in whole:
        last, _, rest = whole.partition(",")
        return last if normal(rest).strip() in SUFFIXES else rest.split()[0] if rest.split() else ""
    words = [word for word in whole.split() if normal(word)]
    return words[0] if len(words) > 1 else ""


@remembered(65_536)
def _suffix(text: str) -> str:
    words = normal(text).split()
    return SUFFIXES.get(words[-1], "") if words else ""


@remembered(131_072)
def _conflict(a: NameEvidence, b: NameEvidence, threshold: float) -> str | None:
    if a.suffix and b.suffix and a.suffix != b.suffix:
        return "different generations (Jr/Sr)"
    if not a.first or not b.first or a.first == b.first:
        return None
    if any(_alike(x, y, threshold) for x in a.first.split() for y in b.first.split()):
        return None
    return "different first names"


def conflict(a: NameEvidence, b: NameEvidence, threshold: float = 0.8) -> str | None:
    """Say why two names cannot be one person's, or None. Symmetric.

    First names conflict when no token of one equals, is a nickname or the initial of, or is similar to
    (Jaro-Winkler from `threshold` on) a token of the other.
    """
    return _conflict(a, b, threshold) if (a.first, a.suffix) <= (b.first, b.suffix) else _conflict(b, a, threshold)


def _alike(x: str, y: str, threshold: float) -> bool:
    if x == y or (min(len(x), len(y)) == 1 and x[0] == y[0]):
        return True
    if y in short_forms(x) or x in short_forms(y):
        return True
    return min(len(x), len(y)) > 1 and JaroWinkler.similarity(x, y) >= threshold


@remembered(65_536)
def short_forms(name: str) -> frozenset[str]:
    """Return the names of which this may be a short form, and its short forms."""
    longer = _longer(name)
    found = (set(_NICK.nicknames_of(name)) | set(_NICK.canonicals_of(name))).union(*map(_NICK.nicknames_of, longer))
    for one in {name, *longer}:
        found -= _NEVER.get(one, frozenset())
    for group in _ALSO:
        if name in group:
            found |= group
    return frozenset(found)


@remembered(65_536)
def formal_names(name: str) -> frozenset[str]:
    """Return the longer names of which this one is a short form: bob is Robert, but Robert is not Bill."""
    longer = _longer(name)
    for group in _ALSO:
        if name in group:
            longer |= group
    return frozenset(longer)


def _longer(name: str) -> set[str]:
    return {one for one in _NICK.canonicals_of(name) if len(one) > len(name)} - _NEVER.get(name, frozenset())
