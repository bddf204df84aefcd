"""Jurisdiction packs: their own cases, and the table of clocks over leap days, holidays, time zones, pauses, extensions."""

import calendar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from holidays import country_holidays

from steelthread.kit import Invalid
from steelthread.privacy import Decider, Purpose, Purposes, Subject, clocks, load_jurisdictions, run_cases
from steelthread.privacy.clocks import Pause, Span

PACKS = load_jurisdictions()


@pytest.mark.parametrize("case", list(run_cases(PACKS)), ids=lambda one: f"{one.pack}-{one.number}")
def test_every_case_of_every_pack(case):
    assert case.good, case


def test_there_are_cases_of_clocks_and_of_decisions_in_every_pack():
    for pack in PACKS.packs.values():
        assert any("decide" in case for case in pack.cases), pack.name
        assert any("clock" in case for case in pack.cases) or pack.name == "us-md"


DUE = [
    # right, place, zone, received, extended, pauses, due
    ("access", "DE", "UTC", "2026-01-15T10:00", False, [], "2026-02-16"),  # 15 February is a Sunday
    ("access", "DE", "UTC", "2028-01-30T10:00", False, [], "2028-02-29"),
    ("access", "DE", "UTC", "2026-01-15T10:00", True, [], "2026-04-15"),
    ("access", "ES", "UTC", "2025-12-31T23:30", False, [], "2026-02-02"),  # 31 January is a Saturday
    ("access", "ES", "Europe/Madrid", "2025-12-31T23:30", False, [], "2026-02-02"),  # a Sunday
    ("erasure", "GB", "Europe/London", "2026-03-28T23:30", False, [], "2026-04-28"),
    ("erasure", "GB", "Europe/London", "2026-03-29T23:30", False, [], "2026-04-30"),  # summer time: the 30th already
    ("access", "US-CA", "America/Los_Angeles", "2026-01-16T07:00", False, [], "2026-03-01"),  # still the 15th
    ("opt_out", "US-CA", "America/Los_Angeles", "2026-12-18T18:00", False, [], "2027-01-12"),
    ("access", "BR", "America/Sao_Paulo", "2026-12-24T15:00", False, [], "2027-01-08"),
    ("access", "US-VA", "UTC", "2024-01-31T15:00", False, [], "2024-03-16"),
    ("access", "US-VA", "UTC", "2024-01-31T15:00", True, [], "2024-04-30"),
    ("access", "ZZ", "UTC", "2026-01-31T10:00", False, [], "2026-03-02"),  # of a place that no pack names: GDPR
    ("access", "DE", "UTC", "2026-05-04T10:00", False, [("2026-05-05", "2026-05-07"), ("2026-05-10", "2026-05-11")], "2026-06-08"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "place", "zone", "received", "extended", "pauses", "expected"), DUE)
def test_18_clocks(right, place, zone, received, extended, pauses, expected):
    day = clocks.local_day(datetime.fromisoformat(received).replace(tzinfo=UTC), zone)
    clock = PACKS.law(place, day).edition.right(right)[1]
    stood = [Pause(date.fromisoformat(since), date.fromisoformat(until)) for since, until in pauses]
    assert clocks.answer_due(clock, day, place, extended=extended, pauses=stood) == date.fromisoformat(expected)


DAYS = [date(2023, 12, 1) + timedelta(days=one) for one in range(5 * 366)]


def _months_on(day, months):
    """The oracle of month arithmetic: by counting, not by the rule."""
    year, month = day.year + (day.month - 1 + months) // 12, (day.month - 1 + months) % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def _off(place, subdivision=None):
    return np.array(sorted(country_holidays(place, subdiv=subdivision, years=range(2023, 2031))), dtype="datetime64[D]")


@pytest.mark.parametrize(("place", "off"), [("US-CA", ("US", "CA")), ("US-NY", ("US", "NY"))], ids=["US-CA", "US-NY"])
@pytest.mark.parametrize("length", [10, 15])
def test_18_business_days_of_five_years(place, off, length):
    """Each day of five years, leap years and movable holidays among them, against numpy's calendar."""
    expected = np.busday_offset(np.array(DAYS, dtype="datetime64[D]"), length, roll="backward", holidays=_off(*off))
    found = [clocks.span_end(day, Span(business_days=length), place) for day in DAYS]
    assert found == list(expected.astype(object))


