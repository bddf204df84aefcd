"""Rules of Salesforce Data Cloud and Segment come in, work, and go out again; what has no counterpart is said."""

import json
import sys

import pytest
import yaml
from tests import commands

from steelthread.app import create_project
from steelthread.identity import count, load_rules, replaced_section
from steelthread.kit import open_project
from steelthread.thread import Space


def criterion(entity, field, method="EXACT_NORMALIZED", **more):
    return {
        "entityName": f"ssot__{entity}__dlm", "fieldName": f"ssot__{field}__c", "matchMethodType": method,
        "shouldMatchOnBlank": False, **more,
    }  # fmt: skip


RULESET = {
    "label": "People", "configurationType": "INDIVIDUAL", "rulesetId": "ppl",
    "matchRules": [
        {"label": "Fuzzy Name and Email", "criteria": [criterion("Individual", "FirstName", "Fuzzy"), criterion("ContactPointEmail", "EmailAddress")]},
        {"label": "Name, birth date, postcode", "criteria": [
            criterion("Individual", "FirstName", "FUZZY_HIGH"), criterion("Individual", "LastName", "Exact"),
            criterion("Individual", "BirthDate", "Exact", shouldMatchOnBlank=True), criterion("ContactPointAddress", "PostalCodeText")]},
        {"label": "Phone", "criteria": [{"entityName": "acme__*ContactPointPhone*Space__dlm", "fieldName": "acme__*FormattedE164PhoneNumber*__c",
                                         "matchMethodType": "exactnormalized", "shouldMatchOnBlank": False}]},
        {"label": "Passport", "criteria": [
            criterion("PartyIdentification", "IdentificationNumber", "EXACT", partyIdentificationInfo={"partyName": "Passport No"}, caseSensitiveMatch=True)]},
        {"label": "Fuzzy last", "criteria": [criterion("Individual", "LastName", "FuzzyLow"), criterion("ContactPointEmail", "EmailAddress")]},
        {"label": "Number and name", "criteria": [
            criterion("PartyIdentification", "IdentificationNumber", partyIdentificationInfo={"partyName": "SSN"}), criterion("Individual", "LastName")]},
        {"label": "Shoe size", "criteria": [criterion("Individual", "ShoeSize")]},
    ],
    "reconciliationRules": [
        {"entityName": "ssot__Individual__dlm", "ruleType": "LAST_UPDATED", "shouldIgnoreEmptyValue": False, "sources": [], "fields": [
            {"fieldName": "ssot__MaritalStatusId__c", "ruleType": "MOST_FREQUENT", "shouldIgnoreEmptyValue": True},
            {"fieldName": "ssot__Occupation__c", "ruleType": "SOURCE_SEQUENCE", "sources": [{"name": "CRM"}, {"name": "Shop"}]},
            {"fieldName": "ssot__HatSize__c", "ruleType": "LAST_UPDATED"}]},
        {"entityName": "ssot__ContactPointEmail__dlm", "ruleType": "LAST_UPDATED", "fields": []},
    ],
}  # fmt: skip
RULES = [
    {
        "name": "name_birth_date_postcode_called_the_same",
        "all": ["firstName", "lastName", "birthDate", "postalCodeText"],
    },
    {"name": "name_birth_date_postcode", "all": ["lastName", "birthDate", "postalCodeText"], "weak": True},
]
SETTINGS = {
    "externalIds": [
        {"type": "email", "priority": 2, "limit": {"value": 5, "frequency": "Monthly"}},
        {"type": "user_id", "priority": 1, "limit": {"value": 1, "frequency": "Ever"}},
        {"type": "anonymous_id", "limit": {"value": 5, "frequency": "Weekly"}}, {"type": "ios.id"}, {"type": "android.id"},
        {"type": "group_id"}, {"type": "member_card", "priority": 3, "limit": 2},
    ],
    "blockedValues": [{"type": "*", "regex": ["^[0-]*$"], "exact": ["Null", "kiosk"]}, {"type": "email", "exact": ["Shop@Acme.example"]}],
}  # fmt: skip


