"""Growing the model: what counts as breaking, versions that keep their promise, former names and types."""

import pytest

from steelthread.kit import Conflict, Invalid, NotFound
from steelthread.model import Adaptation, compare, load_model, needs, open_model, release, released, touched, version_of

BEFORE = """
- entity: Vehicle
  description: A car.
  category: related
  owner: individualId
  attributes:
    individualId: {references: Individual, privacy: none}
    plate: {privacy: direct, aliases: [number_plate]}
    mileage: {type: integer, privacy: none}
    boughtOn: {type: date, privacy: none}
    garage: {privacy: none}
- entity: Truck
  parent: Vehicle
- extend: Party
  attributes:
    shoeSize: {type: integer, privacy: none}
"""


@pytest.fixture
def model(tmp_path):
    def load(text):
        folder = tmp_path / "model"
        folder.mkdir(exist_ok=True)
        (folder / "own.yaml").write_text(text)
        return load_model(folder, special=True)

    return load


def changed(model, old, new, text=BEFORE):
    assert old in text
    before = model(text)
    return compare(before.entities, model(text.replace(old, new)).entities)


CASES = [
    # what is replaced by what, the kind, of which attribute, breaking
    ("    garage: {privacy: none}\n", "    garage: {privacy: none}\n    colour: {privacy: none}\n", "attribute_added", "colour", False),
    ("    garage: {privacy: none}\n", "    garage: {privacy: none}\n    colour: {privacy: none, required: true}\n", "attribute_added", "colour", True),
    ("    garage: {privacy: none}\n", "", "attribute_removed", "garage", True),
    ("    garage: {privacy: none}", "    home: {privacy: none}", "attribute_removed", "garage", True),
    ("    garage: {privacy: none}", "    home: {privacy: none, formerly: garage}", "attribute_renamed", "garage", False),
    ("mileage: {type: integer", "mileage: {type: decimal", "attribute_type", "mileage", True),
    ("mileage: {type: integer", "mileage: {type: decimal, formerly_type: integer", "attribute_type", "mileage", False),
    ("boughtOn: {type: date", "boughtOn: {type: datetime, formerly_type: date", "attribute_type", "boughtOn", False),
    ("garage: {privacy: none}", "garage: {privacy: direct}", "attribute_privacy", "garage", True),
    ("plate: {privacy: direct", "plate: {privacy: none", "attribute_privacy", "plate", True),
    ("garage: {privacy: none}", "garage: {privacy: none, many: true}", "attribute_many", "garage", True),
    ("garage: {privacy: none}", "garage: {privacy: none, required: true}", "attribute_required", "garage", True),
    ("garage: {privacy: none}", "garage: {privacy: none, identity: device_id}", "attribute_identity", "garage", True),
    ("garage: {privacy: none}", "garage: {privacy: none, logical: url}", "attribute_logical", "garage", False),
    ("garage: {privacy: none}", "garage: {privacy: none, reconciliation: first}", "attribute_reconciliation", "garage", False),
    ("garage: {privacy: none}", "garage: {privacy: none, deprecated: Use plate.}", "attribute_deprecated", "garage", False),
    ("garage: {privacy: none}", "garage: {privacy: none, description: Where.}", "attribute_worded", "garage", False),
    ("references: Individual", "references: [Individual, Organization]", "attribute_references", "individualId", False),
    ("references: Individual", "references: Account", "attribute_references", "individualId", True),
    ("  category: related", "  category: profile", "entity_category", None, True),
    ("  owner: individualId\n", "", "entity_owner", None, True),
    ("  description: A car.", "  description: Any car.", "entity_worded", None, False),
    ("  category: related", "  category: related\n  abstract: true", "entity_abstract", None, True),
    ("- entity: Truck\n  parent: Vehicle\n", "", "entity_removed", None, True),
    ("- entity: Truck\n  parent: Vehicle\n", "- entity: Truck\n", "entity_parent", None, True),
    ("- entity: Truck\n", "- entity: Van\n- entity: Truck\n", "entity_added", None, False),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "kind", "attribute", "breaking"), CASES)
def test_each_kind_of_change(model, old, new, kind, attribute, breaking):
    found = [one for one in changed(model, old, new) if one.kind == kind and one.attribute == attribute]
    assert found, kind
    assert all((one.breaking, bool(one.reason)) == (breaking, True) for one in found)


def test_a_way_out_is_told_where_there_is_one(model):
    (change,) = changed(model, "mileage: {type: integer", "mileage: {type: decimal")
    assert "`formerly_type: integer`" in change.reason
    (change,) = changed(model, "mileage: {type: integer", "mileage: {type: boolean")
    assert "load them again" in change.reason


def test_nothing_changed(model):
    before = model(BEFORE)
    assert compare(before.entities, model(BEFORE).entities) == []
    assert needs([]) == "none"


def test_an_inherited_change_stands_once(model):
    (change,) = changed(model, "    garage: {privacy: none}\n", "")
    assert (change.entity, change.heirs) == ("Vehicle", ("Truck",))
    (change,) = changed(model, "    shoeSize: {type: integer", "    shoeSize: {type: string, formerly_type: integer")
    assert change.entity == "Party"
    assert set(change.heirs) >= {"Individual", "Organization"}


@pytest.mark.parametrize(
    ("new", "need"),
    [("colour: {privacy: none}", "minor"), ("garage: {privacy: none, description: A.}", "patch"), ("", "major")],
)
def test_the_number_that_must_rise(model, new, need):
    old = "    garage: {privacy: none}\n"
    after = f"{old}    {new}\n" if need == "minor" else f"    {new}\n" if new else ""
    assert needs(changed(model, old, after)) == need


