"""Taking in the published Cloud Information Model: complete, repaired, repeatable, quick; wrong files are refused whole."""

import json
from pathlib import Path

import pytest

from steelthread.kit import Invalid, NotFound
from steelthread.model import change_enabled, enabled_names, import_published, load_imported, load_model

PUBLISHED = Path(__file__).parents[2].parent / "shared" / "data" / "cim" / "model.jsonld"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    if not PUBLISHED.exists():
        pytest.skip("shared/data is not here")
    folder = tmp_path_factory.mktemp("model")
    return folder, import_published(folder, PUBLISHED)


@pytest.fixture
def folder(tmp_path, kept):
    """Give a model folder with the import, of which a test may enable what it likes."""
    (tmp_path / "cim").mkdir()
    (tmp_path / "cim" / "model.json").write_bytes((kept[0] / "cim" / "model.json").read_bytes())
    return tmp_path


def test_everything_is_there(kept):
    _, imported = kept
    assert len(imported.entities) == 346
    assert imported.attributes + imported.references + imported.collections == 4389
    assert (imported.references, imported.polymorphic, imported.collections) == (641, 18, 84)
    assert len(imported.missing) == 111


def test_nothing_dangles_and_inheritance_is_merged(kept):
    entities = kept[1].entities
    for entity in entities.values():
        assert entity.parent is None or set(entities[entity.parent].attributes) <= set(entity.attributes)
        for one in entity.attributes.values():
            assert set(one.references) <= set(entities)
            if one.many:
                assert one.inverse_of in entities[one.references[0]].attributes
        assert len({name.lower() for name in entity.attributes}) == len(entity.attributes)
    assert entities["ContactPointEmail"].attributes["partyId"].references == ("Party",)


def test_descriptions_are_kept_where_they_can_be_told_apart(kept):
    entities = kept[1].entities
    assert all(entity.description for entity in entities.values())
    assert "times the person been convicted" in entities["Individual"].attributes["convictionsCount"].description
    assert entities["PartyRole"].attributes["partyId"].description == ""  # six that contradict each other
    described = sum(bool(one.description) for entity in entities.values() for one in entity.attributes.values())
    assert described > 1500


@pytest.mark.parametrize(
    ("entity", "attribute", "kind", "logical"),
    [
        ("Individual", "createdDate", "datetime", None),
        ("ContactPoint", "bestTimeToContactStartTime", "time", None),
        ("ContactPointEmail", "emailLatestBounceDateTime", "datetime", None),
        ("Product", "minimumAdvertisementAmountStartDate", "date", None),
        ("PartyAdditionalName", "endEffectiveDate", "date", None),
        ("Voucher", "expirationDate", "datetime", None),
        ("CouponDefinition", "expirationDate", "datetime", None),
        ("Individual", "yearlyIncome", "decimal", "money"),
        ("Account", "balanceAmount", "decimal", "money"),
        ("SalesOrder", "grandTotalAmount", "decimal", "money"),
        ("ShipmentProduct", "shipmentProductCount", "decimal", None),
        ("Tax", "taxRatePercent", "decimal", "percentage"),
        ("StoreAssortment", "name", "string", "name"),
        ("SalesOrderProductAttributeValue", "productAttributeValueURL", "string", "url"),
    ],
)
def test_types_are_repaired(kept, entity, attribute, kind, logical):
    found = kept[1].entities[entity].attributes[attribute]
    assert (found.type, found.logical) == (kind, logical)


def test_each_repair_says_why(kept):
    repairs = kept[1].repairs
    assert all(one.reason and (one.entities or one.attribute) for one in repairs)
    counts = {}
    for one in repairs:
        counts[one.rule] = counts.get(one.rule, 0) + len(one.entities)
    assert counts["time_is_datetime"] == 1065
    assert counts["no_key"] == 19
    assert counts["collection_not_required"] == 84
    assert counts["ambiguous_description"] == 38
    assert counts["missing_ancestor"] == 5
    assert counts["identifier_type"] == 4
    spelling = next(one for one in repairs if one.attribute == "accountID")
    assert (spelling.now, spelling.entities) == ("accountId", ("PaymentMethod",))
    inherited = next(one for one in repairs if one.rule == "inherited" and one.attribute == "partyId")
    assert "ContactPointEmail" in inherited.entities


def test_case_variants_are_one_with_an_alias(kept):
    found = kept[1].entities["CreditTender"].attributes["accountId"]
    assert found.aliases == ("accountID",)
    assert "accountID" not in kept[1].entities["CreditTender"].attributes


def test_what_is_mandatory_as_published_is_information_only(kept):
    one = kept[1].entities["ContactPointEmail"].attributes["emailDomain"]
    assert (one.required, one.published_required) == (False, True)
    assert not any(one.required for entity in kept[1].entities.values() for one in entity.attributes.values())


