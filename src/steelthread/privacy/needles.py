"""What the needle scan looks for: values in all the forms in which they hide, any number of them in one pass.

A few patterns are found by an automaton (Aho and Corasick, 1975). Very many would make it larger than any cache, so they
are found by their words: of a pattern of at least `step + 7` bytes, a whole word of eight bytes stands at a place that
`step` divides, wherever the pattern begins. Only those places are looked at, each word in a table that fits a cache, and
what the table lets through is compared byte by byte.

Short numbers stand by chance in longer ones, and in the hexadecimal digits of random bytes: a pattern of such digits
counts where it is a whole number, and no part of what looks random.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote

import phonenumbers
from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

_SMALL = 8
_EXACT = ("base64", "binary")
"""Forms that are compared as they are; the others in lower case."""
_FEW = 600
"""Up to so many patterns an automaton is fastest (measured: 261 MB/s for one person's 150, 21 MB/s for 46,000)."""
_GROUP = 64
"""Patterns that the library looks for by vector instructions (Teddy), when it need not tell those that overlap."""
_VERY_FEW = 3 * _GROUP
"""Up to so many this is faster: one group takes a seventh of the time of the automaton."""
_BLOCK = 1 << 18
"""Bytes that stay in a cache while the groups go through them: 1,700 MB/s for one person's patterns, the automaton 300."""
_CASE = 0x20
"""With this bit letters of both cases are one, and some other bytes are one, too: whatever is found is looked at closer."""
_CROWD = 2000
"""So many places to look at closer that the automaton had better go through everything."""
_WORD = 8
_SHORT = 9
"""Letters below which a pattern has no word at every second place."""
_MIX = 0x9E3779B97F4A7C15
"""2^64 by the golden ratio (Knuth, The Art of Computer Programming, 6.4): spreads words over a table."""
_AGAIN = 0xC2B2AE3D27D4EB4F
_AT_ONCE = 1 << 15
_HEX = frozenset(b"0123456789abcdef")
_RANDOM = 24
"""So many hexadecimal digits in a row, letters among them, are a hash, a key, a UUID or sealed: no value that anybody wrote."""


class Needles:
    """What is looked for: each value in any case, and with `derived` in the forms in which values hide."""

    def __init__(self, values: Iterable[str], *, derived: bool = False) -> None:
        self._lower: dict[bytes, tuple[int, str]] = {}
        self._exact: dict[bytes, tuple[int, str]] = {}
        for number, value in enumerate(values):
            for form, pattern in _derived(value) if derived else [("text", value.lower().encode())]:
                if pattern:
                    (self._exact if form.startswith(_EXACT) else self._lower).setdefault(pattern, (number, form))
        patterns = sorted({*self._lower, *(one.lower() for one in self._exact)})
        many = len(patterns) > _FEW
        self._words = _Words([one for one in patterns if len(one) >= _SHORT]) if many else None
        self._few = _Automaton([one for one in patterns if not many or len(one) < _SHORT])
        self._cases: dict[bytes, set[bytes]] = {}
        for one in self._exact:
            self._cases.setdefault(one.lower(), set()).add(one)

    def found(self, content: bytes) -> set[tuple[int, str]]:
        """Return (needle, form) of all that is in these bytes; text is compared in lower case."""
        found = self._few.found(content, in_any_case=True)
        if self._words is not None:
            found |= self._words.found(content.lower())
        numbers = [one for one in found if _HEX.issuperset(one)]
        if numbers:
            lowered = content.lower()
            found.difference_update(one for one in numbers if not _is_written(lowered, one))
        told = {self._lower[one] for one in found if one in self._lower}
        cased = [case for one in found for case in self._cases.get(one, ())]
        return told | {self._exact[one] for one in cased if one in content}


def _is_written(content: bytes, pattern: bytes) -> bool:
    """Whether a pattern of hexadecimal digits stands somewhere as more than a part of a number, or of something random."""
    start = content.find(pattern)
    while start != -1:
        end = start + len(pattern)
        if not _is_part(content, start, end):
            return True
        start = content.find(pattern, start + 1)
    return False


def _is_part(content: bytes, start: int, end: int) -> bool:
    before, after = content[max(0, start - _RANDOM) : start], content[end : end + _RANDOM]
    if content[start:end].isdigit() and (before[-1:].isdigit() or after[:1].isdigit()):
        return True
    left = _run(before[::-1])
    run = content[start - left : end + _run(after)]
    return len(run) >= _RANDOM and not run.replace(b"-", b"").isdigit() and end - start < _RANDOM


def _run(content: bytes) -> int:
    """Return how many hexadecimal digits and dashes there are at the beginning."""
    return next((number for number, one in enumerate(content) if one not in _HEX and one != 0x2D), len(content))


class _Automaton:
    """Finds a few patterns; very few are looked for by their first bytes many at a time, and then by the automaton."""

    def __init__(self, patterns: Sequence[bytes]) -> None:
        self._patterns = patterns
        kind = Implementation.DFA if len(patterns) <= _FEW else None
        self._automaton = BytesAhoCorasick(list(patterns), implementation=kind) if patterns else None
        self._longest = max(map(len, patterns), default=0)
        alike = sorted({bytes(letter | _CASE for letter in one) for one in patterns})
        groups = range(0, len(alike), _GROUP) if len(patterns) <= _VERY_FEW else ()
        self._groups = [
            BytesAhoCorasick(alike[start : start + _GROUP], matchkind=MatchKind.LeftmostFirst) for start in groups
        ]

    def found(self, content: bytes, *, in_any_case: bool = False) -> set[bytes]:
        """Return the patterns that are in these bytes; in any case, where they are in lower case."""
        if self._automaton is None:
            return set()
        near = self._near(content) if self._groups else None
        places = [(0, len(content))] if near is None else self._places(near)
        found: set[bytes] = set()
        for start, end in places:
            some = content[start:end]
            matches = self._automaton.find_matches_as_indexes(some.lower() if in_any_case else some, overlapping=True)
            found |= {self._patterns[number] for number in {number for number, _, _ in matches}}
        return found

    def _near(self, content: bytes) -> list[tuple[int, int]] | None:
        """Return where patterns, or what looks like them, begin and end; None where it is a crowd."""
        import numpy as np  # noqa: PLC0415  # late: most commands look for nothing

        letters = np.frombuffer(content, np.uint8)
        room = np.empty(_BLOCK + self._longest, np.uint8)
        near: list[tuple[int, int]] = []
        for first in range(0, len(letters), _BLOCK):
            some = letters[first : first + _BLOCK + self._longest]
            alike = np.bitwise_or(some, _CASE, out=room[: len(some)])
            for group in self._groups:
                near += [(first + start, first + end) for _, start, end in group.find_matches_as_indexes(alike.data)]
            if len(near) > _CROWD:
                return None
        return near

    def _places(self, near: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return the places to look at closer: whatever a group passed over overlaps what it told of."""
        places: list[tuple[int, int]] = []
        for start, end in sorted(near):
            first, last = max(0, start - self._longest), end + self._longest
            if places and first <= places[-1][1]:
                places[-1] = (places[-1][0], max(last, places[-1][1]))
            else:
                places.append((first, last))
        return places


class _Words:
    """Finds very many patterns, each of `_SHORT` bytes at least."""

    def __init__(self, patterns: Sequence[bytes]) -> None:
        import numpy as np  # noqa: PLC0415  # late: most commands look for nothing

        self._np = np
        self._patterns = frozenset(patterns)
        shortest = min(map(len, patterns), default=_SHORT)
        self._step = next(step for step in (8, 4, 2) if shortest >= step + 7)
        numbers = range(self._step)
        words = np.array(
            [int.from_bytes(one[at : at + _WORD], "little") for one in patterns for at in numbers], np.uint64
        )
        places = np.array([len(one) * _WORD + at for one in patterns for at in numbers], np.int32)
        order = np.lexsort((places, words))
        self._all, self._places = words[order], places[order]
        size = max(len(words), 1).bit_length()
        self._coarse, self._fine = self._table(_MIX, min(max(size + 3, 12), 22)), self._table(_AGAIN, min(size + 6, 26))

    def _table(self, factor: int, bits: int) -> tuple[Any, Any, Any]:
        np = self._np
        mix, shift = np.uint64(factor), np.uint64(64 - bits)
        table = np.zeros(1 << bits, np.bool_)
        table[(self._all * mix) >> shift] = True
        return mix, shift, table

    def found(self, content: bytes) -> set[bytes]:
        np = self._np
        found: set[bytes] = set()
        mix, shift, table = self._coarse
        buffer = np.empty(_AT_ONCE, np.uint64)
        for first in range(0, _WORD, self._step):
            words = (
                np.frombuffer(content, "<u8", max(len(content) - first, 0) // _WORD, first)
                if len(content) > first
                else ()
            )
            for start in range(0, len(words), _AT_ONCE):
                some = words[start : start + _AT_ONCE]
                mixed = buffer[: len(some)]
                np.multiply(some, mix, out=mixed)
                np.right_shift(mixed, shift, out=mixed)
                maybe = np.flatnonzero(table[mixed.view(np.int64)])
                if len(maybe):
                    self._look(content, some[maybe], first + _WORD * (start + maybe), found)
        return found

    def _look(self, content: bytes, words: Any, places: Any, found: set[bytes]) -> None:
        """Look closer at words that the coarse table let through."""
        np = self._np
        mix, shift, table = self._fine
        near = table[((words * mix) >> shift).view(np.int64)]
        words, places = words[near], places[near]
        begins = np.searchsorted(self._all, words)
        ends = np.searchsorted(self._all, words, "right")
        for number in np.flatnonzero(ends > begins):
            for code in set(self._places[begins[number] : ends[number]].tolist()):
                length, at = divmod(code, _WORD)
                start = int(places[number]) - at
                one = content[max(start, 0) : start + length]
                if one in self._patterns:
                    found.add(one)


def _derived(value: str) -> list[tuple[str, bytes]]:
    text = value.strip()
    raw = text.encode()
    forms = [("text", text.lower().encode()), ("url", quote(text.lower(), safe="").lower().encode())]
    forms += [
        ("utf-16", text.lower().encode("utf-16-le")[:-1]),
        ("hex", raw.hex().encode()),
    ]  # in either order of bytes
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw)
        forms.append((f"base64+{shift}", whole[(shift * 8 + 5) // 6 :].rstrip(b"=")[:-1]))
    digits = "".join(one for one in text if one.isdigit())
    is_phone = text.startswith("+") and len(digits) >= _SMALL
    for name in ("md5", "sha1", "sha256"):
        for of, told in (("", text.lower()), *((("digits ", digits),) if is_phone else ())):
            digest = hashlib.new(name, told.encode(), usedforsecurity=False)
            forms += [(f"{of}{name}", digest.hexdigest().encode()), (f"binary {of}{name}", digest.digest())]
    if is_phone:
        forms += [("digits", digits.encode()), ("digits", b"00" + digits.encode()), *_written(text)]
    return [(name, pattern) for name, pattern in forms if len(pattern) >= 3]


def _written(phone: str) -> list[tuple[str, bytes]]:
    """Return how people write a number of E.164: with blanks and dashes, with and without its country."""
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return []
    formats = phonenumbers.PhoneNumberFormat
    ways = {
        phonenumbers.format_number(number, one).lower()
        for one in (formats.INTERNATIONAL, formats.NATIONAL, formats.RFC3966)
    }
    told = [("written", way.encode()) for way in sorted(ways | {way.replace(" ", "-") for way in ways})]
    national = phonenumbers.national_significant_number(number)
    runs = (national, f"0{national}", f"{number.country_code}0{national}")
    return told + [("national", run.encode()) for run in runs]
