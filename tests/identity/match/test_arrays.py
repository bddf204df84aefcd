"""Comparing in arrays says of every pair what Splink says in SQL."""

import random

import numpy as np
import pytest
from tests.identity.match.test_columns import SHARED
from tests.identity.match.test_parity import CLEAN, made

from steelthread.identity.match import blocking, keys, keys_of, resolve
from steelthread.identity.match.arrays import Arrays
from steelthread.identity.match.engine import Engine
from steelthread.identity.match.linkage import ends_of


@pytest.fixture(scope="module")
def both():
    records = made(130, 11) + CLEAN + SHARED
    random.Random(5).shuffle(records)
    arrays, engine = Arrays(records), Engine(records)
    assert arrays.block() == engine.block() == len(records) * (len(records) - 1) // 2
    return arrays, engine


def test_it_learns_the_model_that_splink_s_levels_teach(both):
    one, other = (engine.learn() for engine in both)
    assert one.frequencies == other.frequencies
    assert one.prior == pytest.approx(other.prior, rel=1e-9)
    assert one.walls == other.walls
    for mine, theirs in zip(one.comparisons, other.comparisons, strict=True):
        assert [level.m for level in mine.levels] == pytest.approx([level.m for level in theirs.levels], rel=1e-6)
        assert [level.u for level in mine.levels] == pytest.approx([level.u for level in theirs.levels], rel=1e-6)


def test_every_pair_has_splink_s_levels_weight_and_wall(both):
    arrays, engine = both
    model = engine.learn()
    left, right = np.triu_indices(arrays.count, 1)
    judged = []
    for one in both:
        one.add_pairs("every", left, right)
        judged.append(one.judge(model, "every"))
    mine, splink = judged
    assert (mine.left.tolist(), mine.right.tolist()) == (splink.left.tolist(), splink.right.tolist())
    assert (mine.levels == splink.levels).all()
    assert np.abs(mine.steps - splink.steps).max() < 1e-6
    assert (mine.wall == splink.wall).all()
    assert {0, 1, 2} <= set(mine.wall.tolist())


def test_the_sieve_keeps_all_pairs_that_are_heavy_enough(both):
    arrays, engine = both
    model = engine.learn()
    left, right, weight = arrays.candidates(model, -1000.0)
    every = list(zip(left.tolist(), right.tolist(), weight.tolist(), strict=True))
    assert len(every) == arrays.pairs
    for threshold in (-12.0, -3.0, 0.0, 5.0):
        found = list(zip(*(one.tolist() for one in Arrays.candidates(arrays, model, threshold)), strict=True))
        assert 0 < len(found) < len(every)
        assert [one[:2] for one in found] == [one[:2] for one in every if one[2] >= threshold]


def test_pairs_are_those_that_share_a_key(monkeypatch):
    for module in (blocking, keys):
        monkeypatch.setattr(module, "FEW", 0)
    monkeypatch.setattr(blocking, "BUDGET", 10**6)
    records = made(150) + CLEAN + SHARED
    arrays = Arrays(records)
    arrays.block()
    holders = {}
    for number, row in enumerate(arrays.rows):
        for key in keys_of(row):
            holders.setdefault(key, set()).add(number)
    left, right = ends_of(arrays.keys)
    pairs = list(zip(left.tolist(), right.tolist(), strict=True))
    assert pairs == sorted({(a, b) for held in holders.values() for a in held for b in held if a < b})


@pytest.mark.parametrize("budget", [3, 12, 40])
def test_the_keys_that_are_left_out_are_those_that_sql_leaves_out(budget, monkeypatch):
    for module in (blocking, keys):
        monkeypatch.setattr(module, "FEW", 0)
    monkeypatch.setattr(blocking, "BUDGET", budget)
    monkeypatch.setattr(blocking, "_SPARE", 0)
    records = made(150, 9) + CLEAN + SHARED
    arrays, engine = Arrays(records), Engine(records)
    assert 0 < arrays.block() == engine.block() < len(records) * budget
    asked = engine.ground.ask("select record_l, record_r from candidates")
    found = set(zip(asked["record_l"].tolist(), asked["record_r"].tolist(), strict=True))
    assert set(zip(*(end.tolist() for end in ends_of(arrays.keys)), strict=True)) == found


def test_the_common_keys_are_left_out_where_there_are_many_records(monkeypatch):
    monkeypatch.setattr(blocking, "_SPARE", 0)
    monkeypatch.setattr(blocking, "MANY", 100)
    assert blocking.budget(50) == 50 * blocking.BUDGET
    assert blocking.budget(300) == 100 * blocking.BUDGET + 200 * blocking.BEYOND


def test_clusters_are_the_same_whoever_compares():
    records = made(400, 2) + CLEAN
    assert resolve(records).clusters() == resolve(records, engine_of=Engine).clusters()