def test_privacy_classes_follow_the_curated_ones_and_err_on_the_safe_side(kept):
    entities = kept[1].entities
    curated = load_model().entities
    for name in set(curated) & set(entities):
        for attribute, one in entities[name].attributes.items():
            if attribute in curated[name].attributes and not one.many:
                assert one.privacy == curated[name].attributes[attribute].privacy
    assert entities["PersonEmployment"].attributes["employerPhoneNumber"].privacy == "direct"
    assert entities["PersonEmployment"].attributes["positionText"].privacy == "indirect"
    assert entities["Tax"].attributes["taxAddressStreet1Text"].privacy == "direct"
    assert entities["Religion"].attributes["religionName"].privacy == "none"
    assert entities["Individual"].attributes["religionId"].privacy == "special"
    assert entities["Color"].attributes["name"].privacy == "none"


def test_the_same_file_gives_the_same_bytes(kept, tmp_path):
    import_published(tmp_path, PUBLISHED)
    assert (tmp_path / "cim" / "model.json").read_bytes() == (kept[0] / "cim" / "model.json").read_bytes()


def test_the_declared_but_missing_can_be_taken_in(kept, tmp_path):
    assert ("Individual", "hasOptedOutTracking") in kept[1].missing
    assert "hasOptedOutTracking" not in kept[1].entities["Individual"].attributes
    import_published(tmp_path, PUBLISHED, take_missing=True)
    taken = load_imported(tmp_path).entities
    assert all(name in taken[entity].attributes for entity, name in kept[1].missing)
    assert taken["ContactPointPhone"].attributes["deviceId"].privacy == "direct"


def test_the_whole_import_loads_as_what_was_imported(kept):
    assert dict(load_imported(kept[0]).entities) == kept[1].entities


def test_twenty_enabled_entities_bring_their_ancestors_and_no_more(folder, kept):
    names = [name for name in kept[1].entities if name not in load_model().entities][:20]
    change_enabled(folder, names, enable=True)
    model = load_model(folder)
    assert set(model.entities) - set(load_model().entities) >= set(names)
    assert len(model.entities) <= len(load_model().entities) + 25


def test_what_is_imported_counts_only_when_enabled(folder):
    assert set(load_model(folder).entities) == set(load_model().entities)
    change_enabled(folder, ["PersonEducation"], enable=True)
    model = load_model(folder)
    assert model.entity("PersonEducation").owner == "individualId"
    assert model.mappable("PersonEducation", "graduationDate").type == "date"
    change_enabled(folder, ["PersonEducation"], enable=False)
    assert "PersonEducation" not in load_model(folder).entities
    assert enabled_names(folder) == ()


def test_all_may_be_enabled_and_the_curated_entities_win(folder):
    change_enabled(folder, ["all"], enable=True)
    model, curated = load_model(folder), load_model()
    assert len(model.entities) == 83 + 346 - 41
    assert all(model.entities[name] == one for name, one in curated.entities.items())
    for entity in model.entities.values():
        for one in entity.attributes.values():
            assert set(one.references) <= set(model.entities)


def test_a_curated_entity_gains_what_it_lacks_when_it_is_enabled_by_name(folder):
    change_enabled(folder, ["Organization"], enable=True)
    found, curated = load_model(folder).entity("Organization"), load_model().entity("Organization")
    assert found.attributes["bankruptcyDate"].type == "date"
    assert found.attributes["nAICSId"].references == ()  # NAICSCode is not enabled: a plain key
    assert all(found.attributes[name] == one for name, one in curated.attributes.items())


def test_own_entities_may_build_on_enabled_ones(folder):
    change_enabled(folder, ["PersonTraining"], enable=True)
    (folder / "own.yaml").write_text("entity: Diploma\nparent: PersonTraining\nattributes: {seal: {privacy: none}}\n")
    assert "trainingTierNm" in load_model(folder).entity("Diploma").attributes


def test_unknown_names_are_told(folder):
    with pytest.raises(NotFound, match="did you mean `PersonEducation`"):
        change_enabled(folder, ["PersonEducaton"], enable=True)
    assert not (folder / "cim" / "enabled.yaml").exists()
    (folder / "cim" / "enabled.yaml").write_text("- Nobody\n")
    with pytest.raises(Invalid, match=r"cim/enabled\.yaml:1: .*`Nobody`"):
        load_model(folder)


def test_enabled_without_import(tmp_path):
    (tmp_path / "cim").mkdir()
    (tmp_path / "cim" / "enabled.yaml").write_text("- PersonEducation\n")
    with pytest.raises(NotFound, match="import-cim"):
        load_model(tmp_path)


def test_a_broken_kept_file_is_told_with_its_line(folder):
    path = folder / "cim" / "model.json"
    text = path.read_text()
    path.write_text(text.replace('"name":"PersonEducation"', '"name":7'))
    change_enabled(folder, ["PersonEducation"], enable=True)
    line = text[: text.index('\n"PersonEducation":')].count("\n") + 2
    with pytest.raises(Invalid, match=rf"cim/model\.json:{line}: .*import-cim"):
        load_model(folder)
    path.write_text("{")
    with pytest.raises(Invalid, match="not readable"):
        load_model(folder)


