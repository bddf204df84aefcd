"""Households on real PostgreSQL: who shares a home, live, beside the people, whom they never merge."""

import csv
import random
import sys

import pytest
from fastapi.testclient import TestClient
from tests import commands

from steelthread.api import create_api, create_key
from steelthread.app import load_file
from steelthread.identity import all_households, count, household_of
from steelthread.identity.households import MOST
from steelthread.kit import now
from steelthread.profiles import households
from steelthread.rights import erase
from steelthread.thread import resolve_all, unlink

MAPPING = """name: people
key: id
identifiers: [{kind: device_id, column: device}]
entities:
  - entity: Individual
    attributes: {firstName: first, lastName: last, birthDate: born}
  - entity: ContactPointEmail
    attributes: {emailAddress: email}
  - entity: ContactPointPhone
    attributes: {telephoneNumber: phone}
  - entity: ContactPointAddress
    attributes: {addressLine1: street, cityName: city, postalCodeText: postcode}
"""
COLUMNS = "id first last born email phone device street city postcode".split()  # noqa: SIM905
YEAR = now().year
PURPOSES = """purposes:
  operations: {legalBasis: contract}
  homes: {legalBasis: consent, fields: [household]}
  names: {legalBasis: contract, fields: [firstName]}
"""


def row(key, first, last="Moss", street="12 Mill Lane", postcode="LS1 4DY", **more):
    values = {"id": key, "first": first, "last": last, "street": street, "city": "Leeds", "postcode": postcode, **more}
    values.setdefault("email", f"{key}@mail.example")
    return tuple(values.get(column, "") for column in COLUMNS)


@pytest.fixture
def told(space):
    (space.project.sources / "people.yaml").write_text(MAPPING)
    (space.project.folder / "purposes.yaml").write_text(PURPOSES)

    def load(*rows, **how):
        path = space.project.folder / "people.csv"
        with path.open("w", newline="") as stream:
            csv.writer(stream).writerows([COLUMNS, *rows])
        return load_file(space, "people", path, **how)

    return load


def ref(key):
    return f"record:people/Individual/{key}"


def home(space, key):
    """Return the household of a record's person: key -> (role, shared), {} for none."""
    with space.database.connect() as conn:
        found = space.reader(conn).household(ref(key))
        names = {}
        for one in found.members if found else []:
            for record in space.reader(conn).profile(f"individual:{one.individual_id}")["records"]:
                names[record["key"]] = (one.role, one.via)
    return names


def test_a_family_is_a_household_as_soon_as_it_is_loaded_and_stays_people(space, told):
    told(
        row("ann", "Ann", born="1980-02-03"), row("bob", "Robert", born="1979-01-01", street="12, Mill Ln"),
        row("cleo", "Cleo", born=f"{YEAR - 9}-05-06"), row("dan", "Dan", last="Moss-Hill"),
        row("eve", "Eve", street="14 Mill Lane"), row("fay", "Fay", last="Ray"),
    )  # fmt: skip
    assert home(space, "ann") == {
        "ann": ("head", ["address"]), "bob": ("adult", ["address"]), "cleo": ("child", ["address"]),
        "dan": ("member", ["address"]),
    }  # fmt: skip
    assert home(space, "dan") == home(space, "ann")
    assert home(space, "eve") == home(space, "fay") == {}
    with space.database.connect() as conn:
        assert count(conn) == 6
        reader = space.reader(conn)
        assert reader.share(ref("cleo")) == {
            "householdId": str(reader.household(ref("ann")).household_id), "size": 4, "role": "child", "via": ["address"]
        }  # fmt: skip
        assert reader.share(ref("eve")) is None


def test_what_was_refused_as_a_key_of_one_person_makes_a_household(space, told):
    told(
        row("ann", "Ann", last="Lee", street="1 Rose Hill", phone="+447700900123"),
        row("bob", "Bob", last="Ray", street="9 Park Road", phone="+447700900123", device="TV-1"),
        row("cid", "Cid", last="Fox", street="3 Long Row", device="TV-1"),
        row("ann2", "Ann", last="Lee", street="1 Rose Hill", email="ann@mail.example"),
    )
    found = home(space, "cid")
    assert found.keys() == {"ann", "ann2", "bob", "cid"}
    assert found["bob"][1] == ["device_id", "phone"]
    assert found["cid"][1] == ["device_id"]