def run(folder, *words):
    command = [sys.executable, "-m", "steelthread", *words, "--project", str(folder)]
    return commands.run(command, text=True)


@pytest.fixture
def project(tmp_path):
    create_project(tmp_path / "acme", "acme", "GB")
    return tmp_path / "acme"


def imported(project, content, *words):
    path = project / "theirs.json"
    path.write_text(json.dumps(content))
    done = run(project, "ruleset", "import", str(path), "--json", *words)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    return json.loads(line)


def test_a_ruleset_of_data_cloud(project):
    before = (project / "identity.yaml").read_text()
    dry = imported(project, RULESET, "--dry-run")
    assert (dry["written"], (project / "identity.yaml").read_text()) == ([], before)
    told = imported(project, RULESET)
    assert told["written"] == ["identity.yaml", "profile.yaml"]
    assert told["taken"] == dry["taken"]
    assert told["taken"]["rules"] == RULES
    same, differs, missing = ("\n".join(told["taken"][word]) for word in ("same", "differs", "missing"))
    assert "Fuzzy Name and Email: kind email with the name guard" in same
    assert "Passport: party_id.passport_no joins by itself" in same
    assert "Phone: phone joins unless first names conflict" in differs
    assert "a blank ssot__BirthDate__c matches nothing here" in differs
    assert "upper and lower case are the same here" in differs
    assert "sources in order (CRM > Shop)" in differs
    assert "an empty value never wins here" in differs
    assert "by identity.yaml: party_id" not in differs
    assert "loyalty_number" in differs
    assert [line.partition(":")[0] for line in told["taken"]["missing"]] == [
        "match rule Fuzzy last", "match rule Number and name", "match rule Shoe size", "reconciliation of ssot__HatSize__c",
        "reconciliation of ssot__ContactPointEmail__dlm",
    ]  # fmt: skip
    assert "resolve" in missing
    assert told["taken"]["attributes"]["maritalStatusId"] == "most_frequent"
    assert told["taken"]["attributes"]["occupation"] == "source_priority"
    after = (project / "identity.yaml").read_text()
    assert [line for line in after.splitlines() if line.startswith("#")] == [
        line for line in before.splitlines() if line.startswith("#")
    ]
    assert [one.name for one in load_rules(project / "identity.yaml").composites] == [one["name"] for one in RULES]
    assert yaml.safe_load((project / "profile.yaml").read_text())["attributes"]["maritalStatusId"] == "most_frequent"
    assert imported(project, RULESET)["taken"]["rules"] == told["taken"]["rules"]
    assert len(load_rules(project / "identity.yaml").composites) == 2


def test_what_was_brought_along_works(project, space, load):
    (space.project.folder / "theirs.json").write_text(json.dumps(RULESET))
    assert run(space.project.folder, "ruleset", "import", str(space.project.folder / "theirs.json")).returncode == 0
    with Space(open_project(space.project.folder)) as opened:
        space.rules = opened.rules
        crm = "customer_id,first_name,last_name,date_of_birth,postcode\n"
        crm += "1,Bob,Moss,1980-02-03,LS1 4DY\n2,Robert,Moss,1980-02-03,ls1 4dy\n3,Robert,Moss,1981-02-03,LS1 4DY\n"
        twins = "4,Ann,Ray,1990-02-03,LS1 4DY\n5,Eve,Ray,1990-02-03,LS1 4DY\n6,Ann,Ray,1990-02-03,LS1 4DY\n7,Eve,Ray,1990-02-03,LS1 4DY\n"
        load("crm", crm + twins)
        with space.database.connect() as conn:
            assert count(conn) == 4  # Bob is Robert, another birth date another person, and the twins stay two


