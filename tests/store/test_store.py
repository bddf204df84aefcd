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
