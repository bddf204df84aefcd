"""Acceptance test 5: whichever of seven linked identifiers erases a person, the result is the same; the household keeps its own."""

import pytest

from steelthread.app import verify_space
from steelthread.kit import NotFound
from steelthread.privacy import Needles, scan_database, scan_files
from steelthread.rights import erase
from steelthread.thread import link

CRM = """customer_id,first_name,last_name,email,phone,loyalty_number,street,postcode,city
1,Ann,Needle,ann.needle@example.com,+44 20 7946 0958,LN-77-1001,12 Secret Street,LS1 4AP,Leeds
2,Bob,Needle,bob.needle@example.com,+44 20 7946 0999,LN-77-1002,12 Secret Street,LS1 4AP,Leeds
3,Cid,Ray,cid.ray@example.com,,LN-77-1003,1 Other Road,YO1 7HH,York
"""
SHOP = """name: shop
key: id
identifiers: [{kind: device_id, column: device}]
entities:
  - entity: Individual
    attributes: {firstName: first}
  - entity: ContactPointEmail
    attributes: {emailAddress: email}
"""
VISITS = """id,first,email,device
s1,Ann,ann.needle@example.com,TV-SHARED-1
s2,Bob,bob.needle@example.com,TV-SHARED-1
s3,Ann,a.second@example.com,PHONE-ANN-1
s4,Ann,a.second@example.com,TABLET-ANN-1
s5,Ann,ann.needle@example.com,WATCH-ANN-1
"""
SEVEN = [
    "email:ann.needle@example.com", "email:a.second@example.com", "phone:+442079460958", "device_id:PHONE-ANN-1",
    "device_id:TABLET-ANN-1", "device_id:WATCH-ANN-1", "loyalty_number:LN-77-1001",
]  # fmt: skip
BOBS = ["record:crm/Individual/2", "email:bob.needle@example.com", "phone:+442079460999", "loyalty_number:LN-77-1002"]
NEEDLES = [ref.partition(":")[2] for ref in SEVEN]


@pytest.fixture
def household(space, load):
    (space.project.sources / "shop.yaml").write_text(SHOP)
    load("crm", CRM)
    load("shop", VISITS)
    link(space, "record:shop/Individual/s3", "record:crm/Individual/1", "she said so", "me")
    return space


def profile(space, ref):
    with space.database.connect() as conn:
        return space.reader(conn).profile(ref)


def rows_of_others(space):
    """Return the records of Bob and Cid as they lie."""
    with space.database.connect() as conn:
        names = [one.hash for ref in (BOBS[0], "record:crm/Individual/3") for one in space.reader(conn).members(ref)]
        rows = conn.execute("select r::text from intake.record r where key_hash = any(%s) order by 1", (names,))
        return [row for (row,) in rows]


@pytest.mark.parametrize("ref", SEVEN)
def test_5_any_of_seven_identifiers_gives_the_same_and_the_household_keeps_its_own(household, ref):
    space = household
    dry = [erase(space, one, "me", dry_run=True) for one in SEVEN]
    told = [(one.stores, one.rows, one.keys_destroyed, one.tombstones, one.kept_shared) for one in dry]
    assert all(one == told[0] for one in told)
    assert told[0][4] <= 1, "the television alone is kept: it may stand with either of them"
    bob, before = profile(space, BOBS[0]), rows_of_others(space)
    assert len(before) == 3
    done = erase(space, ref, "me")
    assert (done.stores, done.rows, done.keys_destroyed, done.tombstones, done.kept_shared) == told[0]
    for one in [*SEVEN, "record:crm/Individual/1", *(f"record:shop/Individual/s{n}" for n in (1, 3, 4, 5))]:
        with pytest.raises(NotFound):
            profile(space, one)
    needles = Needles(NEEDLES, derived=True)
    with space.database.connect() as conn:
        assert scan_database(conn, needles)[1] == []
    assert scan_files([space.project.data], needles)[1] == []
    assert rows_of_others(space) == before
    for one in [*BOBS, "device_id:TV-SHARED-1"]:
        assert profile(space, one) == bob
    assert verify_space(space)["same"]
