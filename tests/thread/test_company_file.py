"""Files of companies from the draft to the profile: `Organization` is a party, as `Individual` is, and so is an `Account` by itself."""

import json
import sys
from pathlib import Path

import pytest
from tests import commands

from steelthread.app import cluster_rows, load_file, verify_space
from steelthread.intake import mapping as mapping_of_rows
from steelthread.thread import prepare

DATA = Path(__file__).parents[3] / "shared" / "data" / "identity"
COMPANIES = """Id,Name,BillingStreet,BillingCity,BillingPostalCode,Phone,Website,Industry,VAT number,Company Number
001A,Moss Ltd,1 High Street,Bath,BA1 1AA,01225 460012,www.moss.example,Retail,GB111,01234567
001B,Moss Limited,,,,,https://moss.example/shop,,,
001C,Fern Ltd,2 High Street,Bath,BA1 1AB,,www.fern.example,Retail,GB222,
001D,Fern and Daughters,,,,,,,GB222,
001E,Oak GmbH,,,,01225 460099,,,,HRB 77
001F,Oak,,,,01225 460099,,,,
"""
TOGETHER = {frozenset(("001A", "001B")), frozenset(("001C", "001D")), frozenset(("001E", "001F"))}


def groups(space, entity="Organization"):
    found = {}
    with space.database.connect() as conn:
        for _, name, key, individual in cluster_rows(space, conn):
            found.setdefault(individual, set()).add((name, key))
    return {frozenset(key for _, key in one) for one in found.values() if {name for name, _ in one} == {entity}}


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_from_init_to_the_profile_by_the_commands_alone(tmp_path, server):  # init brings its own server: once is enough
    folder = tmp_path / "firms"
    (tmp_path / "companies.csv").write_text(COMPANIES)

    def run(*words):
        command = [sys.executable, "-m", "steelthread", *words, "--project", str(folder)]
        told = commands.run(command, text=True)
        assert told.returncode == 0, told.stderr
        return told.stdout

    made = [sys.executable, "-m", "steelthread", "init", str(folder), "--template", "people", "--country", "GB"]
    commands.run(made, check=True)
    run("source", "new", "companies", str(tmp_path / "companies.csv"))
    run("load", "companies")
    rows = [line.split(",") for line in run("clusters").splitlines()[1:]]
    assert {row[1] for row in rows} == {"Organization"}
    whose = {key: individual for _, _, key, individual in rows}
    assert {frozenset(key for key in whose if whose[key] == one) for one in whose.values()} == TOGETHER
    profile = json.loads(run("profile", "record:companies/Organization/001B", "--json"))
    assert profile["individualId"] == whose["001A"]
    shown = {name: one["value"] for name, one in profile["attributes"].items()}
    assert (shown["businessName"], shown["taxId"]) == ("Moss Ltd", "GB111")
    assert {one["kind"] for one in profile["identifiers"]} >= {
        "account_domain",
        "account_phone",
        "account_id.registration_number",
    }
    assert profile["counts"]["records"] == 2
    assert "Moss Ltd" in run("profile", "account_id.tax_id:GB111")
    assert whose["001C"] in run("search", "daughters", "--json")


def test_the_companies_of_a_mixed_file_are_resolved_and_never_with_its_people(load, space):
    if not DATA.exists():
        pytest.skip("shared/data is not here")
    for name in ("customers", "reference", "watchlist"):
        load(name, (DATA / f"senzing_{name}.csv").read_text(encoding="utf-8"))
    with space.database.connect() as conn:
        rows = list(cluster_rows(space, conn))
    companies = {individual for _, entity, _, individual in rows if entity == "Organization"}
    assert sum(entity == "Organization" for _, entity, _, _ in rows) == 12
    assert not companies & {individual for _, entity, _, individual in rows if entity == "Individual"}
    assert frozenset(("2041", "2042")) in groups(space)
    with space.database.connect() as conn:
        profile = space.reader(conn).profile("account_id.lei:549300HKVFVS8QGCBR57")
    assert profile["attributes"]["businessName"]["value"] == "Universal Exports Singapore"
    assert verify_space(space)["same"]


BY_HAND = """name: {name}
key: id
entities:
{entities}
  - entity: ContactPointEmail
    attributes: {{emailAddress: email}}
"""


def by_hand(space, name, entities, text):
    (space.project.sources / f"{name}.yaml").write_text(BY_HAND.format(name=name, entities=entities))
    path = space.project.folder / f"{name}.csv"
    path.write_text(text)
    return load_file(space, name, path)


FIRM = "  - entity: Organization\n    attributes: {legalName: firm, taxId: tax, dUNSNumber: duns}"


def test_numbers_of_the_organisation_itself_identify_it_and_a_tax_number_is_a_wall(space):
    by_hand(
        space, "firms", FIRM,
        "id,firm,tax,duns,email\n1,Moss Ltd,GB1,,\n2,Renamed plc,gb 1,,\n3,Fern,,15-048,\n4,Fern Ltd,,15048,\n"
        "5,Oak Ltd,GB7,,a@oak.example\n6,Oak Ltd,GB8,,b@oak.example\n",
    )  # fmt: skip
    assert groups(space) == {frozenset("12"), frozenset("34"), frozenset("5"), frozenset("6")}


def test_a_person_beside_a_company_keeps_the_contacts_whichever_stands_first(space):
    person = "  - entity: Individual\n    attributes: {firstName: first, lastName: last}"
    text = "id,firm,tax,duns,email,first,last\n1,Moss Ltd,GB1,,ann@moss.example,Ann,Lee\n"
    by_hand(space, "staff", f"{FIRM}\n{person}", text)
    with space.database.connect() as conn:
        profile = space.reader(conn).profile("email:ann@moss.example")
        firm = space.reader(conn).profile("account_id.tax_id:GB1")
    assert profile["attributes"]["firstName"]["value"] == "Ann"
    assert firm["attributes"]["legalName"]["value"] == "Moss Ltd"
    assert firm["individualId"] != profile["individualId"]


def test_an_account_beside_its_organisation_is_a_part_of_it(space):
    account = "  - entity: Account\n    attributes: {name: firm, accountNumber: number}"
    by_hand(
        space, "firms", f"{FIRM}\n{account}", "id,firm,tax,duns,email,number\n1,Moss Ltd,GB1,,info@moss.example,A-7\n"
    )
    assert groups(space) == {frozenset("1")}


def test_organisations_that_a_former_version_took_for_no_party_stay_what_they_are_and_new_ones_are_parties(
    space, monkeypatch
):
    text = "id,firm,tax,duns,email\n1,Moss Ltd,GB1,,a@moss.example\n"
    with monkeypatch.context() as before:
        for module in (mapping_of_rows, prepare):
            before.setattr(module, "PARTIES", ("Individual", "Account"))
        by_hand(space, "firms", FIRM, text)
        assert groups(space) == set()
    text = text.replace("Moss Ltd", "Moss Limited")
    assert by_hand(space, "firms", FIRM, text + "2,Moss,GB1,,\n3,Moss,GB1,,\n").updated == 1
    assert groups(space) == {frozenset("23")}
    assert verify_space(space)["same"]
