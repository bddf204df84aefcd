"""What decides between values may change: stored profiles follow at the next load."""

import pytest

from steelthread.app import load_file, verify_space
from steelthread.thread import Space

ROWS = "customer_id,first_name,last_name,email\n1,{},Lee,ann@example.com\n2,Bob,Ray,bob@example.com\n"


@pytest.fixture
def told(space, load):
    load("crm", ROWS.format("Ann"))
    load("shop", ROWS.format("Annie"))


def winner(space):
    with space.database.connect() as conn:
        (name,) = conn.execute(
            "select s.name from profiles.profile p join intake.record r "
            "on r.record_id = (p.body->'attributes'->'firstName'->>'record')::bigint join intake.source s using (source_id) "
            "where p.records = 2 and r.key_hash in (select key_hash from intake.record order by record_id) "
            "and p.individual_id = (select individual_id from identity.cluster c join identity.node n using (cluster_id) "
            "order by n.birth limit 1)"
        ).fetchone()
        shown = space.reader(conn).profile("email:ann@example.com")["attributes"]["firstName"]["source"]
    assert name == shown
    return name


@pytest.mark.parametrize(("source", "expected"), [("crm", "crm"), ("shop", "shop")])
def test_another_priority_of_a_source(space, told, source, expected):
    (space.project.folder / "profile.yaml").write_text("attributes: {firstName: source_priority}\n")
    path = space.project.folder / "sources" / f"{source}.yaml"
    path.write_text(path.read_text() + "\npriority: 7\n")
    with Space(space.project, space.database) as changed:
        load_file(changed, source, None)
        load_file(changed, "crm", None)
        assert winner(changed) == expected
        assert verify_space(changed)["same"]


def test_another_rule_in_profile_yaml(space, told):
    (space.project.folder / "profile.yaml").write_text("attributes: {firstName: longest}\n")
    with Space(space.project, space.database) as changed:
        load_file(changed, "crm", None)
        assert winner(changed) == "shop"
        assert verify_space(changed)["same"]
        (space.project.folder / "profile.yaml").write_text("attributes: {firstName: first}\n")
    with Space(space.project, space.database) as changed:
        load_file(changed, "crm", None)
        assert winner(changed) == "crm"
        assert verify_space(changed)["same"]
