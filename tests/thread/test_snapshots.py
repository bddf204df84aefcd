"""A snapshot without a row is an export that went wrong more often than a shop without customers."""

import pytest

from steelthread.app import draft_source, load_file
from steelthread.kit import Invalid

HEAD = "customer_id,first_name\n"


@pytest.fixture
def crm(space):
    path = space.project.folder / "crm.csv"
    path.write_text(HEAD + "1,Ann\n2,Ben\n")
    draft_source(space.project, "crm", path)
    text = (space.project.sources / "crm.yaml").read_text()
    (space.project.sources / "crm.yaml").write_text(text.rstrip() + "\nsnapshot: true\n")
    return path


def open_records(space):
    with space.database.connect() as conn:
        return conn.execute("select count(*) from intake.record where closed_at is null").fetchone()[0]


def test_an_empty_snapshot_closes_nobody_unless_it_is_meant(space, crm):
    load_file(space, "crm", crm)
    crm.write_text(HEAD)
    with pytest.raises(Invalid, match="2 records would be closed"):
        load_file(space, "crm", crm)
    assert open_records(space) == 2
    crm.write_text(HEAD + "1,Ann\n2,Ben\n")
    assert load_file(space, "crm", crm).unchanged == 2
    crm.write_text(HEAD)
    assert load_file(space, "crm", crm, allow_empty=True).closed == 2
    assert open_records(space) == 0


def test_a_first_snapshot_may_be_empty(space, crm):
    crm.write_text(HEAD)
    assert load_file(space, "crm", crm).closed == 0
