"""Accounts on real PostgreSQL: organisations are resolved in the same ledger as people, and never with people."""

import csv

import pytest

from steelthread.app import cluster_rows, load_file, verify_space
from steelthread.thread import unlink

MAPPING = """name: {name}
key: id
entities:
  - entity: Account
    attributes: {{name: company}}
  - entity: PartyIdentification
    attributes: {{identificationNumber: vat, partyIdentificationTypeId: {{constant: VAT}}}}
  - entity: ContactPointEmail
    attributes: {{emailAddress: email}}
  - entity: ContactPointPhone
    attributes: {{telephoneNumber: phone}}
  - entity: PartyWebAddress
    attributes: {{webSiteURL: site}}
  - entity: ContactPointAddress
    attributes: {{addressLine1: street, cityName: city, postalCodeText: postcode}}
"""
COLUMNS = "id company vat email phone site street city postcode".split()  # noqa: SIM905
PEOPLE = (
    "customer_id,first_name,last_name,email,phone\n1,Ann,Lee,ann@acme.example,+442079460958\n2,,,info@acme.example,\n"
)


@pytest.fixture
def told(space):
    def load(*rows, name="firms"):
        (space.project.sources / f"{name}.yaml").write_text(MAPPING.format(name=name))
        path = space.project.folder / f"{name}.csv"
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, COLUMNS, restval="")
            writer.writeheader()
            writer.writerows(rows)
        return load_file(space, name, path)

    return load


def groups(space):
    found = {}
    with space.database.connect() as conn:
        for _, entity, key, individual in cluster_rows(space, conn):
            found.setdefault(individual, set()).add(f"{entity[0]}{key}")
    return {frozenset(keys) for keys in found.values()}


def test_a_number_a_domain_a_phone_an_address_join_unless_the_names_conflict(space, told):
    place = {"street": "12 Mill Lane", "city": "Leeds", "postcode": "LS1 4DY"}
    told(
        {"id": "vat1", "company": "Acme Ltd", "vat": "GB 123 456"}, {"id": "vat2", "company": "Renamed plc", "vat": "gb123456"},
        {"id": "web1", "company": "Apex", "site": "https://www.apex.example/about"},
        {"id": "web2", "company": "Apex Ltd", "email": "info@apex.example"},
        {"id": "web3", "company": "Zenith", "email": "zenith@apex.example"},
        {"id": "tel1", "company": "North Dairy Limited", "phone": "020 7946 0958"},
        {"id": "tel2", "company": "North Dairi", "phone": "+442079460958"},
        {"id": "tel3", "company": "South Cheese", "phone": "+442079460958"},
        {"id": "typ1", "company": "Thornbury Foods", "phone": "+442079460111"},
        {"id": "typ2", "company": "Thornbry Foods", "phone": "+442079460111"},
        {"id": "out1", "company": "Borealis GmbH", **place}, {"id": "out2", "company": "Borealis", **place, "street": "12, Mill Ln"},
        {"id": "out3", "company": "Corner Bakery", **place}, {"id": "out4", **place},
        {"id": "free1", "company": "Fox", "email": "fox@gmail.com"}, {"id": "free2", "company": "Fox", "email": "fox.shop@gmail.com"},
    )  # fmt: skip
    together = (
        "vat1 vat2", "web1 web2", "web3", "tel1 tel2", "tel3", "typ1 typ2", "out1 out2", "out3", "out4", "free1", "free2",
    )  # fmt: skip
    assert groups(space) == {frozenset(f"A{key}" for key in keys.split()) for keys in together}
    assert verify_space(space)["same"]
    with space.database.connect() as conn:
        told_why = space.reader(conn).explain("record:firms/Account/web1", "record:firms/Account/web2")
        assert [one["reason"] for one in told_why["path"]] == ["same account_name"] * 2
        apart = space.reader(conn).explain("record:firms/Account/out1", "record:firms/Account/out3")
        assert {one["reason"] for one in apart["refused"]} == {"different names of organisations"}
        assert space.reader(conn).profile("account_phone:+442079460111")["counts"]["records"] == 2
        assert space.reader(conn).profile("account_id.vat:GB123456")["counts"]["records"] == 2
    unlink(space, "record:firms/Account/web1", "record:firms/Account/web2", "two firms", "clerk")
    assert {frozenset(["Aweb1"]), frozenset(["Aweb2"])} <= groups(space)


def test_no_identifier_joins_a_person_and_an_organisation(space, load, told):
    load("crm", PEOPLE)
    told(
        {"id": "a", "company": "Acme", "email": "ann@acme.example", "phone": "+442079460958"},
        {"id": "b", "email": "info@acme.example"},
    )
    assert groups(space) == {frozenset(["I1"]), frozenset(["I2"]), frozenset(["Aa", "Ab"])}
    with space.database.connect() as conn:
        assert space.reader(conn).profile("email:ann@acme.example")["attributes"]["firstName"]["value"] == "Ann"


def test_a_record_that_changes_takes_its_links_along(space, told):
    told({"id": "a", "company": "Acme", "site": "acme.example"}, {"id": "b", "company": "Acme", "site": "acme.example"})
    assert groups(space) == {frozenset(["Aa", "Ab"])}
    told({"id": "b", "company": "Apex", "site": "acme.example"})
    assert groups(space) == {frozenset(["Aa"]), frozenset(["Ab"])}
    told({"id": "b", "company": "Apex", "site": "apex.example"}, {"id": "c", "company": "Apex", "site": "apex.example"})
    assert groups(space) == {frozenset(["Aa"]), frozenset(["Ab", "Ac"])}
    assert verify_space(space)["same"]