def published(**changes):
    """Return a small file of the published form with two entities, and the changes wanted."""
    properties = {
        "a": [{"path": "name", "@id": "p1", "datatype": "xsd:string", "maxCount": "1"}],
        "b": [{"path": "firstId", "@id": "p2", "node": "s1", "maxCount": "1"}],
        **changes.pop("properties", {}),
    }
    classes = changes.pop("classes", [{"@id": "First", "@type": "Class"}, {"@id": "Second", "@type": "Class"}])
    shapes = changes.pop("shapes", [("s1", "First", "a"), ("s2", "Second", "b")])
    return {
        "@context": {},
        "@graph": [
            {"@id": "area", "@type": "SubjectArea", "name": "Things"},
            {"@id": "g1", "@type": "EntityGroup", "name": "G", "subjectArea": "area", "classConcepts": classes},
            {
                "@id": "g1", "@type": "EntityGroup", "name": "G", "subjectArea": "area",
                "schemas": [
                    {"@id": one, "targetClass": target, "properties": properties[key]} for one, target, key in shapes
                ],
            },
            *changes.pop("more", []),
        ],
    }  # fmt: skip


def test_a_small_file_is_taken(tmp_path):
    file = tmp_path / "model.jsonld"
    file.write_text(json.dumps(published(), indent=1))
    imported = import_published(tmp_path / "model", file)
    assert imported.entities["Second"].attributes["firstId"].references == ("First",)
    assert imported.entities["First"].area == "things"


BROKEN = {
    "unknown type": ({"properties": {"a": [{"path": "odd", "datatype": "xsd:colour"}]}}, "odd", "unknown type"),
    "unknown shape": ({"properties": {"b": [{"path": "ghostId", "node": "s9"}]}}, "ghostId", "not in the file"),
    "no type": ({"properties": {"a": [{"path": "empty"}]}}, "empty", "neither"),
    "twice": (
        {"properties": {"a": [{"path": "x", "datatype": "xsd:string"}, {"path": "x", "datatype": "xsd:string"}]}},
        "s1",
        "stands twice",
    ),
    "reserved attribute": ({"properties": {"a": [{"path": "party", "datatype": "xsd:string"}]}}, "party", "reserved"),
    "reserved entity": (
        {"classes": [{"@id": "Record"}, {"@id": "Second"}], "shapes": [("s1", "Record", "a"), ("s2", "Second", "b")]},
        "s1",
        "reserved",
    ),
    "class twice": (
        {"classes": [{"@id": "First"}, {"@id": "Second"}, {"@id": "First"}]}, "First", "stands twice",
    ),
    "two shapes": ({"shapes": [("s1", "First", "a"), ("s2", "First", "b")]}, "s2", "second shape"),
    "no class": ({"shapes": [("s1", "First", "a"), ("s2", "Third", "b")]}, "s2", "no class"),
    "case": (
        {"classes": [{"@id": "First"}, {"@id": "FIRST"}], "shapes": [("s1", "First", "a"), ("s2", "FIRST", "b")]},
        "s2",
        "case only",
    ),
    "circle": (
        {"classes": [{"@id": "First", "subClassOf": "Second"}, {"@id": "Second", "subClassOf": "First"}]},
        "First",
        "circular",
    ),
    "bad name": ({"properties": {"a": [{"path": "a-b", "datatype": "xsd:string"}]}}, "a-b", "cannot name"),
    "bad node": ({"properties": {"b": [{"path": "firstId", "node": {"or": []}}]}}, "firstId", "neither a shape"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_refused_with_its_line_and_nothing_is_written(tmp_path, case):
    changes, name, words = BROKEN[case]
    file = tmp_path / "model.jsonld"
    text = json.dumps(published(**changes), indent=1)
    file.write_text(text)
    places = [number for number, line in enumerate(text.split("\n"), 1) if f'"{name}"' in line]
    folder = tmp_path / "model"
    with pytest.raises(Invalid, match=words) as caught:
        import_published(folder, file)
    assert any(str(caught.value).startswith(f"model.jsonld:{line}: ") for line in places), (str(caught.value), places)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"@graph": [\n{"@id": "x",\n', "valid JSON"),
        (b"\xff\xfe", "UTF-8"),
        (b"[]", "@graph"),
        (b'{"@graph": []}', "no `schemas`"),
        (b'{"@graph": [{"@id": "g", "@type": "EntityGroup"}]}', "subjectArea"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path, content, words):
    file = tmp_path / "model.jsonld"
    file.write_bytes(content)
    with pytest.raises(Invalid, match=words):
        import_published(tmp_path / "model", file)
    assert not (tmp_path / "model").exists()
    with pytest.raises(Invalid, match="cannot be read"):
        import_published(tmp_path / "model", tmp_path / "nothing.jsonld")


def test_a_failed_import_leaves_the_former_one(folder):
    before = (folder / "cim" / "model.json").read_bytes()
    file = folder / "model.jsonld"
    file.write_text('{"@graph": [')
    with pytest.raises(Invalid):
        import_published(folder, file)
    assert (folder / "cim" / "model.json").read_bytes() == before
    assert sorted(one.name for one in (folder / "cim").iterdir()) == ["model.json"]
