"""The needle scan of everything: whatever PostgreSQL makes of a value, and whoever searches, it is found."""

import gzip
import os
import random
import signal
import uuid
from pathlib import Path

import pytest

from steelthread.privacy import Needles, scan_beside, scan_database, scan_everything, scan_files
from steelthread.privacy.needles import _Automaton
from steelthread.privacy.scan_beside import _Beside
from steelthread.privacy.scan_tables import questions_of, search_table, stands_in

NEEDLE = "kim1@example.org"
CHANCE = random.Random(4)


def filler(size):
    return CHANCE.randbytes(size)


def odd(space, kind, value, more=""):
    """Make a table with one value in a column of this type."""
    with space.database.connect() as conn:
        conn.execute("drop table if exists public.odd")
        conn.execute(f"create table public.odd (id bigint, held {kind})")
        if more:
            conn.execute(f"alter table public.odd alter held set {more}")
        conn.execute("insert into public.odd values (1, %s)", (value,))
        conn.commit()


def found_as_files_and_rows(space, values=(NEEDLE,)):
    """Search the table's own files as they lie, and of its rows what does not show there."""
    needles = Needles(values, derived=True)
    with space.database.connect() as conn:
        home = Path(conn.execute("show data_directory").fetchone()[0])
        assert stands_in(conn, home)
        paths = conn.execute(
            "select pg_relation_filepath(oid) from pg_class where oid = 'public.odd'::regclass "
            "or oid = (select reltoastrelid from pg_class where oid = 'public.odd'::regclass)"
        ).fetchall()
        rows = scan_database(conn, needles, in_files=True)[1]
    return [*rows, *scan_files([home / path for (path,) in paths], needles)[1]]


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
@pytest.mark.parametrize(
    ("kind", "value", "more"),
    [
        ("bytea", b"x" + NEEDLE.encode(), ""),
        ("bytea", (NEEDLE * 400).encode(), ""),  # compressed in its place
        ("bytea", filler(1990) + NEEDLE.encode() + filler(9000), "storage external"),  # in pieces, cut through it
        ("bytea", filler(5000) + NEEDLE.encode() * 900 + filler(5000), ""),  # compressed, and in pieces
        ("text", f"to {NEEDLE}.", ""),
        ("text", f"{NEEDLE} " * 400, ""),
        ("text[]", ["a", NEEDLE.upper()], ""),
        ("jsonb", f'{{"a": ["{NEEDLE}"]}}', ""),
        ("bytea[]", [b"a", NEEDLE.encode()], ""),
        ("json", f'{{"a": "{NEEDLE}"}}', ""),
    ],
    ids=[
        "bytes",
        "packed",
        "pieces",
        "packed pieces",
        "text",
        "packed text",
        "texts",
        "jsonb",
        "list of bytes",
        "json",
    ],
)
def test_it_is_found_however_it_is_kept(space, kind, value, more):
    odd(space, kind, value, more)
    assert found_as_files_and_rows(space)
    with space.database.connect() as conn:
        assert {hit.where for hit in scan_database(conn, Needles([NEEDLE], derived=True))[1]} == {"public.odd"}
    odd(space, kind, type(value)() if kind in ("bytea", "text", "text[]", "bytea[]") else None)
    with space.database.connect() as conn:
        assert scan_database(conn, Needles([NEEDLE], derived=True))[1] == []


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", "442079460958, call later"), ("text", "020 7946 0958"), ("numeric", "442079460958"),
        ("jsonb", '{"a": 442079460958, "b": 1}'), ("jsonb", '{"a": "442079460958", "b": "12"}'), ("bytea", b"442079460958"),
        ("double precision", 442079460958),
    ],
)  # fmt: skip
def test_numbers_are_found_wherever_they_stand(space, kind, value):
    odd(space, kind, value)
    assert found_as_files_and_rows(space, ["+442079460958"])
    with space.database.connect() as conn:
        assert scan_database(conn, Needles(["+442079460958"], derived=True))[1] != []


def test_a_uuid_is_found_in_a_column_of_them(space):
    one = uuid.UUID(int=7 << 100)
    odd(space, "uuid", one)
    with space.database.connect() as conn:
        tells_hidden = conn.info.server_version >= 170_000  # an older server's values are never left to its files
        for in_files in (False, True) if tells_hidden else (False,):
            assert [hit.where for hit in scan_database(conn, Needles([str(one)]), in_files=in_files)[1]] == [
                "public.odd"
            ]


def test_bytes_of_a_server_elsewhere_are_fetched(space, tmp_path):
    odd(space, "bytea", NEEDLE.encode())
    with space.database.connect() as conn:
        assert not stands_in(conn, tmp_path / "elsewhere")
        found = scan_everything(conn, tmp_path, [NEEDLE], derived=False)
    assert "public.odd" in {hit.where for hit in found.hits}


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_what_shows_in_files_is_left_to_them(space):
    odd(space, "bytea", NEEDLE.encode())
    assert {(hit.format, hit.form) for hit in found_as_files_and_rows(space)} == {("raw", "text")}
    odd(space, "bytea", (NEEDLE * 400).encode())
    assert {(hit.format, hit.form) for hit in found_as_files_and_rows(space)} == {("sql", "text")}


