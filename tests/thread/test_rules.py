"""identity.yaml end to end: own kinds, composite keys, generic values, limits, unique sources, blocked values, mailboxes."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from steelthread.app import cluster_rows, load_file, verify_space
from steelthread.identity import default_text
from steelthread.kit import Invalid, NotFound
from steelthread.thread import Space, link, unlink

START = datetime(2026, 5, 1, tzinfo=UTC)
PEOPLE = """name: people
key: id
entities:
  - entity: Individual
    attributes: {firstName: first, lastName: last, birthDate: born}
  - entity: ContactPointEmail
    attributes: {emailAddress: email}
  - entity: ContactPointPhone
    attributes: {telephoneNumber: phone}
  - entity: ContactPointAddress
    attributes: {postalCodeText: postcode}
"""
COLUMNS = "id,first,last,born,email,phone,postcode"


@pytest.fixture
def ruled(space):
    """Return what opens the space anew under other rules and loads rows."""
    opened = []

    def use(change=lambda text: text, mapping=PEOPLE):
        (space.project.folder / "identity.yaml").write_text(change(default_text()))
        (space.project.sources / "people.yaml").write_text(mapping)
        again = Space(space.project, space.database)
        opened.append(again)

        def load(*rows, columns=COLUMNS, **how):
            path = space.project.folder / "people.csv"
            path.write_text("\n".join((columns, *rows)) + "\n")
            return load_file(again, "people", path, **how)

        return again, load

    return use


def _groups(space):
    found = {}
    with space.database.connect() as conn:
        for _, _, key, individual in cluster_rows(space, conn):
            found.setdefault(individual, []).append(key)
    assert verify_space(space)["same"]
    return sorted("".join(sorted(keys)) for keys in found.values())


def test_a_composite_key_joins_and_needs_all_of_its_parts(ruled):
    space, load = ruled(
        lambda text: text.replace(
            "rules: []", "rules:\n  - {name: name_birth, all: [lastName, firstName, birthDate]}\n"
        )
    )
    load("a,Ann,Lee,1980-01-02,,,", "b,ANN,Lée,1980-01-02,,,", "c,Ann,Lee,,,,", "d,Ann,Lee,1980-02-01,,,")
    assert _groups(space) == ["ab", "c", "d"]


def test_several_rules_stand_side_by_side(ruled):
    space, load = ruled(
        lambda text: text.replace(
            "rules: []",
            "rules:\n  - {name: name_birth, all: [lastName, birthDate]}\n  - {name: name_post, all: [lastName, postalCodeText]}\n",
        )
    )
    load("a,,Lee,1980-01-02,,,AB1", "b,,Lee,1980-01-02,,,", "c,,Lee,,,,ab1", "d,,Ray,,,,AB1")
    assert _groups(space) == ["abc", "d"]


def test_own_kinds_keep_their_number_when_the_file_is_reordered(ruled):
    mapping = PEOPLE + "identifiers:\n  - {kind: membership, column: card}\n  - {kind: badge, column: badge}\n"
    one, other = "  membership: {strength: 25}\n", "  badge: {strength: 26}\n"
    space, load = ruled(lambda text: text.replace("kinds:\n", "kinds:\n" + one + other), mapping)
    load("a,,,,,,,M1,", "b,,,,,,,M1,", columns=COLUMNS + ",card,badge")
    space, load = ruled(lambda text: text.replace("kinds:\n", "kinds:\n" + other + one), mapping)
    load("c,,,,,,,M1,", "d,,,,,,,,M1", columns=COLUMNS + ",card,badge")
    assert _groups(space) == ["abc", "d"]
    with space.database.connect() as conn:
        assert space.reader(conn).profile("membership:M1")["counts"]["records"] == 3


def test_a_value_that_too_many_share_joins_nobody_until_they_are_fewer(ruled):
    space, load = ruled(
        lambda text: text.replace(
            "phone:          {strength: 60, weak: true, generic_above: 25",
            "phone:          {strength: 60, weak: true, generic_above: 3",
        )
    )
    phone = "+442079460018"
    load(*(f"{key},,,,,{phone}," for key in "abc"))
    assert _groups(space) == ["abc"]
    load(f"d,,,,,{phone},")
    assert _groups(space) == ["a", "b", "c", "d"]
    load("d,,,,,,")
    assert _groups(space) == ["abc", "d"]


def test_a_role_mailbox_is_blocked(ruled):
    space, load = ruled()
    result = load(
        "a,,,,info@shop.example,,", "b,,,,info@shop.example,,", "c,,,,x@shop.example,,", "d,,,,X@shop.example,,"
    )
    assert result.rejected == 0
    assert _groups(space) == ["a", "b", "cd"]
    with space.database.connect() as conn, pytest.raises(NotFound):
        space.reader(conn).profile("email:info@shop.example")


def test_a_person_has_no_more_identifiers_of_a_kind_than_the_limit(ruled):
    space, load = ruled(
        lambda text: text.replace(
            "{strength: 50, weak: true, generic_above: 25, limit: [{count: 10}]}",
            "{strength: 50, weak: true, generic_above: 25, limit: [{count: 2}]}",
        )
    )
    phone = "+442079460018"
    for hour, key in enumerate("abc"):
        load(f"{key},,,,{key}@x.example,{phone},", as_of=START + timedelta(hours=hour))
    assert _groups(space) == ["ab", "c"]


def test_a_source_that_holds_each_customer_once(ruled):
    space, load = ruled(mapping=PEOPLE + "unique: true\n")
    load("a,Ann,,,ann@x.example,,", "b,Ann,,,ann@x.example,,")
    assert _groups(space) == ["a", "b"]
    assert link(space, "record:people/Individual/a", "record:people/Individual/b", "asked her", "clerk")["same"]
    assert _groups(space) == ["ab"]
    assert not unlink(space, "record:people/Individual/a", "record:people/Individual/b", "oh", "clerk")["same"]
    assert _groups(space) == ["a", "b"]


def test_two_numbers_of_which_a_person_has_one_are_two_persons(ruled):
    mapping = PEOPLE + "identifiers:\n  - {kind: party_id.ssn, column: ssn}\n"
    space, load = ruled(mapping=mapping)
    load("a,,,,ann@x.example,,,1-2", "b,,,,ann@x.example,,,1 3", "c,,,,,,,12", columns=COLUMNS + ",ssn")
    assert _groups(space) == ["ac", "b"]


def test_the_mailbox_behind_an_address_joins_more_weakly(ruled):
    space, load = ruled()
    load("a,Ann,,,a.n.n+shop@gmail.com,,", "b,Ann,,,ann@gmail.com,,", "c,Bob,,,ann+bob@gmail.com,,")
    assert _groups(space) == ["ab", "c"]
    with space.database.connect() as conn:
        reader = space.reader(conn)
        assert reader.profile("email:ann@gmail.com")["counts"]["records"] == 2
        assert reader.profile("email_provider:a.nn@googlemail.com")["counts"]["records"] == 2
        assert reader.profile("email:ann+bob@gmail.com")["attributes"]["firstName"]["value"] == "Bob"


def test_family_members_on_one_address_stay_apart_and_generations_too(ruled):
    space, load = ruled()
    load("a,Ann,Lee,,lee@x.example,,", "d,John,Ray Jr,,ray@x.example,,", as_of=START)
    later = ("b,Bob,Lee,,lee@x.example,,", "c,Annie,Lee,,lee@x.example,,", "e,John,Ray Sr,,ray@x.example,,")
    load(*later, "f,J.,Ray Jr,,ray@x.example,,", as_of=START + timedelta(hours=1))
    assert _groups(space) == ["ac", "b", "df", "e"]


def test_an_old_id_answers_for_ever_and_at_any_moment(ruled):
    space, load = ruled()
    load("a,Ann,,,a@x.example,,", "b,Ann,,,b@x.example,,", as_of=START)
    with space.database.connect() as conn:
        before = {key: individual for _, _, key, individual in cluster_rows(space, conn)}
    load("a,Ann,,,a@x.example,,", "b,Ann,,,a@x.example,,", as_of=START + timedelta(days=1))
    with space.database.connect() as conn:
        reader = space.reader(conn)
        now = reader.profile("email:a@x.example")
        gone = ({*before.values()} - {now["individualId"]}).pop()
        assert now["aliases"] == [gone]
        told = reader.resolve(UUID(gone))
        assert (told["individualId"], told["status"]) == (now["individualId"], "merged")
        earlier = reader.resolve(UUID(gone), START + timedelta(hours=1))
        assert earlier["individualId"] == gone
        with pytest.raises(NotFound):
            reader.resolve(UUID("0190a3c8-5f2e-7c1d-8e4b-2f6a9d0c1b7e"))


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ("kinds: {email: {strong: 5}}", "strong"),
        ("blocked: {email: {regex: ['(']}}", "regular expression"),
        ("kinds: [", "YAML"),
        ("nonsense: 1", "nonsense"),
    ],
)
def test_a_mistake_in_the_rules_is_named(ruled, wrong, word):
    with pytest.raises(Invalid, match=word):
        ruled(lambda _: wrong)
