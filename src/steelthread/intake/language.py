"""The mapping language: what may stand in `sources/NAME.yaml`, below the source itself."""

import re
from typing import Literal

import msgspec

from steelthread.kit import Invalid

_PARTS = frozenset({"first", "last", "rest"})


class RowHash(msgspec.Struct, forbid_unknown_fields=True):
    """The whole row is the key."""

    row_hash: bool


Key = str | list[str] | RowHash
"""A column, several columns, or the hash of the row."""


class Condition(msgspec.Struct, forbid_unknown_fields=True, rename={"among": "in"}):
    """Whether something is made of a row: one test of one column; that it is not empty by default."""

    column: str
    equals: str | None = None
    among: list[str] | None = None
    matches: str | None = None
    empty: bool = False
    not_empty: bool = False

    def check(self, where: str) -> None:
        """Refuse two tests at once, and a pattern that is none."""
        tests = sum((self.equals is not None, self.among is not None, self.matches is not None, self.empty,
                     self.not_empty))  # fmt: skip
        if tests > 1:
            raise Invalid(f"{where}: `when` makes one test: equals, in, matches, empty or not_empty.")
        pattern(self.matches or "", where)


class AttributeMapping(msgspec.Struct, forbid_unknown_fields=True):
    """How an attribute is made: of a column, of several, or a constant; then step by step in this order."""

    column: str | None = None
    constant: str | None = None
    concat: list[str] | None = None
    separator: str = " "
    split: str | None = None
    part: str | None = None
    regex: str | None = None
    group: str = "0"
    lookup: dict[str, str] | None = None
    case: Literal["lower", "upper", "title"] | None = None
    default: str | None = None
    date: str | list[str] = []
    decimal: Literal[".", ","] = "."
    country: str | None = None
    when: Condition | None = None

    def check(self, where: str) -> None:
        """Refuse what cannot be carried out."""
        if sum(one is not None for one in (self.column, self.constant, self.concat)) != 1:
            raise Invalid(f"{where}: say one of `column`, `concat` and `constant`.")
        if self.part is not None and self.part not in _PARTS and not re.fullmatch(r"-?\d+", self.part):
            raise Invalid(f"{where}: `part` is a number from 0, or first, last or rest.")
        if self.part is not None and not self.split:
            raise Invalid(f"{where}: `part` goes with `split`.")
        found = pattern(self.regex or "", where)
        if not (self.group.isdigit() and int(self.group) <= found.groups) and self.group not in found.groupindex:
            raise Invalid(f"{where}: the pattern has no group {self.group}.")
        if self.when:
            self.when.check(where)

    @property
    def formats(self) -> tuple[str, ...]:
        """Formats of a date, none for those that leave no doubt."""
        return (self.date,) if isinstance(self.date, str) else tuple(self.date)


class PartyMapping(msgspec.Struct, forbid_unknown_fields=True):
    """Whose a record is: the person's record, of this source or another."""

    key: Key
    source: str = ""
    entity: str = "Individual"


class ParentMapping(msgspec.Struct, forbid_unknown_fields=True):
    """The record above, by its key: one of this source, or of another."""

    entity: str
    key: Key
    source: str = ""


class Moment(msgspec.Struct, forbid_unknown_fields=True):
    """A column with the time at which the row was changed."""

    column: str
    date: str | list[str] = []

    @property
    def formats(self) -> tuple[str, ...]:
        """Formats of the date."""
        return (self.date,) if isinstance(self.date, str) else tuple(self.date)


class EntityMapping(msgspec.Struct, forbid_unknown_fields=True):
    """How a row gives one entity."""

    entity: str
    attributes: dict[str, AttributeMapping] = {}
    key: Key | None = None
    when: Condition | None = None
    party: PartyMapping | None = None
    parent: str | ParentMapping | None = None


class IdentifierMapping(msgspec.Struct, forbid_unknown_fields=True):
    """An identifier that is no attribute of the model."""

    kind: str
    column: str
    namespace: str = ""
    entity: str = ""


def pattern(text: str, where: str) -> re.Pattern[str]:
    """Compile a regular expression of a mapping."""
    try:
        return re.compile(text)
    except re.error as error:
        raise Invalid(f"{where}: not a regular expression that Python understands: {error}.") from None