def planted(folder):
    """Plant needles in files, two of them where a piece ends; return (needle, file, format) of each."""
    (folder / "a").mkdir()
    (folder / "a" / "raw").write_bytes(filler(90_000) + NEEDLE.upper().encode() + filler(90_000))
    (folder / "cut").write_bytes(
        filler(100_000 - 5) + NEEDLE.encode() + filler(100_000 - 16) + b"kim2@example.org" + filler(9)
    )
    (folder / "packed").write_bytes(gzip.compress(b"kim3@example.org " * 9))
    (folder / "empty").write_bytes(b"")
    (folder / "other").write_bytes(filler(300_000))
    return {(0, "raw", "raw"), (0, "cut", "raw"), (1, "cut", "raw"), (2, "packed", "gzip")}


VALUES = [NEEDLE, "kim2@example.org", "kim3@example.org"]


@pytest.mark.parametrize("killed", [False, True])
def test_processes_beside_find_the_same(space, tmp_path, monkeypatch, killed):
    folder = tmp_path / "files"
    folder.mkdir()
    there = planted(folder)
    odd(space, "bytea", NEEDLE.encode())
    monkeypatch.setattr(scan_beside, "LARGE", 1)
    monkeypatch.setattr("steelthread.privacy.scan._PIECE", 100_000)
    asked = []
    hits = _Beside.hits

    def watched(self, piece):
        asked.append(piece)
        if killed and len(asked) > 20:
            os.kill(self._child.pid, signal.SIGKILL)
        return hits(self, piece)

    monkeypatch.setattr(_Beside, "hits", watched)
    with space.database.connect() as conn:
        found = scan_everything(conn, folder, VALUES, derived=True)
    told = {(hit.needle, hit.where.rpartition("/")[2], hit.format) for hit in found.hits}
    assert told == {*there, (0, "public.odd", "sql")}
    assert found.files == 5
    assert len(asked) == len(set(asked)), "each piece once"
    with space.database.connect() as conn:
        assert killed or len(asked) == len(questions_of(conn, in_files=False)[1]) + 10
    assert {
        (hit.needle, hit.where.rpartition("/")[2], hit.format) for hit in scan_files([folder], Needles(VALUES))[1]
    } == there


def test_parts_of_a_table_are_the_whole(space, monkeypatch):
    with space.database.connect() as conn:
        conn.execute("create table public.odd (id bigint, said text, held bytea)")
        filled = "insert into public.odd select n, repeat('x', 700) || 'kim' || n || '@example.org', '' from generate_series(1, 400) n"
        conn.execute(filled)
        names = [f"kim{one}@example.org" for one in range(1, 401)]
        monkeypatch.setattr("steelthread.privacy.scan_tables._PAGES", 7)
        _, questions = questions_of(conn, in_files=False)
        mine = [one for one in questions if one.table == "public.odd"]
        found = [{hit.needle for hit in search_table(conn, one, Needles(names))} for one in mine]
    assert len(mine) > 10, "text and bytes, each in parts"
    assert sum(map(len, found)) == 400, "no row twice"
    assert set().union(*found) == set(range(400))


def test_very_few_patterns_are_found_as_a_few_are(monkeypatch):
    for shortest in (3, 6, 9):
        letters = bytes(CHANCE.sample(range(256), 3))
        patterns = sorted({bytes(CHANCE.choices(letters, k=shortest + CHANCE.randrange(9))) for _ in range(150)})
        contents = [bytes(CHANCE.choices(letters, k=200)) + CHANCE.choice(patterns) for _ in range(40)]
        few = _Automaton(patterns)
        assert len(few._groups) == -(-len(patterns) // 64)
        with monkeypatch.context() as patched:
            patched.setattr("steelthread.privacy.needles._VERY_FEW", 0)
            alone = _Automaton(patterns)
        assert alone._groups == []
        assert [few.found(one) for one in contents] == [alone.found(one) for one in contents]
        assert few.found(bytes(500)) == set()


@pytest.mark.parametrize("crowd", [0, 3, 2000])
def test_very_few_patterns_are_found_in_any_case_and_between_blocks(monkeypatch, crowd):
    monkeypatch.setattr("steelthread.privacy.needles._BLOCK", 50)
    monkeypatch.setattr("steelthread.privacy.needles._CROWD", crowd)
    for shortest in (3, 6, 9):
        letters = bytes({*CHANCE.sample(range(256), 3), *b"kK@`"})  # @ and ` are one where letters of both cases are
        patterns = sorted({bytes(CHANCE.choices(letters, k=shortest + CHANCE.randrange(9))).lower() for _ in range(90)})
        few = _Automaton(patterns)
        for _ in range(40):
            content = bytes(CHANCE.choices(letters, k=CHANCE.randrange(400)))
            there = {one for one in patterns if one in content.lower()}
            assert few.found(content, in_any_case=True) == there
            assert few.found(content) == {one for one in patterns if one in content}
