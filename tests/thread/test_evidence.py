"""What the evidence of a model leaves behind: no needle in any file, a reason on every link, weights that stay as they were."""

import contextlib
import math

import pytest
from tests.thread.test_resolving import groups, ref, rows, told

from steelthread.app import verify_space
from steelthread.thread import link, resolve_all, resolve_new, review, review_queue, unlink

__all__ = ["told"]

SILENT = (
    "select count(*) from identity.link where closed_at is null and case when strength = 1000 "
    "then steps is null or levels is null or abs(weight - (select sum(s) from unnest(steps) s)) > 1e-6 "
    "else rule = '' and reason = '' end"
)


def needles(people):
    """Return records whose every name, mailbox and road (what is sealed) is found in no other text of a machine."""
    found = []
    for key, first, last, born, _, street, city, postcode in rows(people=people):
        found.append((key, f"Qzxneedle{first}", f"Qzxneedle{last}", born, f"qzxneedle{key}@mail.example",
                      f"{street.split(' ', 1)[0]} Qzxneedle Lane", city, postcode))  # fmt: skip
    return found


def answer(space, most):
    """Say that pairs in doubt are one person."""
    with space.database.connect() as conn:
        asked = [one["id"] for one in review_queue(space, conn, "tester", most)]
    for name in asked:
        review(space, name, "same", "tester")


def test_no_needle_in_any_file_after_all_that_matching_does(space, told, server):
    every = needles(40)
    told(every[:80])
    resolve_all(space)
    told(every)
    resolve_new(space)
    resolve_all(space, keep_model=True)
    answer(space, 5)
    resolve_all(space)
    pair = next(sorted(group) for group in groups(space) if len(group) > 1)[:2]
    unlink(space, ref(pair[0]), ref(pair[1]), "two cousins", "tester")
    with space.database.connect() as conn:
        conn.execute("checkpoint")
    looked = 0
    for folder in (space.project.data, space.project.logs, space.project.temp, server.data, server.logs):
        for path in folder.rglob("*") if folder.exists() else ():
            with contextlib.suppress(FileNotFoundError):
                if path.is_file():
                    looked += 1
                    content = path.read_bytes().lower()
                    at = content.find(b"qzxneedle")
                    assert at < 0, (path.name, content[max(0, at - 200) : at + 60])
    assert looked > 100


def test_every_open_link_says_why_whatever_was_done(space, told):
    """After a whole run, new records, answers of people and what they took back."""
    every = rows(people=80)
    told(every[:120])

    def holds(minimum):
        with space.database.connect() as conn:
            assert conn.execute(SILENT).fetchone() == (0,)
            models = conn.execute("select count(*) from identity.link where closed_at is null and strength = 1000")
            assert models.fetchone()[0] >= minimum

    resolve_all(space)
    holds(30)
    told(every)
    resolve_new(space)
    holds(50)
    pairs = [sorted(group)[:2] for group in groups(space) if len(group) > 1][:6]
    for one, other in pairs:
        unlink(space, ref(one), ref(other), "two cousins", "tester")
    answer(space, 4)
    holds(40)
    for one, other in pairs[:3]:
        link(space, ref(one), ref(other), "one after all", "tester")
    resolve_all(space)
    holds(50)
    assert verify_space(space)["same"]


def weights(space):
    """Return the weight of each pair of which the model says something, by the records' numbers."""
    with space.database.connect() as conn:
        asked = "select a, b, weight from identity.link where closed_at is null and strength = 1000"
        return {(a, b): weight for a, b, weight in conn.execute(asked).fetchall()}


def test_a_model_keeps_its_frequencies_when_the_data_grow(space, told):
    """What is rare was rare when the model was learned: old pairs weigh what they weighed, among many more of a name."""
    every = rows(people=60)
    told(every)
    resolve_all(space)
    before = weights(space)
    assert len(before) > 30
    common = every[0][2]
    more = [(f"x{n}", "Anna", common, f"19{n % 60 + 40}-01-02", f"x{n}@mail.example", f"{n} Far Road", "Hull", "HU1 1AA")
            for n in range(120)]  # fmt: skip
    told([*every, *more])
    resolve_new(space)
    resolve_all(space, keep_model=True)
    after = weights(space)
    assert {pair for pair in before if pair not in after} == set()
    assert all(math.isclose(after[pair], weight, abs_tol=1e-9) for pair, weight in before.items())
    former = dict(before)
    resolve_all(space)
    learned = weights(space)
    assert any(abs(learned[pair] - weight) > 0.01 for pair, weight in former.items() if pair in learned), (
        "a new model does weigh them anew"
    )


@pytest.mark.parametrize("seed", [3, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(4, 24))])
def test_what_was_parted_and_joined_again_has_its_ids_back(space, told, seed):
    """Pairs that a model joined are taken apart, and all ids with them come back when that is taken back."""
    told(rows(people=40, seed=seed))
    alone = {key: individual for group, individual in groups(space).items() for key in group}
    resolve_all(space)
    whole = groups(space)
    pairs = [sorted(group) for group in whole if len(group) == 2]
    assert len(pairs) > 5
    for one, other in pairs:
        unlink(space, ref(one), ref(other), "two cousins", "tester")
    apart = groups(space)
    for pair in pairs:
        assert {apart[frozenset({key})] for key in pair} == {alone[key] for key in pair}
    assert {group: one for group, one in apart.items() if len(group) > 2} == {
        group: one for group, one in whole.items() if len(group) > 2
    }
    for one, other in pairs:
        link(space, ref(one), ref(other), "one after all", "tester")
    assert groups(space) == whole
    assert verify_space(space)["same"]
