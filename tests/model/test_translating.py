"""Records in the words of others: whole samples as those systems want them, and everything that was carried comes back."""

import pytest

from steelthread.kit import Invalid, NotFound
from steelthread.model import load_model, translate, translate_back, translations
from steelthread.model.translating import Place, translation

MODEL = load_model()
IDA = {
    "entity": "Individual", "id": "p1", "firstName": "Ida", "lastName": "Moss", "birthDate": "1980-02-03",
    "genderId": "female", "occupation": "Head of Buying",
}  # fmt: skip
EMAIL = {"entity": "ContactPointEmail", "id": "e1", "partyId": "p1", "emailAddress": "ida@example.com"}
PHONE = {"entity": "ContactPointPhone", "id": "t1", "partyId": "p1", "telephoneNumber": "+441225460012"}
ADDRESS = {
    "entity": "ContactPointAddress", "id": "a1", "partyId": "p1", "addressLine1": "1 High Street", "cityName": "Bath",
    "postalCodeText": "BA1 1AA", "countryName": "GB",
}  # fmt: skip
CONSENT = {
    "entity": "ContactPointConsent", "id": "c1", "partyId": "p1", "channel": "email", "consentStatusId": "given",
    "captureDateTime": "2024-01-02T03:04:05Z",
}  # fmt: skip
ORDER = {
    "entity": "SalesOrder", "id": "o1", "orderNumber": "1001", "purchaseOrderDate": "2024-05-06T07:08:09Z",
    "soldToCustomerId": "p1", "grandTotalAmount": "23.5", "currencyCode": "GBP",
}  # fmt: skip
LINE = {
    "entity": "SalesOrderProduct", "id": "l1", "salesOrderId": "o1", "productSKU": "MUG-B", "description": "Mug blue",
    "orderedQuantity": "2", "unitPriceAmount": "11.75",
}  # fmt: skip
OPENED = {
    "entity": "EmailEngagement", "id": "m1", "individualId": "p1", "eventDateTime": "2024-05-07T08:00:00Z",
    "eventType": "opened",
}  # fmt: skip
ALL = [IDA, EMAIL, PHONE, ADDRESS, CONSENT, ORDER, LINE, OPENED]


def there(name, *records):
    return list(translate(records or ALL, name, MODEL))


def test_schema_org():
    person, order = there("schema_org")
    assert person == {
        "@context": "https://schema.org", "@type": "Person", "identifier": "p1", "givenName": "Ida", "familyName": "Moss",
        "birthDate": "1980-02-03", "gender": "https://schema.org/Female", "jobTitle": "Head of Buying",
        "email": ["ida@example.com"], "telephone": ["+441225460012"],
        "address": [{"@type": "PostalAddress", "streetAddress": "1 High Street", "addressLocality": "Bath",
                     "postalCode": "BA1 1AA", "addressCountry": "GB"}],
    }  # fmt: skip
    assert order == {
        "@context": "https://schema.org", "@type": "Order", "identifier": "o1", "orderNumber": "1001",
        "orderDate": "2024-05-06T07:08:09Z", "customer": {"identifier": "p1"},
        "totalPaymentDue": {"value": 23.5, "currency": "GBP"},
        "orderedItem": [{"@type": "OrderItem", "orderItemNumber": "l1", "orderQuantity": 2,
                         "orderedItem": {"sku": "MUG-B", "name": "Mug blue"}}],
    }  # fmt: skip


