"""Laws 1, 2 and 4 with model links in the histories, on real PostgreSQL.

A model's word on two records is a function of who they are, so it is the same fact in whatever order files, decisions
and runs come. One space is told everything in order and judged once; the other shuffled, in small batches, judged in
between. Whoever takes a link or the whole model back gets every universal ID back.
"""

import hashlib
import random
import shutil
from itertools import combinations

import pytest
from tests.laws.test_order import Facts, births_hold, state, tell

from steelthread.app import verify_space
from steelthread.identity import Judgement, ModelRow, Seen
from steelthread.kit import now
from steelthread.thread import link, unlink
from steelthread.thread.people import people
from steelthread.thread.resolving import Findings, write


def said(seed, a, b):
    """Return what the model of a seed says of two records by their names: a weight and a wall, or nothing."""
    low, high = sorted((a, b))
    chance = random.Random(hashlib.sha256(f"{seed} {low} {high}".encode()).digest())
    if chance.random() < 0.3:
        return None
    return round(chance.gauss(0, 4), 3), "twins" if chance.random() < 0.05 else ""


def judge(space, seed, version):
    """Write what the model says of all records that there are."""
    with space.database.connect() as conn:
        found = list(people(space, conn))
        judgements = []
        for one, other in combinations(found, 2):
            word = said(seed, one.view.ref, other.view.ref)
            if word is not None:
                judgements.append(Judgement(one.record, other.record, word[0], [1], [word[0] - 1.0, 1.0], word[1]))
        row = ModelRow(version, 0, b"", [("all", ["else"])], 3.0, 0.0, -3.0, "strict", now())
        seen = {one.record: Seen(one.record, one.digest, [], one.subject, b"") for one in found}
        done = write(space, conn, row, Findings(judgements, seen, 0), None)
        conn.commit()
    return done


def ids(space):
    with space.database.connect() as conn:
        return dict(
            conn.execute(
                "select n.hash, c.individual_id from identity.node n join identity.cluster c using (cluster_id)"
            ).fetchall()
        )


def holds(space, seed):
    assert verify_space(space)["same"], seed
    assert births_hold(space), seed
    with space.database.connect() as conn:
        told = conn.execute(
            "select count(*) from identity.link where closed_at is null and strength = 1000 "
            "and (steps is null or abs(weight - (select sum(s) from unnest(steps) s)) > 1e-6)"
        ).fetchone()
    assert told == (0,), seed


def check(space, other, seed):
    facts = Facts(seed)
    shutil.rmtree(other.project.keyring)
    shutil.copytree(space.project.keyring, other.project.keyring)
    other = type(other)(other.project, other.database)
    order = list(range(len(facts.files)))
    tell(space, facts, order, batch=5000)
    judge(space, seed, "one")
    holds(space, seed)
    judge(other, seed, "one")  # a model before anybody is there
    shuffled = facts.chance.sample(order, len(order))
    decisions, facts.decisions = facts.decisions, []
    for place, number in enumerate(shuffled):
        tell(other, facts, [number], batch=facts.chance.randrange(1, 4))
        if facts.chance.random() < 0.5:
            judge(other, seed + place, f"other {place}")
        holds(other, seed)
    facts.decisions = decisions
    tell(other, facts, [], batch=2)
    judge(other, seed, "one")
    holds(other, seed)
    assert state(space) == state(other), seed


@pytest.mark.parametrize("seed", range(20))
def test_order_does_not_matter_with_model_links(space, other_space, seed):
    check(space, other_space, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2000, 2200))
def test_order_does_not_matter_with_model_links_soak(space, other_space, seed):
    check(space, other_space, seed)


def test_what_is_taken_back_gives_every_id_back(space):
    facts = Facts(5)
    facts.decisions = []
    tell(space, facts, list(range(len(facts.files))), batch=5000)
    alone = ids(space)
    judge(space, 7, "one")
    judged, refs = ids(space), [ref for refs, _ in state(space) for ref in refs if "Individual" in ref]
    assert judged != alone
    for a, b in combinations([f"record:{ref}" for ref in refs][:6], 2):
        link(space, a, b, "a guess", "tester")
        holds(space, 7)
        unlink(space, a, b, "a mistake", "tester")
        assert ids(space) == judged
    judge(space, 8, "two")
    holds(space, 8)
    judge(space, 7, "one")
    assert ids(space) == judged
    with space.database.connect() as conn:
        row = ModelRow("none", 0, b"", [], 3.0, 0.0, -3.0, "strict", now())
        write(space, conn, row, Findings([], {}, 0), None)
        conn.commit()
    assert ids(space) == alone
    holds(space, 7)
