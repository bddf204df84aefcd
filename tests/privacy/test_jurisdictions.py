"""Jurisdiction packs: their own cases, and the table of clocks over leap days, holidays, time zones, pauses, extensions."""

from datetime import UTC, date, datetime

import pytest

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
