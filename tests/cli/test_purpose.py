"""The command line reads as the operator under the project's default purpose, and not without one."""

import json
import re
import subprocess
import sys

import pytest

CRM = "customer_id,first_name,email\n1,Ann,ann@example.com\n"


def run(space, *words):
    command = [sys.executable, "-m", "steelthread", *words, "--project", str(space.project.folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


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
    "model", "vault", "key", "erase", "scan", "audit", "replay", "trait", "webhook", "apply", "jurisdiction", "retention", "hold",
    "quality", "ruleset", "preferences", "opendsr", "alerts", "policy", "glass", "sql", "classify", "totals", "processing", "lineage", "breach",
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
