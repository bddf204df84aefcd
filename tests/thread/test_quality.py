"""The quality report, and a project for people only from the command line."""

import csv
import json
import sys
from xml.etree import ElementTree as ET

from tests import commands
from tests.thread.test_resolving import COLUMNS, groups, rows, told  # noqa: F401  # told is a fixture

from steelthread.thread import link, quality, resolve_all


def test_the_report_counts_what_there_is(space, told):  # noqa: F811
    told(rows())
    alone = quality(space)
    assert (alone["individuals"], alone["consolidationRate"]) == (len(rows()), 0.0)
    assert alone["drift"] is None
    done = resolve_all(space)
    report = quality(space)
    assert report["records"] == len(rows())
    assert report["individuals"] == done.individuals_after == len(groups(space))
    assert sum(one["records"] * one["individuals"] for one in report["sizes"]) == report["records"]
    rules = {one["rule"]: one for one in report["rules"]}
    assert rules["model"]["alone"] > 0
    assert rules["email"]["alone"] == 0
    means = [one["mean"] for one in report["weakestBridges"]]
    assert means == sorted(means)
    told([*rows(), *((f"x{row[0]}", *row[1:4], "", *row[5:]) for row in rows(people=10, seed=2))])
    second = resolve_all(space)
    drift = quality(space)["drift"]
    assert drift["from"]["individuals"] == done.individuals_after
    assert drift["to"]["model"] == second.model
    assert drift["merged"] == second.merged


def test_records_that_one_rule_alone_ties_to_another_are_counted(space, told):  # noqa: F811
    people = {row[0]: row for row in rows(people=4, seed=3)}
    mine, yours = people["p0-0"], people["p1-0"]
    told([("a", *mine[1:]), ("b", *mine[1:]), ("c", *mine[1:4], "own@one.example", *mine[5:]), ("d", *yours[1:])])
    link(space, "record:people/Individual/b", "record:people/Individual/c", "she said so", "ann")
    rules = {found["rule"]: found["alone"] for found in quality(space)["rules"]}
    assert rules == {"email": 1, "must": 1}


def test_a_project_for_people_from_the_command_line(tmp_path):
    folder, file = tmp_path / "people", tmp_path / "members.csv"
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows([("id", "first_name", "last_name", "date_of_birth", *COLUMNS[4:]), *rows()])

    def run(*words):
        command = [sys.executable, "-m", "steelthread", *words]
        return commands.run(command, text=True, check=True).stdout

    run("init", str(folder), "--template", "people")
    here = ("--project", str(folder))
    run("source", "new", "members", str(file), *here)
    run("load", "members", *here)
    (line,) = run("resolve", *here, "--json").splitlines()
    done = json.loads(line)
    fixed = "records pairsScored linksAdded linksClosed individualsBefore individualsAfter merged split seconds model"
    assert set(fixed.split()) <= set(done)
    clusters = list(csv.DictReader(run("clusters", *here).splitlines()))
    assert (
        len({one["individual_id"] for one in clusters}) == done["individualsAfter"] < done["records"] == len(clusters)
    )
    assert json.loads(run("quality", *here, "--json"))["individuals"] == done["individualsAfter"]
    drawn = tmp_path / "quality.svg"
    run("quality", *here, "--picture", str(drawn))
    picture = ET.parse(drawn).getroot()
    words = " ".join(one.text or "" for one in picture.iter("{http://www.w3.org/2000/svg}text"))
    assert f"{done['individualsAfter']:,} individuals" in words
    assert "model" in words
    assert len(list(picture.iter("{http://www.w3.org/2000/svg}rect"))) > 5
    assert json.loads(run("resolve", "--incremental", *here, "--json"))["records"] == 0
