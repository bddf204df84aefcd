import pytest

from steelthread.app import create_project
from steelthread.kit import Conflict, Unavailable, open_project
from steelthread.store import backup, open_database, restore
from steelthread.thread import Space


def test_backup_and_restore(space, load, tmp_path):
    load("crm", "customer_id,first_name,email\n1,Ann,ann@example.com\n")
    backup(space.project, space.database, tmp_path / "b.tar")
    assert (tmp_path / "b.tar").stat().st_mode & 0o077 == 0
    folder = tmp_path / "other"
    create_project(folder, "other", "GB")
    (folder / "steelthread.toml").write_text("[database]\nidle_seconds = 1\n")
    project = open_project(folder)
    restore(project, tmp_path / "b.tar")
    with Space(project) as other, other.database.connect() as conn:
        assert other.reader(conn).profile("email:ann@example.com")["attributes"]["firstName"]["value"] == "Ann"
    with pytest.raises(Conflict):
        restore(project, tmp_path / "b.tar")


def test_a_url_that_does_not_answer(tmp_path):
    create_project(tmp_path / "p", "p")
    (tmp_path / "p" / "steelthread.toml").write_text("[database]\nurl = 'host=127.0.0.1 port=1 connect_timeout=1'\n")
    with pytest.raises(Unavailable, match="does not answer"):
        open_database(open_project(tmp_path / "p"))


def test_whoever_asks_after_the_server_went_away_gets_another_connection(space):
    pools = [space.database.pool(), space.database.pool(by_key=True)]
    backends = []
    for pool in pools:
        with pool.connection() as conn:
            backends.append(conn.info.backend_pid)
    with space.database.connect() as conn:
        conn.execute("select pg_terminate_backend(b, 5000) from unnest(%s::int[]) b", (backends,))
    for pool, backend in zip(pools, backends, strict=True):
        with pool.connection() as conn:
            assert conn.execute("select 1").fetchone() == (1,)
            assert conn.info.backend_pid != backend
