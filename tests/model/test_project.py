"""A project's own entities and attributes, and what happens when its files are wrong."""

import pytest

from steelthread.kit import Invalid
from steelthread.model import load_model

VEHICLE = """
entity: Vehicle
category: related
owner: individualId
description: A car somebody drives.
aliases: car, auto
attributes:
  individualId: {references: Individual, privacy: none, description: The driver.}
  plateNumber: {privacy: direct, aliases: [plate, "license plate"], description: Number plate.}
  mileage: {type: integer, privacy: none}
"""


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()

    def load(text: str, **more: str):
        for name, content in {"own": text, **more}.items():
            (folder / f"{name}.yaml").write_text(content, encoding="utf-8")
        return load_model(folder)

    return load


def test_a_new_entity(project):
    vehicle = project(VEHICLE).entity("Vehicle")
    assert (vehicle.area, vehicle.origin, vehicle.label) == ("project", "project", "Vehicle")
    assert vehicle.aliases == ("car", "auto")
    assert vehicle.attributes["plateNumber"].aliases == ("plate", "license plate")
    assert vehicle.attributes["mileage"].origin == "project"
    assert "Vehicle" not in load_model().entities


def test_an_extension_reaches_the_heirs(project):
    model = project("extend: Party\nattributes:\n  region: {privacy: none}\n")
    assert model.attribute("Individual", "region").origin == "project"
    assert model.attribute("Organization", "region").origin == "project"
    assert "region" not in load_model().entity("Individual").attributes


def test_several_definitions_in_several_files(project):
    listed = (
        "- extend: Individual\n  attributes:\n    shoeSize: {type: decimal, privacy: none, reconciliation: first}\n"
    )
    model = project(VEHICLE, more=listed, truck="entity: Truck\nparent: Vehicle\n")
    assert model.attribute("Truck", "plateNumber").privacy == "direct"
    assert model.entity("Truck").owner == "individualId"
    assert model.attribute("Individual", "shoeSize").reconciliation == "first"


def test_references_may_name_several_entities_and_collections(project):
    model = project(
        "- entity: Garage\n  attributes:\n"
        "    cars: {references: Wagon, many: true, inverse_of: garageId, privacy: none}\n"
        "- entity: Wagon\n  attributes:\n    garageId: {references: Garage, privacy: none}\n"
        "    ownedBy: {references: [Individual, Organization], privacy: none}\n"
    )
    assert model.attribute("Wagon", "ownedBy").references == ("Individual", "Organization")
    assert model.attribute("Garage", "cars").reconciliation == "union"


def test_an_empty_or_missing_folder_is_the_built_in_model(tmp_path, project):
    assert set(load_model(tmp_path / "none").entities) == set(load_model().entities)
    assert set(project("").entities) == set(load_model().entities)


def one(line: str) -> str:
    return f"entity: Vehicle\nattributes:\n  colour: {line}\n"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("entity: Vehicle\ncolor: red\n", 2, "unknown key `color`"),
        (one("{type: text, privacy: none}"), 3, "unknown type `text`"),
        (one("{kind: text, privacy: none}"), 3, "unknown key `kind`"),
        (one("{privacy: secret}"), 3, "unknown privacy `secret`"),
        (one("{type: string}"), 3, "needs a privacy class"),
        (one("{privacy: none, many: maybe}"), 3, "true or false"),
        (one("{privacy: none, references: Individul}"), 3, "did you mean `Individual`"),
        (one("{privacy: none, inverse_of: id}"), 3, "no `references`"),
        (one("{privacy: none, references: Individual, inverse_of: cars}"), 3, "names no attribute of Individual"),
        (one("red"), 3, "expected `key: value`"),
        ("entity: Vehicle\nparent: Thing\n", 1, "unknown parent `Thing`"),
        ("entity: Vehicle\nowner: driverId\n", 1, "names no attribute"),
        ("- entity: Car\n  parent: Truck\n- entity: Truck\n  parent: Car\n", 1, "circular inheritance"),
        ("entity: Car\nparent: Car\n", 1, "circular inheritance"),
        ("- entity: Car\n- entity: Car\n", 2, "exists already"),
        ("- entity: Car\n- entity: CAR\n", 2, "exists already"),
        ("entity: Individual\n", 1, "extend: Individual"),
        ("extend: Individul\n", 1, "no entity `Individul` to extend"),
        ("extend: Individual\nparent: Account\n", 2, "unknown key `parent`"),
        ("extend: Individual\nattributes:\n  firstName: {privacy: none}\n", 3, "already"),
        ("entity: Car\nattributes:\n  a: {privacy: none}\n  a: {privacy: none}\n", 4, "twice"),
        ("entity: Car\nattributes:\n  record: {privacy: none}\n", 3, "reserved word"),
        ("entity: Record\n", 1, "reserved word"),
        ("entity: my car\n", 1, "letters and digits"),
        ("entity: Car\nextend: Individual\n", 1, "say either"),
        ("label: Car\n", 1, "say either"),
        ("entity: [a\n", 2, "not valid YAML"),
        ("entity: Car\naliases: [{a: b}]\n", 2, "single value"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(project, text, line, words):
    with pytest.raises(Invalid) as caught:
        project(text)
    assert f"model/own.yaml:{line}: " in str(caught.value)
    assert words in str(caught.value)


def test_bytes_that_are_no_text(tmp_path):
    (tmp_path / "own.yaml").write_bytes(b"entity: \xff\xfe")
    with pytest.raises(Invalid, match="UTF-8"):
        load_model(tmp_path)


def test_an_attribute_added_twice_through_the_line_of_inheritance(project):
    both = "- extend: Party\n  attributes: {region: {privacy: none}}\n- extend: Individual\n  attributes:\n    region: {privacy: none}\n"
    with pytest.raises(Invalid, match=r"own\.yaml:5: .*already"):
        project(both)
