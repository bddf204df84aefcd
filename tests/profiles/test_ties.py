"""Records that tie: the lower key is shown, by the stored profile as by the one that is read, in every project."""

import random
from datetime import UTC, datetime

import pytest

from steelthread.app import load_file, verify_space
from steelthread.intake import records_by_id
from steelthread.profiles import Opener
from steelthread.profiles.folder import Contribution
from steelthread.profiles.keys import tied

AT = datetime(2026, 2, 1, tzinfo=UTC)
MAPPING = """name: {name}
key: id
priority: {priority}
entities:
  - entity: Individual
    attributes: {{lastName: last, birthDate: born}}
  - entity: ContactPointEmail
    attributes: {{emailAddress: email}}
"""


def load(space, name, rows, priority=0, at=AT):
    (space.project.sources / f"{name}.yaml").write_text(MAPPING.format(name=name, priority=priority))
    path = space.project.folder / f"{name}.csv"
    path.write_text("\n".join(["id,last,born,email", *rows]) + "\n")
    return load_file(space, name, path, as_of=at)


def stored_and_read(space):
    """Return, per person and attribute, the record that the stored profile names and the one that is read."""
    with space.database.connect() as conn:
        opener = Opener(conn, space.vault)
        for individual, body in conn.execute("select individual_id, body from profiles.profile").fetchall():
            shown = space.reader(conn).profile(f"individual:{individual}")["attributes"]
            refs = {view.record_id: view.ref for view in opener.open(records_by_id(conn, [
                one["record"] for one in body["attributes"].values()]))}  # fmt: skip
            stored = {name: refs[one["record"]] for name, one in body["attributes"].items()}
            yield stored, {name: one["record"] for name, one in shown.items()}


def test_the_lower_key_is_shown(space):
    load(space, "crm", ["b,Bee,1980-01-02,x@x.example", "a,Ay,1990-01-02,x@x.example", "c,Sea,,x@x.example"])
    with space.database.connect() as conn:
        attributes = space.reader(conn).profile("email:x@x.example")["attributes"]
    assert {name: attributes[name]["record"] for name in ("lastName", "birthDate")} == {
        "lastName": "record:crm/Individual/a", "birthDate": "record:crm/Individual/a",
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_stored_and_read_profiles_show_the_same_records(space, seed):
    chance = random.Random(seed)
    emails = [f"{number}@x.example" for number in range(6)]
    for number in range(4):
        rows = [
            f"{chance.choice('abcdefgh')}{line},L{chance.randint(0, 9)},19{chance.randint(50, 99)}-01-02,{chance.choice(emails)}"
            for line in range(12)
        ]
        load(space, f"s{number % 3}", rows, priority=number % 2, at=AT.replace(day=1 + chance.randint(0, 1)))
    compared = list(stored_and_read(space))
    assert sum(len(stored) for stored, _ in compared) >= 6
    for stored, read in compared:
        assert stored == read
    assert verify_space(space)["same"]


def test_another_project_with_another_keyring_shows_the_same(space, other_space):
    rows = [f"{key},L{key},19{50 + number}-01-02,x@x.example" for number, key in enumerate("qwertyuiop")]
    load(space, "crm", rows)
    (first,) = [read for _, read in stored_and_read(space)]
    load(other_space, "crm", rows[::-1])
    assert list(stored_and_read(other_space)) == [(first, first)]


def test_only_records_that_may_tie_are_opened():
    def record(number, source=1, at=AT, clear=b"{}"):
        return Contribution(number, source, "Individual", at, clear, at)

    later = AT.replace(day=2)
    assert tied([[record(1)], [record(2), record(3, at=later)], [record(4), record(5, source=2)]]) == set()
    assert tied([[record(1), record(2), record(3, at=later)]]) == {1, 2}
    assert tied([[record(1, clear=b'{"t":{}}'), record(2, at=later)]]) == {1, 2}, "single values may be older"
