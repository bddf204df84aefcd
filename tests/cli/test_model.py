"""`steelthread model ...` as a program uses it: one line of JSON on stdout, exit codes."""

import json
import sys
from pathlib import Path

import pytest
from tests import commands

PUBLISHED = Path(__file__).parents[2].parent / "shared" / "data" / "cim" / "model.jsonld"


def run(folder, *words, code=0, given=None):
    done = commands.run(
        [sys.executable, "-m", "steelthread", "model", *words, "--project", str(folder)],
        given=given,
        text=True,
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def test_import_tells_what_it_did(tmp_path):
    if not PUBLISHED.exists():
        pytest.skip("shared/data is not here")
    told = json.loads(run(tmp_path, "import-cim", str(PUBLISHED), "--json"))
    assert [told[key] for key in ("entities", "attributes", "references", "collections")] == [346, 3664, 641, 84]
    assert {"rule", "attribute", "entities", "was", "now", "reason"} == set(told["repairs"][0])
    assert len(told["missing"]) == 111
    assert json.loads(run(tmp_path, "enable", "PersonEducation", "--json")) == {"enabled": ["PersonEducation"]}
    assert "PersonEducation" in run(tmp_path, "list", "--json")
    assert run(tmp_path, "enable", "PersonEducaton", "--json", code=1) == ""


def test_import_of_nothing(tmp_path):
    assert run(tmp_path, "import-cim", str(tmp_path / "none"), "--json", code=1) == ""
    assert list(tmp_path.iterdir()) == []


def test_export_writes_to_stdout_or_whole_into_a_file(tmp_path):
    text = run(tmp_path, "export", "--format", "graphql", "--area", "loyalty")
    assert "type LoyaltyMember" in text
    out = tmp_path / "deep" / "model.sql"
    told = json.loads(run(tmp_path, "export", "--format", "sql", "--entity", "Individual", "--out", str(out), "--json"))
    assert told["bytes"] == out.stat().st_size
    assert 'create table "individual"' in out.read_text()
    run(tmp_path, "export", "--format", "sqql", code=1)
    run(tmp_path, "export", "--format", "sql", "--imported", code=1)
    run(tmp_path, "export", code=2)
    run(tmp_path, "list", "--area", "loyality", code=1)


def test_diff_release_and_versions(tmp_path):
    (tmp_path / "model").mkdir()
    own = tmp_path / "model" / "own.yaml"
    own.write_text("extend: Individual\nattributes: {shoeSize: {type: integer, privacy: none}}\n")
    assert json.loads(run(tmp_path, "release", "--json")) == {"version": "1.0.0", "changes": []}
    own.write_text("extend: Individual\nattributes: {shoeWidth: {type: integer, privacy: none}}\n")
    told = json.loads(run(tmp_path, "diff", "1.0.0", "now", "--json"))
    assert (told["compatible"], told["needs"]) == (False, "major")
    assert {(one["kind"], one["attribute"], one["breaking"]) for one in told["changes"]} == {
        ("attribute_removed", "shoeSize", True), ("attribute_added", "shoeWidth", False),
    }  # fmt: skip
    assert {"what": "export", "where": "column shoeSize of `steelthread export`"} in told["changes"][0]["touches"]
    run(tmp_path, "release", "1.1.0", code=1)
    assert json.loads(run(tmp_path, "versions", "--json")) == {"versions": ["1.0.0"]}
    assert "shoeSize" in run(tmp_path, "diff", "1.0.0", "now")
    assert "version 1.0.0+changed" in run(tmp_path, "export", "--format", "sql", "--entity", "Individual")


def test_translate_there_and_back(tmp_path):
    ours = '{"entity":"Individual","id":"p1","firstName":"Ida"}\n{"entity":"ContactPointEmail","partyId":"p1","emailAddress":"ida@example.com"}\n'
    theirs = run(tmp_path, "translate", "--to", "segment", given=ours)
    assert json.loads(theirs) == {
        "type": "identify",
        "userId": "p1",
        "traits": {"firstName": "Ida", "email": "ida@example.com"},
    }
    (tmp_path / "theirs.jsonl").write_text(theirs)
    back = json.loads(run(tmp_path, "translate", str(tmp_path / "theirs.jsonl"), "--from", "segment", "--json"))
    assert [one["entity"] for one in back] == ["Individual", "ContactPointEmail"]
    run(tmp_path, "translate", "--to", "segment", "--from", "segment", code=1, given="")
    run(tmp_path, "translate", "--to", "segment", code=1, given="[1]")


def test_search_and_reference(tmp_path):
    found = json.loads(run(tmp_path, "search", "loyalty points", "--json"))
    assert (found[0]["entity"], found[0]["attribute"]) == ("LoyaltyMember", "pointsBalance")
    run(tmp_path, "reference", "--out", str(tmp_path / "pages"))
    assert (tmp_path / "pages" / "loyalty.md").read_text().startswith("<!-- Made by")