def test_adobe_xdm():
    profile, order, opened = there("adobe_xdm")
    assert profile["@schema"] == "https://ns.adobe.com/xdm/context/profile"
    assert profile["person"] == {
        "name": {"firstName": "Ida", "lastName": "Moss"},
        "birthDate": "1980-02-03",
        "gender": "female",
    }
    assert profile["identityMap"] == {
        "Email": [{"authenticatedState": "ambiguous", "primary": False, "id": "ida@example.com"}],
        "Phone": [{"authenticatedState": "ambiguous", "primary": False, "id": "+441225460012"}],
    }
    assert profile["consents"] == {"marketing": {"email": {"val": "y", "time": "2024-01-02T03:04:05Z"}}}
    assert profile["personalEmail"] == {"address": "ida@example.com"}
    assert order["eventType"] == "commerce.purchases"
    assert order["identityMap"] == {"CRMID": [{"id": "p1"}]}
    assert order["commerce"] == {"order": {"purchaseID": "1001", "priceTotal": 23.5, "currencyCode": "GBP"}}
    assert order["productListItems"] == [{"SKU": "MUG-B", "name": "Mug blue", "quantity": 2}]
    assert opened == {
        "@schema": "https://ns.adobe.com/xdm/context/experienceevent", "_id": "m1", "timestamp": "2024-05-07T08:00:00Z",
        "identityMap": {"CRMID": [{"id": "p1"}]}, "eventType": "directMarketing.emailOpened",
    }  # fmt: skip


def test_salesforce_data_cloud():
    rows = {row["@object"]: row for row in there("salesforce_data_cloud")}
    assert rows["ssot__Individual__dlm"]["ssot__FirstName__c"] == "Ida"
    assert rows["ssot__ContactPointEmail__dlm"] == {
        "@object": "ssot__ContactPointEmail__dlm", "ssot__Id__c": "e1", "ssot__PartyId__c": "p1",
        "ssot__EmailAddress__c": "ida@example.com",
    }  # fmt: skip
    assert rows["ssot__ContactPointAddress__dlm"]["ssot__CityName__c"] == "Bath"
    assert rows["ssot__ContactPointConsent__dlm"]["ssot__ConsentStatusId__c"] == "OptIn"
    assert rows["ssot__SalesOrder__dlm"]["ssot__GrandTotalAmount__c"] == "23.5"
    assert rows["ssot__SalesOrderProduct__dlm"]["ssot__SalesOrderId__c"] == "o1"
    assert rows["ssot__EmailEngagement__dlm"]["ssot__EngagementDateTm__c"] == "2024-05-07T08:00:00Z"


def test_customer_insights():
    profile, purchase, opened = there("customer_insights")
    assert profile == {
        "@table": "CustomerProfile", "CustomerId": "p1", "FirstName": "Ida", "LastName": "Moss", "BirthDate": "1980-02-03",
        "Gender": "female", "JobTitle": "Head of Buying", "EMail": "ida@example.com", "Telephone": "+441225460012",
        "StreetAddress": "1 High Street", "City": "Bath", "PostCode": "BA1 1AA", "Country": "GB",
    }  # fmt: skip
    assert purchase["SemanticData"] == {"Amount": 23.5, "Currency": "GBP"}
    assert (purchase["ActivityType"], purchase["CustomerId"]) == ("Purchase", "p1")
    assert (opened["@table"], opened["SourceEntityName"]) == ("UnifiedActivity", "EmailEngagement")


def test_segment():
    identify, track = there("segment")
    assert identify == {
        "type": "identify", "userId": "p1",
        "traits": {"firstName": "Ida", "lastName": "Moss", "birthday": "1980-02-03", "gender": "female",
                   "title": "Head of Buying", "email": "ida@example.com", "phone": "+441225460012",
                   "address": {"street": "1 High Street", "city": "Bath", "postalCode": "BA1 1AA", "country": "GB"}},
    }  # fmt: skip
    assert track["event"] == "Order Completed"
    assert track["properties"] == {
        "order_id": "1001", "total": 23.5, "currency": "GBP",
        "products": [{"sku": "MUG-B", "name": "Mug blue", "quantity": 2, "price": 11.75}],
    }  # fmt: skip


def sample(entity, name, place):
    """Return a value of the attribute's type that the place can carry."""
    if place.values:
        return next(iter(place.values))
    one = MODEL.entity(entity).attributes[name]
    return {
        "integer": 7, "decimal": "12.5", "boolean": True, "date": "2024-01-02", "datetime": "2024-01-02T03:04:05Z",
    }.get(one.type, f"{name} 1")  # fmt: skip


RULES = [(name, rule.ours) for name in translations() for rule in translation(name).entities]


