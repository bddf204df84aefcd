"""The file that is being looked at: its columns, what their values say, and which have found a home."""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence

from steelthread.intake.draft import vocabulary
from steelthread.intake.moments import moment
from steelthread.intake.numbers import decimal_mark
from steelthread.intake.source import Source
from steelthread.intake.types import Unreadable
from steelthread.intake.values import NULLS

UUIDS = re.compile(r"\{?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?\Z", re.IGNORECASE)
EMAILS = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}\Z")
PHONES = re.compile(r"\+?[\d ()./-]{7,20}\Z")
_SLASHED = re.compile(r"(\d{1,4})[/.\-](\d{1,2})[/.\-](\d{1,4})(?!\d)")
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+\d*|[A-Z]+\d*|\d+")
_ID = re.compile(
    r"(^|[_\s.-])(id|key|no|nr|number|code|uuid)$|^(id|key|uuid|recid|uniqueid)$|(Id|ID)$|nummer$|#\s*$", re.ASCII
)
_PARTS = re.compile(r"[/|]| or ")
"""A header may give two names: `State/Region`, `ZIP or postal code`."""
_NUMBER_SIGN = re.compile(r"(\w)\s*#\s*$")
"""`Order #` is the order's number."""
_ASIDE = re.compile(r"\([^)]*\)")
_FIXED = vocabulary.USER | vocabulary.CUSTOMER | vocabulary.ORDER | vocabulary.CASE
_NO_KEY = frozenset().union(
    vocabulary.PHONE, vocabulary.EMAIL, *vocabulary.ADDRESS.values(), *vocabulary.SCHEMES.values(),
    vocabulary.QUANTITY, vocabulary.SECRET,
)  # fmt: skip


def plain(name: str) -> str:
    """Return a column name as letters and digits only, in lower case and without accents."""
    bare = unicodedata.normalize("NFKD", _NUMBER_SIGN.sub(r"\1 number", name.casefold()))
    return re.sub(r"[^a-z0-9]", "", bare)


def _words(name: str) -> list[str]:
    said = _NUMBER_SIGN.sub(r"\1 number", name)
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", said) if letter.isascii())
    return [word.lower() for word in _WORD.findall(bare)]


def _reduced(words: Sequence[str], groups: Collection[str] = ()) -> list[str]:
    """Return the words without those that only say which one it is: in front, behind, at both ends, and numbers."""
    found = []
    for start in range(len(words)):
        before = words[start - 1] if start else ""
        if start and not (before in vocabulary.PREFIXES or before in groups or before.isdigit()):
            break
        for end in range(len(words), start, -1):
            if end < len(words) and not (words[end] in vocabulary.SUFFIXES or words[end].isdigit()):
                break
            found.append("".join(words[start:end]))
    found.append("".join(word for word in words if not word.isdigit()))
    return [one for one in found if one]


def _groups(columns: Sequence[str]) -> frozenset[str]:
    """Return the words of this file alone that tell one address from another: `POCity, PORegion, POCountry`."""
    known = frozenset().union(*vocabulary.ADDRESS.values())
    starts = Counter(said[0] for said in map(_words, columns) if len(said) > 1 and "".join(said[1:]) in known)
    return frozenset(word for word, times in starts.items() if times > 2 and word not in vocabulary.OTHERS)


class Column:
    """A column with what its sample says."""

    def __init__(self, name: str, values: list[str], groups: Collection[str] = ()) -> None:
        self.name = name
        self.groups = vocabulary.GROUPS | frozenset(groups)
        self.plain = plain(name)
        self.bare = plain(_ASIDE.sub(" ", name))
        """The name less what stands in brackets: `Total (inc tax)`."""
        self.words = _words(name)
        self.filled = [value for value in values if value not in NULLS]
        self.rows = frozenset(row for row, value in enumerate(values) if value not in NULLS)
        self.complete = len(self.filled) == len(values) and bool(values)
        self.unique = len(set(self.filled)) == len(self.filled)
        self.other = any(word in vocabulary.OTHERS for word in self.words)
        """Whether it is about somebody else than the row: an assistant, an owner."""
        self.names = self._names()

    def _names(self) -> list[str]:
        """Return by which names it may be known: the whole first, then with less and less around it."""
        found = [self.plain]
        if self.plain in _FIXED or self.other:
            return found
        found += _reduced(self.words, self.groups)
        for part in _PARTS.split(_ASIDE.sub(" ", self.name)):
            words = _words(part)
            if words and words != self.words:
                found += ["".join(words), *_reduced(words, self.groups)]
        return list(dict.fromkeys(found))

    def group(self, name: str) -> str:
        """Return which of several addresses it belongs to, given the name that it is known by: `Home Street` by `street`."""
        around = [word for word in self.words if word not in name]
        numbered = len(self.words) > 2 and self.words[0] == "address" and self.words[1].isdigit()
        if numbered and "address" in around:
            return f"address{self.words[1]}"
        return next((word for word in around if word in self.groups), "")

    @property
    def is_id(self) -> bool:
        """Tell whether it is named like a key."""
        return bool(_ID.search(self.name)) or self.plain in vocabulary.KEYS

    @property
    def tells_change(self) -> bool:
        """Tell whether its name says when the row was changed: `Last Modified`, `Updated At`, `Update time`."""
        said = set(self.words)
        return bool(said & vocabulary.CHANGES) and said <= vocabulary.CHANGES | vocabulary.CHANGED_BESIDE

    def fits(self, names: Collection[str]) -> bool:
        """Tell whether it is known by one of these names."""
        return any(name in names for name in self.names)

    def takes_turns(self, other: "Column") -> bool:
        """Tell whether each row has at most one of the two, and both stand somewhere."""
        return bool(self.rows and other.rows) and self.rows.isdisjoint(other.rows)

    def share(self, pattern: re.Pattern[str]) -> float:
        """Return how many of the values fit, 0 to 1."""
        return sum(bool(pattern.match(value)) for value in self.filled) / len(self.filled) if self.filled else 0.0