def test_it_goes_out_again(project):
    imported(project, RULESET)
    done = run(project, "ruleset", "export", "salesforce", "--json")
    told = json.loads(done.stdout)
    labels = {rule["label"]: rule["criteria"] for rule in told["ruleset"]["matchRules"]}
    assert [(one["fieldName"], one["matchMethodType"], one["shouldMatchOnBlank"]) for one in labels["email"]] == [
        ("ssot__EmailAddress__c", "EXACT_NORMALIZED", False), ("ssot__FirstName__c", "FUZZY", True),
    ]  # fmt: skip
    assert [one["entityName"] for one in labels["name_birth_date_postcode"]] == [
        "ssot__Individual__dlm", "ssot__Individual__dlm", "ssot__ContactPointAddress__dlm", "ssot__Individual__dlm",
    ]  # fmt: skip
    fields = {one["fieldName"]: one["ruleType"] for one in told["ruleset"]["reconciliationRules"][0]["fields"]}
    assert (fields["ssot__MaritalStatusId__c"], fields["ssot__Occupation__c"]) == ("MOST_FREQUENT", "SOURCE_SEQUENCE")
    missing = "\n".join(told["missing"])
    for word in ("kind device_id", "generic_above of", "limit of", "blocked values of email", "evidence in sum"):
        assert word in missing
    again = imported(project, told["ruleset"])
    assert (again["taken"]["missing"], again["taken"]["attributes"]) == ([], dict.fromkeys(again["taken"]["attributes"], "last_updated"))  # fmt: skip
    assert again["taken"]["rules"][-2:] == RULES


def test_settings_of_segment(project):
    told = imported(project, SETTINGS)
    rules = load_rules(project / "identity.yaml")
    strength = [
        rules.kinds[kind].strength
        for kind in ("loyalty_number", "user_id", "email", "member_card", "device_id", "anonymous_id")
    ]
    assert strength == sorted(strength)
    assert [(one.count, one.window) for one in rules.kinds["email"].limit] == [(5, 30)]
    assert [(one.count, one.window) for one in rules.kinds["user_id"].limit] == [(1, None)]
    assert rules.kinds["user_id"].scoped  # what identity.yaml said besides stays
    assert rules.is_blocked("phone", "kiosk")
    assert rules.is_blocked("email", "shop@acme.example")
    assert rules.is_blocked("email", "info@acme.example")
    assert [line.partition(":")[0] for line in told["taken"]["missing"]] == ["group_id"]
    back = json.loads(run(project, "ruleset", "export", "segment", "--json").stdout)
    ids = {one["type"]: one for one in back["ruleset"]["externalIds"]}
    assert ids["email"]["limit"] == {"value": 5, "frequency": "monthly"}
    assert [one for one in ids if one in ("user_id", "email", "member_card")] == ["user_id", "email", "member_card"]
    assert any("name_guard" in line or "weak" in line for line in back["missing"])


OURS = """kinds:
  party_id: {strength: 10, durable: true}
  member_card: {strength: 15, limit: [{count: 2, window: 365}, {count: 9}]}
  user_id: {strength: 30, durable: true, scoped: true, exclusive: true, limit: [{count: 1}]}
  crm.id: {strength: 45, limit: [{count: 3, window: 14}]}
  email: {strength: 50, weak: true, generic_above: 25, limit: [{count: 5, window: 7}]}
  phone: {strength: 60, weak: true}
  email_provider: {strength: 70, weak: true}
  device_id: {strength: 80, weak: true, limit: [{count: 4, window: 30}]}
blocked:
  email: {regex: ['@acme\\.example$', '^(info|office)@'], exact: [desk@shop.example]}
  member_card: {regex: ['^TEST-'], exact: ["0000"]}
  "*": {regex: ['^[0-]*$'], exact: ["-1", kiosk]}
rules:
- {name: name_and_birth, all: [lastName, birthDate]}
"""


def test_settings_for_segment_come_back_as_what_they_were(project):
    """Priorities, limits with their windows, blocked values and patterns, identifiers of one's own."""
    for text in (OURS, (project / "identity.yaml").read_text()):  # one with everything in it; the one of `init`
        (project / "identity.yaml").write_text(text)
        out = json.loads(run(project, "ruleset", "export", "segment", "--json").stdout)
        imported(project, out["ruleset"])
        assert yaml.safe_load((project / "identity.yaml").read_text()) == yaml.safe_load(text)
        assert json.loads(run(project, "ruleset", "export", "segment", "--json").stdout) == out
        (project / "identity.yaml").write_text(OURS)