def test_versions_keep_their_promise(model, tmp_path):
    folder = tmp_path / "model"
    model(BEFORE)
    assert version_of(folder, load_model(folder)) == "0"
    assert release(folder)[0] == "1.0.0"
    assert version_of(folder, load_model(folder)) == "1.0.0"
    with pytest.raises(Conflict, match="Nothing changed"):
        release(folder)
    model(BEFORE.replace("garage: {privacy: none}", "garage: {privacy: none}\n    colour: {privacy: none}"))
    assert version_of(folder, load_model(folder)) == "1.0.0+changed"
    with pytest.raises(Invalid, match=r"needs version 1\.1\.0"):
        release(folder, "1.0.1")
    assert release(folder)[0] == "1.1.0"
    model(BEFORE)  # the colour is gone again
    with pytest.raises(Invalid, match=r"2\.0\.0 .*attribute_removed of Vehicle\.colour"):
        release(folder, "1.2.0")
    with pytest.raises(Conflict, match="exists"):
        release(folder, "1.0.0")
    with pytest.raises(Invalid, match="no version"):
        release(folder, "next")
    assert release(folder, "2.0.0")[0] == "2.0.0"
    assert released(folder) == ["1.0.0", "1.1.0", "2.0.0"]
    assert compare(open_model(folder, "1.0.0").entities, open_model(folder, "2.0.0").entities) == []
    assert {one.kind for one in compare(open_model(folder, "built-in").entities, open_model(folder, "now").entities)} == {
        "entity_added", "attribute_added",
    }  # fmt: skip
    with pytest.raises(NotFound, match=r"1\.1\.0"):
        open_model(folder, "9.9.9")
    assert open_model(folder, str(tmp_path)).entities.keys() == load_model(folder).entities.keys()
    (folder / "versions" / "1.1.0.json").write_text("{")
    with pytest.raises(Invalid, match=r"versions/1\.1\.0\.json:1"):
        open_model(folder, "1.1.0")


def test_what_a_change_touches(model, tmp_path):
    (tmp_path / "sources").mkdir()
    (tmp_path / "segments").mkdir()
    (tmp_path / "sources" / "cars.yaml").write_text(
        "name: cars\nfile: cars.csv\nkey: id\nentities:\n  - entity: Truck\n    attributes:\n      garage: place\n"
        "  - entity: Individual\n    attributes:\n      shoeSize: shoe\n"
    )
    (tmp_path / "segments" / "big.yaml").write_text("name: big\nwhere: Individual.shoeSize > 45\n")
    (tmp_path / "profile.yaml").write_text("attributes:\n  shoeSize: first\n")
    changes = [
        *changed(model, "    garage: {privacy: none}\n", ""),
        *changed(model, "    shoeSize: {type: integer", "    shoeSize: {type: decimal"),
    ]
    told = {
        change.attribute: {(one.what, one.where) for one in places} for change, places in touched(tmp_path, changes)
    }
    assert told["garage"] == {("mapping", "sources/cars.yaml:7")}
    root = tmp_path.name
    assert told["shoeSize"] == {
        ("mapping", "sources/cars.yaml:10"),
        ("segment", "segments/big.yaml:2"),
        ("profile rule", f"{root}/profile.yaml:2"),
        ("export", "column shoeSize of `steelthread export`"),
    }


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("home: {privacy: none, formerly: plate}", "former name belongs to one attribute"),
        ("home: {privacy: none, formerly: home}", "former name belongs to one attribute"),
        ("home: {type: boolean, privacy: none, formerly_type: decimal}", "Possible:"),
        ("home: {type: integer, privacy: none, formerly_type: number}", "unknown formerly_type"),
    ],
)
def test_wrong_former_names_and_types_are_told_with_their_line(model, line, words):
    with pytest.raises(Invalid, match=words) as caught:
        model(BEFORE.replace("garage: {privacy: none}", line))
    assert "model/own.yaml:11: " in str(caught.value)


def test_a_former_name_means_the_attribute(model):
    now = model(BEFORE.replace("garage: {privacy: none}", "home: {privacy: none, formerly: [garage, place]}"))
    assert now.mappable("Truck", "place").name == "home"
    with pytest.raises(NotFound):
        now.mappable("Truck", "yard")


def test_stored_values_are_read_as_the_present_ones(model):
    text = BEFORE.replace("garage: {privacy: none}", "home: {privacy: none, formerly: garage}")
    text = text.replace("mileage: {type: integer", "mileage: {type: decimal, formerly_type: integer")
    text = text.replace("boughtOn: {type: date", "since: {type: datetime, formerly_type: date, formerly: boughtOn")
    adaptation = Adaptation(model(text).entities)
    stored = {"garage": "North", "mileage": 7, "boughtOn": "2024-05-06", "plate": "AB"}
    read = {"home": "North", "mileage": "7", "since": "2024-05-06T00:00:00Z", "plate": "AB"}
    assert adaptation.values("Truck", stored) == read
    assert adaptation.values("Truck", read) == read
    assert adaptation.values("Truck", {"garage": "old", "home": "new"}) == {"home": "new"}
    assert adaptation.values("Case", {"garage": "x"}) == {"garage": "x"}
    assert adaptation.told()["Vehicle.garage"] == "home"
    assert not Adaptation(load_model().entities)
