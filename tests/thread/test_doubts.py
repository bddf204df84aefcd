"""At a contact that several people share rules take whoever comes first; a model is asked."""

import csv

import pytest
from tests.thread.test_resolving import groups, rows

from steelthread.app import load_file, verify_space
from steelthread.identity.ledger import DISPUTED, DOUBTED
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
TILL = """name: till
key: id
entities:
  - entity: SalesOrder
    attributes: {orderNumber: id, grandTotalAmount: total}
identifiers:
  - {kind: email, column: email}
"""
COLUMNS = ("id", "first", "last", "born", "email", "phone")
HOME, OWN = "theabbots@home.example", "+4366412345678"
GIVEN_AWAY = "+436643581926"


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


def aside(space, why=DOUBTED):
    """Return the keys of records of which a link was set aside, for this reason."""
    keys = {}
    with space.database.connect() as conn:
        found = conn.execute(
            "select distinct l.a from identity.link l where l.closed_at is null and l.refused = %s", (why,)
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
    mailbox = "cabbot@home.example"  # of one named clara.abbot@ rules know whose it is
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


def given_away():
    """Return two women of one first name; the number of the one was given to the other, as both say."""
    return [
        ("ellison", "Emma", "Ellison", "1979-06-20", "emma.ellison@post.example", GIVEN_AWAY),
        ("vogel", "Emma", "Vogel", "1993-10-27", "emma.vogel@mail.example", GIVEN_AWAY),
        ("vogel2", "Emma", "Vogel", "", "emma.vogel@mail.example", ""),
    ]


def test_two_whom_a_number_joins_and_all_else_tells_apart_are_two(space, told):
    told([*town(), *given_away()])
    assert of(space, "vogel") == {"vogel", "vogel2", "ellison"}, "rules know of first names only"
    resolve_all(space)
    assert of(space, "ellison") == {"ellison"}
    assert of(space, "vogel") == {"vogel", "vogel2"}
    assert aside(space, DISPUTED) >= {"ellison", "vogel"}
    assert verify_space(space)["same"]
    again = resolve_all(space)
    assert (again.merged, again.split) == (0, 0)
    assert aside(space, DISPUTED) >= {"ellison", "vogel"}


def test_who_comes_new_is_told_apart_as_in_a_whole_run(space, told):
    told([*town(), *given_away()[1:]])
    resolve_all(space)
    told([*town(), *given_away()])
    resolve_new(space)
    live, disputed = groups(space), aside(space, DISPUTED)
    assert disputed >= {"ellison", "vogel"}
    whole = resolve_all(space, keep_model=True)
    assert (whole.merged, whole.split) == (0, 0)
    assert (groups(space), aside(space, DISPUTED)) == (live, disputed)


def test_a_mailbox_says_whose_it_is_where_no_first_name_does(space, told):
    told([
        ("zoe", "Zoe", "Norwood", "1980-01-02", "walter.norwood.1159@mail.example", ""),
        ("letter", "", "", "", "walter.norwood.1159@mail.example", ""),
        ("walt", "Walt", "Norwood", "1984-05-06", "walter.norwood.7@mail.example", ""),
        ("call", "", "Norwood", "", "walter.norwood.7@mail.example", ""),
    ])  # fmt: skip
    assert of(space, "letter") == {"letter"}
    assert of(space, "walt") == {"walt", "call"}


def test_an_order_stays_with_its_contact(space, told):
    (space.project.sources / "till.yaml").write_text(TILL)
    path = space.project.folder / "till.csv"
    path.write_text(f"id,total,email\nT1,9.50,{HOME}\n")
    load_file(space, "till", path)
    told([*town(), *family()])
    resolve_all(space)
    assert aside(space) == {"letter", "call"}
    with space.database.connect() as conn:
        marks = conn.execute(
            "select count(*) from identity.link l join intake.record r on r.record_id = l.a"
            " where l.closed_at is null and not r.is_party and l.refused <> ''"
        ).fetchone()
    assert marks == (0,)
