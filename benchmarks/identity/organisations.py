"""Which records are one organisation, measured: Senzing's (own labels) and made-up companies. `python benchmarks/identity/organisations.py`.

Nothing looks at the truth before the figures are made. Beside ours stands the plain way: one key shared (domain, phone,
address, number), whatever the names say.
"""

import csv
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from companies import companies
from datasets import SHARED, Dataset
from figures import judge
from table import line

from steelthread.identity.match import ORGANISATIONS, resolve
from steelthread.identity.match.linkage import components
from steelthread.identity.match.organisations import columns_of, survey

_NUMBERS = (("national_id", "NATIONAL_ID_NUMBER"), ("tax_id", "TAX_ID_NUMBER"), ("lei", "LEI_NUMBER"))


def senzing() -> Dataset:
    with (Path(__file__).parent / "senzing_organisation_labels.csv").open(encoding="utf-8") as stream:
        truth = {row["record_id"]: row["organisation"] for row in csv.DictReader(stream)}
    rows = []
    for name in ("customers", "reference"):
        with (SHARED / f"senzing_{name}.csv").open(encoding="utf-8") as stream:
            rows += [row for row in csv.DictReader(stream) if row["RECORD_TYPE"] == "ORGANIZATION"]
    records = []
    for row in rows:
        numbers = [f"{scheme}:{row[column]}" for scheme, column in _NUMBERS if row.get(column)]
        records.append({
            "organisationName": [row[one] for one in ("PRIMARY_NAME_ORG", "SECONDARY_NAME_ORG") if row[one]],
            "addressLine1": row.get("ADDR_FULL") or row["ADDR_LINE1"], "cityName": row["ADDR_CITY"],
            "postalCodeText": row["ADDR_POSTAL_CODE"], "telephoneNumber": row["PHONE_NUMBER"], "emailAddress": row["EMAIL_ADDRESS"],
            "partyIdentification": numbers, "registrationNumber": numbers,
        })  # fmt: skip
    return Dataset("Senzing organisations", records, [truth[row["RECORD_ID"]] for row in rows])


def made_up(count: int, seed: int) -> Dataset:
    records, truth = companies(count, seed)
    return Dataset(f"made-up companies, {len(records):,} records, seed {seed}", records, truth)


def by_keys(records: Sequence[dict[str, Any]]) -> list[int]:
    """Return the clusters of those who share any key."""
    found = survey([])
    rows = [columns_of(record, found) for record in records]
    first: dict[str, int] = {}
    left, right = [], []
    for number, row in enumerate(rows):
        for key in (one for column in ("domains", "phones", "homes", "numbers") for one in row[column] or ()):
            left.append(first.setdefault(f"{key}", number))
            right.append(number)
    label = components(len(rows), left, right)  # type: ignore[arg-type]
    return [int(one) for one in label]


def main() -> None:
    print("| | pair P / R / F1 | B-cubed P / R / F1 | largest | s |\n|---|---|---|---|---|")
    for dataset in (senzing(), made_up(700, 21), made_up(4000, 22), made_up(4000, 23)):
        start = time.perf_counter()
        line(
            f"{dataset.name}: any key shared",
            judge(by_keys(dataset.records), dataset.truth),
            time.perf_counter() - start,
        )
        start = time.perf_counter()
        found = resolve(dataset.records, party=ORGANISATIONS)
        seconds = time.perf_counter() - start
        for use in ("exact", "strict", "loose"):
            threshold = float(getattr(found.model.thresholds, use))
            line(f"{dataset.name}: {use} ({threshold:+.2f})", judge(found.clusters(threshold), dataset.truth), seconds)


if __name__ == "__main__":
    main()
