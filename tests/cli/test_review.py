"""`review` in a terminal: pair by pair, by keys; without one the queue, and single answers."""

import json
import os
import pty
import select
import subprocess
import sys
import time

import pytest
from tests import commands
from tests.thread.test_overmerged import ANNA, BORIS, judged, super_cluster, together, told  # noqa: F401  # told is a fixture

from steelthread.privacy import Audit

PROMPT = "[q]uit: "


@pytest.fixture
def couples(space, told):  # noqa: F811
    """Four people of two records whom one card holds together."""
    told(*((f"{who}{n}", name, "", f"card-{n}") for n in range(4) for who, name in (("x", ANNA), ("y", BORIS))))
    return space


class Terminal:
    """A terminal in which `review` runs."""

    def __init__(self, space, *words):
        self._screen, theirs = pty.openpty()
        command = [sys.executable, "-m", "steelthread", "review", "--project", str(space.project.folder), *words]
        surroundings = {**os.environ, "STEELTHREAD_ACTOR": "ann", "TERM": "dumb"}
        self._process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=surroundings)
        os.close(theirs)

    def until(self, wanted):
        """Return what is shown up to these words, or to the end where there are none; lines and columns as one blank."""
        shown, deadline = "", time.monotonic() + 60
        while time.monotonic() < deadline:
            if not select.select([self._screen], [], [], 1)[0]:
                continue
            try:
                shown += os.read(self._screen, 65_536).decode()
            except OSError:  # the other side has gone: this is how a terminal ends
                break
            if wanted and wanted in shown:
                return " ".join(shown.split())
        assert not wanted, shown
        return " ".join(shown.split())

    def press(self, key):
        os.write(self._screen, f"{key}\n".encode())

    def end(self):
        shown = self.until("")
        return self._process.wait(timeout=60), shown

    def close(self):
        self._process.kill()
        self._process.wait()
        os.close(self._screen)


@pytest.fixture
def opened(couples):
    """Return what opens a terminal on the four couples."""
    there = []

    def start(*words):
        there.append(Terminal(couples, *words))
        return there[-1]

    yield start
    for one in there:
        one.close()


def decided(space):
    with space.database.connect() as conn:
        return conn.execute(
            "select a || '-' || b, verdict, actor, reason from identity.decision where part_of is null order by decision_id"
        ).fetchall()


def run(space, *words):
    command = [sys.executable, "-m", "steelthread", "review", *words, "--project", str(space.project.folder)]
    surroundings = {**os.environ, "STEELTHREAD_ACTOR": "ann"}
    return commands.run(command, text=True, env=surroundings)


def ids(space):
    return [one["id"] for one in json.loads(run(space, "--json").stdout)["pairs"]]


def test_keys_answer_pair_by_pair(couples, opened):
    first, second, third, fourth = ids(couples)
    terminal = opened("--reason", "the papers say so")
    shown = terminal.until(PROMPT)
    assert f"1 of 4 {first} are they rightly one person?" in shown
    assert "loyalty_number alone holds 1 and 1 records together, 2 first names, 2 birth dates in 2 records" in shown
    assert "record:people/Individual/x0" in shown
    assert "Anna" in shown
    assert "1981-05-06" in shown
    terminal.press("x")  # no key of these: it asks again
    terminal.until(PROMPT)
    terminal.press("s")
    shown = terminal.until(PROMPT)
    assert "One person." in shown
    assert f"2 of 4 {second}" in shown
    terminal.press("D")
    shown = terminal.until(PROMPT)
    assert "Two persons." in shown
    assert f"3 of 4 {third}" in shown
    terminal.press("k")
    shown = terminal.until(PROMPT)
    assert "skipped" in shown
    assert f"4 of 4 {fourth}" in shown
    terminal.press("q")
    code, shown = terminal.end()
    assert code == 0
    assert "person" not in shown
    assert decided(couples) == [
        (first, "same", "ann", "the papers say so"), (second, "never", "ann", "the papers say so"),
    ]  # fmt: skip
    assert together(couples) == {frozenset(one) for one in (("x0", "y0"), ("x1",), ("y1",), ("x2", "y2"), ("x3", "y3"))}
    assert ids(couples) == [fourth]


