"""The file that is being looked at: its columns, what their values say, and which have found a home."""

import re
import unicodedata
from collections.abc import Collection, Sequence

from steelthread.intake.draft import vocabulary
from steelthread.intake.moments import moment
from steelthread.intake.numbers import decimal_mark
from steelthread.intake.source import Source
from steelthread.intake.types import Unreadable
from steelthread.intake.values import NULLS

EMAILS = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}\Z")
PHONES = re.compile(r"\+?[\d ()./-]{7,20}\Z")
_SLASHED = re.compile(r"(\d{1,4})[/.\-](\d{1,2})[/.\-](\d{1,4})(?!\d)")
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+\d*|[A-Z]+\d*|\d+")
_ID = re.compile(
    r"(^|[_\s.-])(id|key|no|nr|number|code|uuid)$|^(id|key|uuid|recid|uniqueid)$|(Id|ID)$|nummer$", re.ASCII
)
_FIXED = vocabulary.USER | vocabulary.CUSTOMER | vocabulary.ORDER | vocabulary.CASE
_NO_KEY = frozenset().union(
    vocabulary.PHONE, vocabulary.EMAIL, *vocabulary.ADDRESS.values(), *vocabulary.SCHEMES.values(),
    vocabulary.QUANTITY, vocabulary.SECRET,
)  # fmt: skip


def plain(name: str) -> str:
    """Return a column name as letters and digits only, in lower case and without accents."""
    bare = unicodedata.normalize("NFKD", name.casefold())
    return re.sub(r"[^a-z0-9]", "", bare)


class Column:
    """A column with what its sample says."""

    def __init__(self, name: str, values: list[str]) -> None:
        self.name = name
        self.plain = plain(name)
        bare = "".join(letter for letter in unicodedata.normalize("NFKD", name) if letter.isascii())
        self.words = [word.lower() for word in _WORD.findall(bare)]
        self.filled = [value for value in values if value not in NULLS]
        self.complete = len(self.filled) == len(values) and bool(values)
        self.unique = len(set(self.filled)) == len(self.filled)
        self.names = self._names()

    def _names(self) -> list[str]:
        """Return by which names it may be known: the whole, then without prefixes, then without suffixes."""
        found = [self.plain]
        if self.plain in _FIXED:
            return found
        words = list(self.words)
        while len(words) > 1 and (words[0] in vocabulary.PREFIXES or words[0].isdigit()):
            words = words[1:]
            found.append("".join(words))
        words = list(self.words)
        while len(words) > 1 and words[-1] in vocabulary.SUFFIXES:
            words = words[:-1]
            found.append("".join(words))
        return found

    @property
    def group(self) -> str:
        """Which of several addresses or names it belongs to."""
        return self.words[0] if len(self.words) > 1 and self.words[0] in vocabulary.GROUPS else ""

    def fits(self, names: Collection[str]) -> bool:
        """Tell whether it is known by one of these names."""
        return any(name in names for name in self.names)

    def share(self, pattern: re.Pattern[str]) -> float:
        """Return how many of the values fit, 0 to 1."""
        return sum(bool(pattern.match(value)) for value in self.filled) / len(self.filled) if self.filled else 0.0


class Sheet:
    """The columns of a file, and which of them are used."""

    def __init__(
        self, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]], others: list[Source], country: str
    ) -> None:
        self.name = name
        self.columns = [Column(one, [row[index] for row in rows]) for index, one in enumerate(columns)]
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
            if one.complete and one.unique and _ID.search(one.name) and not one.fits(_NO_KEY)
        ]  # fmt: skip
        subject = plain(self.name).removesuffix("s")
        fit.sort(key=lambda one: (subject not in one.plain, not one.plain.endswith("id"), self.columns.index(one)))
        return fit[0] if fit else None

    def is_date(self, column: Column) -> bool:
        """Tell whether all values are dates."""
        return bool(column.filled) and not any(_no_date(value) for value in column.filled[:500])

    def may_be_date(self, column: Column) -> bool:
        """Tell whether all values are dates, those whose order of day and month is open included."""
        return bool(column.filled) and not any(
            _no_date(value) and not _SLASHED.fullmatch(value) for value in column.filled[:500]
        )

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
