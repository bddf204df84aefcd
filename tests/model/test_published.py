"""Every place that a mapping writes is there in what the other system publishes, with values of its types."""

import pytest
from tests.model import published

from steelthread.model import load_model, translate, translate_back, translations
from steelthread.model.translating import Place, translation

MODEL = load_model()
RULES = [(name, number) for name in translations() for number in range(len(translation(name).entities))]
CODES = {
    "genderId": ("female", "male", "non_specific", "diverse", "X"),
    "maritalStatusId": ("married", "civil partnership"),
    "consentStatusId": ("given", "refused", "withdrawn", "not_asked", "something else"),
    "salesOrderStatusId": ("delivered", "sent for the third time"),
    "status": ("open", "solved", "waiting for Godot"),
    "currencyCode": ("GBP",), "languageCode": ("en-GB",), "pageUrl": ("https://shop.example/p?x=1",),
    "photoURL": ("https://p.example/1",), "webSiteURL": ("https://ida.example",), "channel": ("email",),
}  # fmt: skip
KINDS = {
    "integer": (7,), "decimal": ("12.5", "3", "0.10"), "boolean": (True, False), "date": ("2024-01-02",),
    "datetime": ("2024-01-02T03:04:05Z",),
}  # fmt: skip


def samples(entity, name, place):
    """Return values of an attribute: those that a mapping names, those that it does not, and plain ones of its type."""
    if place.values:
        return [*place.values, *CODES.get(name, ("something else",))]
    return list(CODES.get(name) or KINDS.get(MODEL.entity(entity).attributes[name].type, (f"{name} of a record",)))


def filled(name, rule):
    """Yield a record with its parts for each turn of the values, until each value was in one."""
    vocabulary = translation(name)
    mine = {key: samples(rule.ours, key, place) for key, place in vocabulary.places(rule)}
    inside = []
    for part in rule.parts:
        places = [(part.value, Place(""))] if part.value else list(part.attributes.items())
        inside.append(
            {
                key: samples(part.ours, key, Place(place) if isinstance(place, str) else place)
                for key, place in places
                if key not in part.where
            }
        )
    turns = max(len(values) for held in (mine, *inside) for values in held.values())
    for turn in range(turns):
        record = {key: values[turn % len(values)] for key, values in mine.items()}
        if "eventType" in record and rule.when.get("eventType"):
            record["eventType"] = list(dict(vocabulary.places(rule))["eventType"].values)[turn % 5]
        yield [
            {"entity": rule.ours, **record, "id": "r1"},
            *(
                {"entity": part.ours, **{key: values[turn % len(values)] for key, values in held.items()},
                 "id": f"p{place}", part.by: "r1", **part.where}
                for place, (part, held) in enumerate(zip(rule.parts, inside, strict=True))
            ),
        ]  # fmt: skip


@pytest.mark.parametrize(("name", "number"), RULES)
def test_whatever_a_record_holds_the_published_schema_takes_it(name, number):
    vocabulary = translation(name)
    rule = vocabulary.entities[number]
    for records in filled(name, rule):
        made = next(translate(records, name, MODEL))
        assert published.check(made, name, vocabulary.type) == []


@pytest.mark.parametrize(("name", "number"), RULES)
def test_nothing_else_is_needed_for_a_record_with_a_key_only_but_what_an_event_must_have(name, number):
    vocabulary = translation(name)
    rule = vocabulary.entities[number]
    must = {key: "2024-01-02T03:04:05Z" for key, place in vocabulary.places(rule) if place.at == "timestamp"}
    must |= {"eventType": "opened"} if isinstance(rule.when.get("eventType"), list) else {}
    made = next(translate([{"entity": rule.ours, "id": "r1", **must}], name, MODEL))
    assert published.check(made, name, vocabulary.type) == []
    assert next(translate_back([made], name, MODEL)) == {"entity": rule.ours, "id": "r1", **must}


@pytest.mark.parametrize(
    ("name", "record", "told"),
    [
        ("salesforce_data_cloud", {"@object": "ssot__Lead__dlm", "ssot__FirstName__c": "Ida"}, "ssot__FirstName__c"),
        (
            "salesforce_data_cloud",
            {"@object": "ssot__Individual__dlm", "ssot__BirthDate__c": "1980-02-03"},
            "date-time",
        ),
        ("adobe_xdm", {"@schema": "https://ns.adobe.com/xdm/context/experienceevent", "_id": "1"}, "timestamp"),
        ("schema_org", {"@type": "Order", "totalPaymentDue": {"@type": "MonetaryAmount"}}, "totalPaymentDue"),
        ("schema_org", {"@type": "Person", "worksFor": {"name": "Moss Ltd"}}, "worksFor"),
        ("segment", {"type": "group", "groupId": "1", "traits": {"employees": 5}}, "employees"),
        ("customer_insights", {"@table": "UnifiedActivity", "SemanticData": {"Amount": 1}}, "SemanticData"),
    ],
)
def test_the_published_schemas_do_refuse_what_is_not_theirs(name, record, told):
    found = published.check(record, name, translation(name).type)
    assert any(told in one for one in found), found


def test_a_line_without_what_a_list_needs_is_left_out():
    records = [
        {"entity": "SalesOrder", "id": "o1", "purchaseOrderDate": "2024-05-06T07:08:09Z", "orderNumber": "7"},
        {"entity": "SalesOrderProduct", "id": "l1", "salesOrderId": "o1", "description": "Mug", "orderedQuantity": "1"},
        {
            "entity": "SalesOrderProduct",
            "id": "l2",
            "salesOrderId": "o1",
            "productSKU": "MUG",
            "orderedQuantity": "1.5",
        },
    ]
    made = next(translate(records, "adobe_xdm", MODEL))
    assert made["productListItems"] == [{"SKU": "MUG"}]
    assert published.check(made, "adobe_xdm", "@schema") == []
