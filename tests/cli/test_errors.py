"""What people meet who name the wrong file, or stop a command: a line that says what to do, and an exit code."""

import json
import signal
import subprocess
import sys
import time

import pytest
from tests import commands

CSV = "id,name,email\n1,Ann,ann@x.example\n"


def run(folder, *words):
    command = [sys.executable, "-m", "steelthread", *words, "--project", str(folder)]
    return commands.run(command, text=True)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.csv", None, "is not there"),
        ("empty.csv", b"", "is empty"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n\x00\x00" + bytes(range(256)) * 9, "is no text"),
        ("columns.csv", b"id,mail\n1,x@y.example\n", "has no column name"),
        (".", None, "is a folder"),
    ],
)
def test_a_wrong_file_is_one_line_that_says_what_is_wrong(space, name, content, message):
    folder = space.project.folder
    (folder / "crm.csv").write_text(CSV)
    assert run(folder, "source", "new", "crm", str(folder / "crm.csv")).returncode == 0
    if content is not None:
        (folder / name).write_bytes(content)
    told = run(folder, "load", "crm", str(folder / name))
    assert (told.returncode, told.stdout) == (1, "")
    assert message in " ".join(told.stderr.split())
    assert "Traceback" not in told.stderr


ODD = 'id,name,email,Amount [EUR\n1,"\\[/x] [bold]\x1b[2J",odd@x.example,"[/]"\n2,Ann\\,no address,1\n3,Bo,bo@x.example,2\n'


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_whatever_stands_in_a_value_is_shown_as_it_stands(space):
    folder = space.project.folder
    (folder / "odd.csv").write_text(ODD)
    assert run(folder, "source", "new", "odd", str(folder / "odd.csv")).returncode == 0
    assert run(folder, "load", "odd").returncode == 0
    for words, shown in (
        (("source", "preview", "odd"), "Amount [EUR = [/]"),
        (("profile", "email:odd@x.example"), "\\[/x] [bold]"),
        (("profile", "record:odd/Individual/2"), "Ann\\"),
        (("rejects", "odd"), "email"),
    ):
        told = run(folder, *words)
        assert (told.returncode, "Traceback" in told.stderr) == (0, False), told.stderr
        assert shown in told.stdout
        assert "\x1b" not in told.stdout


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_with_json_stdout_is_one_line_of_json(space):
    folder = space.project.folder
    (folder / "crm.csv").write_text(CSV)
    assert run(folder, "source", "new", "crm", str(folder / "crm.csv")).returncode == 0
    assert run(folder, "load", "crm").returncode == 0
    target = str(folder / "out.csv")
    told = run(folder, "export", "profiles", "--output", target, "--json")
    assert json.loads(told.stdout) == {"profiles": 1, "format": "csv", "output": target}
    told = run(folder, "export", "profiles", "--json")
    assert (told.returncode, told.stdout) == (1, "")
    assert "leave --json out" in told.stderr


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_a_decision_wants_a_reason_and_a_source_must_be_there(space):
    folder = space.project.folder
    for verb in ("link", "unlink"):
        told = run(folder, verb, "email:a@x.example", "email:b@x.example", "--reason", " ")
        assert (told.returncode, told.stdout) == (2, "")
        assert "say why" in told.stderr
    told = run(folder, "rejects", "nosuch", "--json")
    assert (told.returncode, told.stdout) == (1, "")
    assert "There is no source nosuch" in told.stderr


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_ctrl_c_says_that_nothing_is_lost_and_the_load_goes_on(space):
    folder = space.project.folder
    path = folder / "crm.csv"
    path.write_text("id,name,email\n" + "".join(f"{n},Ann{n},a{n}@x.example\n" for n in range(30_000)))
    assert run(folder, "source", "new", "crm", str(path)).returncode == 0
    command = [sys.executable, "-m", "steelthread", "load", "crm", "--project", str(folder)]
    loader = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    with space.database.connect() as conn:
        conn.autocommit = True
        while time.monotonic() < deadline:
            if conn.execute("select count(*) from intake.load where rows_done > 0").fetchone()[0]:
                break
            time.sleep(0.02)
    loader.send_signal(signal.SIGINT)
    _, errors = loader.communicate(timeout=60)
    assert (loader.returncode, "Traceback" in errors) == (1, False)
    assert "What was committed stays" in " ".join(errors.split())
    assert run(folder, "load", "crm").returncode == 0
    with space.database.connect() as conn:
        assert conn.execute("select count(*) from intake.record").fetchone() == (30_000,)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (2, ["profile", "nonsense"]), (2, ["profile", "individual:1"]), (2, ["profile", "nokind:1"]), (2, ["profile"]),
        (2, ["key", "create", "--scope", "everything"]), (2, ["nonsense"]), (1, ["profile", "email:nobody@example.com"]),
    ],
)  # fmt: skip
def test_wrong_usage_is_two_and_work_that_fails_is_one(space, code, words):
    done = run(space.project.folder, *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert "Traceback" not in done.stderr
