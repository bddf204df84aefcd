"""Rulesets of accounts of Salesforce Data Cloud: they come in beside those of people, work on what is loaded, and go out again."""

import json

import pytest
import yaml
from tests.cli.test_rulesets import RULES, RULESET, criterion, imported, project, run

from steelthread.app import cluster_rows, verify_space
from steelthread.identity import load_rules
from steelthread.kit import open_project
from steelthread.thread import Space, apply

__all__ = ["project"]
NAME, POSTCODE = criterion("Account", "Name", "FuzzyHigh"), criterion("ContactPointAddress", "PostalCodeText", "Exact")
ACCOUNTS = {
    "label": "Companies", "configurationType": "ACCOUNT", "rulesetId": "acc",
    "matchRules": [
        {"label": "Name, birth date, postcode", "criteria": [NAME, POSTCODE]},  # called as a rule of people is
        {"label": "Name and town", "criteria": [criterion("Account", "AccountName", "Exact"), criterion("ContactPointAddress", "CityName")]},
        {"label": "Mail", "criteria": [criterion("ContactPointEmail", "EmailAddress")]},
        {"label": "Name and phone", "criteria": [NAME, criterion("ContactPointPhone", "FormattedE164PhoneNumber")]},
        {"label": "DUNS", "criteria": [criterion("PartyIdentification", "IdentificationNumber", partyIdentificationInfo={"partyName": "DUNS"})]},
        {"label": "Shoe size", "criteria": [criterion("Account", "ShoeSize")]},
        {"label": "Fuzzy town", "criteria": [criterion("ContactPointAddress", "CityName", "FuzzyLow"), criterion("Account", "Name")]},
    ],
    "reconciliationRules": [
        {"entityName": "ssot__Account__dlm", "ruleType": "LAST_UPDATED", "shouldIgnoreEmptyValue": True, "sources": [], "fields": [
            {"fieldName": "ssot__Name__c", "ruleType": "MOST_FREQUENT"}, {"fieldName": "ssot__HatSize__c", "ruleType": "LAST_UPDATED"}]},
        {"entityName": "ssot__Individual__dlm", "ruleType": "LAST_UPDATED", "fields": []},
    ],
}  # fmt: skip
OF_ACCOUNTS = [
    {
        "name": "name_birth_date_postcode_called_the_same_2",
        "all": ["name", "postalCodeText"],
        "of": "organisations",
    },
    {"name": "name_birth_date_postcode_2", "all": ["postalCodeText"], "weak": True, "of": "organisations"},
    {"name": "name_and_town", "all": ["name", "cityName"], "of": "organisations"},
]
FIRMS = """Id,Name,BillingStreet,BillingCity,BillingPostalCode,Website
1,Moss Ltd,1 High Street,Bath,BA1 1AA,
2,Moss Limited,7 Mill Lane,Bath,,
3,Moss Ltd,,Leeds,,
4,Fern Textiles,2 High Street,Bath,BA1 1AB,
5,Fern Textile Ltd,Unit 9,Bristol,BA1 1AB,
6,Oak Dairy,1 High Street,Bath,BA1 1AA,
7,Moss GmbH,,Bath,,
"""
PEOPLE = "customer_id,first_name,last_name,city,postcode\n1,Ann,Moss,Bath,BA1 1AA\n2,Eve,Moss,Bath,BA1 1AA\n"


def test_match_rules_of_accounts_stand_beside_those_of_people(project):
    imported(project, RULESET)
    told = imported(project, ACCOUNTS)["taken"]
    assert told["rules"] == OF_ACCOUNTS
    rules = yaml.safe_load((project / "identity.yaml").read_text())["rules"]
    assert rules == [*RULES, *OF_ACCOUNTS]
    assert [one.of for one in load_rules(project / "identity.yaml").composites] == ["people"] * 2 + [
        "organisations"
    ] * 3
    same, differs, missing = ("\n".join(told[word]) for word in ("same", "differs", "missing"))
    assert "Name and phone: kind account_phone with the name guard" in same
    assert "DUNS: account_id.duns joins by itself" in same
    assert "Mail: account_email joins unless names conflict" in differs
    assert "these join here besides, by identity.yaml: account_name, account_address, account_domain" in differs
    for word in (
        "Shoe size: ssot__Account__dlm.ssot__ShoeSize__c is no attribute of organisations",
        "match rule Fuzzy town",
        "ssot__HatSize__c: Account has no",
    ):
        assert word in missing
    assert told["attributes"] == {"name": "most_frequent", "businessName": "most_frequent", "legalName": "most_frequent"} | {
        name: "last_updated" for name in told["attributes"] if name not in ("name", "businessName", "legalName")
    }  # fmt: skip
    assert yaml.safe_load((project / "profile.yaml").read_text())["attributes"]["businessName"] == "most_frequent"
    assert (
        imported(project, ACCOUNTS)["taken"]["rules"] == OF_ACCOUNTS
    )  # what was brought before is brought again, not beside
    assert yaml.safe_load((project / "identity.yaml").read_text())["rules"] == rules


