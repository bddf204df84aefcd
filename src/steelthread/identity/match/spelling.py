"""Names for matching: what is left when titles, particles, scripts and habits of spelling are taken away."""

import re

import anyascii
import jellyfish
import msgspec

from steelthread.identity.names import SUFFIXES, TITLES, formal_names, is_first_name
from steelthread.kit import remembered

PARTICLES = frozenset(
    "de del della di da do dos das du la le les van von der den ten ter zu zum zur al el bin ibn ben bn y e of the".split()  # noqa: SIM905
)
_MORE_TITLES = frozenset(
    "lord lady baron baroness count countess duke duchess earl king queen prince princess viscount marquess saint st "  # noqa: SIM905
    "baronet bt bart esquire captain capt major col colonel general gen admiral lieutenant lt sergeant sgt hon esq phd md mp".split()
)
_NEVER_NAMES = frozenset(("sir", "mr", "mrs", "ms", "dr", "baronet", "bt", "lady", "saint", "the"))
_ORDINAL = re.compile(r"\d+(st|nd|rd|th)\Z")
_MARKS = re.compile(r"[^a-z0-9 ]+")
_FAMILY_AHEAD = re.compile(r"[\u1780-\u17ff\u3040-\u30fa\u30fc-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
"""Khmer, kana, Han and Hangul, in which the family stands ahead."""
_SIGNS = re.compile(r"([\u3400-\u9fff\uac00-\ud7a3]+)([\u3040-\u30ff]*)\Z")
"""A name without a blank, of signs that are a syllable each; a Japanese given name may be in kana."""
_DOTTED = "\u30fb"
"""Between the parts of a foreign name in kana, which keeps its own order."""
_LONG_FAMILIES = frozenset(
    "欧阳 歐陽 司马 司馬 上官 诸葛 諸葛 东方 東方 皇甫 尉迟 尉遲 公孙 公孫 慕容 令狐 司徒 夏侯 남궁 황보 제갈 선우 독고 사공 서문".split()  # noqa: SIM905
)
"""Chinese and Korean surnames of two signs."""


class Name(msgspec.Struct, frozen=True, array_like=True):
    """A name taken apart. All parts are lower-case ASCII, "" or () where there is none.

    `word` is set instead of first and last when the whole name is one word, which may be either.
    """

    first: str = ""
    given: tuple[str, ...] = ()
    last: str = ""
    surnames: tuple[str, ...] = ()
    middle: tuple[str, ...] = ()
    word: str = ""
    generation: str = ""


@remembered(262_144)
def words(text: str) -> tuple[str, ...]:
    """Split a name into ASCII words. Chinese, Japanese and Korean names give surname and given name as two words, blank or no blank."""
    if text.isascii():
        plain = text
    else:
        signs = _SIGNS.match(text.strip())
        if signs:
            text = " ".join(_family_and_given(*signs.groups()))
        plain = " ".join(map(anyascii.anyascii, text.split()))
    plain = plain.lower().replace("'", "").replace("`", "")
    return tuple(_MARKS.sub(" ", plain).split())


def _family_and_given(signs: str, kana: str) -> tuple[str, str]:
    """Return the surname and the given name: of four signs two are the surname, as in Japan, of less one, but for some."""
    if kana:
        return signs, kana
    size = 2 if signs[:2] in _LONG_FAMILIES or len(signs) == 4 else 1
    return signs[:size], signs[size:]


@remembered(65_536)
def is_family_ahead(text: str) -> bool:
    """Whether a whole name has the family name ahead, by its script."""
    return not text.isascii() and bool(_FAMILY_AHEAD.search(text)) and _DOTTED not in text


def _meaningful(text: str, *, first_in_line: bool) -> tuple[list[str], str]:
    """Return the words that are neither title nor generation, and the generation."""
    parts, generation = _parts(text, first_in_line)
    return list(parts), generation


@remembered(262_144)
def _parts(text: str, first_in_line: bool) -> tuple[tuple[str, ...], str]:  # noqa: FBT001  # remembered by place
    parts = [one for one in words(text) if not _ORDINAL.match(one)]
    generation = ""
    if all(one in _NEVER_NAMES for one in parts):
        return (), generation
    while len(parts) > 1 and parts[-1] in SUFFIXES:
        generation = SUFFIXES[parts.pop()]
    while first_in_line and len(parts) > 1 and (parts[0] in TITLES or parts[0] in _MORE_TITLES):
        parts.pop(0)
    return tuple(parts), generation


def _surnames(parts: list[str]) -> list[str]:
    kept = [part for part in parts if part not in PARTICLES and len(part) > 1]
    return kept or parts


@remembered(262_144)
def parse_name(first: str, middle: str, last: str, whole: str, suffix: str) -> Name:
    """Take a name apart, from its own fields or from the whole of it.

    The whole may be `Last, First` or `First Middle Last`; beside own fields it only adds middle names.
    """
    ahead, before = _meaningful(first, first_in_line=True)
    behind, after = _meaningful(last, first_in_line=not first)
    if len(ahead) > 1 and ahead[-1] == "i" and last:
        before = before or ahead.pop()
    extra = list(words(middle))
    everything, end = _meaningful(whole, first_in_line=True)
    generation = SUFFIXES.get("".join(words(suffix)), "") or after or end or before
    if not behind and everything and (not ahead or (len(ahead) > 1 and ahead == everything)):
        ahead, extra, behind = _split_whole(whole, everything, extra)
    elif ahead and behind and everything:
        extra += [part for part in everything if part not in ahead and part not in behind and part not in extra]
    if not ahead and len(behind) > 1 and is_family_ahead(last):
        ahead, behind = behind[1:], behind[:1]
    elif ahead and behind:  # each field is a name in one piece
        ahead, behind = (
            ["".join(part)] if _SIGNS.match(own) else part for part, own in ((ahead, first), (behind, last))
        )
    return _named(ahead, [one for one in extra if one not in SUFFIXES], behind, generation)


def _split_whole(whole: str, parts: list[str], extra: list[str]) -> tuple[list[str], list[str], list[str]]:
    head, comma, tail = whole.partition(",")
    if comma and words(tail) and "".join(words(tail)) not in SUFFIXES:
        given, _ = _meaningful(tail, first_in_line=True)
        family, _ = _meaningful(head, first_in_line=False)
        return given[:1], [*given[1:], *extra], family
    if is_family_ahead(whole):
        return parts[1:], extra, parts[:1]
    if len(parts) == 1:
        return [], extra, parts
    start = len(parts) - 1
    while start > 1 and parts[start - 1] in PARTICLES:
        start -= 1
    return parts[:1], [*parts[1:start], *extra], parts[start:]


def _named(ahead: list[str], extra: list[str], behind: list[str], generation: str) -> Name:
    surnames = _surnames(behind) if behind else []
    if len(ahead) + len(extra) + len(surnames) == 1:
        alone = (ahead or extra or surnames)[0]
        return Name(word=alone, given=tuple(ahead), surnames=tuple(surnames), generation=generation)
    given = [*ahead, *extra]
    first = given[0] if given else ""
    joined = ["".join(ahead)] if len(ahead) > 1 else []
    return Name(
        first=first,
        given=tuple(dict.fromkeys([one for one in given if len(one) > 1] + joined)),
        last="".join(surnames),
        surnames=tuple(dict.fromkeys(surnames)),
        middle=tuple(dict.fromkeys(given[1:])),
        generation=generation,
    )


@remembered(262_144)
def sound(word: str) -> str:
    """Return how a word sounds (Metaphone), without digits that slipped in."""
    letters = "".join(one for one in word if one.isalpha())
    return str(jellyfish.metaphone(letters)) if letters else ""


@remembered(262_144)
def called(first: str) -> tuple[str, ...]:
    """Return the first name and the names of which it may be the short form."""
    return tuple(sorted({first, *formal_names(first)})) if first else ()


def is_known(first: str) -> bool:
    """Whether a first name is a known one: then it is no typing error of another."""
    return is_first_name(first)


def named_by_mailbox(name: Name, found: tuple[str, ...]) -> Name:
    """Fill what a name lacks from the words of an e-mail address, where they leave no doubt: jane.doe.72 is Jane Doe.

    One of the two words must be the part that is known, or a first name that the nicknames know.
    """
    if len(found) != 2 or (name.first and name.last):
        return name
    known = name.first or name.last or name.word
    if known:
        if known not in found:
            return name
        other = found[1] if found[0] == known else found[0]
        first, last = (
            (known, other) if known == name.first or (known == name.word and found[0] == known) else (other, known)
        )
    elif is_known(found[0]):
        first, last = found
    else:
        return name
    return _named([first], list(name.middle), [last], name.generation)


def named_by_owner(name: Name, owner: str) -> Name:
    """Give a record without a first name that of the person after whom its mailbox is named."""
    if name.first or not owner or owner in name.surnames or (name.word and name.given):
        return name
    return msgspec.structs.replace(
        name, first=owner, given=(owner,), last=name.word or name.last, surnames=name.surnames, word=""
    )
