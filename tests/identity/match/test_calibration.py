"""Thresholds are chosen on what the data say, not by hand: each use names how sure it must be, and its threshold is as good."""

import math
import random

import numpy as np
import pytest
from tests.identity.match.test_resolve import FIRST, LAST, pairs

from steelthread.identity.match import CONNECTS, resolve
from steelthread.identity.match.calibration import EXACT, LOOSE, STRICT, TRIED, Tree, calibrate
from steelthread.identity.match.joining import Weighed, joins_within
from steelthread.identity.match.judged import Judged
from steelthread.identity.match.linkage import components, ends_of, labels_at, pairs_within

TARGETS = {"exact": EXACT, "strict": STRICT, "loose": LOOSE}
SAID = {use: math.log2(target.each / (1 - target.each)) for use, target in TARGETS.items()}
"""The thresholds of a model that is right about itself."""
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
def test_a_threshold_is_as_high_as_the_data_ask_and_as_precise_as_it_says(crowds, use):
    assert all(getattr(found.model.thresholds, use) > SAID[use] for found, _ in crowds)
    assert precision(crowds, lambda found: getattr(found.model.thresholds, use)) >= PRECISE[use]
    assert PRECISE[use] >= TARGETS[use].all


def test_the_lowest_height_that_is_looked_at_would_have_joined_too_much(crowds):
    assert precision(crowds, lambda _: CONNECTS) < PRECISE["loose"] - 0.03


def test_a_higher_threshold_is_more_precise(crowds):
    found = [precision(crowds, lambda found, use=use: getattr(found.model.thresholds, use)) for use in PRECISE]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1]


def couples(of, other, seed=1, count=500):
    """Return judged pairs of two people each with so many records, and the person of each record.

    Pairs of one person weigh six bits, give or take three; those of two as `other` says (mean and spread).
    """
    chance, size = np.random.default_rng(seed), 2 * of
    start = np.arange(count)[:, None] * size
    left, right = ((start + end).ravel() for end in np.triu_indices(size, 1))
    same = left // of == right // of
    weight = np.where(same, chance.normal(6, 3, len(left)), chance.normal(*other, len(left)))
    said, wall, levels = np.full(len(left), 40.0), np.zeros(len(left), np.uint8), np.zeros((len(left), 1), np.uint8)
    return Judged((left, right), levels, lambda: weight[:, None], (weight, said), wall), np.arange(count * size) // of


def joined(judged, truth):
    return joins_within(components(len(truth), judged.left, judged.right), Weighed.of(judged), CONNECTS)


def right_at(threshold, joins, truth):
    """Return how many of the joined pairs are right, and how many of the right pairs are joined."""
    made = pairs_within(np.array(labels_at(len(truth), joins, threshold)))
    one, other = ends_of(made)
    right = int((truth[one] == truth[other]).sum())
    return right / len(made), right / len(pairs_within(truth))


def test_where_heights_say_too_much_all_thresholds_rise_and_meet_targets_that_were_missed():
    judged, truth = couples(3, (-2, 4))
    joins = joined(judged, truth)
    believed, tried = calibrate(len(truth), joins), calibrate(len(truth), joins, judged)
    for use, target in TARGETS.items():
        assert getattr(tried, use) > getattr(believed, use) + 0.5
        assert right_at(getattr(tried, use), joins, truth)[0] > target.all
    assert right_at(believed.loose, joins, truth)[0] < LOOSE.all - 0.03


def test_where_heights_say_too_little_more_is_joined_and_nothing_wrong():
    judged, truth = couples(4, (-8, 1))
    joins = joined(judged, truth)
    believed, tried = calibrate(len(truth), joins), calibrate(len(truth), joins, judged)
    assert believed.strict == pytest.approx(SAID["strict"])
    assert tried.strict < believed.strict - 0.5
    precision, recall = right_at(tried.strict, joins, truth)
    assert precision == 1
    assert recall > right_at(believed.strict, joins, truth)[1]


def test_some_components_stand_for_all(monkeypatch):
    judged, truth = couples(3, (-2, 4))
    joins = joined(judged, truth)
    whole = calibrate(len(truth), joins, judged)
    assert len(judged.left) < TRIED
    monkeypatch.setattr("steelthread.identity.match.calibration.TRIED", len(judged.left) // 2)
    some = calibrate(len(truth), joins, judged)
    assert some != whole
    for use in TARGETS:
        assert getattr(some, use) == pytest.approx(getattr(whole, use), abs=1)


def test_what_reviewers_say_of_pairs_shifts_the_threshold(crowds):
    found, _ = crowds[0]
    made = np.array(sorted(pairs(found.clusters(CONNECTS))))
    height = Tree(found.records, found.joins).between(made[:, 0], made[:, 1])
    near = made[(height >= 1) & (height < 3)][:20].tolist()
    same, untold, different = (
        calibrate(found.records, found.joins, found.judged, told).strict
        for told in ([(b, a, True) for a, b in near], (), [(a, b, False) for a, b in near])
    )
    assert same < untold < different - 0.5
    apart = made[np.isneginf(height)][:20].tolist()
    nothing = [(a, b, False) for a, b in apart]
    assert calibrate(found.records, found.joins, found.judged, nothing).strict == untold
    twice = [*((a, b, False) for a, b in near), *((b, a, False) for a, b in near)]
    assert calibrate(found.records, found.joins, found.judged, twice).strict == different


def test_the_same_data_give_the_same_thresholds(crowds):
    found, _ = crowds[1]
    assert calibrate(found.records, found.joins, found.judged) == found.model.thresholds