def test_there_and_back_is_the_same(project):
    imported(project, RULESET)
    imported(project, ACCOUNTS)
    before = (project / "identity.yaml").read_text()
    told = json.loads(run(project, "ruleset", "export", "salesforce", "--of", "organisations", "--json").stdout)
    theirs = told["ruleset"]
    assert (theirs["configurationType"], theirs["reconciliationRules"][0]["entityName"]) == (
        "ACCOUNT",
        "ssot__Account__dlm",
    )
    labels = {rule["label"]: rule["criteria"] for rule in theirs["matchRules"]}
    assert list(labels) == [
        "account_email", "account_phone", "national_id", "ssn", "tax_id", "company_number", "lei", "registration_number",
        *(one["name"] for one in OF_ACCOUNTS),
    ]  # fmt: skip
    assert [(one["entityName"], one["fieldName"], one["matchMethodType"]) for one in labels["name_birth_date_postcode_2"]] == [
        ("ssot__ContactPointAddress__dlm", "ssot__PostalCodeText__c", "EXACT_NORMALIZED"), ("ssot__Account__dlm", "ssot__Name__c", "FUZZY"),
    ]  # fmt: skip
    assert {one["fieldName"]: one["ruleType"] for one in theirs["reconciliationRules"][0]["fields"]}[
        "ssot__Name__c"
    ] == "MOST_FREQUENT"
    missing = "\n".join(told["missing"])
    for word in (
        "kind account_domain",
        "kind account_address",
        "generic_above of",
        "rules of people: they are a ruleset of their own",
    ):
        assert word in missing
    again = imported(project, theirs)["taken"]
    assert (again["rules"], again["kinds"], again["attributes"], again["missing"]) == (OF_ACCOUNTS, {}, {}, [])
    assert yaml.safe_load((project / "identity.yaml").read_text()) == yaml.safe_load(before)
    back = json.loads(run(project, "ruleset", "export", "salesforce", "--of", "organisations", "--json").stdout)
    assert back == told
    people = json.loads(run(project, "ruleset", "export", "salesforce", "--json").stdout)
    assert not {one["label"] for one in people["ruleset"]["matchRules"]} & {one["name"] for one in OF_ACCOUNTS}
    assert not any("account_" in line and "kind" in line for line in people["missing"])


def test_they_work_on_a_company_file_that_is_loaded(space, load):
    load("firms", FIRMS)
    load("crm", PEOPLE)
    assert groups(space) == {frozenset([f"O{number}"]) for number in range(1, 8)} | {
        frozenset(["I1"]),
        frozenset(["I2"]),
    }
    path = space.project.folder / "theirs.json"
    path.write_text(json.dumps(ACCOUNTS))
    assert run(space.project.folder, "ruleset", "import", str(path)).returncode == 0
    with Space(open_project(space.project.folder)) as opened:
        apply(opened)
        together = {
            frozenset(["O1", "O2"]),
            frozenset(["O4", "O5"]),
        }  # one name in one town; alike names in one postcode
        alone = {
            frozenset([one]) for one in ("O3", "O6", "O7", "I1", "I2")
        }  # another town, name, legal form; people are none
        assert groups(opened) == together | alone
        assert verify_space(opened)["same"]
        with opened.database.connect() as conn:
            reader = opened.reader(conn)
            assert (
                reader.explain("record:firms/Organization/1", "record:firms/Organization/2")["path"][0]["reason"]
                == "same rule.name_and_town"
            )


@pytest.mark.parametrize(
    ("words", "content", "told"),
    [(("import",), ACCOUNTS | {"configurationType": "HOUSEHOLD"}, "INDIVIDUAL or ACCOUNT"), (("export", "segment", "--of", "organisations"), None, "of people only")],
)  # fmt: skip
def test_what_is_neither_is_refused(project, words, content, told):
    path = project / "theirs.json"
    path.write_text(json.dumps(content))
    done = run(project, "ruleset", *words, *([str(path)] if content else []))
    assert done.returncode == 1
    assert told in done.stderr.replace("\n", " ")


def groups(space):
    found = {}
    with space.database.connect() as conn:
        for _, entity, key, individual in cluster_rows(space, conn):
            found.setdefault(individual, set()).add(f"{entity[0]}{key}")
    return {frozenset(keys) for keys in found.values()}
