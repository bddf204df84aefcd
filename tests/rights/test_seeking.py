"""Whose a refused row is, and whose an identifier is that a constraint kept out of a person."""

import json

import pytest

from steelthread.app import verify_space
from steelthread.kit import NotFound
from steelthread.privacy import Tombstones
from steelthread.rights import access, erase
from steelthread.rights.seeking import Seeker, Sought

ANN = Sought(["ann@example.com", "+442079460958", "LN-77-1", "12345678"], [b"hers"])
BOB = Sought(["bob@example.com", "+442079460999", "LN-77-10", "b@x.io"], [b"his"])


@pytest.mark.parametrize(
    ("text", "whose"),
    [
        ("write to Ann@Example.com.", 0), ("<ann@example.com>", 0), ("ann+shop@example.com", 0), ("joann@example.com", None),
        ("ann@example.com.au", None), ("020 7946 0958", 0), ("(020) 7946-0958", 0), ("0044 20 79460999", 1), ("1020794609580", None),
        ("79460958", None), ("card LN-77-1", 0), ("card LN-77-10", 1), ("LN-77-100", None), ("xLN-77-1", None),
        ("ln-77-1,and more", 0), ("12345678", 0), ("123456789", None), ("1,012345678", None), ("B@X.io", 1), ("", None),
        ("2026-01-02\\n0958", None),
    ],
)  # fmt: skip
def test_an_identifier_stands_as_a_whole(text, whose):
    assert Seeker([ANN, BOB]).of_text(text) == whose


def test_a_row_is_known_by_its_digest():
    seeker = Seeker([ANN, BOB])
    assert [seeker.of_row(one) for one in (b"hers", b"his", b"other", b"")] == [0, 1, None, None]


TWO = """customer_id,first_name,last_name,email,phone
1,Ann,Moss,ann@example.com,+44 20 7946 0958
2,Bob,Moss,bob@example.com,+44 20 7946 0958
"""


TILL = """name: till
key: id
entities:
  - entity: Individual
    attributes: {firstName: first_name}
  - entity: ContactPointEmail
    attributes: {emailAddress: email}
  - entity: ContactPointPhone
    attributes: {telephoneNumber: phone}
"""


def rejects(space):
    with space.database.connect() as conn:
        return conn.execute("select count(*) from intake.reject").fetchone()[0]


def shared_phone_of(space):
    """Return who of the two the phone is with, and the other, of whom the link to it was refused."""
    with space.database.connect() as conn:
        owner = space.reader(conn).profile("phone:+442079460958")["records"][0]["key"]
    return (owner, "2" if owner == "1" else "1")


def test_a_refused_row_of_another_stays_and_is_not_shown(space, load, tmp_path):
    load("crm", TWO)
    (space.project.sources / "till.yaml").write_text(TILL)
    load("till", "id,first_name,email,phone\nt1,Eve,no address,020 7946 0958\nt2,Joe,joe@example.com,\n")
    assert rejects(space) == 1
    owner, other = shared_phone_of(space)
    access(space, f"record:crm/Individual/{other}", tmp_path / "other", "me")
    content = json.loads((tmp_path / "other" / "data.json").read_text())
    assert [one["rows"] for one in content["stores"] if one["store"] == "intake.reject"] == [[]]
    told = erase(space, f"record:crm/Individual/{other}", "me")
    assert {one["store"]: one["rows"] for one in told.stores}["intake.reject"] == 0
    assert rejects(space) == 1
    with space.database.connect() as conn:
        assert space.reader(conn).profile("phone:+442079460958")["records"][0]["key"] == owner


SURPLUS = """customer_id,first_name,last_name,email,loyalty_number
1,Ann,Moss,a1@example.com,LN-77-1001
2,Ann,Moss,a2@example.com,LN-77-1001
3,Ann,Moss,a3@example.com,LN-77-1001
4,Ann,Moss,a4@example.com,LN-77-1001
9,Bob,Ray,bob@example.com,LN-77-1009
"""


def test_an_identifier_that_was_refused_and_is_nobody_elses_goes_too(space, load):
    text = (
        (space.project.folder / "identity.yaml").read_text()
        if (space.project.folder / "identity.yaml").exists()
        else ""
    )
    assert "limit: [{count: 10}]" in text
    (space.project.folder / "identity.yaml").write_text(text.replace("limit: [{count: 10}]", "limit: [{count: 2}]"))
    again = type(space)(space.project, space.database)
    from steelthread.app import draft_source, load_file  # noqa: PLC0415  # for the space with its own rules

    path = space.project.folder / "crm.csv"
    path.write_text(SURPLUS)
    draft_source(space.project, "crm", path)
    load_file(again, "crm", path)
    load_file(again, "crm", path)
    with space.database.connect() as conn:
        refused = conn.execute(
            "select count(*) from identity.link where refused <> '' and closed_at is null"
        ).fetchone()[0]
        names = [one for number in range(1, 5) for one in again.reader(conn).hashes(f"email:a{number}@example.com")]
        before = conn.execute("select count(*) from identity.node where hash = any(%s)", (names,)).fetchone()[0]
    assert refused >= 2
    assert before == 4
    told = erase(again, "loyalty_number:LN-77-1001", "me")
    assert told.hits == []
    with space.database.connect() as conn:
        left = conn.execute("select count(*) from identity.node where hash = any(%s)", (names,)).fetchone()[0]
        stones = Tombstones(space.vault).among(conn, names)
        for number in range(1, 5):
            with pytest.raises(NotFound):
                again.reader(conn).profile(f"email:a{number}@example.com")
        assert again.reader(conn).profile("email:bob@example.com")
    assert left == 0
    assert stones == set(names)
    assert verify_space(again)["same"]
