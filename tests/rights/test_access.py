"""The access package is complete, says of each value where it is from and what it is for, and tells nothing of others."""

import json
import sys

import pytest
from tests import commands

from steelthread.kit import Conflict, NotFound
from steelthread.rights import HOLDERS, access

CRM = """customer_id,first_name,last_name,email,phone,birth_date,city,odd_column
1,Ann<b>,Needle,ann@example.com,+442079460958,1980-02-03,Leeds,PLANTED-EXTRA
2,Bob,Needle,bob@example.com,,1981-02-03,York,OTHER-EXTRA
"""
ORDERS = "order_id,customer_email,order_date,total\no1,ann@example.com,2026-01-02,10.00\no2,bob@example.com,2026-01-03,20.00\n"
PURPOSES = """purposes:
  operations: {legalBasis: contract, retention: 6 years, recipients: [Parcel Ltd]}
  news: {fields: [emailAddress], recipients: [Mail House Ltd]}
"""


@pytest.fixture
def filled(space, load):
    load("crm", CRM)
    load("orders", ORDERS)
    (space.project.folder / "purposes.yaml").write_text(PURPOSES)


def test_everything_of_one_and_nothing_of_others(space, filled, tmp_path):
    told = access(space, "email:ann@example.com", tmp_path / "ann", "me")
    assert told.files == ["index.html", "data.json", "portable.json"]
    texts = [(tmp_path / "ann" / name).read_text() for name in told.files]
    for text in texts:
        for planted in ("Needle", "ann@example.com", "+442079460958", "1980-02-03", "Leeds", "PLANTED-EXTRA", "o1"):
            assert planted in text
        for other in ("bob@example.com", "OTHER-EXTRA", "York", "o2"):
            assert other not in text
    assert "Ann&lt;b&gt;" in texts[0], "values are no markup"
    content = json.loads(texts[1])
    stores = {one["store"]: one["rows"] for one in content["stores"]}
    assert set(stores) == {holder.table for holder in HOLDERS if holder.by}, "the same holders as erasure"
    with space.database.connect() as conn:
        total = conn.execute("select count(*) from intake.record").fetchone()[0]
    assert 2 <= len(stores["intake.record"]) < total
    values = {one["attribute"]: one for record in content["records"] for one in record["values"]}
    email = values["ContactPointEmail.emailAddress"]
    assert [one["purpose"] for one in email["purposes"]] == ["operations", "news"]
    assert email["recipients"] == ["Mail House Ltd", "Parcel Ltd"]
    assert values["firstName"]["purposes"] == [{"purpose": "operations", "legalBasis": "contract"}]
    assert values["firstName"]["source"] == "crm"
    assert values["firstName"]["retention"] == ["6 years"]
    with pytest.raises(Conflict):
        access(space, "email:ann@example.com", tmp_path / "ann", "me")
    with pytest.raises(NotFound):
        access(space, "email:nobody@example.com", tmp_path / "nobody", "me")
    assert not (tmp_path / "nobody").exists()


GIFTS = """name: gifts
key: id
party: {source: crm, entity: Individual, key: customer}
identifiers: [{kind: email, column: recipient}]
entities:
  - entity: SalesOrder
    attributes: {orderNumber: id, purchaseOrderDate: at}
"""


def test_the_recipient_of_a_gift_is_nobody_s_to_know(space, filled, load, tmp_path):
    load("friends", "customer_id,first_name,email\nf1,Gil,gil.friend@example.com\n")
    (space.project.sources / "gifts.yaml").write_text(GIFTS)
    row = "id,customer,at,recipient,card\ng1,1,2026-01-02,gil.friend@example.com,for gil.friend@example.com\n"
    load("gifts", row)
    access(space, "record:crm/Individual/1", tmp_path / "ann", "me")
    text = (tmp_path / "ann" / "data.json").read_text()
    with space.database.connect() as conn:
        reader = space.reader(conn)
        same = reader.explain("record:crm/Individual/1", "email:gil.friend@example.com")["same"]
    assert not same, "two first names: one address does not make them one"
    assert "g1" in text
    assert "gil.friend" not in text.casefold()
    assert "(of somebody else)" in text


def test_the_command_line(space, filled, tmp_path):
    command = [sys.executable, "-m", "steelthread", "access", "email:bob@example.com", "--out", str(tmp_path / "bob")]
    done = commands.run([*command, "--project", str(space.project.folder), "--json"], text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["values"] > 4
    with space.database.connect() as conn:
        body = conn.execute("select body from privacy.audit order by number desc limit 1").fetchone()[0]
    assert json.loads(body)["what"] == "access"
