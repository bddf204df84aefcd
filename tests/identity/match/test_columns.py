"""All records at once are prepared, compared and joined as one record, one pair and one group are."""

import os
import random
import threading

import numpy as np
import pytest
from tests.identity.match.test_parity import CLEAN, made

from steelthread.identity.match import beside, halves, survey
from steelthread.identity.match.alike import Pairs, common, in_arrays, often
from steelthread.identity.match.coded import Lists
from steelthread.identity.match.columns import prepared
from steelthread.identity.match.comparisons import TWINS, choose
from steelthread.identity.match.conditions import compiled
from steelthread.identity.match.linkage import WALL, average_linkage, ends_of, key_of, linkages, pairs_within
from steelthread.identity.match.prepare import columns_of

SHARED = [
    {"firstName": "Ada", "lastName": "Quist", "emailAddress": ["home@q.example", "ada.quist@q.example", "home@q.example"]},
    {"firstName": "Per", "lastName": "Quist", "emailAddress": "home@q.example", "telephoneNumber": ["+49 30 1234567"]},
    {"emailAddress": "ada.quist@q.example", "telephoneNumber": ["+49 30 1234567", "+49 151 23456789"]},
    {"lastName": "Quist", "emailAddress": "ada.quist+news@q.example"},
    {"personName": "Ада Квист", "birthDate": "01.01.1970", "partyIdentification": ["ssn:1 2 3 4", "vat:1234", "ssn:0"]},
    {"firstName": "Per", "lastName": "Berg", "partyIdentification": ["ssn:1234"], "emailAddress": "no mailbox"},
    {"personName": "Quist", "category": "Bäcker", "gender": "unknown", "emailAddress": ["quist9@q.example"]},
    *({"firstName": first, "lastName": last, "telephoneNumber": "0800 123456"}
      for first, last in zip(("Ann", "Bo", "Carl", "Dora", "Emil", "Franz", "Gita", "Hal", "Ivo", "Jutta", "Kim"),
                             ("Abel", "Bock", "Cohn", "Dahl", "Eck", "Fink", "Graf", "Hahn", "Ihle", "Jahn", "Kern"),
                             strict=True)),
    {},
]  # fmt: skip


@pytest.fixture(scope="module")
def every():
    return made(150, 8) + CLEAN + SHARED


def test_all_records_at_once_are_prepared_as_each_alone(every):
    coded, found = prepared(every)
    assert [coded.row(place) for place in range(len(every))] == [columns_of(record, found) for record in every]
    assert "800123456" in found.generic
    assert "home@q.example" in found.family
    again, same = prepared(every[::-1], found)
    assert same is found
    assert again.row(0) == coded.row(len(every) - 1)


def test_a_condition_on_arrays_is_that_on_two_rows(every):
    coded, found = prepared(every)
    rows = [columns_of(record, found) for record in every]
    left, right = np.triu_indices(len(every), 1)
    pairs, at = Pairs(coded, left, right), np.arange(len(left))
    conditions = [TWINS]
    for one in choose(coded.filled()):
        conditions += [one.silent, *(level.condition for level in one.levels[:-1])]
    known = often(conditions)
    assert known
    assert all(name in repr(conditions) for name in ("jaro", "edits", "near"))  # texts are compared sign by sign
    for condition in conditions:
        test = compiled(condition)
        expected = [test(rows[a], rows[b]) for a, b in zip(left.tolist(), right.tolist(), strict=True)]
        assert in_arrays(condition, known)(pairs, at).tolist() == expected, condition
        some = at[::3]
        assert in_arrays(condition)(Pairs(coded, left, right), some).tolist() == expected[::3], condition


def test_lists_have_something_in_common_however_long_they_are(monkeypatch):
    monkeypatch.setattr("steelthread.identity.match.alike._MOST", 50)
    chance = random.Random(4)
    lists = [[chance.randrange(40) for _ in range(chance.randrange(1, 9))] for _ in range(60)]
    left, right = np.triu_indices(60, 1)
    found = common(Lists.of(lists), left, right)
    assert found.tolist() == [
        bool({*lists[a]} & {*lists[b]}) for a, b in zip(left.tolist(), right.tolist(), strict=True)
    ]


def test_many_groups_are_joined_as_each_alone():
    chance = np.random.default_rng(7)
    weights = np.round(chance.normal(0, 5, (40, 7, 7)), 3)
    weights = (weights + weights.transpose(0, 2, 1)) / 2
    weights[weights < -6] = WALL
    shares = np.round(chance.uniform(-0.3, 1, (40, 7, 7)).clip(0), 2)
    shares = (shares + shares.transpose(0, 2, 1)) / 2
    group, one, other, height = linkages(weights, shares, -3.0)
    for number in range(40):
        alone = average_linkage(weights[number], [1.0] * 7, -3.0, shares[number])
        mine = group == number
        assert [(join.one, join.other) for join in alone] == list(zip(one[mine], other[mine], strict=True))
        assert [join.height for join in alone] == pytest.approx(height[mine].tolist())


def test_pairs_within_groups_are_all_of_them_in_order():
    label = np.array([3, 0, 3, 1, 0, 3, 2])
    left, right = ends_of(pairs_within(label))
    assert list(zip(left.tolist(), right.tolist(), strict=True)) == [(0, 2), (0, 5), (1, 4), (2, 5)]
    assert key_of(np.array([2]), np.array([5])).tolist() == [(2 << 32) + 5]


@pytest.fixture
def forked(monkeypatch):
    """Few records are many here, and threads that the tests before left do not count; returns the forks that there were."""
    for module in (halves, survey):
        monkeypatch.setattr(module, "LARGE", 10)
    monkeypatch.setattr(beside.threading, "active_count", lambda: 1)
    found = []
    fork = os.fork
    monkeypatch.setattr(os, "fork", lambda: found.append(fork()) or found[-1])
    return found


def test_two_processes_read_what_one_reads(every, forked):
    count = len(every)
    assert count > 10
    two, found = prepared(every)
    assert len(forked) == 2  # one for names, one for what is shared
    forked.clear()
    halves.LARGE = survey.LARGE = count + 1
    alone, same = prepared(every)
    assert not forked
    assert same == found
    assert [two.row(place) for place in range(count)] == [alone.row(place) for place in range(count)]


def test_a_fork_that_does_not_come_back_is_done_without(every, forked, monkeypatch):
    real, parent = halves.Reading.read_names, os.getpid()

    def dies(reading, records):
        if os.getpid() != parent:
            os._exit(9)
        real(reading, records)

    monkeypatch.setattr(halves.Reading, "read_names", dies)
    two, found = prepared(every)
    assert len(forked) == 2
    halves.LARGE = survey.LARGE = len(every) + 1
    alone, same = prepared(every)
    assert same == found
    assert [two.row(place) for place in range(len(every))] == [alone.row(place) for place in range(len(every))]


def test_a_process_with_threads_does_not_fork(every, monkeypatch):
    for module in (halves, survey):
        monkeypatch.setattr(module, "LARGE", 10)
    monkeypatch.setattr(os, "fork", None)
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        coded, _ = prepared(every)
    finally:
        done.set()
        thread.join()
    assert coded.count == len(every)
