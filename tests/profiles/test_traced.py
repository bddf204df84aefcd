"""What events add to a profile: the identifiers that are the person's own, whatever else the event named."""

import pytest
from tests.laws.test_order import SOURCES

from steelthread.app import load_file


@pytest.fixture
def told(space):
    def load(source, header, *rows):
        (space.project.sources / f"{source}.yaml").write_text(f"name: {source}\n{SOURCES[source]}")
        path = space.project.folder / f"{source}.csv"
        path.write_text("\n".join([header, *rows]) + "\n")
        load_file(space, source, path)

    return load


def emails(space, ref):
    with space.database.connect() as conn:
        return {one["value"] for one in space.reader(conn).profile(ref)["identifiers"] if one["kind"] == "email"}


def test_an_identifier_that_is_another_persons_is_not_shown(space, told):
    told("crm", "id,first,last,email,phone", "4,Mary,Ray,mary@mail.example,", "5,Bob,Lee,,")
    told(
        "till",
        "id,customer,day,total,email",
        "T1,5,2026-02-08,9.50,mary@mail.example",
        "T2,5,2026-02-09,9.50,bob@mail.example",
    )
    assert emails(space, "record:crm/Individual/5") == {"bob@mail.example"}
    assert emails(space, "record:crm/Individual/4") == {"mary@mail.example"}


def test_events_of_one_time_give_the_same_in_any_order(space, told):
    told("crm", "id,first,last,email,phone", "5,Bob,Lee,,")
    rows = ["T1,5,2026-02-08,9.50,bob@mail.example", "T2,5,2026-02-08,9.50,", "T3,5,2026-02-08,9.50,lee@mail.example"]
    told("till", "id,customer,day,total,email", *rows[:2])
    told("till", "id,customer,day,total,email", rows[2])
    assert emails(space, "record:crm/Individual/5") == {"bob@mail.example", "lee@mail.example"}
