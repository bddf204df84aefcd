"""Search before create for organisations: a half-filled record of a company finds it, over HTTP, with scores and reasons."""

import pytest
from fastapi.testclient import TestClient
from tests.identity.match.test_organisations import firms
from tests.thread.test_organisations_resolved import as_rows, companies, groups
from tests.thread.test_resolving import rows, told

from steelthread.api import create_api, create_key
from steelthread.kit import Conflict
from steelthread.thread import Likeness, resolve_all

__all__ = ["companies", "told"]
TWIN = {"company": "Twin Optics Ltd", "site": "twin.example", "phone": "+442079460958", "street": "7 Canal Walk", "city": "Leeds",
        "postcode": "LS2 7AA"}  # fmt: skip


@pytest.fixture
def resolved(space, told, companies):
    records, truth = firms()
    told(
        [
            *rows(people=20),
            ("ann", "Ann", "Optics", "1980-02-03", "info@twin.example", "7 Canal Walk", "Leeds", "LS2 7AA"),
        ]
    )
    companies([*as_rows(records), TWIN | {"id": "t1", "register": "111234", "email": "info@twin.example"}])
    resolve_all(space)
    return space, records, truth


@pytest.fixture
def ask(resolved):
    space, _, _ = resolved
    key = create_key(space, ["match:read"], purposes=["operations"])
    client = TestClient(create_api(space), headers={"Authorization": f"Bearer {key}"})

    def asked(given, status=200, **more):
        answer = client.post("/api/match", params={"purpose": "operations", **more}, json=given)
        assert answer.status_code == status, answer.text
        return answer.json()

    return asked


def individual_of(space, key):
    return next(one for keys, one in groups(space).items() if key in keys)


def test_each_company_of_a_file_is_found_by_its_name_and_its_place(resolved, ask):
    _, records, truth = resolved
    found = 0
    for number, record in enumerate(records):
        told_ = {
            word: record[word]
            for word in ("organisationName", "addressLine1", "cityName", "postalCodeText")
            if word in record
        }
        if len(told_) < 4:
            continue
        answer = ask(told_)
        assert answer["party"] == "organisation"
        best = answer["individuals"][0]
        assert best["record"].startswith("record:firms/Organization/f")
        assert abs(sum(step["weight"] for step in best["waterfall"]) - best["weight"]) < 1e-6
        assert 0 < best["probability"] <= 1
        assert truth[int(best["record"].rpartition("/f")[2])] == truth[number]
        found += 1
    assert found > 10


def test_a_name_typed_otherwise_with_a_site_a_number_or_a_phone(resolved, ask):
    space, _, _ = resolved
    twin = individual_of(space, "t1")
    for given in (
        {"organisationName": "Twin Optic Limited", "webSiteURL": "https://www.twin.example/shop"},
        {
            "organisationName": ["Optics Holding", "Twin Optics"],
            "telephoneNumber": "020 7946 0958",
            "countryName": "GB",
        },
        {"organisationName": "TWIN OPTICS", "registrationNumber": "111234"},
        {"organisationName": "TWIN OPTICS", "registrationNumber": "registration_number:111 234"},
        {"organisationName": "Twin Optics", "partyIdentification": "registration_number:111234"},
    ):
        best = ask(given)["individuals"][0]
        assert (best["individualId"], best["confidence"], best["wall"]) == (twin, "exact", None)
        assert {step["question"] for step in best["waterfall"]} <= {
            "prior", "firm", "firm_contact", "firm_place", "firm_form", "firm_number",
        }  # fmt: skip
    other = ask(
        {"organisationName": "Twin Optics", "webSiteURL": "twin.example", "registrationNumber": "482915"}, limit=1
    )
    (best,) = other["individuals"]
    assert (best["individualId"], best["wall"]) == (twin, "two different numbers of one register")


def test_the_words_say_whether_it_is_a_company_or_a_person(resolved, ask):
    space, _, _ = resolved
    twin, ann = (
        individual_of(space, "t1"),
        next(one for keys, one in groups(space, "Individual").items() if "ann" in keys),
    )
    shared = {
        "emailAddress": "info@twin.example",
        "addressLine1": "7 Canal Walk",
        "cityName": "Leeds",
        "postalCodeText": "LS2 7AA",
    }
    firm = ask(shared, party="organisation")
    assert (firm["party"], [one["individualId"] for one in firm["individuals"]]) == ("organisation", [twin])
    person = ask(shared | {"firstName": "Ann"})
    assert (person["party"], person["individuals"][0]["individualId"]) == ("individual", ann)
    assert ask(shared)["party"] == "individual"
    assert twin not in [one["individualId"] for one in [*person["individuals"], *ask(shared)["individuals"]]]
    assert ask({"organisationName": "Xaver Obermayr und Neffen"})["individuals"] == []


def test_what_makes_no_sense_is_said(resolved, ask):
    for given, said in (
        ({"organisationName": "Twin Optics", "firstName": "Ann"}, "firstName: no word of matching for an organisation"),
        ({"organisationName": ""}, "Say something about the organisation"),
        ({"organisationName": "Twin", "telephoneNumber": "x"}, "account_phone"),
        ({"shoeSize": "9"}, "no word of matching for a person"),
    ):
        assert said in ask(given, status=400)["detail"]
    ask({"organisationName": "Twin"}, status=422, party="ship")


def test_a_model_that_never_saw_organisations_says_so(space, told):
    told(rows(people=10))
    resolve_all(space)
    with space.database.connect() as conn, pytest.raises(Conflict, match="has not seen organisations"):
        Likeness(space).of(conn, {"organisationName": "Acme"})
