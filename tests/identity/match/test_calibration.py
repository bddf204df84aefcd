"""Thresholds are chosen on what the data say, not by hand: where floors would join too much, they go up, and are as good as they say."""

import random

import pytest
from tests.identity.match.test_resolve import FIRST, LAST, pairs

from steelthread.identity.match import resolve
from steelthread.identity.match.calibration import FLOORS

PRECISE = {"exact": 0.99, "strict": 0.92, "loose": 0.90}
"""How precise the joined pairs of each use are to be."""


def crowd(people, seed):
    """Return records of people with a name, a year and one of four places, two thirds of each: many are namesakes."""
    chance = random.Random(seed)
    records, truth = [], []
    for person in range(people):
        last = chance.choice(LAST) + chance.choice(["", "er", "mann", "inger", "hofer", "bauer", "stein", "feld"])
        whole = {"firstName": chance.choice(FIRST), "lastName": last}
        some = {
            "birthDate": str(chance.randrange(1940, 2000)),
            "cityName": chance.choice(("wien", "graz", "linz", "wels")),
        }
        for _ in range(chance.choice((1, 2, 3))):
            records.append(whole | {word: value for word, value in some.items() if chance.random() > 0.3})
            truth.append(person)
    return records, truth


@pytest.fixture(scope="module")
def crowds():
    return [(resolve(records), pairs(truth)) for records, truth in (crowd(600, seed) for seed in (1, 2, 3))]


def precision(crowds, threshold_of):
    """Return how many of the pairs joined in all crowds are right."""
    made = right = 0
    for found, truth in crowds:
        joined = pairs(found.clusters(threshold_of(found)))
        made += len(joined)
        right += len(joined & truth)
    return right / made


@pytest.mark.parametrize("use", PRECISE)
def test_a_threshold_leaves_its_floor_where_it_has_to_and_is_as_precise_as_it_says(crowds, use):
    floor = getattr(FLOORS, use)
    assert all(getattr(found.model.thresholds, use) > floor for found, _ in crowds)
    assert precision(crowds, lambda found: getattr(found.model.thresholds, use)) >= PRECISE[use]


def test_the_floor_of_loose_would_have_joined_too_much(crowds):
    assert precision(crowds, lambda _: FLOORS.loose) < PRECISE["loose"] - 0.03


def test_a_higher_threshold_is_more_precise(crowds):
    found = [precision(crowds, lambda found, use=use: getattr(found.model.thresholds, use)) for use in PRECISE]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1]
