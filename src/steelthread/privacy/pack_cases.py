"""The cases of jurisdiction packs, run: what each law answers to questions whose answers are known."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from steelthread.kit import Invalid
from steelthread.privacy import clocks
from steelthread.privacy.clocks import Pause
from steelthread.privacy.decide import Decider, Subject, fold
from steelthread.privacy.jurisdictions import Jurisdictions, Law
from steelthread.privacy.purposes import Purpose, Purposes
from steelthread.privacy.types import Statement

_NOW = date(2026, 6, 1)


class Case(msgspec.Struct, frozen=True, rename="camel"):
    """A case and what came of it."""

    pack: str
    number: int
    """Its place in the pack, from 1."""
    expected: str
    found: str

    @property
    def good(self) -> bool:
        """Whether the law answered as it should."""
        return self.expected == self.found


def run_cases(jurisdictions: Jurisdictions) -> Iterator[Case]:
    """Run all cases of all packs."""
    for pack in jurisdictions.packs.values():
        for number, case in enumerate(pack.cases, 1):
            expected, found = _run(jurisdictions, case)
            yield Case(pack.name, number, str(expected), str(found))


def _run(jurisdictions: Jurisdictions, case: Mapping[str, Any]) -> tuple[Any, Any]:
    place, day = case["place"], case.get("at", _NOW)
    if "received" in case:
        return case["due"], _due(jurisdictions, case)
    law = jurisdictions.law(place, day)
    if "pauses" in case:
        return case["may"], list(law.edition.right(case["pauses"])[1].pauses)
    if "right" in case:
        return case["there"], case["right"] in law.edition.rights
    if "law" in case:
        return case["law"], law.pack
    if "decide" not in case:
        raise Invalid(f"A case of {law.pack} asks nothing: say clock, acknowledge, pauses, right, law or decide.")
    return case["allow"], _decided(jurisdictions, case, place, day)


def _due(jurisdictions: Jurisdictions, case: Mapping[str, Any]) -> date:
    received = clocks.local_day(datetime.fromisoformat(case["received"]), case.get("zone", "UTC"))
    law: Law = jurisdictions.law(case["place"], received)
    clock = law.edition.right(case.get("clock") or case["acknowledge"])[1]
    if "acknowledge" in case:
        assert clock.acknowledge is not None
        return clocks.span_end(received, clock.acknowledge, case["place"])
    pauses = [Pause(*case["paused"])] if "paused" in case else []
    return clocks.answer_due(clock, received, case["place"], extended=case.get("extended", False), pauses=pauses)


def _decided(jurisdictions: Jurisdictions, case: Mapping[str, Any], place: str, day: date) -> bool:
    purposes = Purposes({"use": msgspec.convert(case["decide"], Purpose)})
    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    said = [
        Statement(
            event_id=UUID(int=number), node=b"node", scope="party", purpose=one.get("purpose", "use"), said=one["said"],
            occurred_at=at - timedelta(days=9 - number), recorded_at=at, signal=one.get("signal", ""),
            evidence={"born": str(one["born"])} if "born" in one else {},
        )
        for number, one in enumerate(case.get("said", ()))
    ]  # fmt: skip
    decider = Decider(purposes, jurisdictions)
    return decider.decide(Subject(fold(said, at)), "use", case.get("channel", ""), at=at, place=place).allow
