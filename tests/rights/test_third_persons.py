"""Acceptance test 8: what one person is given tells nothing of another."""

import json

import pytest

from steelthread.rights import access

CRM = """customer_id,first_name,last_name,email,phone,household
1,Ann,Moss,ann@example.com,+44 20 7946 0958,Moss
2,Bob,Gifted,bob.gifted@example.com,+44 20 7946 0958,Moss
"""
ORDERS = """name: orders
key: order
party: {source: crm, entity: Individual, key: customer}
entities:
  - entity: SalesOrder
    attributes:
      orderNumber: order
      purchaseOrderDate: at
      grandTotalAmount: total
      currencyCode: {constant: GBP}
"""
ROWS = """order,customer,at,total,confirm,gift_recipient,ship_to_name,sold_by,product_name,note,invoice_name
o1,1,2026-01-02,10.00,cid.third@example.com,Cid Thirdman,Cid Thirdman,Eve Clerk,Teapot,ring +44 20 7946 0999 or write to dee.fourth@example.com,Ann Moss
o2,1,2026-01-03,12.00,ann@example.com,,Ann Moss,Eve Clerk,Cup,leave at the door,"Moss, Ann"
"""
OTHERS = ["cid.third", "thirdman", "eve clerk", "0999", "dee.fourth", "gifted", "bob"]
OWN = ["ann@example.com", "Ann Moss", "+442079460958", "Teapot", "leave at the door", "Moss, Ann"]


@pytest.fixture
def given(space, load, tmp_path):
    load("crm", CRM)
    (space.project.sources / "orders.yaml").write_text(ORDERS)
    load("orders", ROWS)
    access(space, "record:crm/Individual/1", tmp_path / "ann", "me")
    return tmp_path / "ann"


@pytest.mark.parametrize("name", ["data.json", "portable.json", "index.html"])
def test_8_nothing_of_a_third_person_is_in_what_one_is_given(given, name):
    text = (given / name).read_text().casefold()
    assert [one for one in OTHERS if one in text] == []


def test_8_and_all_that_is_the_persons_own_is(given):
    text = (given / "data.json").read_text()
    assert [one for one in OWN if one not in text] == []
    orders = [one for one in json.loads(text)["records"] if one["entity"] == "SalesOrder"]
    told = [{value["attribute"]: value["value"] for value in one["values"]} for one in orders]
    hidden = "(of somebody else)"
    assert sorted(one.get("unmapped.ship_to_name") for one in told) == [hidden, "Ann Moss"]
    assert {one["unmapped.sold_by"] for one in told} == {hidden}
    assert f"ring {hidden} or write to {hidden}" in {one["unmapped.note"] for one in told}