def test_a_mailbox_that_was_refused_as_a_key_of_one_person_makes_a_household(space, told):
    shared, own = "post@moss.example", "+447700900123"  # whoever gets the mailbox, her phone joins the two of Ann
    told(
        row("ann", "Ann", last="Lee", street="1 Rose Hill", email=shared, phone=own),
        row("bob", "Bob", last="Ray", street="9 Park Road", email=shared),
        row("ann2", "Ann", last="Lee", street="1 Rose Hill", email=shared, phone=own),
        row("cid", "Cid", last="Fox", street="3 Long Row"),
    )
    with space.database.connect() as conn:
        assert count(conn) == 3
    found = home(space, "bob")
    assert found.keys() == {"ann", "ann2", "bob"}
    assert {key: via for key, (_, via) in found.items()} == {key: ["email"] for key in found}
    assert home(space, "cid") == {}
    told(row("bob", "Bob", last="Ray", street="9 Park Road", email="bob@ray.example"))
    assert home(space, "ann") == home(space, "bob") == {}


def test_a_phone_that_one_person_has_twice_is_no_household(space, told):
    told(row("ann", "Ann", phone="+447700900123"), row("ann2", "Ann", phone="+447700900123"))
    assert home(space, "ann") == {}
    unlink(space, ref("ann"), ref("ann2"), "two Anns", "clerk")
    assert home(space, "ann").keys() == {"ann", "ann2"}
    assert home(space, "ann")["ann"][1] == ["address", "phone"]


def test_people_live_where_they_were_seen_last(space, told):
    told(row("ann", "Ann"), row("bob", "Bob"))
    assert home(space, "ann").keys() == {"ann", "bob"}
    told(row("ann", "Ann"), row("bob", "Bob", street="7 New Street"))
    assert home(space, "ann") == {}


def test_what_too_many_share_is_no_home(space, told):
    crowd = [row(f"p{one}", f"{chr(97 + one)}{chr(98 + one)}q", last="Smith") for one in range(MOST + 1)]
    told(*crowd, row("ann", "Ann", phone="+447700900123"), row("bob", "Bob", phone="+447700900123"))
    assert home(space, "p0") == {}
    assert home(space, "ann").keys() == {"ann", "bob"}
    told(row(f"p{MOST}", "Zoe", last="Smith", street="99 Elsewhere"))
    assert len(home(space, "p0")) == MOST


def test_a_chain_that_grows_too_long_falls_back_to_addresses(space, told):
    """Pairs at home, each pair joined to the next by a shared device: 2 x 8 people are too many for one home."""
    rows = []
    for one in range(8):
        street, last = f"{one + 1} Mill Lane", f"Surname{chr(97 + one)}"
        rows.append(row(f"a{one}", f"Anna{chr(97 + one) * 3}", last, street, device=f"TV-{one}"))
        rows.append(row(f"b{one}", f"Boris{chr(110 + one) * 3}", last, street, device=f"TV-{one + 1}"))
    told(*rows)
    for one in range(8):
        assert home(space, f"a{one}").keys() == {f"a{one}", f"b{one}"}
        assert home(space, f"a{one}")[f"b{one}"][1] == ["address"]


def test_one_by_one_is_all_at_once(space, told):
    """The household that a person is asked for is the one that the list of all has, in any mixture."""
    chance = random.Random(7)
    told(*(
        row(f"p{one}", chance.choice(("Ann", "Boris", "Clara", "Dmitri", "Elena", "Felix", "Greta", "Hugo")),
            chance.choice(("Moss", "Lee", "Ray")), f"{chance.randrange(1, 25)} Mill Lane",
            phone=f"+4477009001{chance.randrange(10, 75)}", device=f"TV-{chance.randrange(1, 90)}")
        for one in range(130)
    ))  # fmt: skip
    with space.database.connect() as conn:
        everyone = [
            cluster for (cluster,) in conn.execute("select cluster_id from identity.cluster where evidence > 0")
        ]
        listed = {tuple(one.members): one for one in all_households(conn)}
        asked = {
            tuple(one.members): one for one in (household_of(conn, each) for each in everyone) if len(one.members) > 1
        }
        assert asked == listed
        assert len(listed) > 5
        shown = list(households(conn, space.vault, now().date()))
    assert len({one.household_id for one in shown}) == len(shown) == len(listed)
    assert all(one.household_id.version == 8 for one in shown)


