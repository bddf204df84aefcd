"""`source new` on the headers of well-known systems: at least nine in ten columns with a home find it, none a special one."""

from functools import cache

import pytest
import yaml
from tests.intake.headers import HEADERS, LATER, columns
from tests.intake.held_out import HELD_OUT, MET_LAST

from steelthread.intake import Format, compile_mapping, draft
from steelthread.intake.source import read_source
from steelthread.model import load_model

CSV = Format(type="csv", delimiter=",", encoding="utf-8", header=True)
MODEL = load_model()
AFTER = {**LATER, **HELD_OUT, **MET_LAST}


def homes(text):
    """Return column -> the homes that a drafted mapping gives it."""
    mapping = yaml.safe_load(text)
    found = {}

    def note(column, home):
        found.setdefault(str(column), set()).add(home)

    if isinstance(mapping["key"], str):
        note(mapping["key"], "key")
    changed = mapping.get("observed_at")
    if changed:
        note(changed["column"] if isinstance(changed, dict) else changed, "changed")
    for column in mapping.get("ignore", []):
        note(column, "secret")
    for one in mapping["entities"]:
        for attribute, how in one.get("attributes", {}).items():
            if isinstance(how, str) or "column" in how:
                note(how if isinstance(how, str) else how["column"], f"{one['entity']}.{attribute}")
        if isinstance(one.get("key"), str):
            note(one["key"], "key")
    for one in mapping.get("identifiers", []):
        note(one["column"], f"@{one['kind']}")
    return found


@cache
def drafted(name):
    rows = list(columns(name))
    header = [column for column, _, _ in rows]
    cells = [[values[place] for _, _, values in rows] for place in (0, 1)]
    text = draft(name, f"{name}.csv", CSV, header, cells, others=[], country="GB", model=MODEL)
    return text, header, cells, rows


@cache
def judged(name):
    """Return the columns that have a home, and those of them that did not find it."""
    text, _, _, rows = drafted(name)
    found = homes(text)
    homed = [(column, wanted) for column, wanted, _ in rows if wanted]
    return homed, [
        (column, wanted, found.get(column)) for column, wanted in homed if not set(wanted) & found.get(column, set())
    ]


@pytest.mark.parametrize("name", HEADERS)
def test_nine_in_ten_columns_find_their_home(name):
    homed, missed = judged(name)
    assert len(missed) <= len(homed) / 10, missed


def test_nine_in_ten_over_all_of_them():
    both = [judged(name) for name in HEADERS]
    homed, missed = sum(len(one) for one, _ in both), sum(len(one) for _, one in both)
    assert homed >= 250
    assert missed <= homed / 10


def test_nine_in_ten_over_the_systems_that_came_after():
    """What the draft had right when it first met them, nothing tuned on them: LATER 51 of 62, HELD_OUT 92 of 125.

    Of MET_LAST it had 60 of 76 in the first three and 39 of 48 in the last two, each time mended on all before: 242 of 311,
    which is 78 %, contacts better than orders. What it has now is a figure of development.
    """
    both = [judged(name) for name in AFTER]
    homed, missed = sum(len(one) for one, _ in both), sum(len(one) for _, one in both)
    assert homed >= 311
    assert missed <= homed / 20


@pytest.mark.parametrize("name", {**HEADERS, **AFTER})
def test_no_column_is_drafted_into_a_special_attribute(name):
    for column, found in homes(drafted(name)[0]).items():
        for home in found:
            entity, _, attribute = home.partition(".")
            if attribute:
                assert MODEL.entity(entity).attributes[attribute].privacy != "special", column


@pytest.mark.parametrize("name", {**HEADERS, **AFTER})
def test_a_column_without_a_home_is_left_alone(name):
    found = homes(drafted(name)[0])
    wrong = [
        (column, found[column]) for column, wanted, _ in columns(name)
        if not wanted and found.get(column, set()) - {"key"} and not found[column] <= {f"{column}"}
    ]  # fmt: skip
    assert len(wrong) <= 2, wrong


@pytest.mark.parametrize("name", {**HEADERS, **AFTER})
def test_the_draft_runs_unedited_and_sets_nothing_aside(name):
    text, header, cells, _ = drafted(name)
    mapping = compile_mapping(read_source(text, f"sources/{name}.yaml", MODEL), MODEL, header, "GB")
    for row in cells:
        mapped = mapping.map(row)
        assert mapped.records
        assert mapped.issues == []


def test_special_columns_stay_without_a_home_even_where_special_data_is_allowed():
    header = ["customer_id", "first_name", "religion", "ethnicity", "disability"]
    rows = [["1", "Ida", "x", "y", "z"], ["2", "Oli", "x", "y", "z"]]
    text = draft("p", "p.csv", CSV, header, rows, others=[], country="GB", model=load_model(special=True))
    assert "kept sealed as they are: religion, ethnicity, disability" in text
