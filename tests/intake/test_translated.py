"""What `model translate --to segment` writes is what a Segment collector understands: our own takes it in as the same."""

import json

from steelthread import intake
from steelthread.intake import PartyState, Words
from steelthread.model import load_model, translate

NOW = 1_790_000_000_000_000
MODEL = load_model()
OURS = [
    {"entity": "Individual", "id": "p1", "firstName": "Ida", "lastName": "Moss", "birthDate": "1980-02-03"},
    {"entity": "ContactPointEmail", "id": "e1", "partyId": "p1", "emailAddress": "ida@example.com"},
    {"entity": "ContactPointPhone", "id": "t1", "partyId": "p1", "telephoneNumber": "+441225460012"},
    {"entity": "SalesOrder", "id": "o1", "orderNumber": "1001", "soldToCustomerId": "p1", "grandTotalAmount": "23.5", "currencyCode": "GBP"},
    {"entity": "SalesOrderProduct", "id": "l1", "salesOrderId": "o1", "productSKU": "MUG-B", "orderedQuantity": "2", "unitPriceAmount": "11.75"},
]  # fmt: skip


def test_our_own_collector_takes_the_segment_records():
    body = json.dumps({"batch": list(translate(OURS, "segment", MODEL))}).encode()
    identify, order = intake.decode_segment(intake.document(body), NOW).messages
    words, state = Words(MODEL, "GB"), PartyState()
    state.tell(identify, [])
    (person,) = words.party("Individual", "p1", state)[0].records
    assert {name: person.values[name] for name in ("firstName", "lastName", "birthDate")} == {
        "firstName": "Ida", "lastName": "Moss", "birthDate": "1980-02-03",
    }  # fmt: skip
    parts = {part.entity: part.values for part in person.parts}
    assert parts["ContactPointEmail"]["emailAddress"] == "ida@example.com"
    assert parts["ContactPointPhone"]["telephoneNumber"] == "+441225460012"
    rows = (words.event(order, []), *words.goods.of(order, []))
    made = {record.entity: record for row in rows for record in row.records}
    assert made["SalesOrder"].values["orderNumber"] == "1001"
    assert made["SalesOrder"].values["grandTotalAmount"] == "23.5"
    assert made["SalesOrder"].values["currencyCode"] == "GBP"
    assert made["SalesOrderProduct"].values["orderedQuantity"] == "2"
