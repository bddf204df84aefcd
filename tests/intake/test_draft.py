"""Drafts of well-known exports run unedited, know what kind of file it is, and quote no value."""

import csv
from collections import Counter
from pathlib import Path

import pytest
from tests.intake.exports import EXPORTS

from steelthread.intake import Format, RowRejected, compile_mapping, detect, draft, open_rows
from steelthread.intake.source import read_source
from steelthread.model import load_model

DATA = Path(__file__).parents[3] / "shared" / "data"
CSV = Format(type="csv", delimiter=",", encoding="utf-8", header=True)
MODEL = load_model()
EXPECTED = {
    "hubspot_contacts": "Individual 2, ContactPointEmail 2, ContactPointPhone 2, ContactPointAddress 2",
    "shopify_customers": "Individual 2, ContactPointEmail 2, ContactPointPhone 2, ContactPointAddress 2",
    "shopify_orders": "SalesOrderProduct 3, SalesOrder 2, Product 3, Individual 2",
    "mailchimp_members": "Individual 2, ContactPointEmail 2, ContactPointAddress 2",
    "zendesk_tickets": "Case 2, email 2",
    "stripe_customers": "Individual 2, ContactPointEmail 2",
    "stripe_payments": "Payment 2, email 2",
    "salesforce_contacts": "Individual 2, ContactPointEmail 2, ContactPointPhone 2, ContactPointAddress 2",
    "salesforce_accounts": "Organization 2, ContactPointPhone 1, ContactPointAddress 2",
    "till_receipts": "SalesOrderProduct 3, SalesOrder 3, Product 3, loyalty_number 2",
    "loyalty_members": "Individual 2, ContactPointEmail 1, ContactPointPhone 2, LoyaltyMember 2",
    "web_visits": "WebsiteEngagement 2, anonymous_id 2, cookie 2, device_id 2, user_id 1",
    "google_contacts": "Individual 2, ContactPointEmail 2, ContactPointPhone 2, ContactPointAddress 2",
    "shop_customers": "Individual 2, ContactPointEmail 2, ContactPointPhone 1, ContactPointAddress 2",
    "shop_orders": "SalesOrder 2, email 2",
    "kunden": "Individual 2, ContactPointEmail 2, ContactPointPhone 2, ContactPointAddress 2",
}


def run(name, columns, rows, *, others=(), fmt=CSV):
    """Draft, read back and map; return (text, source, mapping, counts)."""
    text = draft(name, f"{name}.csv", fmt, columns, rows[:2000], others=list(others), country="GB", model=MODEL)
    source = read_source(text, f"sources/{name}.yaml", MODEL)
    mapping = compile_mapping(source, MODEL, columns, "GB")
    made = Counter()
    for row in rows:
        mapped = mapping.map(row)
        made["set aside"] += len(mapped.issues)
        for record in mapped.records:
            made[record.entity] += 1
            made.update(part.entity for part in record.parts)
            made.update(kind for kind, _, _ in record.identifiers)
    return text, source, mapping, made


def export(name):
    columns, rows = EXPORTS[name]
    return columns.split("|"), [row.split("|") for row in rows]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_draft_knows_the_export(name):
    text, _, _, made = run(name, *export(name), others=[run("shop_customers", *export("shop_customers"))[1]])
    expected = dict(part.rsplit(" ", 1) for part in EXPECTED[name].split(", "))
    assert {key: made[key] for key in expected} == {key: int(count) for key, count in expected.items()}
    assert not made["set aside"]
    assert bool(made["Individual"]) == ("Individual" in expected)
    _, rows = export(name)
    assert not [cell for row in rows for cell in row if len(cell) > 6 and not cell.isdigit() and cell in text]


def test_an_order_refers_to_the_customers_of_its_own_family():
    others = [run(name, *export("shop_customers"))[1] for name in ("crm_customers", "shop_customers")]
    assert "party: {source: shop_customers" in run("shop_orders", *export("shop_orders"), others=others)[0]
    alone = run("shop_orders", *export("shop_orders"))
    assert "party:" not in alone[0]
    assert alone[3]["Individual"] == 1  # one order has no customer id


