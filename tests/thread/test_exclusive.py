"""Identifiers of which a person has one: logins from files and live, numbers, and what evidence in sum may say against it."""

import itertools

import msgspec
import pytest
from tests.thread.test_overmerged import judged, keys, queue, together

from steelthread import intake
from steelthread.app import load_file, verify_space
from steelthread.intake import Message
from steelthread.model import Received
from steelthread.thread import LiveThread, Space, link, replay, review
from steelthread.thread.people import DOUBTFUL, apart, singles_of

MAPPING = """name: people
key: id
entities:
  - entity: Individual
    attributes: {firstName: first}
  - entity: ContactPointEmail
    attributes: {emailAddress: email}
identifiers:
  - {kind: user_id, column: shop, namespace: shop}
  - {kind: user_id, column: app, namespace: app}
  - {kind: party_id.ssn, column: ssn}
  - {kind: party_id.club, column: club}
"""
MAIL = "ann@one.example"


@pytest.fixture
def told(space):
    """Return what loads rows of a key and what is told of it."""
    (space.project.sources / "people.yaml").write_text(MAPPING)

    def load(other=None, **rows):
        names = ("first", "email", "shop", "app", "ssn", "club")
        lines = [",".join((key, *(values.get(name, "") for name in names))) for key, values in rows.items()]
        path = space.project.folder / "people.csv"
        path.write_text("\n".join((",".join(("id", *names)), *lines)) + "\n")
        return load_file(other or space, "people", path)

    return load


def ref(key):
    return f"record:people/Individual/{key}"


def groups(*wanted):
    return {frozenset(one.split()) for one in wanted}


def test_two_logins_of_one_namespace_from_files_are_two_people(space, told):
    told(a={"shop": "ann1", "email": MAIL}, b={"shop": "ann2", "email": MAIL}, c={"shop": "ann1"})
    assert together(space) == groups("a c", "b")
    assert verify_space(space)["same"]
    with space.database.connect() as conn:
        (refused,) = space.reader(conn).explain(ref("b"), ref("a"))["refused"]
    assert refused["reason"] == "two different identifiers of which a person has one"
    link(space, ref("a"), ref("b"), "she registered twice", "ann")
    assert any({"a", "b"} <= one for one in together(space))  # whoever else has the login that was not kept stays apart
    assert verify_space(space)["same"]


def test_logins_of_two_namespaces_may_be_one_persons(space, told):
    told(a={"shop": "ann1", "email": MAIL}, b={"app": "ann2", "email": MAIL}, c={"app": "other", "email": MAIL})
    assert together(space) in (groups("a b", "c"), groups("a c", "b"))  # of two that tie, a keyed hash decides
    assert verify_space(space)["same"]


def test_a_project_may_let_a_person_have_several_logins(space, told):
    text = space.project.folder / "identity.yaml"
    text.write_text(text.read_text().replace("scoped: true, exclusive: true}", "scoped: true}"))
    with Space(space.project, space.database) as again:
        (again.project.sources / "people.yaml").write_text(MAPPING)
        told(a={"club": "x"})
        path = again.project.folder / "people.csv"
        path.write_text(f"id,first,email,shop,app,ssn,club\na,,{MAIL},ann1,,,\nb,,{MAIL},ann2,,,\n")
        load_file(again, "people", path)
        assert together(again) == groups("a b")


@pytest.mark.parametrize("order", list(itertools.permutations(("file", "live", "more"))), ids=" ".join)
def test_files_and_live_events_agree_in_any_order(space, told, order):
    """A login is the same wall whoever names it first."""
    (space.project.sources / "site.yaml").write_text("name: site\nkind: live\nuser_namespace: shop\n")
    for step in order:
        if step == "file":
            told(a={"shop": "ann1", "email": MAIL})
        elif step == "more":
            told(b={"shop": "ann2", "email": MAIL})
        else:
            live(space, "ann1")
            live(space, "ann2")
    assert together(space) == groups("a ann1", "b ann2")
    assert verify_space(space)["same"]


@pytest.mark.parametrize("order", list(itertools.permutations(("file", "live", "more"))), ids=" ".join)
def test_where_a_person_may_have_several_logins_those_of_live_events_are_walls_whoever_comes_first(space, told, order):
    """Files may join two logins; whoever has a write key may not."""
    text = space.project.folder / "identity.yaml"
    text.write_text(text.read_text().replace("scoped: true, exclusive: true}", "scoped: true}"))
    with Space(space.project, space.database) as again:
        (again.project.sources / "site.yaml").write_text("name: site\nkind: live\nuser_namespace: shop\n")
        for step in order:
            if step == "file":
                told(again, a={"shop": "ann1", "email": MAIL}, c={"shop": "ann3", "email": MAIL})
            elif step == "more":
                told(again, b={"shop": "ann2", "email": MAIL})
            else:
                live(again, "ann1")
                live(again, "ann2")
        found = together(again)
        assert not any({"a", "b"} <= one or {"ann1", "ann2"} <= one for one in found), found
        assert sum("c" in one and len(one) > 1 for one in found) == 1, "of a file alone: one of the two is joined to it"
        assert verify_space(again)["same"]
        replay(again)
        assert together(again) == found


