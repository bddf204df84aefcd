"""What a rule of reading or comparing does in the end: it changes which records are held to be one person."""

import math
import random

import pytest
from tests.identity.match.test_resolve import FIRST, LAST, town

from steelthread.identity.match import Scorer, resolve
from steelthread.identity.match.birthdays import parse_birth
from steelthread.identity.match.calibration import STRICT
from steelthread.identity.match.columns import prepared
from steelthread.identity.match.comparisons import choose


@pytest.fixture(scope="module")
def scorer():
    return Scorer(resolve(town(400)[0]).model)


def weigh(scorer, one, other):
    """Return what the model says of two records: the sum, and each answer with its weight."""
    rows = scorer.prepare(one), scorer.prepare(other)
    steps = {step.comparison: step for step in scorer.waterfall(*rows)}
    return scorer.weight(*rows), steps


ANNA = {"firstName": "Annelore", "lastName": "Quandt", "birthDate": "1971-03-09", "postalCodeText": "4020"}


def test_january_1_stands_for_a_year_where_it_is_far_too_frequent():
    days = [f"19{year}-{month:02d}-{day:02d}" for year in (50, 60, 70) for month in range(1, 13) for day in (1, 7, 19)]
    usual = [{"birthDate": day} for day in days]
    often = usual + [{"birthDate": f"19{year}-01-01"} for year in range(51, 59)]
    assert not prepared(usual)[1].year_only
    coded, found = prepared(often)
    assert found.year_only
    row = coded.row(len(often) - 1)
    assert (row["birth"], row["birthday"], row["swapped"], row["year"]) == ("19580101", None, None, "1958")
    assert coded.row(1)["birthday"] == "19500107"


def test_a_shared_january_1_says_less_than_a_shared_birthday_where_it_stands_for_the_year():
    records, people = town(400, seed=8)
    for record, (family, _) in zip(records, people, strict=True):
        if family % 4 == 0 and "birthDate" in record:
            record["birthDate"] = f"{record['birthDate'][:4]}-01-01"
    model = resolve(records).model
    assert model.frequencies.year_only
    steps = [
        weigh(Scorer(model), {"birthDate": day}, {"birthDate": day})[1]["birth"] for day in ("1971-01-01", "1971-03-04")
    ]
    assert [step.label for step in steps] == ["same birth year, no day known", "same birth date"]
    assert steps[0].weight < steps[1].weight - 2


@pytest.mark.parametrize(
    ("text", "swapped"),
    [("1980-03-04", "19800403"), ("1980-03-20", "19802003"), ("1980-04-04", ""), ("1980", "")],
)
def test_a_birth_date_knows_how_it_reads_with_day_and_month_swapped(text, swapped):
    assert parse_birth(text).swapped == swapped


def test_a_swapped_day_and_month_is_nearly_the_same_day_and_joins(scorer):
    swapped, steps = weigh(scorer, ANNA, {**ANNA, "birthDate": "1971-09-03"})
    assert steps["birth"].label == "day and month swapped"
    other, without = weigh(scorer, ANNA, {**ANNA, "birthDate": "1971-11-28"})
    assert without["birth"].label == "same birth year"
    assert steps["birth"].weight > 0 > without["birth"].weight
    assert swapped > other + 3


def test_swapped_names_are_one_name_and_join(scorer):
    swapped, steps = weigh(scorer, ANNA, {**ANNA, "firstName": "Quandt", "lastName": "Annelore"})
    assert steps["first"].label == "first and last name swapped"
    assert steps["last"].label == "last and first name swapped"
    assert steps["first"].weight > 0
    assert steps["last"].weight > 0
    other, without = weigh(scorer, ANNA, {**ANNA, "firstName": "Helmut", "lastName": "Zöllner"})
    assert without["first"].label == "different first name"
    assert swapped > max(math.log2(STRICT.each / (1 - STRICT.each)), other + 6)


def test_swapped_names_and_days_end_in_one_cluster():
    """Once each among others: nobody is found by the name or the day itself."""
    records, truth = town(300, seed=6)
    chance = random.Random(3)
    pairs = []
    for place in range(20):
        first, last, number = chance.choice(FIRST), f"{chance.choice(LAST)}x{'abcdefghijklmnopqrst'[place]}", place + 1
        one = {"firstName": first, "lastName": last, "birthDate": f"19{number + 50}-03-{number % 12 + 1:02d}",
               "addressLine1": f"{number} Lindenallee", "postalCodeText": "8010"}  # fmt: skip
        if place % 2:
            other = {**one, "firstName": last, "lastName": first}
        else:
            year, month, day = one["birthDate"].split("-")
            other = {**one, "birthDate": f"{year}-{day}-{month}"}
        pairs.append((len(records), len(records) + 1))
        records += [one, other]
    found = resolve(records).clusters()
    assert sum(found[one] == found[other] for one, other in pairs) >= 19
    assert truth


def test_postcode_and_place_are_one_piece_of_evidence(scorer):
    """A postcode says the place, too: with both alike two records are no nearer than with the postcode alone."""
    bare = {"firstName": "Annelore", "lastName": "Quandt"}
    alone, _ = weigh(scorer, {**bare, "postalCodeText": "4020"}, {**bare, "postalCodeText": "4020"})
    home = {"postalCodeText": "4020", "cityName": "Linz"}
    both, steps = weigh(scorer, {**bare, **home}, {**bare, **home})
    assert steps["place"].label == "same postcode"
    assert both == pytest.approx(alone)
    names = [one.name for one in scorer.model.comparisons]
    assert names.count("place") == 1
    assert not {"postcode", "city"} & set(names)


@pytest.mark.parametrize(
    ("filled", "expected"),
    [
        ({}, []),
        ({"first": 0.0, "last": 0.0}, []),
        ({"first": 0.9}, ["first"]),
        ({"first": 0.9, "last": 0.9}, ["first", "last"]),
        ({"last": 0.9, "phones": 0.1}, ["last", "last_home", "contact"]),
        ({"birth": 0.01}, ["birth"]),
        ({"city": 0.5}, ["place"]),
        ({"postcode": 0.5, "city": 0.5}, ["place"]),
        ({"mails": 0.5}, ["contact"]),
        ({"address": 0.5}, ["contact"]),
        ({"word": 0.1, "middle": 0.1, "gender": 1.0, "category": 0.3, "numbers": 0.1},
         ["word", "middle", "gender", "category", "number"]),
    ],
)  # fmt: skip
def test_there_is_a_question_for_each_kind_of_evidence_that_is_there_and_for_no_other(filled, expected):
    assert [one.name for one in choose(filled)] == expected


def test_what_nobody_has_is_not_asked():
    model = resolve([{"firstName": first, "lastName": last} for first in FIRST for last in LAST[:3]]).model
    assert [one.name for one in model.comparisons] == ["first", "last"]
