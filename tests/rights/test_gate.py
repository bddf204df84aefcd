"""The restore gate: no way leads to people who were erased after a backup was made, before they are erased again."""

import json
import sys
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from tests import commands

from steelthread.kit import Conflict
from steelthread.privacy import JOURNAL, Line, is_behind, write_journal
from steelthread.rights import Consents, Saying, erase, replay_erasures
from steelthread.store import backup, restore
from steelthread.thread import Restored, Space

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)  # once: it does not hang on the server
PEOPLE = "customer_id,first_name,last_name,email\n1,Ann,Needle,ann@example.com\n2,Bob,Ray,bob@example.com\n"
ANN = "email:ann@example.com"


def forget_the_erasure(space, load):
    """Make the database one of before the erasure, and leave everything beside it as it is."""
    with space.database.connect() as conn:
        conn.execute("truncate privacy.erasure")
        conn.execute("truncate privacy.tombstone")
        conn.commit()
    load("crm", PEOPLE.replace("Needle", "Needle-Moss"))


@pytest.fixture
def restored(space, load):
    load("crm", PEOPLE)
    erase(space, ANN, "me")
    forget_the_erasure(space, load)
    with space.database.connect() as conn:
        assert space.reader(conn).profile(ANN), "she is there again"
    return space


def run(space, *words, code=0):
    command = [sys.executable, "-m", "steelthread", *words, "--project", str(space.project.folder), "--json"]
    done = commands.run(command, text=True)
    assert done.returncode == code, done.stderr
    return done


READING = [
    ("profile", ANN), ("search", "Needle"), ("export", "profiles", "--output", "{}"), ("decide", ANN, "operations"), ("consent", "show", ANN),
    ("access", ANN, "--out", "{}"), ("status",), ("erase", ANN), ("audit", "verify"),
]  # fmt: skip


@pytest.mark.parametrize("words", READING, ids=[" ".join(words[:2]).replace(ANN, "ref") for words in READING])
def test_no_command_reads_a_restored_database_before_it_forgot(restored, tmp_path, words):
    command = [sys.executable, "-m", "steelthread", *(word.format(tmp_path / "out") for word in words)]
    done = commands.run([*command, "--project", str(restored.project.folder), "--json"], text=True)
    assert "erased again first" in done.stderr
    assert "Needle" not in done.stdout
    assert "ann@example.com" not in done.stdout.replace(f'"{ANN}"', ""), "but for the reference as it was given"
    assert not (tmp_path / "out").exists() or "Needle" not in (tmp_path / "out").read_text()
    with Space(restored.project) as after, after.database.connect() as conn:
        assert after.reader(conn).members(ANN) == []
        assert after.reader(conn).members("email:bob@example.com")
        assert not is_behind(conn, restored.project.data)


def test_whoever_opens_it_as_a_library_is_refused(restored):
    with pytest.raises(Restored, match="erased since"):
        Space(restored.project)
    with Space(restored.project, gated=False) as space:
        assert replay_erasures(space) == 1
    with Space(restored.project) as space, space.database.connect() as conn:
        assert space.reader(conn).members(ANN) == []


def test_an_erasure_under_way_is_waited_for(space, load, monkeypatch):
    load("crm", PEOPLE)
    from steelthread.rights import erasure  # noqa: PLC0415  # to look in between

    seen = []
    write = erasure.write_lines

    def watched(*args):
        write(*args)
        with space.database.connect() as conn:
            seen.append(is_behind(conn, space.project.data))

    monkeypatch.setattr(erasure, "write_lines", watched)
    erase(space, ANN, "me")
    assert seen == [True], "the journal is written first"
    with Space(space.project) as again, again.database.connect() as conn:
        assert again.reader(conn).members(ANN) == []


def test_the_end_of_a_long_journal_is_found(space, load):
    load("crm", PEOPLE)
    erase(space, ANN, "me")
    with space.database.connect() as conn:
        Consents(space).say(conn, Saying(ref=ANN, purpose="marketing", said="given", returns=True))
        conn.rollback()  # a lift that never was: nothing has to be kept from readers for it
        assert not is_behind(conn, space.project.data)
        line = Line(uuid4(), datetime.now(UTC), ["00" * 16] * 20000, lifted=True)
        write_journal(space.project.data, line)
        assert not is_behind(conn, space.project.data)
        with (space.project.data / JOURNAL).open("ab") as file:
            file.write(b'{"requestId": "cut of')
        assert not is_behind(conn, space.project.data)
        conn.execute("truncate privacy.erasure")
        assert is_behind(conn, space.project.data)


def test_nothing_is_restored_under_a_running_process_and_the_former_keyring_goes(space, load, tmp_path):
    load("crm", PEOPLE)
    backup(space.project, space.database, tmp_path / "b.tar")
    with space.database.connect() as conn:
        (subject,) = conn.execute("select subject from intake.record where is_party limit 1").fetchone()
    former = {path.name: path.read_bytes() for path in space.project.keyring.rglob("*.ring")}
    with space.database.connect(), pytest.raises(Conflict, match="stop serve"):
        restore(space.project, tmp_path / "b.tar", force=True)
    assert space.vault.keys([subject])
    erase(space, ANN, "me")
    restore(space.project, tmp_path / "b.tar", force=True)
    assert [path.name for path in space.project.data.glob("keyring*")] == ["keyring"]
    assert {path.name: path.read_bytes() for path in space.project.keyring.rglob("*.ring")} == former
    assert json.loads(run(space, "status").stdout)
    with Space(space.project) as after, after.database.connect() as conn:
        assert after.reader(conn).members(ANN) == []
