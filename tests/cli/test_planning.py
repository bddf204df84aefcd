"""`plan` and `apply` from the command line: what they print, as text and as JSON, and for whom they name people."""

import json

import pytest
from tests.cli.test_purpose import run

CRM = "customer_id,first_name,last_name,birth_date,email\n1,Ann,Needle,1980-01-02,ann@example.com\n2,Ann,Needle,1980-01-02,needle@example.com\n3,Bob,Ray,,ray@example.com\n"
PURPOSES = """purposes:
  operations: {legalBasis: contract}
  support: {legalBasis: contract, fields: [firstName]}
"""


@pytest.fixture
def changed(space, load):
    """A project whose identity.yaml has a key more than when its records came."""
    load("crm", CRM)
    (space.project.folder / "purposes.yaml").write_text(PURPOSES)
    path = space.project.folder / "identity.yaml"
    rule = "rules:\n  - {name: name_birth, all: [lastName, firstName, birthDate]}\n"
    path.write_text(path.read_text().replace("rules: []", rule))
    return space


def said(space, *words):
    done = run(space, *words)
    assert done.returncode == 0, done.stderr
    return done


def test_plan_says_who_would_merge_and_apply_does_it(changed):
    told = said(changed, "plan").stdout
    lines = [" ".join(line.split()) for line in told.splitlines()]
    text = " ".join(lines)
    assert (
        "Individuals: 3 now, 2 after (1 merge into others, 0 split off); consolidation 0.0% now, 33.3% after." in text
    )
    assert "Records with other identifiers: 2." in text
    assert "Links: 2 added, 0 closed; there is no model, so only rules count." in text
    assert "merge, 2 records" in lines
    assert sum(line.endswith(" 1 records") for line in lines) == 2
    shown = [line for line in lines if line.startswith("record:crm/Individual/")]
    assert sorted(line.split()[0] for line in shown) == ["record:crm/Individual/1", "record:crm/Individual/2"]
    assert all("Ann, Needle, 1980-01-02" in line for line in shown)
    assert lines[-1] == "To do it: steelthread apply"
    assert "Individuals: 3 before, 2 after (1 merged into others, 0 split off)" in " ".join(
        said(changed, "apply").stdout.split()
    )
    after = said(changed, "plan").stdout
    assert "Individuals: 2 now, 2 after (0 merge" in " ".join(after.split())
    assert "merge, " not in after.replace("(0 merge", "")
    assert "To do it" not in after


def test_plan_and_apply_as_json(changed):
    told = json.loads(said(changed, "plan", "--json").stdout)
    cases = told.pop("cases")
    assert told == {
        "model": "", "recordsChanged": 2, "individualsBefore": 3, "individualsAfter": 2, "merged": 1, "split": 0,
        "consolidationBefore": 0.0, "consolidationAfter": 0.3333, "linksAdded": 2, "linksClosed": 0,
    }  # fmt: skip
    (case,) = cases
    assert (case["change"], case["records"]) == ("merge", 2)
    assert [part["records"] for part in case["parts"]] == [1, 1]
    assert {part["shown"][0]["values"]["lastName"] for part in case["parts"]} == {"Needle"}
    assert {part["shown"][0]["record"] for part in case["parts"]} == {
        "record:crm/Individual/1",
        "record:crm/Individual/2",
    }
    done = json.loads(said(changed, "apply", "--json").stdout)
    assert {name: done[name] for name in ("individualsBefore", "individualsAfter", "merged", "split", "model")} == {
        "individualsBefore": 3, "individualsAfter": 2, "merged": 1, "split": 0, "model": "",
    }  # fmt: skip
    assert json.loads(said(changed, "plan", "--json").stdout)["cases"] == []


def test_a_purpose_that_shows_people_in_part_gets_counts_and_cases_without_names(changed):
    whole = json.loads(said(changed, "plan", "--json").stdout)
    part = json.loads(said(changed, "plan", "--json", "--for", "support").stdout)
    assert part.keys() == whole.keys()
    assert {name: part[name] for name in part if name != "cases"} == {
        name: whole[name] for name in whole if name != "cases"
    }
    (case,) = part["cases"]
    assert (case["change"], case["records"]) == ("merge", 2)
    assert all(one.keys() == {"individualId", "records"} for one in case["parts"])
    told = said(changed, "plan", "--for", "support")
    assert "merge, 2 records" in told.stdout
    for word in ("Ann", "Needle", "1980", "example.com", "crm/Individual"):
        assert word not in told.stdout + told.stderr
    assert "--for" in told.stderr


def test_an_imported_ruleset_is_planned_before_it_is_applied(space, load):
    load("crm", CRM)
    criteria = [
        {"entityName": "ssot__Individual__dlm", "fieldName": f"ssot__{name}__c", "matchMethodType": "EXACT", "shouldMatchOnBlank": False}
        for name in ("FirstName", "LastName", "BirthDate")
    ]  # fmt: skip
    path = space.project.folder / "rules.json"
    path.write_text(
        json.dumps(
            {
                "label": "People",
                "configurationType": "INDIVIDUAL",
                "rulesetId": "ppl",
                "reconciliationRules": [],
                "matchRules": [{"label": "Name and birth date", "criteria": criteria}],
            }
        )
    )
    assert "steelthread plan" in said(space, "ruleset", "import", str(path)).stderr
    told = json.loads(said(space, "plan", "--json").stdout)
    assert [(one["change"], one["records"]) for one in told["cases"]] == [("merge", 2)]
    said(space, "apply")
    assert len(said(space, "clusters").stdout.splitlines()) == 4  # a line for each record below the head
    assert len({line.split(",")[-1] for line in said(space, "clusters").stdout.splitlines()[1:]}) == 2
