"""The second form of erasure: nothing left that identifies, and the counts as they were."""

import base64
import json

from steelthread.app import load_file, verify_space
from steelthread.privacy import Needles, scan_database, scan_files
from steelthread.rights import erase, replay_erasures, totals
from steelthread.store import backup, restore
from steelthread.thread import Space

CRM = """customer_id,first_name,last_name,email,loyalty_number
1,Ann,Needle,ann.needle@example.com,LN-77-1001
2,Bob,Needle,bob.needle@example.com,LN-77-1002
"""
ORDERS = """order_id,customer_email,order_date,total,currency
o1,ann.needle@example.com,2026-01-02,10.00,GBP
o2,bob.needle@example.com,2026-01-03,20.00,GBP
o3,ann.needle@example.com,2026-02-04,30.00,EUR
"""
LINES = """line_item_id,order_id,sku,quantity,unit_price
l1,o1,tea,2,5.00
l2,o2,jam,4,5.00
l3,o3,tea,1,30.00
"""
LINES_MAPPING = """name: lines
key: line_item_id
entities:
  - entity: SalesOrderProduct
    parent: {source: orders, entity: SalesOrder, key: order_id}
    attributes: {orderedQuantity: quantity, unitPriceAmount: unit_price}
"""
NEEDLES = Needles(["ann.needle@example.com", "LN-77-1001"], derived=True)


def counted(space):
    with space.database.connect() as conn:
        return totals(conn)


def claims(certificate):
    payload = certificate["certificate"].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=="))


def fill(space, load):
    (space.project.sources / "lines.yaml").write_text(LINES_MAPPING)
    load("crm", CRM)
    load("orders", ORDERS)
    load("lines", LINES)


def test_the_counts_stay_and_nothing_else(space, load):
    fill(space, load)
    before = counted(space)
    assert sum(one["count"] for one in before if one["entity"] == "Individual") == 2
    assert {(one["month"], one["amount"]) for one in before if one["entity"] == "SalesOrder"} == {
        ("2026-01", "30.00"), ("2026-02", "30.00"),
    }  # fmt: skip
    dry = erase(space, "email:ann.needle@example.com", "me", dry_run=True, anonymise=True)
    assert counted(space) == before
    done = erase(space, "email:ann.needle@example.com", "me", anonymise=True)
    assert (done.rows, done.hits) == (dry.rows, [])
    assert claims(done.certificate)["form"] == "anonymise"
    assert counted(space) == before
    with space.database.connect() as conn:
        assert scan_database(conn, NEEDLES)[1] == []
        left = conn.execute("select count(*) from profiles.profile").fetchone()
        columns = {one.name for one in conn.execute("select * from privacy.remainder").description}
    assert left == (1,)
    assert columns == {"entity", "month", "currency", "total", "amount", "quantity"}
    assert scan_files([space.project.data], NEEDLES)[1] == []
    assert verify_space(space)["same"]
    for name in ("crm", "orders", "lines"):
        load_file(space, name, space.project.folder / f"{name}.csv")
    assert counted(space) == before, "who comes again in a file is not let in, and not counted twice"


def test_erasing_takes_the_counts_along(space, load):
    fill(space, load)
    before = counted(space)
    done = erase(space, "email:ann.needle@example.com", "me")
    assert claims(done.certificate)["form"] == "erase"
    assert sum(one["count"] for one in counted(space)) < sum(one["count"] for one in before)


def test_a_restored_backup_is_anonymised_again(space, load, tmp_path):
    fill(space, load)
    before = counted(space)
    backup(space.project, space.database, tmp_path / "backup")
    erase(space, "email:ann.needle@example.com", "me", anonymise=True)
    restore(space.project, tmp_path / "backup", force=True)
    with Space(space.project, gated=False) as again:
        assert replay_erasures(again) == 1
        assert counted(again) == before
        with again.database.connect() as conn:
            assert conn.execute("select count(*) from profiles.profile").fetchone() == (1,)
