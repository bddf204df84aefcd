"""Names of organisations for matching: what is left when legal forms, fillers, abbreviations and scripts are taken away."""

import re
import unicodedata
from itertools import combinations

import anyascii
import jellyfish
import msgspec

from steelthread.identity.organisations import FORMS, SAID_BY_ALL, UMLAUT
from steelthread.kit import remembered

_MARKS = re.compile(r"[^a-z0-9]+")
_DOTTED = re.compile(r"(?<=\b\w)\.(?=\w\b|\s|$)")
_ASIDE = re.compile(r"\([^)]*\)")
_FAR = (
    ("股份有限公司", " ltd "), ("有限责任公司", " ltd "), ("有限公司", " ltd "), ("株式会社", " kk "), ("(株)", " kk "), ("주식회사", " ltd "),
)  # fmt: skip
"""Legal forms that are written in one with the name."""
_FORMS_BEYOND = {
    "ooo": "ltd", "tov": "ltd", "zao": "ag", "oao": "ag", "pao": "ag", "ao": "ag", "pty": "ltd", "pte": "ltd", "pvt": "ltd", "private": "ltd",
    "bhd": "ltd", "sdn": "ltd", "doo": "ltd", "ead": "ag", "ood": "ltd", "eood": "ltd", "aktiengesellschaft": "ag", "as": "as", "asa": "as",
    "kommanditgesellschaft": "kg", "cv": "cv", "sal": "sal", "saoc": "sal", "wll": "ltd", "fzco": "ltd", "fze": "ltd", "fzllc": "llc", "jsc": "ag",
}  # fmt: skip
"""Forms by which the name guard does not go: they say little, and the comparison of forms is weak evidence anyway."""
_SAME_FORM = {"gmbh": "ltd", "llc": "ltd", "sarl": "ltd", "srl": "ltd", "bv": "ltd", "kft": "ltd", "lda": "ltd", "ltda": "ltd", "sro": "ltd",
              "zoo": "ltd", "aps": "ltd", "sl": "ltd", "ug": "ltd", "inc": "inc", "plc": "ag", "sa": "ag", "spa": "ag", "nv": "ag", "se": "ag",
              "kk": "ag", "oy": "ltd", "ab": "ltd"}  # fmt: skip
"""Forms of other countries that are one: a subsidiary's record may be kept under either."""
_LONG = {
    "intl": "international", "natl": "national", "mfg": "manufacturing", "mfr": "manufacturer", "bros": "brother", "assoc": "associate",
    "assn": "association", "svc": "service", "sys": "system", "tech": "technology", "dept": "department", "univ": "university",
    "inst": "institute", "mgmt": "management", "mktg": "marketing", "engr": "engineering", "eng": "engineering", "dist": "distribution",
    "ind": "industry", "industrie": "industry", "lab": "laboratory", "govt": "government", "hosp": "hospital", "ctr": "center", "cntr": "center",
    "centre": "center", "constr": "construction", "serv": "service", "soc": "society", "societe": "society", "ges": "gesellschaft",
    "bldg": "building", "pharm": "pharmacy", "trans": "transport", "insur": "insurance", "equip": "equipment", "elec": "electric",
    "comm": "communication", "telecom": "telecommunication", "fin": "finance", "dev": "development", "prod": "product", "st": "saint",
}  # fmt: skip
_SHORTEST_INITIALS = 3
_SPOKEN = 4
"""Words of fewer letters count as they are written."""
_MANY = 6
"""More words than this make too many parts to look at; the first say what it is called."""


class Firm(msgspec.Struct, frozen=True):
    """A name taken apart, lower-case ASCII: its words, its legal forms, and the initials that it may go by."""

    words: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    initials: str = ""

    @property
    def name(self) -> str:
        """The words as written."""
        return " ".join(self.words)

    @property
    def run(self) -> str:
        """The words in one."""
        return "".join(self.words)

    @property
    def spoken(self) -> str:
        """The words as they sound, in order of the alphabet, each once."""
        return " ".join(sorted({spoken(word) for word in self.words[:_MANY]}))


def _split(text: str) -> list[str]:
    text = unicodedata.normalize("NFKC", text)
    for written, form in _FAR:
        text = text.replace(written, form)
    bare = _DOTTED.sub("", _ASIDE.sub(" ", text)) if _ASIDE.sub(" ", text).strip() else _DOTTED.sub("", text)
    plain = bare if bare.isascii() else anyascii.anyascii(bare)
    return _MARKS.sub(" ", plain.lower().replace("'", "")).split()


def _canonical(word: str) -> str:
    stem = word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
    return UMLAUT.sub(r"\1", _LONG.get(word) or _LONG.get(stem) or stem)


@remembered(262_144)
def parse_firm(text: str) -> Firm:
    """Take the name of an organisation apart; one that is nothing but forms and fillers keeps them as its words."""
    written = _split(text)
    forms, words = [], []
    for place, word in enumerate(written):
        form = FORMS.get(word) or _FORMS_BEYOND.get(word)
        if form and (place or len(written) > 1):
            forms.append(_SAME_FORM.get(form, form))
        elif word not in SAID_BY_ALL:
            words.append(word)
    words = words or [word for word in written if word not in FORMS] or written
    letters = "".join(word[0] for word in words)
    stems = tuple(_canonical(word) for word in words)
    return Firm(stems, tuple(sorted(set(forms))), letters if len(letters) >= _SHORTEST_INITIALS else "")


@remembered(262_144)
def spoken(word: str) -> str:
    """Return how a word sounds, itself where it is short or no word."""
    return jellyfish.metaphone(word).lower() or word if len(word) >= _SPOKEN and word.isalpha() else word


def parts_of(firm: Firm) -> list[str]:
    """Return what a shorter name of the same may be, as `Firm.spoken` gives it: its first word, or any two words or more."""
    sounds = sorted({spoken(word) for word in firm.words[:_MANY]})
    sizes = range(2, len(sounds))
    return [
        *([spoken(firm.words[0])] if len(sounds) > 1 else []),
        *(" ".join(one) for size in sizes for one in combinations(sounds, size)),
    ]
