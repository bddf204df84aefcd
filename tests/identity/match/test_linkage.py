"""Average linkage equals its definition; walls hold for every superset; thresholds are nested."""

import math
import random
from importlib import import_module
from itertools import combinations, pairwise

import numpy as np
import pytest
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform

from steelthread.identity.match.calibration import EXACT, LOOSE, STRICT, calibrate
from steelthread.identity.match.linkage import WALL, Join, average_linkage, components, labels_at, sizes_of_joins
from steelthread.identity.match.model import Thresholds

AS_SAID = Thresholds(*(math.ceil(20 * math.log2(one.each / (1 - one.each))) / 20 for one in (EXACT, STRICT, LOOSE)))
"""The odds of each use: thresholds where joins are as likely right as they say."""
deciding = import_module("steelthread.identity.match.resolve")


def matrix(count, seed):
    chance = np.random.default_rng(seed)
    half = chance.normal(0, 5, (count, count))
    return (half + half.T) / 2


@pytest.mark.parametrize("seed", range(20))
def test_it_is_upgma(seed):
    weights = matrix(12, seed)
    distance = 100 - weights
    np.fill_diagonal(distance, 0)
    theirs = linkage(squareform(distance), method="average")
    ours = average_linkage(weights, [1.0] * 12, -math.inf)
    assert [join.height for join in ours] == pytest.approx([100 - row[2] for row in theirs])


@pytest.mark.parametrize("seed", range(20))
def test_an_atom_counts_as_its_records(seed):
    weights = matrix(8, seed)
    weights[0] = weights[1]
    weights[:, 0] = weights[:, 1]
    weights[0, 1] = weights[1, 0] = 1000
    apart = average_linkage(weights, [1.0] * 8, -math.inf)
    together = average_linkage(weights[1:, 1:], [2.0, *[1.0] * 6], -math.inf)
    assert [join.height for join in apart[1:]] == pytest.approx([join.height for join in together])


@pytest.mark.parametrize("seed", range(20))
def test_a_mean_counts_each_pair_by_its_share(seed):
    weights, chance = matrix(12, seed) + 2, np.random.default_rng(seed)
    shares = chance.choice([0.0, 1.0, 40.0, 1000.0], (12, 12))
    shares = np.triu(shares, 1) + np.triu(shares, 1).T
    groups = [[place] for place in range(12)]
    joins = average_linkage(weights, [1.0] * 12, -3, shares)
    for join in joins:
        means = {}
        for one, other in combinations(range(len(groups)), 2):
            inside = np.ix_(groups[one], groups[other])
            if shares[inside].sum() > 0:
                means[(one, other)] = (weights[inside] * shares[inside]).sum() / shares[inside].sum()
        (one, other), best = max(means.items(), key=lambda item: item[1])
        assert join.height == pytest.approx(best)
        assert {join.one in groups[one], join.other in groups[one]} == {True, False}
        groups = [group for group in groups if group not in (groups[one], groups[other])] + [
            groups[one] + groups[other]
        ]
    assert joins


@pytest.mark.parametrize("seed", range(50))
def test_a_wall_stands_between_all_supersets(seed):
    weights = matrix(15, seed) + 5
    chance = random.Random(seed)
    walls = [tuple(chance.sample(range(15), 2)) for _ in range(6)]
    for one, other in walls:
        weights[one, other] = weights[other, one] = WALL
    labels = labels_at(15, average_linkage(weights, [1.0] * 15, -20), -20)
    assert all(labels[one] != labels[other] for one, other in walls)


def test_lower_thresholds_only_join_more():
    joins = average_linkage(matrix(30, 3), [1.0] * 30, -10)
    labels = [labels_at(30, joins, threshold) for threshold in (5, 2, 0, -2)]
    for strict, loose in pairwise(labels):
        assert all(loose[a] == loose[b] for a in range(30) for b in range(30) if strict[a] == strict[b])


def test_components():
    label = components(5, np.array([0, 3]), np.array([1, 4]))
    assert label[0] == label[1] != label[2] != label[3] == label[4]


def test_the_pairs_that_joins_make():
    joins = [Join(0, 1, 9.0), Join(2, 3, 8.0), Join(0, 2, 1.0)]
    assert sizes_of_joins(4, joins).tolist() == [1, 1, 4]


def test_thresholds_rise_where_much_is_in_doubt():
    sure = [Join(2 * one, 2 * one + 1, 15.0) for one in range(100)]
    doubtful = [Join(200 + 2 * one, 201 + 2 * one, AS_SAID.strict + 0.1) for one in range(300)]
    assert calibrate(400, sure) == AS_SAID
    found = calibrate(800, sure + doubtful)
    assert found.strict > AS_SAID.strict
    assert found.exact >= found.strict >= found.loose


def test_thresholds_without_any_join():
    assert calibrate(3, []) == AS_SAID


def test_components_are_small_enough_and_have_not_too_many_pairs(monkeypatch):
    count = 240
    left, right = np.arange(count - 1), np.arange(1, count)
    weight = np.where(right % 12 == 0, 1.0, 9.0)  # a chain of strong links, each dozen tied to the next by a weak one
    weight[119] = -1.0
    assert len(set(deciding._small_components(count, left, right, weight)[0])) == 1
    monkeypatch.setattr(deciding, "LARGEST", 100)
    assert len(set(deciding._small_components(count, left, right, weight)[0])) == 20
    monkeypatch.setattr(deciding, "LARGEST", 600)
    monkeypatch.setattr(deciding, "ALWAYS", 0)
    monkeypatch.setattr(deciding, "WITHIN", 10)
    label = deciding._small_components(count, left, right, weight)[0]
    assert np.bincount(label).max() == 12, "too many pairs: taken apart at the weak links"
