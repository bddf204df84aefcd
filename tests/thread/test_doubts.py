"""A record without a first name at a contact that several people share: rules take whoever comes first, a model is asked."""

import csv

import pytest
from tests.thread.test_resolving import groups, rows

from steelthread.app import load_file, verify_space
from steelthread.identity.ledger import DOUBTED
from steelthread.thread import resolve_all, resolve_new
from steelthread.thread.people import people

MAPPING = """name: people
key: id
entities:
  - entity: Individual
    attributes: {firstName: first, lastName: last, birthDate: born}
  - entity: ContactPointEmail
    attributes: {emailAddress: email}
  - entity: ContactPointPhone
    attributes: {telephoneNumber: phone}
"""
COLUMNS = ("id", "first", "last", "born", "email", "phone")
HOME, OWN = "theabbots@home.example", "+4366412345678"


@pytest.fixture
def told(space):
    (space.project.sources / "people.yaml").write_text(MAPPING)

    def load(found):
        path = space.project.folder / "people.csv"
        with path.open("w", newline="") as stream:
            csv.writer(stream).writerows([COLUMNS, *found])
        return load_file(space, "people", path)

    return load


def town():
    """Return people who share nothing, with a phone each."""
    return [
        (key, first, last, born, email, f"+43660{number // 2:07d}")
        for number, (key, first, last, born, email, *_) in enumerate(rows(people=60))
    ]


def family():
    """Return two sisters with one mailbox, a letter to it without a first name, and one that has the younger one's number."""
    return [
        ("anna", "Anna", "Abbot", "1980-01-02", HOME, ""),
        ("clara", "Clara", "Abbot", "1984-05-06", HOME, OWN),
        ("letter", "", "Abbot", "", HOME, ""),
        ("call", "", "Abbot", "1984-05-06", HOME, OWN),
    ]


def aside(space):
    """Return the keys of records of which a link was set aside."""
    keys = {}
    with space.database.connect() as conn:
        found = conn.execute(
            "select distinct l.a from identity.link l where l.closed_at is null and l.refused = %s", (DOUBTED,)
        ).fetchall()
        for person in people(space, conn):
            keys[person.record] = person.view.ref.rpartition("/")[2]
    return {keys[record] for (record,) in found}


def of(space, key):
    """Return with whom a record is."""
    return next(group for group in groups(space) if key in group)


def test_whom_a_letter_without_a_first_name_belongs_to_a_model_decides(space, told):
    told([*town(), *family()])
    assert of(space, "anna") != of(space, "clara")
    before = {key: group for group in groups(space) for key in group}
    assert len(before["letter"]) > 1, "rules join it to whoever of the two comes first"
    resolve_all(space)
    assert of(space, "call") >= {"clara", "call"}
    assert of(space, "letter") == {"letter"}
    assert aside(space) == {"letter", "call"}
    assert verify_space(space)["same"]
    again = resolve_all(space)
    assert (again.merged, again.split) == (0, 0)
    assert aside(space) == {"letter", "call"}


def test_it_comes_back_when_the_contact_is_one_person_s_again(space, told):
    mailbox = "clara.abbot@home.example"
    named = [(key, *rest[:3], mailbox, rest[4]) for key, *rest in family()]
    told([*town(), *named])
    resolve_all(space)
    assert "letter" in aside(space)
    told([*town(), ("anna", "Anna", "Abbot", "1980-01-02", "anna.abbot@home.example", ""), *named[1:]])
    assert "letter" in aside(space), "a load changes nothing of what a model decided"
    resolve_all(space)
    assert aside(space) == set()
    assert of(space, "letter") >= {"clara", "letter"}
    assert verify_space(space)["same"]


def test_new_records_alone_say_what_a_whole_run_says(space, told):
    told([*town(), *family()[1:3]])
    resolve_all(space)
    told([*town(), *family()])
    resolve_new(space)
    live, doubts = groups(space), aside(space)
    assert "letter" in doubts
    assert verify_space(space)["same"]
    whole = resolve_all(space, keep_model=True)
    assert (whole.merged, whole.split) == (0, 0)
    assert (groups(space), aside(space)) == (live, doubts)


def test_without_a_model_rules_decide_as_ever(space, told):
    told([*town(), *family()])
    assert aside(space) == set()
    assert of(space, "letter") & {"anna", "clara"}
