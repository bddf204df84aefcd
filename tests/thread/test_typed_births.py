"""Birth dates that are none, such as the 31st of April: what was typed is evidence all the same, whatever way it comes."""

import pytest
from tests.thread.test_resolving import ref

from steelthread.app import load_file, verify_space
from steelthread.thread.people import people

MAPPING = """name: people
key: id
entities:
  - entity: Individual
    attributes: {firstName: first, lastName: last, birthDate: DATE}
"""


@pytest.fixture
def loaded(space):
    """Return what loads rows under a way of reading dates."""

    def load(date, *rows):
        (space.project.sources / "people.yaml").write_text(MAPPING.replace("DATE", date))
        path = space.project.folder / "people.csv"
        path.write_text("\n".join(("id,first,last,born", *rows)) + "\n")
        return load_file(space, "people", path)

    return load


def births(space):
    with space.database.connect() as conn:
        return {one.view.key: one.values.get("birthDate") for one in people(space, conn)}


def test_matching_sees_what_was_typed(space, loaded):
    result = loaded("born", "1,Ann,Lee,1961-02-83", "2,Ann,Lee,1961-02-03", "3,Bo,Ray,")
    assert result.set_aside == 1
    assert births(space) == {"1": "1961-02-83", "2": "1961-02-03", "3": None}
    with space.database.connect() as conn:
        profile = space.reader(conn).profile(ref("1"))
    assert "birthDate" not in profile["attributes"], "it is no date, and is not shown as one"


def test_a_column_that_no_mapping_names_is_no_birth_date(space, loaded):
    loaded("born", "1,Ann,Lee,1961-02-83")
    (space.project.sources / "people.yaml").unlink()
    assert births(space) == {"1": None}


def test_a_row_mended_at_its_source_has_its_date_and_nothing_else(space, loaded):
    loaded("born", "1,Ann,Lee,1961-02-83")
    loaded("born", "1,Ann,Lee,1961-02-03")
    assert births(space) == {"1": "1961-02-03"}
    with space.database.connect() as conn:
        (record,) = space.reader(conn).profile(ref("1"))["records"]
    assert "1961-02-83" not in str(record)
    assert verify_space(space)["same"]