@pytest.mark.parametrize(("name", "entity"), RULES)
def test_everything_that_is_carried_comes_back(name, entity):
    vocabulary = translation(name)
    rule = next(one for one in vocabulary.entities if one.ours == entity)
    record = {"entity": entity, **{key: sample(entity, key, place) for key, place in vocabulary.places(rule)}}
    if rule.when and "eventType" in record:
        record["eventType"] = "opened"
    record["id"] = "r1"
    parts = []
    for number, part in enumerate(one for one in rule.parts if not one.also):
        places = [(part.value, "")] if part.value else list(part.attributes.items())
        held = {"entity": part.ours, "id": f"x{number}", part.by: "r1", **part.where}
        for key, place in places:
            held[key] = sample(part.ours, key, Place(place) if isinstance(place, str) else place)
        parts.append(held)
    made = next(one for one in translate([record, *parts], name, MODEL))
    back = list(translate_back([made], name, MODEL))
    assert back[0] == record
    assert [{key: value for key, value in one.items() if key != "id"} for one in back[1:]] == [
        {key: value for key, value in one.items() if key != "id"} for one in parts
    ]


@pytest.mark.parametrize("name", translations())
def test_mappings_name_what_there_is_and_no_place_twice(name):
    vocabulary = translation(name)
    for rule in vocabulary.entities:
        known = MODEL.entity(rule.ours).attributes
        places = list(vocabulary.places(rule))
        assert {key for key, _ in places} <= set(known)
        assert len({place.at for _, place in places}) == len(places)
        for part in rule.parts:
            named = {part.by, *part.attributes, *part.where, *([part.value] if part.value else [])}
            assert named <= set(MODEL.entity(part.ours).attributes), part.ours
    special = {one.name for one in MODEL.entity("Individual").attributes.values() if one.privacy == "special"}
    assert not special & {key for rule in vocabulary.entities for key, _ in vocabulary.places(rule)}


@pytest.mark.parametrize("name", translations())
def test_what_a_customer_360_needs_is_mapped(name):
    mapped = {rule.ours for rule in translation(name).entities}
    mapped |= {part.ours for rule in translation(name).entities for part in rule.parts}
    needed = {
        "Individual",
        "ContactPointEmail",
        "ContactPointPhone",
        "ContactPointAddress",
        "SalesOrder",
        "WebsiteEngagement",
    }
    assert needed <= mapped


def test_an_identity_that_stands_nowhere_else_is_read():
    profile = {
        "@schema": "https://ns.adobe.com/xdm/context/profile", "_id": "p1",
        "identityMap": {"Email": [{"id": "ida@example.com"}, {"id": "other@example.com"}], "Phone": [{"id": "+441"}]},
        "personalEmail": {"address": "ida@example.com"},
    }  # fmt: skip
    back = list(translate_back([profile], "adobe_xdm", MODEL))
    assert [one["emailAddress"] for one in back if one["entity"] == "ContactPointEmail"] == [
        "ida@example.com", "other@example.com",
    ]  # fmt: skip
    assert [one["telephoneNumber"] for one in back if one["entity"] == "ContactPointPhone"] == ["+441"]


def test_consent_that_is_gone_never_comes_out_as_given():
    for name, place in (("adobe_xdm", ("consents", "marketing", "email", "val")), ("salesforce_data_cloud", None)):
        for status in ("refused", "withdrawn", "not_asked", "something else"):
            made = there(name, IDA, {**CONSENT, "consentStatusId": status})
            found = made[0]
            for step in place or ():
                found = found[step]
            told = found if place else made[1]["ssot__ConsentStatusId__c"]
            assert told not in ("y", "OptIn"), (name, status)


def test_wrong_records_are_told():
    with pytest.raises(NotFound, match="did you mean `schema_org`"):
        there("schema.org")
    with pytest.raises(NotFound, match="no attribute `firstNam`"):
        there("segment", {"entity": "Individual", "firstNam": "Ida"})
    with pytest.raises(NotFound, match="did you mean `Individual`"):
        there("segment", {"entity": "Individul"})
    with pytest.raises(Invalid, match="`entity`"):
        there("segment", {"firstName": "Ida"})
    with pytest.raises(Invalid, match=r"Record 1: `type: alias`"):
        list(translate_back([{"type": "alias"}], "segment", MODEL))
