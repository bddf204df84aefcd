"""Computed traits without a database: the words, the sums, the windows, the estimates."""

import random
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from steelthread.kit import Invalid
from steelthread.model import load_model
from steelthread.profiles import load_profile_rules
from steelthread.profiles.computed import state as states
from steelthread.profiles.computed.definition import FUNCTIONS, Reader, Test, Trait, summand, takes_part, text_of
from steelthread.profiles.computed.state import MOST, One

VIEWED = {"event": "Product Viewed"}
PRICE = {**VIEWED, "attribute": "properties.price"}
PAGE = Path(__file__).parents[2] / "docs/traits.md"


@pytest.mark.parametrize(
    "wrong",
    [
        {"function": "median", **PRICE},
        {"function": "sum", **VIEWED},
        {"function": "count"},
        {"function": "count", **VIEWED, "window": "29 minutes"},
        {"function": "count", **VIEWED, "window": "401 days"},
        {"function": "count", **VIEWED, "window": "a while"},
        {"function": "count", **VIEWED, "window": "7 days", "period": "month"},
        {"function": "count", **VIEWED, "period": "fortnight"},
        {"function": "count", "entity": "SalesOrder", "where": {"colour": "red"}},
        {"function": "count", "entity": "Salesorder"},
        {"function": "count", **VIEWED, "where": {"properties.price": {"over": 3}}},
        "views",
    ],
)
def test_wrong_words_say_where(tmp_path, wrong):
    path = tmp_path / "profile.yaml"
    path.write_text(yaml.safe_dump({"traits": {"mine": wrong}}))
    with pytest.raises(Invalid, match=r"profile\.yaml: trait mine"):
        load_profile_rules(path, load_model())


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL))
def test_the_page_is_true(tmp_path, block):
    path = tmp_path / "profile.yaml"
    path.write_text(block)
    assert load_profile_rules(path, load_model()).traits
    assert not [word for word in (*FUNCTIONS, *Trait.__struct_fields__) if word not in PAGE.read_text()]


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("values", [5, 2000])
def test_any_order_and_any_grouping_gives_the_same_bytes(function, values):
    chance = random.Random(values)
    ones = []
    for number in range(3000):
        token = hash_of(chance.randrange(values))
        ones.append(
            One(
                chance.randrange(900),
                token.to_bytes(8, "big", signed=True),
                number,
                summand(Decimal(number) / 7),
                token,
            )
        )
    for one in ones:  # a record stands for its key
        one.record = abs(one.token) % 1000
    whole = states.packed(states.added(states.of(function, one) for one in ones))
    for _ in range(3):
        chance.shuffle(ones)
        parts = [states.added(states.of(function, one) for one in ones[at : at + 700]) for at in range(0, 3000, 700)]
        kept = [states.unpacked(states.packed(part)) for part in parts]
        chance.shuffle(kept)
        assert states.packed(states.added(kept)) == whole


def hash_of(number):
    return random.Random(number).randrange(-(1 << 63), 1 << 63)


@pytest.mark.parametrize("count", [0, 1, MOST - 1, 5000, 200_000])
def test_distinct_values_are_counted_exactly_and_then_estimated(count):
    chance = random.Random(3)
    tokens = sorted(chance.randrange(-(1 << 63), 1 << 63) for _ in range(count))[:MOST]
    state = states.State(count=count, values=[(token, 1, b"", 1) for token in tokens])
    told = states.numeric("unique_count", state)
    assert told == count if count < MOST else abs(told - count) < 0.15 * count


