"""The model grows: stored records are read under the new names and types, without loading anything again."""

import pytest
import yaml

from steelthread.app import load_file, preview_source, verify_space
from steelthread.kit import Invalid
from steelthread.thread import Space, migrate, replay

MODEL = """
- extend: Individual
  attributes:
    shoeSize: {type: integer, privacy: indirect}
    petName: {privacy: direct}
- entity: Vehicle
  category: engagement
  owner: individualId
  event_time: boughtOn
  attributes:
    individualId: {references: Individual, privacy: none}
    boughtOn: {type: datetime, privacy: none}
    plate: {privacy: direct}
"""
CRM = """
name: crm
file: crm.csv
format: {type: csv, delimiter: ",", encoding: utf-8, header: true}
key: customer_id
entities:
  - entity: Individual
    attributes: {firstName: first_name, shoeSize: shoe, petName: pet}
  - entity: ContactPointEmail
    attributes: {emailAddress: email}
  - entity: Vehicle
    attributes: {boughtOn: bought, plate: plate}
"""
ROWS = (
    "customer_id,first_name,email,shoe,pet,bought,plate\n"
    "1,Ann,ann@example.com,39,Rex,2024-01-02,AB 1\n"
    "2,Bob,bob@example.com,44,Tom,2024-02-03,CD 2\n"
)
NEWER = """
- extend: Individual
  attributes:
    shoeSizeEU: {type: decimal, privacy: indirect, formerly: shoeSize, formerly_type: integer}
    nameOfPet: {privacy: direct, formerly: petName}
- entity: Vehicle
  category: engagement
  owner: individualId
  event_time: boughtOn
  attributes:
    individualId: {references: Individual, privacy: none}
    boughtOn: {type: datetime, privacy: none}
    numberPlate: {privacy: direct, formerly: plate}
"""


@pytest.fixture
def grown(space, load):
    """Give the project with two people loaded under the older model, and a way to open it under the newer one."""
    folder = space.project.folder
    (folder / "model" / "own.yaml").write_text(MODEL)
    (folder / "sources").mkdir(exist_ok=True)
    (folder / "sources" / "crm.yaml").write_text(CRM)
    (folder / "crm.csv").write_text(ROWS)
    with Space(space.project, space.database) as older:
        load_file(older, "crm", folder / "crm.csv")
    (folder / "model" / "own.yaml").write_text(NEWER)
    with Space(space.project, space.database) as newer:
        yield newer


def profile(space, ref="email:ann@example.com"):
    with space.database.connect() as conn:
        return space.reader(conn).profile(ref)["attributes"]


def stored(space):
    with space.database.connect() as conn:
        rows = conn.execute("select body->'attributes' from profiles.profile order by 1::text").fetchall()
        digest = conn.execute(
            "select md5(string_agg(clear::text || sealed::text, '' order by record_id)) from intake.record"
        )
        return [row for (row,) in rows], digest.fetchone()[0]


def test_records_are_read_under_the_new_names_at_once(grown):
    found = profile(grown)
    assert found["shoeSizeEU"]["value"] == "39"
    assert found["nameOfPet"]["value"] == "Rex"
    assert not {"shoeSize", "petName"} & set(found)


def test_events_too(grown):
    with grown.database.connect() as conn:
        told = str(grown.reader(conn).timeline("email:ann@example.com"))
    assert "numberPlate" in told
    assert "'plate'" not in told


def test_stored_profiles_follow_without_touching_a_record(grown):
    before, records = stored(grown)
    assert all("shoeSize" in one for one in before)
    assert migrate(grown) == 2
    after, same = stored(grown)
    assert same == records
    assert sorted(one["shoeSizeEU"]["value"] for one in after) == ["39", "44"]
    assert not any({"shoeSize", "petName"} & set(one) for one in after)
    assert verify_space(grown)["same"]
    assert migrate(grown) == 0


@pytest.mark.parametrize(
    "text", [NEWER, MODEL.replace("    petName: {privacy: direct}\n", "")], ids=["renamed", "removed"]
)
def test_a_replay_keeps_sealed_what_was_sealed(grown, text):
    folder = grown.project.folder
    (folder / "model" / "own.yaml").write_text(text)
    (folder / "sources" / "crm.yaml").write_text(CRM.replace(", petName: pet", "") if text is not NEWER else CRM)
    rules = yaml.safe_load((folder / "identity.yaml").read_text())
    rules.setdefault("blocked", {})["email"] = {"exact": ["ann@example.com"]}
    (folder / "identity.yaml").write_text(yaml.safe_dump(rules))
    with Space(grown.project, grown.database) as again:
        assert replay(again).changed == 1
        with again.database.connect() as conn:
            rows = [row for (row,) in conn.execute("select clear::text from intake.record")]
    assert not any(value in row for row in rows for value in ("Rex", "Tom", "AB 1"))


def test_the_way_back(grown):
    migrate(grown)
    (grown.project.folder / "model" / "own.yaml").write_text(MODEL)
    with Space(grown.project, grown.database) as older:
        assert migrate(older) == 2
        assert profile(older)["shoeSize"]["value"] == 39


def test_former_and_deprecated_names_are_told(grown):
    folder = grown.project.folder
    (folder / "model" / "own.yaml").write_text(
        NEWER.replace("nameOfPet: {privacy: direct", "nameOfPet: {privacy: direct, deprecated: Use nothing.")
    )
    with Space(grown.project, grown.database) as again:
        told = load_file(again, "crm", folder / "crm.csv").warnings
    assert "crm: `Individual.shoeSize` is called `shoeSizeEU` now; the former name works on." in told
    assert "crm: `Individual.nameOfPet` is deprecated: Use nothing." in told
    assert preview_source(grown.project, "crm", 1)["warnings"] == told


def test_the_old_mapping_and_the_new_one_go_on(grown, load):
    folder = grown.project.folder
    (folder / "crm.csv").write_text(ROWS.replace("Rex", "Max"))
    load_file(grown, "crm", folder / "crm.csv")
    assert profile(grown)["nameOfPet"]["value"] == "Max"
    (folder / "sources" / "crm.yaml").write_text(CRM.replace("petName", "nameOfPet").replace("shoeSize", "shoeSizeEU"))
    with Space(grown.project, grown.database) as again:
        load_file(again, "crm", folder / "crm.csv")
        assert profile(again)["shoeSizeEU"]["value"] == "39"
        assert verify_space(again)["same"]
    (folder / "sources" / "crm.yaml").write_text(CRM.replace("petName: pet", "petName: pet, nameOfPet: pet"))
    with Space(grown.project, grown.database) as again, pytest.raises(Invalid, match="one attribute, renamed"):
        load_file(again, "crm", folder / "crm.csv")
