"""Laws 1, 2 and 4 under a model that was learned: what comes in any order and pieces is what a whole run gives.

The model is learned from the first half of the people; the others come shuffled, a few at a time, are compared as they
come, and in between people's words are said and taken back. Few records are all compared with each other; where they
are many, or become it meanwhile, keys say who is compared with whom.
"""

import random

import pytest
from tests.laws.test_model_links import ids
from tests.thread.test_evidence import SILENT
from tests.thread.test_resolving import groups, ref, rows, told

from steelthread.app import verify_space
from steelthread.identity.match import blocking, keys
from steelthread.thread import Matcher, link, resolve_all, resolve_new, unlink

__all__ = ["told"]


def said_and_taken_back(space, chance, loaded):
    """Say of two records that they are one, or never, and take it back: every universal ID is as it was."""
    before = ids(space)
    one, other = (ref(row[0]) for row in chance.sample(loaded, 2))
    if chance.random() < 0.5:
        link(space, one, other, "a guess", "tester")
        unlink(space, one, other, "a mistake", "tester")
    else:
        unlink(space, one, other, "a guess", "tester")
        link(space, one, other, "a mistake", "tester")
        unlink(space, one, other, "no word at all", "tester")
    assert ids(space) == before


def compared(space, chance):
    """Have the newcomers compared, by runs of a few or by the matcher."""
    if chance.random() < 0.5:
        while resolve_new(space, chance.choice((1, 3, 8))).records:
            pass
    else:
        matcher = Matcher(space)
        while matcher.turn():
            pass


def check(space, told, seed):
    chance = random.Random(seed)
    every = rows(people=20, seed=seed)
    half = len(every) // 2
    loaded, rest = every[:half], every[half:]
    told(loaded)
    resolve_all(space)
    chance.shuffle(rest)
    while rest:
        size = chance.choice((1, 2, 5, 9))
        loaded, rest = [*loaded, *rest[:size]], rest[size:]
        told(loaded)
        if chance.random() < 0.7:
            compared(space, chance)
            if chance.random() < 0.4:
                said_and_taken_back(space, chance, loaded)
    compared(space, chance)
    live = groups(space)
    assert verify_space(space)["same"], seed
    with space.database.connect() as conn:
        assert conn.execute(SILENT).fetchone() == (0,), seed
    whole = resolve_all(space, keep_model=True)
    assert (whole.merged, whole.split) == (0, 0), seed
    assert groups(space) == live, seed
    assert any(len(keys) > 1 for keys in live), seed


@pytest.mark.parametrize("seed", range(20))
def test_order_does_not_matter_under_a_model_that_was_learned(space, told, seed):
    check(space, told, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1000, 1200))
def test_order_does_not_matter_under_a_model_that_was_learned_soak(space, told, seed):
    check(space, told, seed)


@pytest.mark.parametrize("few", [0, 35])
@pytest.mark.parametrize("seed", range(20, 25))
def test_nor_where_keys_say_who_is_compared_from_the_start_or_from_then_on(space, told, seed, few, monkeypatch):
    for module in (blocking, keys):
        monkeypatch.setattr(module, "FEW", few)
    check(space, told, seed)


@pytest.mark.soak
@pytest.mark.parametrize("few", [0, 35])
@pytest.mark.parametrize("seed", range(1200, 1300))
def test_nor_where_keys_say_who_is_compared_soak(space, told, seed, few, monkeypatch):
    for module in (blocking, keys):
        monkeypatch.setattr(module, "FEW", few)
    check(space, told, seed)