def test_settings_of_segment_go_back_as_they_came(project):
    theirs = {
        "externalIds": [
            {"type": name, "priority": place + 1, "limit": {"value": value, "frequency": frequency}}
            for place, (name, value, frequency) in enumerate(
                [("user_id", 1, "ever"), ("crm.id", 2, "annually"), ("email", 3, "monthly"), ("anonymous_id", 4, "weekly"),
                 ("phone", 5, "ever"), ("member_card", 6, "weekly"), ("android.id", 7, "monthly"), ("ga_client_id", 8, "annually")]
            )
        ],
        "blockedValues": [
            {"type": "email", "exact": ["desk@shop.example"], "regex": ["@acme\\.example$"]},
            {"type": "crm.id", "exact": [], "regex": ["^TEST-[0-9]+$"]}, {"type": "*", "exact": ["kiosk"], "regex": ["^[0-]*$"]},
        ],
    }  # fmt: skip
    (project / "identity.yaml").write_text("kinds: {}\n")
    imported(project, theirs)
    assert json.loads(run(project, "ruleset", "export", "segment", "--json").stdout)["ruleset"] == theirs
    rules = load_rules(project / "identity.yaml")
    assert [rules.is_blocked("crm.id", value) for value in ("TEST-17", "test-17", "TEST-X")] == [True, True, False]
    assert [(one.count, one.window) for one in rules.kinds["anonymous_id"].limit] == [(4, 7)]


def test_what_the_page_cannot_say_is_told(project):
    (project / "identity.yaml").write_text(OURS)
    out = json.loads(run(project, "ruleset", "export", "segment", "--json").stdout)
    ids = {one["type"]: one for one in out["ruleset"]["externalIds"]}
    assert (ids["phone"]["limit"], ids["crm.id"]["limit"]) == (None, None)
    assert ids["member_card"]["limit"] == {"value": 2, "frequency": "annually"}
    missing = "\n".join(out["missing"])
    for word in (
        "member_card: the limit of at most 9",
        "crm.id: the limit of at most 3 in 14 days",
        "phone: no limit; Segment wants one, 5",
    ):
        assert word in missing


@pytest.mark.parametrize(
    ("text", "told"),
    [("[1]", "one object"), ("{}", "neither matchRules"), ("{: [", "neither JSON nor YAML"),
     ('{"externalIds": [{"type": "email", "limit": {"value": 1, "frequency": "daily"}}]}', "frequency"),
     ('{"externalIds": [{"type": "email", "limit": {"value": "many"}}]}', "email: limit is a whole number"),
     ('{"externalIds": [{"type": "email", "priority": "first"}]}', "email: priority is a whole number"),
     ('{"externalIds": ["email"]}', "externalIds"), ('{"externalIds": [], "blockedValues": {"email": []}}', "blockedValues is a list"),
     ('{"matchRules": ["email"]}', "each of its rules"),
     ('{"externalIds": [{"type": "email"}], "blockedValues": [{"type": "email", "regex": ["("]}]}', "regular expression")],
)  # fmt: skip
def test_what_is_no_ruleset_is_refused(project, text, told):
    path = project / "theirs.json"
    path.write_text(text)
    done = run(project, "ruleset", "import", str(path))
    assert (done.returncode, done.stdout) == (1, "")
    assert told in done.stderr.replace("\n", " ")
    assert run(project, "ruleset", "import", str(project / "nothing.json")).returncode == 1


def test_other_sections_stay_as_they_are():
    text = "# top\na: 1\n\n# about rules\nrules: []\n\n# guard\nname_guard: {threshold: 0.8}\n"
    assert replaced_section(text, "rules", [{"name": "x"}]) == text.replace("rules: []", "rules:\n- {name: x}")
    assert replaced_section(text, "blocked", {"a": 1}).endswith("name_guard: {threshold: 0.8}\n\nblocked: {a: 1}\n")
    assert replaced_section("", "attributes", {}) == "attributes: {}\n"
