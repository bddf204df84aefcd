"""`resolve` end to end on real PostgreSQL: records in files, a model learned from them, persons, what comes after."""

import csv
import json
import os
import random
import shutil
import subprocess
import sys

import pytest

from steelthread.app import cluster_rows, load_file, verify_space
from steelthread.identity import model_in_force
from steelthread.kit import NotFound
from steelthread.thread import link, resolve_all, resolve_new, unlink
from steelthread.thread.models import opened_model

MAPPING = """name: people
key: id
entities:
  - entity: Individual
    attributes: {firstName: first, lastName: last, birthDate: born}
  - entity: ContactPointEmail
    attributes: {emailAddress: email}
  - entity: ContactPointAddress
    attributes: {addressLine1: street, cityName: city, postalCodeText: postcode}
"""
COLUMNS = ("id", "first", "last", "born", "email", "street", "city", "postcode")
FIRSTS = "Anna Boris Clara Dmitri Elena Felix Greta Hugo Irene Jonas Karla Lukas Marta Nils Olga Pavel".split()  # noqa: SIM905
LASTS = "Abbot Bergstrom Castellani Drummond Eriksen Fontaine Gallagher Hawthorne Iversen Jankowski Kowalczyk".split()  # noqa: SIM905


def rows(people=60, seed=1):
    """Return records of made-up people, two or three of each: a slip of the pen here, another address there."""
    chance = random.Random(seed)
    found = []
    for person in range(people):
        first, last = chance.choice(FIRSTS), chance.choice(LASTS) + chance.choice(("", "son", "-Hill", "ova"))
        born = f"{chance.randrange(1940, 2005)}-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}"
        street, city, postcode = f"{chance.randrange(1, 99)} Mill Lane", "Leeds", f"LS{chance.randrange(1, 9)} 4DY"
        for copy in range(chance.choice((2, 3))):
            wrong = last[:3] + last[4:] if copy == 1 else last
            moved = (
                (f"{chance.randrange(1, 99)} King Street", "York", "YO1 7HH") if copy == 2 else (street, city, postcode)
            )
            found.append((f"p{person}-{copy}", first, wrong, born, f"{person}.{copy}@mail.example", *moved))
    return found


@pytest.fixture
def told(space):
    (space.project.sources / "people.yaml").write_text(MAPPING)

    def load(found, **how):
        path = space.project.folder / "people.csv"
        with path.open("w", newline="") as stream:
            csv.writer(stream).writerows([COLUMNS, *found])
        return load_file(space, "people", path, **how)

    return load


def groups(space):
    """Return who is together, by key, with the universal ID of each."""
    with space.database.connect() as conn:
        found = {}
        for _, _, key, individual in cluster_rows(space, conn):
            found.setdefault(individual, set()).add(key)
    return {frozenset(keys): individual for individual, keys in found.items()}


def right(space):
    """Return how many groups hold one whole person."""
    return sum(len({key.partition("-")[0] for key in group}) == 1 and len(group) > 1 for group in groups(space))


def ref(key):
    return f"record:people/Individual/{key}"


def test_a_run_finds_people_whom_no_key_joins(space, told):
    told(rows())
    before = groups(space)
    done = resolve_all(space)
    assert done.records == len(rows()) == done.individuals_before
    assert done.individuals_after == done.individuals_before - done.merged + done.split < 80
    assert right(space) >= 50
    assert all(len({key.partition("-")[0] for key in group}) == 1 for group in groups(space))
    assert verify_space(space)["same"]
    births = {key: individual for group, individual in before.items() for key in group}
    for group, individual in groups(space).items():
        assert individual == min(births[key] for key in group)  # the first of them, by birth
    again = resolve_all(space)
    assert (again.links_added, again.links_closed, again.merged, again.split) == (0, 0, 0, 0)


def test_a_new_model_leaves_untouched_people_alone(space, told):
    told(rows())
    first = resolve_all(space)
    before = groups(space)
    told(rows() + [(f"x{row[0]}", *row[1:4], "", *row[5:]) for row in rows(people=30, seed=2)])
    second = resolve_all(space)
    assert second.model != first.model
    after = groups(space)
    untouched = before.keys() & after.keys()
    assert len(untouched) > 30
    assert all(before[group] == after[group] for group in untouched)
    assert verify_space(space)["same"]


def test_new_records_alone_give_what_a_whole_run_gives(space, told):
    everything = rows(people=80)
    told(everything[:150])
    resolve_all(space)
    told(everything)
    new = resolve_new(space)
    assert new.records == len(everything) - 150
    assert verify_space(space)["same"]
    live = groups(space)
    assert resolve_new(space).records == 0
    whole = resolve_all(space, keep_model=True)
    assert whole.model == new.model
    assert (whole.merged, whole.split) == (0, 0)
    assert groups(space) == live


