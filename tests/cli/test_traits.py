"""Computed traits at the command line: what is defined but not in force, and mistakes in profile.yaml."""

import subprocess
import sys

import pytest

GOOD = "traits:\n  views:\n    function: count\n    event: Product Viewed\n    window: 30 minutes\n"


def run(space, *words):
    command = [sys.executable, "-m", "steelthread", *words, "--project", str(space.project.folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_trait_that_is_not_in_force_is_listed_as_such(space):
    (space.project.folder / "profile.yaml").write_text(GOOD)
    assert run(space, "trait", "list").stdout == "views  count  not in force yet: steelthread trait fill\n"
    assert run(space, "trait", "fill").stdout == "views  count  filled\n"
    assert run(space, "trait", "list").stdout == "views  count  filled\n"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (GOOD.replace("count", "summ"), "trait views: `function` is one of count, sum, min, max,"),
        (GOOD.replace("    event", "   event"), "profile.yaml, line 4, is not valid YAML"),
    ],
)
def test_a_mistake_says_where_it_is_and_what_would_do(space, written, message):
    (space.project.folder / "profile.yaml").write_text(written)
    told = run(space, "trait", "fill")
    assert (told.returncode, told.stdout) == (1, "")
    assert message in told.stderr
