"""`resolve --engine spark` on real PostgreSQL: the ledger that DuckDB and arrays write, link by link."""

import json
import subprocess
import sys

import pytest
from tests.identity.match.test_spark import quick_start, spark  # noqa: F401  # a fixture
from tests.thread.test_resolving import groups, right, rows, told  # noqa: F401  # told is a fixture

from steelthread.app import verify_space
from steelthread.thread import resolve_all

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)


@spark
def test_spark_writes_the_links_that_this_machine_writes(space, told, monkeypatch):  # noqa: F811
    told(rows(people=30))
    first = resolve_all(space)
    before = groups(space)
    monkeypatch.setenv("STEELTHREAD_SPARK_MASTER", "local[2]")
    monkeypatch.setenv("STEELTHREAD_SPARK_MEMORY", "1g")
    command = [sys.executable, "-m", "steelthread", "resolve", "--engine", "spark", "--keep-model", "--json"]
    ran = subprocess.run(
        [*command, "--project", str(space.project.folder)], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    (line,) = ran.stdout.splitlines()
    done = json.loads(line)
    assert (done["records"], done["model"]) == (len(rows(people=30)), first.model)
    assert (done["linksAdded"], done["linksClosed"], done["merged"], done["split"]) == (0, 0, 0, 0)
    assert done["pairsScored"] == first.pairs_scored
    assert first.links_added > 0
    assert right(space) >= 20
    assert groups(space) == before
    assert verify_space(space)["same"]
