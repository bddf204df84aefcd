"""Every function of a computed trait over every span: lifetime, sliding windows, calendar periods; as time passes, too."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from tests.thread.test_traits import NOW, define, minutes, tell, traits, view

from steelthread.app import verify_space
from steelthread.profiles import read as reading

ON = {"event": "Product Viewed"}
ATTRIBUTES = {
    "count": None, "sum": "price", "min": "price", "max": "price", "average": "price", "first": "category",
    "last": "category", "most_frequent": "category", "unique_list": "category", "unique_count": "category",
}  # fmt: skip
SPANS = {
    "ever": {}, "half_hour": {"window": "30 minutes"}, "three_days": {"window": "3 days"},
    "four_hundred_days": {"window": "400 days"}, "month": {"period": "month"}, "last_month": {"period": "previous month"},
}  # fmt: skip
SEEN = [
    (timedelta(days=390), "tea", 4), (timedelta(days=26), "tea", 2.5), (timedelta(days=25), "cups", 3),
    (timedelta(days=24), "cups", 3), (timedelta(days=2), "cups", 7.25), (minutes(40), "pots", 1), (minutes(20), "pots", 30),
    (minutes(10), "tea", 6), (minutes(5), "tea", 2),
]  # fmt: skip
LATER = [timedelta(0), minutes(15), minutes(45), timedelta(days=2), timedelta(days=11), timedelta(days=45)]


@pytest.fixture
def at(monkeypatch):
    return lambda moment: monkeypatch.setattr(reading, "now", lambda: moment)


def month_before(moment):
    return (moment.replace(day=1) - timedelta(days=1)).strftime("%Y-%m")


def within(span, when, now):
    """Say whether something belongs to a span that is looked at now."""
    lengths = {"half_hour": minutes(30), "three_days": timedelta(days=3), "four_hundred_days": timedelta(days=400)}
    if span in lengths:
        return now - when < lengths[span]
    month = when.strftime("%Y-%m")
    return {"ever": True, "month": month == now.strftime("%Y-%m"), "last_month": month == month_before(now)}[span]


def expected(function, found):
    """Compute a trait the plain way, from (time, category, price)."""
    found = sorted(found)
    prices, names = [Decimal(str(price)) for *_, price in found], [name for _, name, _ in found]
    if function in ("count", "unique_count"):
        return len(found if function == "count" else set(names))
    if function == "unique_list":
        return sorted(set(names))
    if not found:
        return 0 if function == "sum" else None
    return {
        "sum": sum(prices), "min": min(prices), "max": max(prices), "average": sum(prices) / len(prices), "first": names[0],
        "last": names[-1], "most_frequent": Counter(names).most_common(1)[0][0],
    }[function]  # fmt: skip


def alike(value, wanted):
    if isinstance(wanted, Decimal):
        return value is not None and abs(Decimal(str(value)) - wanted) < Decimal("0.000001")
    return value == wanted or (wanted in (0, None, []) and not value)


def ties(found):
    counted = Counter(name for _, name, _ in found).most_common(2)
    return len(counted) == 2 and counted[0][1] == counted[1][1]


@pytest.mark.parametrize("filled", [False, True], ids=["live", "filled over history"])
def test_every_function_over_every_span_as_time_passes(space, at, filled):
    traits_wanted = {
        f"{function}_{span}": {"function": function, **ON, **said}
        | ({"attribute": f"properties.{name}"} if name else {})
        for function, name in ATTRIBUTES.items()
        for span, said in SPANS.items()
    }
    events = [view(number, *one) for number, one in enumerate(SEEN)]
    if filled:
        tell(space, events)
        define(space, traits_wanted)
    else:
        define(space, traits_wanted)
        tell(space, events, 3)
    compared = 0
    for later in LATER:
        now = NOW + later
        at(now)
        told = traits(space)
        for span in SPANS:
            found = [(NOW - ago, name, price) for ago, name, price in SEEN if within(span, NOW - ago, now)]
            for function in ATTRIBUTES:
                if function == "most_frequent" and ties(found):
                    continue
                wanted = expected(function, found)
                assert alike(told[f"{function}_{span}"], wanted), (
                    function,
                    span,
                    later,
                    told[f"{function}_{span}"],
                    wanted,
                )
                compared += 1
    assert compared > 300
    assert verify_space(space)["same"]


def test_the_plain_way_is_right():
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert [within(span, now - timedelta(days=26), now) for span in SPANS] == [True, False, False, True, False, True]
    assert expected("average", [(now, "tea", 1), (now, "tea", 2)]) == Decimal("1.5")
