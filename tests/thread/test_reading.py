"""How records of a project are read for comparing: addresses in two lines, countries, and what an update reads otherwise."""

import csv
import json
import sys

import pytest
from tests import commands
from tests.thread.test_resolving import groups, rows, told

from steelthread.app import load_file
from steelthread.identity.match import Scorer, arrays, model
from steelthread.kit import Invalid
from steelthread.thread import resolve_all, resolve_new
from steelthread.thread.likeness import Likeness
from steelthread.thread.people import people

__all__ = ["told"]
MAPPING = """name: people
key: id
entities:
  - entity: Individual
    attributes: {firstName: first, lastName: last}
  - entity: ContactPointAddress
    attributes: {addressLine1: street, addressLine2: more, postalCodeText: postcode, countryName: country}
"""


def load(space, found):
    (space.project.sources / "people.yaml").write_text(MAPPING)
    path = space.project.folder / "people.csv"
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([("id", "first", "last", "street", "more", "postcode", "country"), *found])
    load_file(space, "people", path)


def test_second_lines_and_countries_are_read_and_a_project_says_where_the_others_are(space):
    load(space, [
        ("1", "Ann", "Abel", "12 Mill Lane", "Flat 2", "LS1 4DY", ""),
        ("2", "Ann", "Abel", "Flat 2", "12 Mill Lane", "LS1 4DY", ""),
        ("3", "Bo", "Bock", "Hauptstr. 5", "", "1067", "Germany"),
    ])  # fmt: skip
    with space.database.connect() as conn:
        values = [one.values for one in people(space, conn)]
    assert [one["countryName"] for one in values] == ["GB", "GB", "DE"]
    scorer = Scorer(arrays.Arrays(values).learn())
    prepared = [scorer.prepare(one) for one in values]
    assert [row["homes"] for row in prepared] == [["12 mill ln #2|ls14dy"]] * 2 + [["5 haupt st|01067"]]


def test_what_the_data_lack_is_said_on_the_command_line(space):
    (space.project.sources / "people.yaml").write_text(
        "name: people\nkey: id\nentities:\n  - entity: Individual\n    attributes: {firstName: first, lastName: last}\n"
    )
    path = space.project.folder / "people.csv"
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([("id", "first", "last"), *((row[0], *row[1:3]) for row in rows(people=20))])
    load_file(space, "people", path)

    def resolved(*more):
        command = [sys.executable, "-m", "steelthread", "resolve", "--project", str(space.project.folder), *more]
        return commands.run(command, text=True, check=True).stdout

    told = " ".join(resolved().split())
    assert "namesakes cannot be told apart" in told
    assert "Hardly any record has a place: map cityName, postalCodeText or addressLine1." in told
    assert "too few to learn from" in told
    lacks = json.loads(resolved("--json"))["lacks"]
    assert len(lacks) == 3
    assert all(sentence in told for sentence in lacks)


def test_a_model_that_was_learned_of_another_reading_is_learned_anew(space, told, monkeypatch):
    every = rows(people=80)
    told(every[:150])
    resolve_all(space)
    told(every[:155])
    assert resolve_new(space).records == 5
    former = groups(space)
    changed = {row[0] for row in every[155:160]}
    later = model.READING + 1
    for module in (model, arrays):
        monkeypatch.setattr(module, "READING", later)
    told(every[:160])
    again = resolve_new(space)
    assert again.records == 160
    after = groups(space)
    untouched = [keys for keys in former if keys in after]
    assert len(untouched) > len(former) - len(changed)
    assert all(after[keys] == former[keys] for keys in untouched)
    told(every[:165])
    assert resolve_new(space).records == 5


def test_who_is_asked_about_is_read_as_the_country_writes(space, told):
    """In Britain 3/4 is in April, and a phone without a code is one of Britain, if nothing else is said."""
    found = rows()
    told([(*row[:3], "1980-04-03", *row[4:]) if row[0].startswith("p0-") else row for row in found])
    resolve_all(space)
    asked = {"firstName": found[0][1], "lastName": found[0][2], "birthDate": "3/4/1980"}
    with space.database.connect() as conn:
        answers = [
            {step["question"]: step["answer"] for step in one["individuals"][0]["waterfall"]}["birth"]
            for one in (
                Likeness(space).of(conn, asked),
                Likeness(space).of(conn, {**asked, "countryName": "US"}),
                Likeness(space).of(conn, {**asked, "countryName": "US", "birthDate": "3.4.1980"}),
            )
        ]
        assert answers == ["same birth date", "day and month swapped", "same birth date"]
        with pytest.raises(Invalid, match="Say something"):
            Likeness(space).of(conn, {"countryName": "GB"})