def test_a_pair_that_another_reviewer_decided_meanwhile_is_told_and_passed_over(couples, opened):
    first, *_ = ids(couples)
    terminal = opened()
    terminal.until(PROMPT)
    assert run(couples, first, "same").returncode == 0
    terminal.press("d")
    shown = terminal.until(PROMPT)
    assert "This pair was decided already: same, by ann" in shown
    assert "2 of 4" in shown
    terminal.press("q")
    assert terminal.end()[0] == 0
    assert [row[:2] for row in decided(couples)] == [(first, "same")]


def test_single_answers(couples):
    first, second, third, fourth = ids(couples)
    told_back = run(couples, first, "same", "--reason", "one after all")
    assert (told_back.returncode, told_back.stdout) == (0, "One person.\n")
    assert run(couples, second, "different").stdout == "Two persons.\n"
    assert run(couples, third, "skip").stderr == "skipped\n"
    done = json.loads(run(couples, fourth, "d", "--json").stdout)
    assert (done["id"], done["answer"], done["same"], len(done["individuals"])) == (fourth, "different", False, 2)
    late = run(couples, first, "different")
    assert late.returncode == 1
    assert "decided already: same, by ann" in late.stderr
    assert [row[1:] for row in decided(couples)] == [
        ("same", "ann", "one after all"), ("never", "ann", "review"), ("never", "ann", "review"),
    ]  # fmt: skip
    with couples.database.connect() as conn:
        entries = [json.loads(body) for _, body, _ in Audit(couples.vault).entries(conn)]
    acts = [
        (one["actor"], one["what"], one["details"], len(one["subjects"])) for one in entries if one["kind"] == "action"
    ]
    assert acts == [
        ("operator ann", "review", {"answer": answer}, people)
        for answer, people in (("same", 1), ("different", 2), ("skip", 1), ("different", 2))
    ]


def test_the_queue_as_json_and_without_a_terminal(space, told):  # noqa: F811
    told(*super_cluster(), *((f"p{n}", ("Paula", f"19{n}0-01-01"), f"p{n}@one.example") for n in range(6, 8)))
    judged(space, p6_p7=(0.5, ""), a1_b1=(-2.0, ""))
    (line,) = run(space, "--json").stdout.splitlines()
    pairs = json.loads(line)["pairs"]
    assert [one["kind"] for one in pairs] == ["cluster", "pair"]
    common = {"id", "kind", "party", "question", "joined", "mean", "threshold", "pairs", "wall", "bridge", "uncertainty", "rank",
              "impact", "records", "evidence"}  # fmt: skip
    assert pairs[1].keys() == common
    assert pairs[0].keys() == common | {"individualId", "size", "birthDates", "firstNames"}
    assert (pairs[1]["mean"], pairs[1]["threshold"], pairs[1]["evidence"]["weight"]) == (0.5, 0.0, 0.5)
    assert [one["record"] for one in pairs[1]["records"]] == [f"record:people/Individual/p{n}" for n in (6, 7)]
    assert pairs[1]["records"][0]["values"] == {
        "firstName": "Paula", "birthDate": "1960-01-01", "emailAddress": ["p6@one.example"],
    }  # fmt: skip
    assert len(json.loads(run(space, "--json", "--limit", "1").stdout)["pairs"]) == 1
    shown = " ".join(run(space).stdout.split())
    assert "1 of 2" in shown
    assert "2 of 2" in shown
    assert "[s]ame" not in shown  # nobody is asked who has no terminal
    assert not decided(space)


def test_nothing_in_doubt_is_said(space):
    assert run(space).stdout == "Nothing is in doubt.\n"
    assert json.loads(run(space, "--json").stdout) == {"pairs": []}
