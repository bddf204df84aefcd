"""Bad rows are kept with their reason, sealed, and replayed when the mapping is mended, without the file."""

from datetime import UTC, datetime

import pytest

from steelthread.app import load_file, replay_rejects, status_of, verify_space
from steelthread.intake import list_rejects
from steelthread.kit import Invalid

MAPPING = """name: people
key: id
entities:
  - entity: Individual
    attributes: {{firstName: first, birthDate: {{column: born{how}}}}}
  - entity: ContactPointEmail
    attributes: {{emailAddress: email}}
"""
FILE = "id,first,born,email\n1,Ann,03/04/1980,ann@x.example\n,Bob,1980-01-02,bob@x.example\n3,Cy\n4,Dee,1990-05-06,dee@x.example\n"


def _map(space, how=""):
    (space.project.sources / "people.yaml").write_text(MAPPING.format(how=how))


def _rejects(space):
    with space.database.connect() as conn:
        return sorted((one["line"], one["column"], one["row"]) for one in list_rejects(conn, "people", 100))


@pytest.fixture
def loaded(space):
    _map(space)
    path = space.project.folder / "people.csv"
    path.write_text(FILE)
    result = load_file(space, "people", path, as_of=datetime(2026, 1, 1, tzinfo=UTC))
    path.unlink()
    assert (result.read, result.accepted, result.rejected, result.set_aside) == (4, 2, 2, 1)
    return space


def test_rejects_say_file_line_column_and_reason_and_no_value(loaded):
    assert _rejects(loaded) == [(2, "born", False), (3, "id", True), (4, "", True)]
    with loaded.database.connect() as conn:
        told = str(list_rejects(conn, "people", 100))
        stored = str(conn.execute("select r::text from intake.reject r").fetchall())
    for word in ("1980", "Ann", "Bob", "bob@", "Cy"):
        assert word not in told
        assert word not in stored
    assert "people.csv" in told
    assert "dmy" in told, "the reason says what to write"


def test_replay_takes_values_back_without_the_file(loaded):
    assert replay_rejects(loaded, "people") == {"replayed": 0, "left": 3}
    _map(loaded, ", date: dmy")
    assert replay_rejects(loaded, "people") == {"replayed": 1, "left": 2}
    with loaded.database.connect() as conn:
        profile = loaded.reader(conn).profile("email:ann@x.example")
    assert profile["attributes"]["birthDate"]["value"] == "1980-04-03"
    assert profile["attributes"]["birthDate"]["observedAt"] == "2026-01-01T00:00:00Z"
    assert _rejects(loaded) == [(3, "id", True), (4, "", True)]
    assert verify_space(loaded)["same"]
    assert replay_rejects(loaded, "people") == {"replayed": 0, "left": 2}


def test_replay_takes_rows_back_when_the_key_is_another(loaded):
    text = (loaded.project.sources / "people.yaml").read_text()
    (loaded.project.sources / "people.yaml").write_text(text.replace("key: id", "key: email"))
    assert replay_rejects(loaded, "people")["replayed"] == 1
    with loaded.database.connect() as conn:
        assert loaded.reader(conn).profile("email:bob@x.example")["attributes"]["firstName"]["value"] == "Bob"
    assert status_of(loaded)["records"] == 4, "the set-aside row has a new key, too"
    assert verify_space(loaded)["same"]


def test_replay_with_a_mapping_that_does_not_fit_says_so(loaded):
    _map(loaded)
    text = (loaded.project.sources / "people.yaml").read_text()
    (loaded.project.sources / "people.yaml").write_text(text.replace("first,", "given,"))
    with pytest.raises(Invalid, match="no column given"):
        replay_rejects(loaded, "people")
    assert len(_rejects(loaded)) == 3


def test_a_late_replay_does_not_go_over_a_newer_row(loaded):
    path = loaded.project.folder / "people.csv"
    path.write_text("id,first,born,email\n1,Anna,1981-01-01,ann@x.example\n")
    load_file(loaded, "people", path, as_of=datetime(2026, 2, 1, tzinfo=UTC))
    _map(loaded, ", date: dmy")
    replay_rejects(loaded, "people")
    with loaded.database.connect() as conn:
        profile = loaded.reader(conn).profile("email:ann@x.example")
    assert profile["attributes"]["firstName"]["value"] == "Anna"
    assert profile["attributes"]["birthDate"]["value"] == "1981-01-01"
    assert verify_space(loaded)["same"]


def test_loading_the_bad_file_again_keeps_each_reject_once(loaded):
    path = loaded.project.folder / "people.csv"
    path.write_text(FILE)
    load_file(loaded, "people", path)
    assert len(_rejects(loaded)) == 3


def test_of_equal_times_the_newer_mapping_wins(space):
    path = space.project.folder / "people.csv"
    path.write_text("id,first,born,email\n" + "".join(f"{n},Ann{n},03/04/1980,a{n}@x.example\n" for n in range(20)))
    for how, count in (("", 20), (", date: dmy", 0), ("", 20), (", date: mdy", 0)):
        _map(space, how)
        result = load_file(space, "people", path, as_of=datetime(2026, 1, 1, tzinfo=UTC))
        assert result.set_aside == count
        with space.database.connect() as conn:
            reader = space.reader(conn)
            born = {
                str(reader.profile(f"email:a{n}@x.example")["attributes"].get("birthDate", {}).get("value"))
                for n in range(20)
            }
        assert born == {{"": "None", ", date: dmy": "1980-04-03", ", date: mdy": "1980-03-04"}[how]}
    assert verify_space(space)["same"]
