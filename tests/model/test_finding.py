"""Headers as real exports spell them find their attribute."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelthread.model import find, load_model

MODEL = load_model()


@pytest.mark.parametrize(
    ("header", "entity", "attribute"),
    [
        ("first_name", "Individual", "firstName"),
        ("First Name", "Individual", "firstName"),
        ("FIRSTNAME", "Individual", "firstName"),
        ("Prénom", "Individual", "firstName"),
        ("Vorname", "Individual", "firstName"),
        ("Given Name", "Individual", "firstName"),
        ("surname", "Individual", "lastName"),
        ("surnmae", "Individual", "lastName"),
        ("family-name", "Individual", "lastName"),
        ("Name", "Individual", "personName"),
        ("DOB", "Individual", "birthDate"),
        ("Date of Birth", "Individual", "birthDate"),
        ("sex", "Individual", "genderId"),
        ("E-mail 1 - Value", "ContactPointEmail", "emailAddress"),
        ("Email Address", "ContactPointEmail", "emailAddress"),
        ("Customer E-Mail", "ContactPointEmail", "emailAddress"),
        ("Phone 1 - Value", "ContactPointPhone", "telephoneNumber"),
        ("mobilephone", "ContactPointPhone", "telephoneNumber"),
        ("Default Address Address1", "ContactPointAddress", "addressLine1"),
        ("Straße", "ContactPointAddress", "addressLine1"),
        ("Address 1 - City", "ContactPointAddress", "cityName"),
        ("PLZ", "ContactPointAddress", "postalCodeText"),
        ("Zip Code", "ContactPointAddress", "postalCodeText"),
        ("Country/Region", "ContactPointAddress", "countryName"),
        ("State/Province", "ContactPointAddress", "stateProvinceName"),
        ("Passport No", "PartyIdentification", "identificationNumber"),
        ("Loyalty Number", "LoyaltyMember", "memberNumber"),
        ("order_id", "SalesOrder", "orderNumber"),
        ("Order Total", "SalesOrder", "grandTotalAmount"),
        ("Lineitem quantity", "SalesOrderProduct", "orderedQuantity"),
        ("Lineitem price", "SalesOrderProduct", "unitPriceAmount"),
        ("Requester email", "Case", "contactEmailAddress"),
        ("anonymous_id", "WebsiteEngagement", "anonymousId"),
    ],
)
def test_headers_of_real_exports(header, entity, attribute):
    assert find(MODEL, header)[0][:2] == (entity, attribute)


def test_special_attributes_are_not_offered():
    assert find(MODEL, "religion") == []
    assert find(load_model(special=True), "religion")[0][1] == "religionId"


@given(st.text(max_size=40))
def test_any_header_gets_a_ranked_answer(header):
    found = find(MODEL, header)
    scores = [score for _, _, score in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)
    assert len({place[:2] for place in found}) == len(found)
    assert all(attribute in MODEL.entity(entity).attributes for entity, attribute, _ in found)


@given(st.sampled_from(sorted(MODEL.entities)))
def test_entity_and_attribute_together_find_themselves(name):
    entity = MODEL.entity(name)
    for attribute in entity.attributes.values():
        if entity.abstract or attribute.inverse_of or attribute.privacy == "special":
            continue
        assert (name, attribute.name) in {match[:2] for match in find(MODEL, f"{name} {attribute.name}")}
