"""Jurisdiction packs: what a law demands, as data with a date from which it holds, its source, and cases that prove it.

A place is a country (`DE`) or a part of one (`US-CA`). A place that no pack names goes by GDPR, the strictest that there is.
A project's own packs in its folder `jurisdictions` replace those of the same name.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from steelthread.kit import Invalid
from steelthread.privacy.clocks import Clock, add_months
from steelthread.privacy.purposes import Cover, Purpose

Right = Literal[
    "access", "portability", "rectification", "erasure", "restriction", "objection", "opt_out", "limit", "human_review"
]
"""What can be asked for; `know` and `correct` are other words for access and rectification."""
FALLBACK = "gdpr"
DEFAULT = "default"
_REMEMBERED = 1000
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times as fast, where it is built


class RightRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """How one right is granted."""

    law: str
    clock: str
    points: int = 0
    """How many things must show who asks: 0 none, 1 control of a contact, 2 a reasonable, 3 a reasonably high degree."""
    declaration: bool = False
    """Whether it takes a signed declaration too, when there is no login."""


class Demand(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A use that the law binds to consent, forbids, or forbids of children."""

    law: str
    covers: tuple[Cover, ...]
    """It speaks of purposes that cover all of these."""
    needs: Literal["consent", "never"]
    channels: tuple[str, ...] = ()
    """Of these channels only, and of the question for all of them."""
    soft_opt_in: bool = False
    """Whether own customers may be told of similar goods without (ePrivacy Directive, Art. 13(2))."""
    below: int = 0
    """Of people below this age only."""