def test_a_persons_word_wins_over_every_model(space, told):
    told(rows())
    alone = {key: individual for group, individual in groups(space).items() for key in group}
    resolve_all(space)
    whole = groups(space)
    pair = next(sorted(group) for group in whole if len(group) == 2)
    unlink(space, ref(pair[0]), ref(pair[1]), "two cousins", "tester")
    apart = groups(space)
    assert frozenset(pair) not in apart
    assert {apart[frozenset({key})] for key in pair} == {alone[key] for key in pair}
    for run in (resolve_all, resolve_new):
        run(space)
        assert frozenset(pair) not in groups(space)
    assert verify_space(space)["same"]
    link(space, ref(pair[0]), ref(pair[1]), "one after all", "tester")
    assert groups(space) == whole


def test_a_record_that_goes_takes_its_evidence_along(space, told):
    (space.project.sources / "people.yaml").write_text(MAPPING + "snapshot: true\n")
    told(rows())
    resolve_all(space)
    told(rows()[3:])
    with space.database.connect() as conn:
        left = conn.execute(
            "select count(*) from identity.link l join intake.record r on r.record_id in (l.a, l.b) "
            "where l.strength = 1000 and l.closed_at is null and r.closed_at is not null"
        ).fetchone()
    assert left == (0,)
    assert verify_space(space)["same"]
    told(rows())
    assert resolve_new(space).records == 3
    assert right(space) >= 50


def test_why_two_records_are_one_person(space, told):
    told(rows())
    resolve_all(space)
    pair = next(sorted(group) for group in groups(space) if len(group) == 2)
    with space.database.connect() as conn:
        answer = space.reader(conn).explain(ref(pair[0]), ref(pair[1]))
        other = next(min(group) for group in groups(space) if pair[0] not in group)
        nothing = space.reader(conn).explain(ref(pair[0]), ref(other))
    (step,) = answer["path"]
    assert (step["kind"], step["actor"]) == ("model", "model")
    evidence = step["evidence"]
    assert abs(evidence["weight"] - sum(one["weight"] for one in evidence["waterfall"])) < 1e-6
    assert "same birth date" in {one["answer"] for one in evidence["waterfall"]}
    assert not nothing["same"]


def test_every_open_link_says_why(space, told):
    told(rows())
    resolve_all(space)
    with space.database.connect() as conn:
        silent = conn.execute(
            "select count(*) from identity.link where closed_at is null and case when strength = 1000 "
            "then steps is null or abs(weight - (select sum(s) from unnest(steps) s)) > 1e-6 "
            "else rule = '' and reason = '' end"
        ).fetchone()
    assert silent == (0,)


def test_the_kept_model_shows_no_name_and_opens_again(space, told):
    told(rows())
    done = resolve_all(space)
    with space.database.connect() as conn:
        (stored,) = conn.execute("select m::text from identity.model m").fetchone()
        (sealed,) = conn.execute("select sealed from identity.model").fetchone()
        row = model_in_force(conn)
    assert opened_model(space, row).version == done.model
    for needle in ("gallagher", "mail.example", "mill"):
        assert needle not in stored.lower()
        assert needle.encode() not in bytes(sealed).lower()


def faint(found):
    """Return records of which each third of a person says less, in one of four ways: sure, likely and possible pairs."""
    less = []
    for place, row in enumerate(found):
        key, first, last, born, mail, *_ = row
        home = found[place - 2][5:]
        ways = (
            (key, first, last, "", "", "", "", ""),
            (key, first, last, f"{born[:4]}-01-09", "", *row[5:]),
            (key, first, f"{last[:4]}en", "", mail, *home),
            (key, first[:1], last, "", "", *home),
        )
        less.append(ways[place % 4] if key.endswith("-2") else row)
    return less


def test_loose_and_exact_join_more_and_less(space, told):
    told(faint(rows(people=80, seed=4)))
    counts = {}
    for confidence in ("exact", "strict", "loose"):
        space.rules.confidence = confidence
        counts[confidence] = resolve_all(space).individuals_after
        assert verify_space(space)["same"]
    assert counts["exact"] > counts["strict"] > counts["loose"]


SCRIPT = """
import json, sys
from steelthread.identity import load_match
found = load_match().resolve(json.load(sys.stdin))
print(len(set(found.clusters())))
"""


def _without_network():
    """Return a command that runs another in a network of its own with nothing in it, where the system allows."""
    unshare = ["unshare", "--map-root-user", "--net"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode
    ):
        pytest.skip("this machine allows no network namespaces (unshare --map-root-user --net)")
    return unshare


def test_nothing_is_spilled_and_nothing_fetched(tmp_path):
    """A run with the network off works, and leaves no file anywhere: no value reaches a disk."""
    records = [dict(zip(("firstName", "lastName", "birthDate"), row[1:4], strict=True)) for row in rows(people=300)]
    told = subprocess.run(
        [*_without_network(), sys.executable, "-c", SCRIPT],
        input=json.dumps(records),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
        check=True,
    )
    assert 0 < int(told.stdout) < len(records)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_project_without_a_model_has_nothing_to_explain_by(space, told):
    told(rows(people=2))
    with space.database.connect() as conn:
        assert space.reader(conn).explain(ref("p0-0"), ref("p1-0"))["nearest"] is None
        with pytest.raises(NotFound):
            space.reader(conn).explain(ref("p0-0"), ref("nobody"))
