"""The laws of consent, over made-up histories: order and repetition do not matter, negatives spread, positives do not."""

import random

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.privacy.histories import DECIDER, END, PURPOSES, QUESTIONS, SIZE, history

from steelthread.privacy import Subject, fold, gist
from steelthread.privacy.types import NEGATIVES

LEFT, RIGHT = [b"a1", b"a2"], [b"b1", b"b2"]


def _answers(statements, at=END, known=None, target=None):
    subject = Subject(fold(statements, at, known), target)
    found = {question: DECIDER.decide(subject, *question, at=at) for question in QUESTIONS}
    for (purpose, channel), decision in found.items():
        if not channel:  # the gate of collection asks without reasons
            assert DECIDER.allows(subject, purpose, at=at) == decision.allow
    return found


def _allowed(*how, **more):
    return {question for question, decision in _answers(*how, **more).items() if decision.allow}


def check(left, right, shuffled):
    """Check all laws on two people's histories and on their merger."""
    both = left + right
    merged = _answers(both)
    # order, repetition
    assert _answers(shuffled) == merged
    assert _answers(shuffled + both) == merged
    # a merge allows nothing that neither allowed; every no of either stays one
    alone = _allowed(left) | _allowed(right)
    together = {question for question, decision in merged.items() if decision.allow}
    assert together <= alone
    for part in (left, right):
        for question, decision in _answers(part).items():
            spoke = [one for one in decision.evidence if one.said in (*NEGATIVES, "restricted", "minor")]
            assert not (spoke and not decision.allow and merged[question].allow)
    # a no stands until it is answered in the way in which it was told: a signal's by the signal, another by another
    for question in together:
        assert not [no for no in both if no.said in NEGATIVES and _speaks_of(no, *question) and not _answered(no, both)]
    # a yes opens its own contact point only
    for node in (*LEFT, *RIGHT):
        own = [one for one in both if one.node == node]
        opened = _allowed(both, target=frozenset([node]))
        assert opened <= _allowed(own, target=frozenset([node]))
    # unmerge computes anew from what was said: nothing lost, nothing leaked
    assert _answers([one for one in both if one.node in LEFT]) == _answers(left)
    # without anything said, what needs consent is closed
    assert _allowed([]) == {("analytics", ""), ("law", "")}


def _speaks_of(no, purpose, channel):
    heeded = PURPOSES.get(purpose).heeds and no.purpose in PURPOSES.above(purpose)
    return heeded and (not channel or no.channel in ("", channel))


def _answered(no, statements):
    return any(
        (one.node, one.purpose, one.channel, one.signal) == (no.node, no.purpose, no.channel, no.signal)
        and one.said in ("given", "expired")
        and one.occurred_at > no.occurred_at
        for one in statements
    )


PEOPLE = st.tuples(st.binary(max_size=9 * SIZE), st.binary(max_size=9 * SIZE), st.integers(0, 2**32))


def told(people):
    """Return the histories of two people, and both together in some other order."""
    left, right = history(people[0], LEFT, 1), history(people[1], RIGHT, 1000)
    shuffled = left + right
    random.Random(people[2]).shuffle(shuffled)
    return left, right, shuffled


HOW = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}


def same_as(subject):
    """Return what the gate at the collector takes for the same: the gist of each node, and whether it is to be used."""
    gists = [(gist(state), subject.target is None or state.node in subject.target) for state in subject.states]
    return None if any(one is None for one, _ in gists) else tuple(gists)


def test_whoever_has_the_same_gist_is_answered_the_same():
    chance, ruled, same = random.Random(7), {}, 0
    for _ in range(4000):
        statements = [
            msgspec.structs.replace(one, valid_until=None)
            for one in history(chance.randbytes(SIZE * chance.randint(1, 3)), LEFT, 1)
        ]
        target = chance.choice([None, frozenset(LEFT[:1])])
        subject = Subject(fold(statements, END), target)
        found = same_as(subject)
        if found is not None:
            allowed = [
                DECIDER.allows(subject, one, at=END) for one in ("marketing", "marketing.news", "analytics", "law")
            ]
            same += found in ruled
            assert ruled.setdefault(found, allowed) == allowed
    assert same > 1000
    kept = history(bytes([0, 0, 0, 1, 0, 6]), LEFT, 1)
    assert kept[0].valid_until is not None
    assert same_as(Subject(fold(kept, END))) is None, "a yes that ends by itself is decided one by one"
    for word in ("restricted", "minor", "authorised"):
        assert same_as(Subject(fold([msgspec.structs.replace(kept[0], said=word)], END))) is None


@settings(max_examples=10_000, **HOW)
@given(PEOPLE)
def test_consent_laws(people):
    check(*told(people))


@pytest.mark.soak
@settings(max_examples=100_000, **HOW)
@given(PEOPLE)
def test_consent_laws_over_100_000_histories(people):
    check(*told(people))
