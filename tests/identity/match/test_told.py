"""What people decided of pairs is learned from: a model that is told the same of a kind of pairs says more of the next one."""

import pytest
from tests.thread.test_resolving import rows

from steelthread.identity.match.arrays import Arrays
from steelthread.identity.match.engine import Engine
from steelthread.identity.match.resolve import resolve
from steelthread.identity.match.scorer import Scorer

WORDS = ("firstName", "lastName", "birthDate", "emailAddress", "addressLine1", "cityName", "postalCodeText")


def people():
    found = rows(people=90, seed=4)
    place = {row[0]: number for number, row in enumerate(found)}
    moved = [(place[f"p{number}-0"], place[f"p{number}-2"]) for number in range(90) if f"p{number}-2" in place]
    return [dict(zip(WORDS, row[1:], strict=True)) for row in found], moved


def test_a_new_model_goes_the_way_that_people_point():
    records, moved = people()
    engine = Engine(records)
    engine.block()
    asked, untold = moved[:15], moved[15]
    weights = []
    for told in ([(b, a, False) for a, b in asked], [], [(a, b, True) for a, b in asked]):
        model = engine.learn(told=told)
        weights.append(Scorer(model).weight(engine.rows[untold[0]], engine.rows[untold[1]]))
    against, without, for_it = weights
    assert against < without - 0.5
    assert without < for_it
    assert engine.learn(told=[]).version == engine.learn().version
    arrays = Arrays(records)
    arrays.block()
    told = [(a, b, number % 3 > 0) for number, (a, b) in enumerate(asked)]
    mine, its = arrays.learn(told=told), engine.learn(told=told)
    for one, other in zip(mine.comparisons, its.comparisons, strict=True):
        assert [level.m for level in one.levels] == pytest.approx([level.m for level in other.levels], rel=1e-6)
        assert [level.u for level in one.levels] == pytest.approx([level.u for level in other.levels], rel=1e-6)


def test_the_same_word_twice_or_in_another_order_is_the_same_model():
    records, moved = people()
    told = [(a, b, number % 2 == 0) for number, (a, b) in enumerate(moved[:9])]
    once = resolve(records, told=told).model
    again = resolve(records, told=[(b, a, same) for a, b, same in reversed([*told, *told])]).model
    assert once.version == again.version != resolve(records).model.version
