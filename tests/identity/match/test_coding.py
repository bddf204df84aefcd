"""Records that are coded one after the other are what they were, and are weighed as two records alone are."""

import random

import numpy as np
import pytest
from tests.identity.match.test_columns import SHARED
from tests.identity.match.test_parity import CLEAN, made

from steelthread.identity.match import Scorer, Weighing, cells_of, packed, unpacked
from steelthread.identity.match.answers import asked_by
from steelthread.identity.match.arrays import Arrays
from steelthread.identity.match.coding import Coding
from steelthread.identity.match.prepare import COLUMNS, FREQUENT, LISTS, TEXTS


@pytest.fixture(scope="module")
def learned():
    records = made(130, 11) + CLEAN + SHARED
    random.Random(5).shuffle(records)
    arrays = Arrays(records)
    arrays.block()
    return arrays.learn(), list(arrays.rows)


def coded_in(rows, order):
    coding = Coding(COLUMNS, TEXTS, LISTS, FREQUENT)
    pages = [order[start : start + 7] for start in range(0, len(order), 7)]
    places = {}
    for page in pages:
        places |= zip(page, coding.add([cells_of(rows[number]) for number in page]), strict=True)
    return coding, places


def test_records_are_what_they_were(learned):
    _, rows = learned
    order = random.Random(2).sample(range(len(rows)), len(rows))
    coding, places = coded_in(rows, order)
    wanted = random.Random(3).sample(order, 60)
    coded = coding.coded(np.array([places[number] for number in wanted]))
    assert [coded.row(place) for place in range(60)] == [rows[number] for number in wanted]
    assert coded.words[0] == ""
    assert len(coding.add([])) == 0
    coding.add([cells_of(rows[0])])  # what was coded before does not hinder
    again = coding.coded(np.array(coding.add([cells_of(rows[1])])))
    assert again.row(0) == rows[1]


def test_no_record_at_all_can_be_asked_for(learned):
    model, _ = learned
    nobody = np.zeros(0, dtype=np.int64)
    assert [len(found) for found in Weighing(model).heavy(nobody, nobody, 0.0)] == [0, 0, 0]
    assert len(Weighing(model).judge(nobody, nobody).weight) == 0


def test_a_model_looks_at_no_column_that_is_not_coded(learned):
    model, rows = learned
    columns, rare = asked_by(model)
    assert columns < {*TEXTS, *LISTS}
    assert set(rare) <= set(FREQUENT)
    scorer = Scorer(model)
    bare = [{name: row[name] for name in {*columns, *(f"tf_{name}" for name in rare)}} for row in rows[:40]]
    for one in range(40):
        for other in range(one):
            assert scorer.judge(bare[one], bare[other]) == scorer.judge(rows[one], rows[other])


def test_pairs_weigh_what_two_records_alone_do(learned):
    """Whatever the order in which they came, and whichever of two stands first."""
    model, rows = learned
    scorer, weighing = Scorer(model), Weighing(model)
    places = dict(zip(range(80), weighing.add([unpacked(packed(row)) for row in rows[79::-1]])[::-1], strict=True))
    pairs = [(one, other) for one in range(80) for other in range(80) if one != other and (one * other) % 3]
    left, right = (np.array([places[pair[end]] for pair in pairs]) for end in (0, 1))
    judged = weighing.judge(left, right)
    walls = ["", *(wall.label for wall in model.walls)]
    for (one, other), levels, steps, wall in zip(pairs, judged.levels, judged.steps, judged.wall, strict=True):
        told, weights = scorer.judge(rows[one], rows[other])
        assert levels.tolist() == told
        assert steps.tolist() == pytest.approx(weights, abs=1e-9)
        assert walls[wall] == scorer.wall(rows[one], rows[other])
    wanted = {(places[one], places[other]): scorer.weight(rows[one], rows[other]) for one, other in pairs}
    least = sorted(wanted.values())[-200] - 1e-6
    found = zip(*(end.tolist() for end in weighing.heavy(left, right, least)), strict=True)
    heavy = {(one, other): weight for one, other, weight in found}
    assert heavy == pytest.approx({pair: weight for pair, weight in wanted.items() if weight >= least}, abs=1e-9)
    assert 200 <= len(heavy) < len(pairs)


def test_what_others_coded_is_taken_in_as_if_it_had_been_coded_here(learned):
    _, rows = learned
    order = random.Random(4).sample(range(len(rows)), len(rows))
    here, places = coded_in(rows, order[:50])
    for start in range(50, len(order), 40):
        page = order[start : start + 40]
        other, _ = coded_in(rows, page)
        places |= zip(page, here.take(other.told()), strict=True)
    assert sorted(places.values()) == list(range(len(order)))
    assert len(here.take(Coding(COLUMNS, TEXTS, LISTS, FREQUENT).told())) == 0
    coded = here.coded(np.array([places[number] for number in order]))
    assert [coded.row(place) for place in range(len(order))] == [rows[number] for number in order]