def test_an_order_with_names_makes_its_customers():
    columns = ["order_id", "first_name", "last_name", "email", "order_date", "total"]
    rows = [
        ["1", "Ida", "Moss", "ida@example.com", "03/04/2023", "1.234,50"],
        ["2", "Oli", "Fern", "", "23/04/2023", "9,00"],
    ]
    text, _, mapping, made = run("orders", columns, rows)
    assert (made["SalesOrder"], made["Individual"], made["ContactPointEmail"]) == (2, 2, 1)
    order = mapping.map(rows[0]).records[0]
    assert order.values["grandTotalAmount"] == "1234.50"
    assert order.values["purchaseOrderDate"] == "2023-04-03T00:00:00Z"
    assert order.party == ("orders", "Individual", "1")
    assert "date: dmy" in text


@pytest.mark.parametrize(("country", "order"), [("US", "mdy"), ("GB", "dmy")])
def test_the_country_decides_where_no_value_does(country, order):
    text = draft(
        "p", "p.csv", CSV, ["id", "first_name", "dob"], [["1", "Ida", "03/04/1980"]], others=[], country=country
    )
    assert f"date: {order}" in text


def test_a_key_is_an_id_and_no_phone_number():
    columns = ["phone_number", "email", "first_name"]
    rows = [["+442079460011", "a@example.com", "Ida"], ["+442079460012", "b@example.com", "Oli"]]
    text = run("p", columns, rows)[0]
    assert "key: {row_hash: true}" in text
    assert "WARNING" in text


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("identity/dataset3.csv", {"Individual": 5000, "ContactPointAddress": 5000}),
        ("identity/fake_1000.csv", {"Individual": 1000, "ContactPointEmail": 759}),
        ("identity/senzing_customers.csv", {"Individual": 114, "Organization": 6, "ContactPointEmail": 45}),
        ("identity/historical_dev.parquet", {"Individual": 5000, "ContactPointAddress": 3887}),
        ("orders/online_retail_2009_2010.parquet", {"SalesOrderProduct": 5000, "Product": 5000, "Individual": 4033}),
        ("orders/cdnow_sample.txt", {"SalesOrder": 5000, "Individual": 5000}),
    ],
)
def test_a_draft_of_real_data_loads(file, expected):
    path = DATA / file
    if not path.exists():
        pytest.skip("shared/data is not here")
    fmt = detect(path)
    rows = open_rows(path, fmt, batch=5000)
    batch = next(iter(rows))
    rows.close()
    made = run("real", rows.columns, batch.rows, fmt=fmt)[3]
    assert {key: made[key] for key in expected} == expected, made
    assert made["set aside"] < len(batch.rows) * 0.08, made


def test_birth_dates_are_found_though_some_days_are_none():
    rows = [[str(number), "Ann", f"19{number % 90 + 10}0{number % 9 + 1}2{number % 9}"] for number in range(60)]
    rows[7][2], rows[31][2] = "19860896", "19160017"
    text, _, _, made = run("people", ["rec_id", "given_name", "date_of_birth"], rows)
    assert "birthDate: date_of_birth" in text
    assert made["set aside"] == 2
    letters = [[number, name, "about spring"] for number, name, _ in rows]
    assert "birthDate" not in run("people", ["rec_id", "given_name", "date_of_birth"], letters)[0]


def test_what_is_said_of_an_employer_is_not_the_persons_own():
    columns = ["rec_id", "first_name", "last_name", "employer_name", "employer_street_number", "employer_city", "employer_zipcode", "mailing_street_name", "mailing_unit_number", "mailing_city"]  # fmt: skip
    row = ["1", "Ann", "Lee", "Leaf Ltd", "7", "Leeds", "LS1 4AP", "Mill Lane", "apt 3", "York"]
    _, _, mapping, _ = run(
        "wages", columns, [row, ["2", "Bo", "Ray", "Leaf Ltd", "7", "Leeds", "LS1 4AP", "Elm Row", "", "Hull"]]
    )
    (record,) = mapping.map(row).records
    assert record.values == {"firstName": "Ann", "lastName": "Lee", "currentEmployerName": "Leaf Ltd"}
    assert [part.values for part in record.parts] == [
        {"addressLine1": "Mill Lane", "addressLine2": "apt 3", "cityName": "York"}
    ]


def test_a_row_without_key_is_rejected(tmp_path):
    path = tmp_path / "t.csv"
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([["customer_id", "first_name"], ["1", "Ida"], ["2", "Oli"]])
    fmt = detect(path)
    rows = open_rows(path, fmt)
    (batch,) = rows
    mapping = run("t", rows.columns, batch.rows)[2]
    for key in ("", "NULL", "n/a", "  "):
        with pytest.raises(RowRejected, match="customer_id"):
            mapping.map([key, "Ida"])
