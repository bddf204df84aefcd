"""The log lets go of what is older than its setting says, its keys first; what others still need stays."""

from datetime import timedelta

import pytest

from steelthread.kit import now


def age(conn, days):
    conn.execute("update log.partition set period = %s where lane = 'identity'", (now() - timedelta(days=days),))
    conn.commit()


def identity_chunks(conn):
    return conn.execute(
        "select count(*) from log.chunk join log.partition p using (partition_id) where p.lane = 'identity'"
    )


@pytest.mark.parametrize(("days", "left"), [(30, 0), (90, 1)])
def test_a_load_lets_go_of_partitions_older_than_the_setting(space, load, days, left):
    space.project.settings.log.retention_days = days
    load("crm", "customer_id,first_name\n1,Ann\n")
    with space.database.connect() as conn:
        old = [one for (one,) in conn.execute("select partition_id from log.partition where lane = 'identity'")]
        age(conn, 60)
        load("shop", "customer_id,first_name\n1,Ann\n")
        kept = {one for (one,) in conn.execute("select partition_id from log.partition where lane = 'identity'")}
        assert len(kept & set(old)) == left
        assert kept - set(old), "what this load wrote stays"
        assert identity_chunks(conn).fetchone()[0] == 1 + left
    keys = {path.name for path in space.project.keyring.rglob("*") if path.is_file()}
    assert sum(f"log-{one}" in name for one in old for name in keys) == left, "their keys went with them"