def test_records_from_before_are_read_by_the_next_run(space, told):
    told(*(row(f"p{one}", f"{first}", f"Moss{one // 2}") for one, first in enumerate(("Ann", "Bob") * 20)))
    before = home(space, "p0")
    with space.database.connect() as conn:
        conn.execute("delete from identity.home")
        conn.commit()
    assert home(space, "p0") == {}
    resolve_all(space)
    assert home(space, "p0") == before != {}


def test_whoever_is_erased_is_in_no_household(space, told):
    told(row("ann", "Ann"), row("bob", "Bob"), row("cid", "Cid"))
    with space.database.connect() as conn:
        before = space.reader(conn).household(ref("ann"))
    gone = erase(space, ref("ann"), "test")
    assert next(one for one in gone.stores if one["store"] == "identity.home")["rows"] == 1
    assert home(space, "bob").keys() == {"bob", "cid"}
    with space.database.connect() as conn:
        after = space.reader(conn).household(ref("bob"))
        assert conn.execute("select count(*) from identity.home").fetchone() == (2,)
    assert after.household_id != before.household_id  # it was made of the universal ID that is nobody's now


def test_over_http_for_a_purpose(space, told):
    told(row("ann", "Ann"), row("bob", "Bob"), row("cid", "Cid"))
    api = create_api(space)
    key = create_key(space, ["profiles:read", "consents:write"], ["operations", "homes", "names"])
    client = TestClient(api, headers={"Authorization": f"Bearer {key}"})
    where = "/api/households/email%3Aann%40mail.example"
    whole = client.get(f"{where}?purpose=operations").json()
    assert [one["role"] for one in whole["members"]] == ["head", "member", "member"]
    assert whole["withheld"] == 0
    assert client.get(f"{where}?purpose=names").status_code == 403
    assert client.get(f"{where}?purpose=homes").status_code == 403  # Ann has not said yes
    for who in ("ann", "bob"):
        said = {"ref": f"email:{who}@mail.example", "purpose": "homes", "said": "given"}
        assert client.post("/api/consents", json=said).status_code in (200, 201, 202), said
    some = client.get(f"{where}?purpose=homes").json()
    assert (len(some["members"]), some["withheld"], some["householdId"]) == (2, 1, whole["householdId"])
    profile = client.get("/api/profiles/email%3Aann%40mail.example?purpose=operations&fields=household").json()
    assert profile["household"] == {"householdId": whole["householdId"], "size": 3, "role": "head", "via": ["address"]}
    masked = client.get("/api/profiles/email%3Aann%40mail.example?purpose=names").json()
    assert "household" not in masked
    assert client.get("/api/profiles/email%3Aann%40mail.example?purpose=names&fields=household").json().keys() == {
        "individualId"
    }


def test_from_the_command_line(space, told):
    told(row("ann", "Ann"), row("bob", "Bob"), row("eve", "Eve", last="Ray"))

    def run(*words):
        command = [sys.executable, "-m", "steelthread", *words, "--project", str(space.project.folder)]
        return commands.run(command, text=True, check=True).stdout

    rows = list(csv.DictReader(run("export", "households").splitlines()))
    assert [(one["role"], one["via"]) for one in rows] == [("head", "address"), ("member", "address")]
    assert rows[0]["household_id"] == rows[1]["household_id"]
    assert rows[1]["individual_id"] in run("household", "email:ann@mail.example", "--json")
    assert run("household", "email:eve@mail.example", "--json").strip() == "null"
    assert "household of 2" in run("profile", "email:ann@mail.example")