class Edition(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A law as it holds from a day on."""

    version: str
    since: date
    sources: tuple[str, ...]
    clocks: Mapping[str, Clock]
    rights: Mapping[Right, RightRule]
    places: Mapping[str, date] = {}
    """Places where it holds, each with its own first day; without it, all of the pack from `since` on."""
    complain_to: str = ""
    parent_below: Mapping[str, int] = msgspec.field(default_factory=lambda: {DEFAULT: 16})
    """Age below which a parent must have agreed to what needs consent or profiles, by place."""
    demands: tuple[Demand, ...] = ()

    def right(self, right: Right) -> tuple[RightRule, Clock]:
        """Return how a right is granted; Invalid for one that this law does not know."""
        rule = self.rights.get(right)
        if rule is None:
            there = ", ".join(sorted(self.rights))
            raise Invalid(f"{self.version} knows no right of {right}; it knows {there}.")
        return rule, self.clocks[rule.clock]

    def in_force(self, place: str, day: date) -> bool:
        """Whether it holds at a place on a day."""
        return day >= max(self.since, self.places.get(place, self.since))


class Pack(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """One law, or a family of laws."""

    name: str
    title: str
    places: tuple[str, ...]
    editions: tuple[Edition, ...]
    cases: tuple[dict[str, Any], ...] = ()
    """Executable: `steelthread jurisdiction check` runs them."""


class Effective(msgspec.Struct, frozen=True):
    """A purpose as a law has it."""

    purpose: Purpose
    forbidden: str = ""
    """The law that forbids it."""


class Law(msgspec.Struct, frozen=True):
    """The edition that holds at a place on a day."""

    pack: str
    place: str
    edition: Edition

    @property
    def version(self) -> str:
        """Its name for the policy version of a decision."""
        return f"{self.pack}-{self.edition.version}"

    @property
    def parent_below(self) -> int:
        """The age below which a parent must have agreed."""
        ages = self.edition.parent_below
        return ages.get(self.place, ages[DEFAULT])

    def child(self, born: str, at: date) -> bool:
        """Whether somebody born on a day, of whom we know that, is a child at another; True when it is not known."""
        return _younger(born, self.parent_below, at)

    def effective(self, one: Purpose, channel: str, born: str | None = None, at: date | None = None) -> Effective:
        """Return a purpose as the law has it: perhaps bound to consent, perhaps forbidden."""
        basis = one.basis_in.get(self.place) or one.basis_in.get(self.pack) or one.legal_basis
        for demand in self.edition.demands:
            if not set(demand.covers) <= set(one.covers) or (demand.soft_opt_in and one.soft_opt_in):
                continue
            if demand.channels and channel and channel not in demand.channels:
                continue
            if demand.channels and not channel and one.channels and not set(demand.channels) & set(one.channels):
                continue
            if demand.below and (born is None or at is None or not _younger(born, demand.below, at)):
                continue
            if demand.needs == "never":
                return Effective(one, demand.law)
            basis = "consent"
        return Effective(one if basis == one.legal_basis else msgspec.structs.replace(one, legal_basis=basis))


def _younger(born: str, years: int, at: date) -> bool:
    """Whether somebody is younger than so many years; a day of birth that is not known or not a date counts as yes."""
    try:
        day = date.fromisoformat(born)
    except ValueError:
        return True
    return at < add_months(day, years * 12)


class Jurisdictions:
    """All packs of a project."""

    def __init__(self, packs: Sequence[Pack]) -> None:
        self.packs = {one.name: one for one in packs}
        self._of = {place: one for one in packs for place in one.places}
        self._held: dict[tuple[str, date], Law] = {}

    def law(self, place: str, at: date | None = None) -> Law:
        """Return the law of a place, as of a day; a law that does not hold there yet leaves GDPR, the strictest."""
        day = at or date.max - timedelta(days=1)
        found = self._held.get((place, day))
        if found is None:
            if len(self._held) > _REMEMBERED:
                self._held.clear()
            found = self._held[(place, day)] = self._law(place, day)
        return found

    def _law(self, place: str, day: date) -> Law:
        for name in (place, place.partition("-")[0]):
            pack = self._of.get(name)
            held = [one for one in pack.editions if one.in_force(place, day)] if pack else []
            if pack and held:
                return Law(pack.name, place, max(held, key=lambda one: one.since))
        fallback = self.packs[FALLBACK].editions
        held = [one for one in fallback if one.since <= day] or [min(fallback, key=lambda one: one.since)]
        return Law(FALLBACK, place, max(held, key=lambda one: one.since))


def load_jurisdictions(folder: Path | None = None) -> Jurisdictions:
    """Read the packs that come with Steelthread, and those of a project's folder `jurisdictions`."""
    packs = dict(_own())
    for path in sorted((folder / "jurisdictions").glob("*.yaml")) if folder else ():
        pack = _read(path)
        packs[pack.name] = pack
    return Jurisdictions(list(packs.values()))


@lru_cache(maxsize=1)
def _own() -> Mapping[str, Pack]:
    files = resources.files("steelthread.privacy") / "packs"
    found = [_read(one) for one in sorted(files.iterdir(), key=lambda one: one.name) if one.name.endswith(".yaml")]
    return {one.name: one for one in found}


def _read(path: Traversable) -> Pack:
    try:
        pack = msgspec.convert(yaml.load(path.read_text("utf-8"), Loader=_LOADER), Pack)  # noqa: S506  # the safe loader
    except (yaml.YAMLError, UnicodeDecodeError):
        raise Invalid(f"{path} is not valid YAML: mend it, then read again.") from None
    except msgspec.ValidationError as error:
        raise Invalid(f"{path}: {error}. See docs/rights.md for what a pack may say.") from None
    for edition in pack.editions:
        missing = {rule.clock for rule in edition.rights.values()} - edition.clocks.keys()
        if missing:
            raise Invalid(
                f"{path}: edition {edition.version} names clocks that it does not have: {', '.join(missing)}."
            )
        if DEFAULT not in edition.parent_below:
            raise Invalid(f"{path}: parentBelow of edition {edition.version} needs a {DEFAULT}.")
    return pack


def day_of(at: datetime | None) -> date | None:
    """Return the day of a moment, in UTC."""
    return at.date() if at is not None else None