def moment(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("period", "at", "first", "last"),
    [
        ("day", "2026-03-01T10:00", "2026-03-01", "2026-03-01"),
        ("week", "2026-03-01T10:00", "2026-02-23", "2026-03-01"),
        ("month", "2026-03-31T23:59", "2026-03-01", "2026-03-31"),
        ("quarter", "2026-05-01T00:00", "2026-04-01", "2026-05-01"),
        ("year", "2026-05-01T00:00", "2026-01-01", "2026-05-01"),
        ("previous day", "2026-03-01T10:00", "2026-02-28", "2026-02-28"),
        ("previous month", "2026-03-31T10:00", "2026-02-01", "2026-02-28"),
        ("previous quarter", "2026-01-01T00:00", "2025-10-01", "2025-12-31"),
        ("previous year", "2026-01-01T00:00", "2025-01-01", "2025-12-31"),
        ("previous week", "2026-03-01T10:00", "2026-02-16", "2026-02-22"),
    ],
)
def test_calendar_periods(period, at, first, last):
    days = tuple(int(moment(one).timestamp()) // 60 for one in (first, last))
    assert Trait("count", event="x", period=period).span(moment(at)) == days


@pytest.mark.parametrize(
    ("zone", "at", "first", "last"),
    [
        ("Europe/Berlin", "2026-02-28T23:30", "2026-03-01", "2026-03-01"),
        ("America/New_York", "2026-03-01T04:59", "2026-02-01", "2026-02-28"),
        ("Pacific/Kiritimati", "2026-03-31T10:00", "2026-04-01", "2026-04-01"),
        ("UTC", "2026-02-28T23:30", "2026-02-01", "2026-02-28"),
    ],
)
def test_days_of_a_period_begin_where_its_time_zone_is(zone, at, first, last):
    trait = Trait("count", event="x", period="month", time_zone=zone)
    days = tuple(int(moment(one).timestamp()) // 60 for one in (first, last))
    assert trait.span(moment(at)) == days
    assert trait.bucket(moment(at)) == days[1]


@pytest.mark.parametrize(("zone", "offsets"), [("Europe/Berlin", (1, 2)), ("America/New_York", (-5, -4))])
def test_days_of_23_and_25_hours_are_one_day(zone, offsets):
    trait = Trait("count", event="x", period="day", time_zone=zone)
    summer = "2026-03-29" if zone == "Europe/Berlin" else "2026-03-08"
    begins = moment(f"{summer}T00:00") - timedelta(hours=offsets[0])
    ends = begins + timedelta(hours=23)
    assert trait.bucket(begins) == trait.bucket(ends - timedelta(seconds=1))
    assert trait.bucket(ends) == trait.bucket(begins) + 1440
    assert trait.bucket(begins - timedelta(seconds=1)) == trait.bucket(begins) - 1440


def test_a_trait_has_the_time_zone_of_its_project_unless_it_says_another(tmp_path):
    path = tmp_path / "profile.yaml"
    said = {"function": "count", "event": "x"}
    traits = {"a": {**said, "period": "day"}, "b": {**said, "period": "day", "time_zone": "Asia/Tokyo"},
              "c": {**said, "window": "7 days"}, "d": said}  # fmt: skip
    path.write_text(yaml.safe_dump({"traits": traits}))
    found = load_profile_rules(path, load_model(), "Europe/Berlin").traits
    assert [found[name].time_zone for name in "abcd"] == ["Europe/Berlin", "Asia/Tokyo", "", ""]
    assert load_profile_rules(path, load_model()).traits["a"].time_zone == ""
    for wrong in ({"period": "day", "time_zone": "Nowhere"}, {"window": "7 days", "time_zone": "Asia/Tokyo"}):
        path.write_text(yaml.safe_dump({"traits": {"a": {**said, **wrong}}}))
        with pytest.raises(Invalid, match=r"time.zone"):
            load_profile_rules(path, load_model())


@pytest.mark.parametrize(
    ("window", "unit"), [("30 minutes", 1), ("6 hours", 1), ("7 hours", 60), ("10 days", 60), ("400 days", 1440)]
)
def test_windows_are_quantised_and_never_shorter_than_they_say(window, unit):
    trait = Trait("count", event="x", window=window)
    now = moment("2026-03-01T10:17:31")
    low, high = trait.span(now)
    assert trait.unit == unit
    assert int(now.timestamp() / 60) - trait.minutes - unit < low <= int(now.timestamp() / 60) - trait.minutes
    assert high <= now.timestamp() / 60 < high + unit


@pytest.mark.parametrize(
    ("where", "value", "holds"),
    [
        ("tea", "tea", True), ("tea", "Tea", False), (3, "3.0", True), (["a", 2], 2.0, True), (["a", 2], "b", False),
        (Test(above=2), "2.5", True), (Test(above=2), 2, False), (Test(above=2, below=3), 2.5, True),
        (Test(below=2), "none", False), (Test(none_of=["a"]), "a", False), (Test(none_of=["a"]), None, True),
        (Test(exists=False), None, True), (Test(exists=True), 0, True), (Test(one_of=[True]), True, True),
        (Test(above=2), 10**400, False), (True, "true", True),
    ],
)  # fmt: skip
def test_filters(where, value, holds):
    trait = Trait("count", entity="CustomEngagement", where={"properties.a.b": where})
    values = {} if value is None else {"properties": {"a": {"b": value}}}
    assert takes_part(trait, Reader("CustomEngagement", values)) is holds


def test_numbers_are_equal_whatever_their_spelling_and_codes_are_no_numbers():
    assert {text_of(one) for one in (3, 3.0, "3", "3.00")} == {"3"}
    assert len({text_of(one) for one in ("007", "7", "1e3", 1000, "", True, "12345678901234567890123456789")}) == 7
    assert text_of({"b": 1, "a": [2]}) == '{"a":[2],"b":1}'