@pytest.mark.parametrize(("place", "months"), [("DE", (1, 3)), ("ES", (1, 3)), ("FR", (1, 3)), ("GB", (1, 3))], ids=str)
def test_18_months_of_five_years(place, months):
    """The same day of the month, or its last; one that falls on no working day goes to the next (Regulation 1182/71, Art. 3(4))."""
    for extended, count in zip((False, True), months, strict=True):
        ends = np.array([_months_on(day, count) for day in DAYS], dtype="datetime64[D]")
        expected = list(np.busday_offset(ends, 0, roll="forward", holidays=_off(place)).astype(object))
        clock = PACKS.law(place, date(2026, 1, 1)).edition.right("access")[1]
        assert [clocks.answer_due(clock, day, place, extended=extended) for day in DAYS] == expected


@pytest.mark.parametrize(
    ("place", "right", "days"), [("US-CA", "access", (45, 90)), ("US-VA", "access", (45, 90)), ("US-MD", "access", (45, 90)), ("BR", "access", (15, 15))]
)  # fmt: skip
def test_18_days_of_five_years(place, right, days):
    clock = PACKS.law(place, date(2026, 1, 1)).edition.right(right)[1]
    for extended, count in zip((False, True), days, strict=True):
        found = [clocks.answer_due(clock, day, place, extended=extended) for day in DAYS]
        assert found == [day + timedelta(days=count) for day in DAYS]


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/Los_Angeles", "America/Sao_Paulo", "Pacific/Kiritimati", "Asia/Kolkata"]
)
def test_18_the_day_is_the_receivers_through_every_change_of_clocks(zone):
    """A minute before local midnight is the day before, at midnight the day, on each day of five years."""
    wrong = []
    for day in DAYS:
        midnight = datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
        if clocks.local_day(midnight, zone) != day or clocks.local_day(midnight - timedelta(minutes=1), zone) >= day:
            wrong.append(day)
    assert wrong == []


def test_a_pause_that_goes_on_counts_up_to_today():
    clock = PACKS.law("BR").edition.right("access")[1]
    day, pause = date(2026, 3, 2), [Pause(date(2026, 3, 3))]
    assert clocks.answer_due(clock, day, "BR", pauses=pause, today=date(2026, 3, 8)) == date(2026, 3, 22)


def test_business_days_skip_weekends_and_holidays():
    assert clocks.span_end(date(2026, 7, 1), Span(business_days=2), "US-CA") == date(2026, 7, 6)
    assert clocks.span_end(date(2026, 7, 1), Span(business_days=2), "XX") == date(2026, 7, 3)
    assert clocks.is_working_day(date(2026, 1, 6), "DE")
    assert not clocks.is_working_day(date(2026, 1, 6), "DE-BY")


def test_unknown_zones_and_rights_are_told():
    with pytest.raises(Invalid, match="time zone"):
        clocks.local_day(datetime(2026, 1, 1, tzinfo=UTC), "Mars/Olympus")
    with pytest.raises(Invalid, match="no right of restriction"):
        PACKS.law("US-CA").edition.right("restriction")


def test_a_decision_names_the_law_as_it_held():
    decider = Decider(Purposes({"a": Purpose(covers=("sensitive",), legal_basis="contract")}), PACKS)
    early = decider.decide(Subject([]), "a", at=datetime(2024, 1, 1, tzinfo=UTC), place="GB")
    late = decider.decide(Subject([]), "a", at=datetime(2026, 1, 1, tzinfo=UTC), place="GB")
    assert early.policy_version.endswith("+uk-2021-01-01")
    assert late.policy_version.endswith("+uk-2025-06-19")
    assert decider.decide(Subject([]), "a").allow, "without a place, purposes.yaml alone"


def test_a_project_s_own_pack_replaces_ours(tmp_path):
    (tmp_path / "jurisdictions").mkdir()
    mine = tmp_path / "jurisdictions" / "mine.yaml"
    mine.write_text(
        "name: lgpd\ntitle: ours\nplaces: [BR]\neditions: [{version: x, since: 2020-01-01, sources: [me], clocks: "
        "{ten: {within: {days: 10}}}, rights: {access: {law: ours, clock: ten}}}]\n"
    )
    clock = load_jurisdictions(tmp_path).law("BR").edition.right("access")[1]
    assert clocks.answer_due(clock, date(2026, 3, 2), "BR") == date(2026, 3, 12)
    for wrong in ("name: [", "name: x\n", mine.read_text().replace("clock: ten", "clock: nine")):
        mine.write_text(wrong)
        with pytest.raises(Invalid, match=r"mine\.yaml"):
            load_jurisdictions(tmp_path)