class Sheet:
    """The columns of a file, and which of them are used."""

    def __init__(
        self, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]], others: list[Source], country: str
    ) -> None:
        self.name = name
        groups = _groups(columns)
        self.columns = [Column(one, [row[index] for row in rows], groups) for index, one in enumerate(columns)]
        self.others = others
        self.used: set[str] = set()
        self.warnings: list[str] = []
        self._order = self._day_order(country)

    def has(self, names: Collection[str]) -> bool:
        """Tell whether a column is known by one of these names."""
        return any(one.fits(names) for one in self.columns)

    def find(self, names: Collection[str], *, exact: bool = False) -> Column | None:
        """Return the first unused column with one of these names; whole names go before reduced ones."""
        free = [one for one in self.columns if one.name not in self.used]
        whole = next((one for one in free if one.plain in names), None)
        whole = whole or next((one for one in free if one.bare in names), None)
        return whole if whole or exact else next((one for one in free if one.fits(names)), None)

    def take(self, names: Collection[str], *, exact: bool = False) -> Column | None:
        """Return and use up a column."""
        found = self.find(names, exact=exact)
        if found:
            self.use(found)
        return found

    def use(self, column: Column) -> None:
        """Note that a column has a home."""
        self.used.add(column.name)

    def key(self) -> Column | None:
        """Return the key: unique, never empty, named like an id."""
        fit = [
            one for one in self.columns
            if one.complete and one.unique and not one.other and not one.fits(_NO_KEY)
            and (one.is_id or one.share(UUIDS) == 1)
        ]  # fmt: skip
        subject = plain(self.name).removesuffix("s")
        fit.sort(key=lambda one: (subject not in one.plain, not one.plain.endswith("id"), self.columns.index(one)))
        return fit[0] if fit else None

    def line_key(self) -> Column | None:
        """Return the key of a line: unique, and named after an item or a line."""
        fit = [one for one in self.columns if one.complete and one.unique and one.is_id]
        return next((one for one in fit if {"item", "line", "lineitem"} & set(one.words[:-1])), None)

    def is_date(self, column: Column) -> bool:
        """Tell whether all values are dates."""
        return bool(column.filled) and not any(_no_date(value) for value in column.filled[:500])

    def may_be_date(self, column: Column) -> bool:
        """Tell whether all values are dates, those whose order of day and month is open included."""
        return bool(column.filled) and not any(
            _no_date(value) and not _SLASHED.fullmatch(value) for value in column.filled[:500]
        )

    def may_be_birth(self, column: Column) -> bool:
        """Tell whether a column that is called a birth date holds some: four in five; what is written otherwise is set aside, and told."""
        wrong = sum(_no_date(value) and not _SLASHED.fullmatch(value) for value in column.filled[:500])
        return wrong * 5 <= len(column.filled[:500])

    def dated(self, column: Column) -> str:
        """Return how a date column is written in the mapping: with the order of day and month where that is needed."""
        if not any(_unclear(value) for value in column.filled):
            return quoted(column.name)
        return f"{{column: {quoted(column.name)}, date: {_order_of([column]) or self._order}}}"

    def number(self, column: Column) -> str:
        """Return how a number column is written in the mapping: with its decimal mark where that is a comma."""
        if decimal_mark(column.filled[:500]) == ",":
            return f'{{column: {quoted(column.name)}, decimal: ","}}'
        return quoted(column.name)

    def _day_order(self, country: str) -> str:
        return _order_of(self.columns) or ("mdy" if country == "US" else "dmy")


def _order_of(columns: Sequence[Column]) -> str:
    """Return dmy or mdy where the values prove it."""
    found = [match for one in columns for match in map(_SLASHED.match, one.filled) if match and len(match[1]) < 3]
    days, months = sum(int(match[1]) > 12 for match in found), sum(int(match[2]) > 12 for match in found)
    return "" if days == months else "dmy" if days > months else "mdy"


def _unclear(value: str) -> bool:
    match = _SLASHED.match(value)
    if match is None or len(match[1]) == 4:
        return False
    return _no_date(value)


def _no_date(value: str) -> bool:
    try:
        moment(value, ())
    except Unreadable:
        return True
    return False


def quoted(text: str) -> str:
    """Return text as a YAML scalar."""
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t") + '"'