def live(space, user):
    at = 1_790_000_000_000_000
    message = Message(id=f"m-{user}", type="identify", timestamp=at, received=at, user_id=user, traits={"email": MAIL})
    with space.writer() as conn:
        number, _, _ = intake.source_row(conn, space.vault, "site", 0, space.vault.digest(b"live"), unique=False)
        space.log.append(conn, "received", [Received(number, msgspec.msgpack.encode(message))], hours=1)
        conn.commit()
        thread = LiveThread(space)
        while thread.step(conn, 100).read:
            pass


def test_evidence_in_sum_does_not_join_two_logins_and_a_person_is_asked(space, told):
    told(a={"shop": "ann1", "first": "Ann"}, b={"shop": "ann2", "first": "Ann"}, c={"first": "Ann"})
    judged(space, a_b=(9.0, ""), b_c=(2.0, ""))
    assert together(space) == groups("a", "b c")
    assert verify_space(space)["same"]
    one = next(one for one in queue(space) if keys(one) == {"a", "b"})
    assert (one["joined"], one["mean"]) == (False, 9.0)
    assert "of which a person has one" in one["wall"]
    assert review(space, one["id"], "same", "ann")["same"]
    assert together(space) == groups("a b c")
    assert verify_space(space)["same"]


def test_numbers_are_a_wall_to_rules_and_the_models_own_to_weigh(space, told):
    told(
        a={"ssn": "123456789", "email": MAIL}, b={"ssn": "987654321", "email": MAIL},
        c={"ssn": "111223333"}, d={"ssn": "444556666"}, e={"ssn": "555667777"}, f={"ssn": "888990000"},
    )  # fmt: skip
    assert together(space) == groups(*"abcdef")
    judged(space, c_d=(1.0, ""), e_f=(1.0, "two different numbers of which a person has one (ssn)"))
    assert together(space) == groups("a", "b", "c d", "e", "f")
    assert verify_space(space)["same"]


NUMBERS = {"ssn": {"123456789"}}


@pytest.mark.parametrize(
    ("other", "weight", "walled"),
    [
        ({"ssn": {"987654321"}}, DOUBTFUL - 0.1, True),
        ({"ssn": {"987654321"}}, DOUBTFUL, False),  # so much alike in all else that one number may be wrong
        ({"ssn": {"123456789"}}, -20.0, False),
        ({"ssn": {"123456798"}}, -20.0, False),  # neighbours swapped: a slip of the pen
        ({"ssn": {"123456700"}}, -20.0, False),  # two signs
        ({"ssn": {"123456000"}}, -20.0, True),  # three
        ({"ssn": {"987654321", "123456789"}}, -20.0, False),  # one of them is alike
        ({"tax_id": {"987654321"}}, -20.0, False),
        ({}, -20.0, False),
    ],
)
def test_numbers_keep_two_records_apart_where_little_else_speaks_for_one_person(other, weight, walled):
    for pair in ((NUMBERS, other), (other, NUMBERS)):
        assert apart(*pair, weight) == ("two different numbers of which a person has one (ssn)" if walled else "")


def test_numbers_are_compared_without_marks_and_only_those_of_which_a_person_has_one():
    values = {"partyIdentification": ["ssn:123-45 6789", "club:77", "ssn:AB1"]}
    assert singles_of(values, {"ssn"}) == {"ssn": {"123456789", "ab1"}}
    assert singles_of({}, {"ssn"}) == {}


def test_a_number_that_a_home_shares_joins_nobody_whose_first_names_conflict(space, told):
    """Two of one home give one number: theirs, or that of whoever filled the form in. By evidence in sum they may be one."""
    told(
        a={"first": "Ann", "ssn": "111-22-3333"}, b={"first": "Walter", "ssn": "111-22-3333"},
        c={"first": "Ann", "ssn": "444-55-6666"}, d={"first": "Annie", "ssn": "444-55-6666"}, e={"ssn": "444-55-6666"},
    )  # fmt: skip
    assert together(space) == groups("a", "b", "c d e")
    assert verify_space(space)["same"]
