"""docs/proofs.md names for each requirement tests that are there, and the large counts are run."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALL = re.findall(r"^\| ([LW]?\d+) \| (.+?) \| (.+?) \| (.*?) ?\|$", (ROOT / "docs/proofs.md").read_text(), re.MULTILINE)
ROWS = [row for row in ALL if row[0].isdigit()]
"""The customer rules; the others are of live events and of who is who."""


@cache
def functions_of(path):
    """Return name -> source of the tests of a file, with all that decorates them."""
    text = (ROOT / path).read_text()
    found = {}
    for one in ast.walk(ast.parse(text)):
        if isinstance(one, ast.FunctionDef) and one.name.startswith("test_"):
            first = min([one.lineno, *(decorator.lineno for decorator in one.decorator_list)])
            found[one.name] = "\n".join(text.splitlines()[first - 1 : one.end_lineno])
    return found


def named(cell):
    """Yield (file, test) of all that a cell names; a file without tests stands for all of its own."""
    for part in cell.split("; "):
        path, *names = re.findall(r"`([^`]+)`", part)
        yield from ((path, name) for name in names or functions_of(path))


def test_each_requirement_has_its_row():
    assert [int(number) for number, *_ in ROWS] == list(range(1, 27))
    others = [f"L{number}" for number in range(1, 25)] + [f"W{number}" for number in range(1, 18)]
    assert [number for number, *_ in ALL[len(ROWS) :]] == others


@pytest.mark.parametrize(
    ("number", "proofs"), [(number, proofs) for number, _, proofs, _ in ALL], ids=lambda one: one[:3]
)
def test_the_tests_are_there(number, proofs):
    found = list(named(proofs))
    assert found, number
    assert [(path, name) for path, name in found if name not in functions_of(path)] == []


@pytest.mark.parametrize(
    ("proofs", "full"), [(proofs, full) for _, _, proofs, full in ALL if full], ids=[one[0] for one in ALL if one[3]]
)
def test_what_is_said_to_run_in_full_does(proofs, full):
    texts = [functions_of(path)[name] for path, name in named(proofs)]
    assert any("soak" in text for text in texts), full


@pytest.mark.parametrize(
    "where",
    [
        "rights/test_*",
        "privacy/test_*",
        "live/test_*",
        "laws/test_live_*",
        "laws/test_*model*",
        "identity/test_*",
        "thread/test_matcher",
    ],
)
def test_every_soak_is_in_the_table(where):
    there = {name for _, _, proofs, full in ALL if full for _, name in named(proofs)}
    soaks = {
        name
        for path in sorted((ROOT / "tests").glob(f"{where}.py"))
        for name, text in functions_of(str(path.relative_to(ROOT))).items()
        if "mark.soak" in text
    }
    assert soaks - there == set()
