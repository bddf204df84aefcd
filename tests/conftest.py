"""Real PostgreSQL for every test: one embedded server per session, a fresh database per test."""

import contextlib
import itertools
import os
from pathlib import Path

import psycopg
import pytest

from steelthread.app import create_project, draft_source, load_file
from steelthread.kit import open_project
from steelthread.store import open_database
from steelthread.thread import Space

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server") / "a folder with blanks"
    create_project(folder, "server")
    (folder / "steelthread.toml").write_text("[database]\nidle_seconds = 2\n")
    database = open_database(open_project(folder))
    yield database
    database.close()


@contextlib.contextmanager
def _fresh_space(server, folder):
    name = f"space_{os.getpid()}_{next(_NUMBERS)}"
    with psycopg.connect(server.conninfo, autocommit=True) as conn:
        conn.execute(f"create database {name}")
    create_project(folder, "test", "GB")
    url = psycopg.conninfo.make_conninfo(server.conninfo, dbname=name)
    (folder / "steelthread.toml").write_text(f"[project]\ncountry = 'GB'\n[database]\nurl = \"{url}\"\n")
    with Space(open_project(folder)) as opened:
        yield opened
    with psycopg.connect(server.conninfo, autocommit=True) as conn:
        conn.execute(f"drop database {name} with (force)")


@pytest.fixture
def space(server, tmp_path):
    with _fresh_space(server, tmp_path / "project") as opened:
        yield opened


@pytest.fixture
def other_space(server, tmp_path):
    with _fresh_space(server, tmp_path / "other") as opened:
        yield opened


@pytest.fixture
def load(space):
    def load_text(name: str, text: str, **how):
        path = space.project.folder / f"{name}.csv"
        path.write_text(text, encoding="utf-8")
        if not (Path(space.project.sources) / f"{name}.yaml").exists():
            draft_source(space.project, name, path)
        return load_file(space, name, path, **how)

    return load_text
