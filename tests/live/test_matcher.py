"""A served matcher: who streams in is found among those who are known, replaced when it dies, gone where it is not asked for."""

import csv
import os
import signal
import subprocess
import sys

import pytest
from tests.live.conftest import children, until
from tests.thread.test_resolving import COLUMNS, MAPPING, rows

from steelthread.app import load_file
from steelthread.thread import resolve_all


@pytest.fixture
def known(space):
    """Return people, known by files, of whom a model was learned."""
    (space.project.sources / "people.yaml").write_text(MAPPING)
    path = space.project.folder / "people.csv"
    found = rows(people=80)
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([COLUMNS, *found])
    load_file(space, "people", path)
    resolve_all(space)
    return {row[0]: row for row in found}


@pytest.fixture
def streaming(known, monkeypatch, request):
    """Return a server that compares each record as it comes."""
    monkeypatch.setenv("STEELTHREAD_MATCHING_NEW_RECORDS", "stream")
    return request.getfixturevalue("served")


def matchers(served):
    return children(served.process.pid, b"\0matcher\0")


def identify(served, who, row, **more):
    """Send what a shop says of somebody who logs in: another address of mail, and no key that is known."""
    _, first, last, born, _, street, city, postcode = row
    traits = {"firstName": first, "lastName": last, "birthday": born, "email": f"{who}@other.example",
              "address": {"street": street, "city": city, "postalCode": postcode}, **more}  # fmt: skip
    event = {"type": "identify", "userId": who, "messageId": who, "traits": traits, "writeKey": served.write_key}
    assert served.post("/v1/identify", event)[0] == 200
    return served.profile(f"user_id:{who}")["individualId"]


def of(served, key):
    return served.profile(f"record:people/Individual/{key}")["individualId"]


def test_who_logs_in_is_found_among_the_known(streaming, known):
    (matcher,) = until(lambda: matchers(streaming))
    identify(streaming, "ann", known["p3-0"])
    until(lambda: of(streaming, "p3-0") == streaming.profile("user_id:ann")["individualId"])
    other = identify(
        streaming, "nobody", ("", "Quentin", "Zimmerle", "1931-03-07", "", "7 Far Row", "Truro", "TR1 1AA")
    )
    os.kill(matcher, signal.SIGKILL)
    identify(streaming, "bob", known["p5-0"])
    until(lambda: of(streaming, "p5-0") == streaming.profile("user_id:bob")["individualId"])
    assert matchers(streaming) != [matcher], "another is in its place"
    assert streaming.profile("user_id:nobody")["individualId"] == other
    assert len({of(streaming, "p3-0"), of(streaming, "p5-0"), other}) == 3


def test_without_the_setting_nobody_compares(known, served):
    one = identify(served, "ann", known["p3-0"])
    assert matchers(served) == []
    assert served.profile("user_id:ann")["individualId"] == one != of(served, "p3-0")
    command = [sys.executable, "-m", "steelthread", "serve", "--only", "matcher"]
    folder = str(served.space.project.folder)
    done = subprocess.run([*command, "--project", folder], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert 'new_records in steelthread.toml is "command"' in done.stderr.replace("\n", " ")
