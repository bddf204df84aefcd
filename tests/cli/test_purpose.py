"""The command line reads as the operator under the project's default purpose, and not without one."""

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


@pytest.mark.parametrize(
    "words", [("search", "Ann"), ("export", "profiles"), ("explain", "email:a@b.example", "email:c@d.example")]
)
def test_every_reading_command_asks_for_it(space, words):
    (space.project.folder / "purposes.yaml").unlink()
    refused = run(space, *words)
    assert refused.returncode == 1
    assert "default_purpose" in refused.stderr
