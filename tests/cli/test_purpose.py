"""The command line reads as the operator under the project's default purpose, and not without one."""

import json
import re
import subprocess
import sys

import pytest
from tests import commands

CRM = "customer_id,first_name,email\n1,Ann,ann@example.com\n"


def run(space, *words):
    command = [sys.executable, "-m", "steelthread", *words, "--project", str(space.project.folder)]
    return commands.run(command, text=True)


def test_without_a_purpose_nothing_is_shown(space, load):
    load("crm", CRM)
    words = ("profile", "email:ann@example.com", "--json")
    assert run(space, *words).returncode == 0
    settings = space.project.folder / "steelthread.toml"
    settings.write_text(settings.read_text().replace("[project]", "[project]\ndefault_purpose = 'research'"))
    refused = run(space, *words)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "default_purpose" in refused.stderr
    assert "operations" in refused.stderr
    (space.project.folder / "purposes.yaml").write_text("purposes:\n  research: {description: Learning what helps}\n")
    assert run(space, *words).returncode == 0


ANYBODY = "018f0000-0000-7000-8000-000000000000"
READING = [
    ("profile", "email:a@b.example"), ("search", "Ann"), ("export", "profiles"),
    ("household", "email:a@b.example"), ("export", "households"),
    ("explain", "email:a@b.example", "email:c@d.example"), ("resolve", ANYBODY), ("changes",), ("clusters",),
    ("source", "preview", "crm"), ("decide", "email:a@b.example", "marketing"), ("consent", "show", "email:a@b.example"),
    ("access", "email:a@b.example", "--out", "ann"), ("tail", "--events", "1"), ("review", "--json"),
    ("contract", "seen", "web"), ("request", "letters"), ("request", "run", ANYBODY), ("plan",),
]  # fmt: skip
NOT_READING = {
    "init", "status", "load", "rejects", "link", "unlink", "serve", "demo", "verify", "backup", "restore",
    "model", "vault", "key", "erase", "erased", "scan", "audit", "replay", "trait", "webhook", "apply", "jurisdiction", "retention", "hold",
    "quality", "ruleset", "preferences", "opendsr", "tables", "alerts", "policy", "glass", "sql", "classify", "totals", "processing", "lineage", "breach",
}  # fmt: skip
"""Commands that show nothing about a person: counts, settings, and of rejects only where and why."""


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_command_that_shows_people_asks_for_it(space, words):
    (space.project.folder / "purposes.yaml").unlink()
    refused = run(space, *words)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "default_purpose" in refused.stderr


def test_every_command_is_one_that_shows_people_or_one_that_does_not():
    help_text = subprocess.run(
        [sys.executable, "-m", "steelthread", "--help"], capture_output=True, text=True, check=True
    )
    there = set(re.findall(r"^│ ([a-z]+)", help_text.stdout, re.MULTILINE)) - {"version"}
    assert there == {words[0] for words in READING} | NOT_READING


def test_status_shows_the_purpose(space):
    assert json.loads(run(space, "status", "--json").stdout)["purpose"] == "operations"


PURPOSES = """purposes:
  operations: {legalBasis: contract}
  support: {legalBasis: contract, fields: [firstName, telephoneNumber]}
"""


@pytest.fixture
def masked(space, load):
    """A project whose operators read for a purpose that shows two fields."""
    load("crm", "customer_id,first_name,last_name,email,phone\n1,Ann,Needle,ann@example.com,+442079460958\n")
    load("shop", "customer_id,first_name,last_name,email\n7,Ann,Needle,ann@example.com\n")
    (space.project.folder / "purposes.yaml").write_text(PURPOSES)
    settings = space.project.folder / "steelthread.toml"
    settings.write_text(settings.read_text().replace("[project]", "[project]\ndefault_purpose = 'support'"))
    return space


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_what_the_purpose_does_not_show_is_masked(masked, tmp_path):
    told = json.loads(run(masked, "profile", "email:ann@example.com", "--json").stdout)
    assert {name: one["value"] for name, one in told["attributes"].items()} == {"firstName": "Ann"}
    assert [one["kind"] for one in told["contactPoints"]] == ["phone"]
    assert "records" not in told
    for words in (
        ("profile", "email:ann@example.com"), ("search", "Ann"), ("search", "Ann", "--json"), ("export", "profiles"),
        ("export", "profiles", "--format", "jsonl"), ("explain", "record:crm/Individual/1", "record:shop/Individual/7"),
        ("export", "profiles", "--format", "parquet", "--output", str(tmp_path / "p.parquet")),
    ):  # fmt: skip
        done = run(masked, *words)
        assert done.returncode == 0, done.stderr
        assert "Needle" not in done.stdout, words
        assert "@" not in done.stdout, words
        assert "crm/" not in done.stdout, words
    assert "Ann" in run(masked, "export", "profiles").stdout
    assert b"Needle" not in (tmp_path / "p.parquet").read_bytes()


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
@pytest.mark.parametrize(
    "words",
    [("clusters",), ("review",), ("tail", "--events", "1"), ("export", "households"),
     ("household", "email:ann@example.com"), ("contract", "violations", "crm")],
    ids=" ".join,
)  # fmt: skip
def test_what_is_not_made_of_fields_wants_a_purpose_that_shows_all(masked, words):
    refused = run(masked, *words)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "--for" in refused.stderr


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_another_purpose_is_named_and_audited_and_the_glass_opens_a_closed_one(masked):
    told = json.loads(run(masked, "profile", "email:ann@example.com", "--for", "operations", "--json").stdout)
    assert told["attributes"]["lastName"]["value"] == "Needle"
    assert run(masked, "profile", "email:ann@example.com", "--for", "nonsense").returncode == 1
    audit = json.loads(run(masked, "audit", "list", "--limit", "3", "--json").stdout)
    assert [(one["what"], one["purpose"]) for one in audit if one["kind"] == "read"] == [("profile", "operations")]
    policies = masked.project.folder / "access" / "default.cedar"
    closed = '@id("support-only") forbid (principal is Operator, action == Action::"read", resource) unless { resource.name == "support" || context.glass };\n'
    hidden = '@id("no-phones") forbid (principal is Operator, action == Action::"see", resource) when { resource.name == "telephoneNumber" };\n'
    policies.write_text(policies.read_text() + closed + hidden)
    told = json.loads(run(masked, "profile", "email:ann@example.com", "--json").stdout)
    assert (list(told["attributes"]), told["contactPoints"]) == (["firstName"], [])
    words = ("profile", "email:ann@example.com", "--for", "operations", "--json")
    assert "support-only" in run(masked, *words).stderr
    assert run(masked, "glass", "break", "operations", "--reason", "a customer waits at the till").returncode == 0
    told = json.loads(run(masked, *words).stdout)
    assert told["attributes"]["lastName"]["value"] == "Needle"
    assert told["attributes"].get("telephoneNumber") is None, "what a policy hides stays hidden"
    (listed,) = json.loads(run(masked, "glass", "list", "--json").stdout)
    assert listed["purpose"] == "operations"
