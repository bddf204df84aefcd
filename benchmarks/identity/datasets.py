"""The data of the benchmark and their mapping to canonical words: all that differs between them."""

import csv
import random
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
from households import company

from steelthread.demo import generate

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data" / "identity"
_UNFILLED = (None, "nan", "None", "<NA>")
"""How pseudopeople's files say that there is nothing."""


class Dataset(NamedTuple):
    """Records in canonical words, and who each is (None: unsure, not judged)."""

    name: str
    records: list[dict[str, Any]]
    truth: Sequence[Any]


def _mapped(
    rows: Iterable[dict[str, Any]], words: dict[str, str | Callable[[dict[str, Any]], Any]]
) -> list[dict[str, Any]]:
    found = []
    for row in rows:
        values = {word: source(row) if callable(source) else row.get(source) for word, source in words.items()}
        found.append({word: value for word, value in values.items() if value})
    return found


def _parquet(path: Path, order: str) -> list[dict[str, Any]]:
    cursor = duckdb.connect().execute(f"select * from read_parquet('{path}') order by {order}")
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def historical() -> Dataset:
    rows = _parquet(SHARED / "historical_dev.parquet", "unique_id")
    words = {
        "firstName": "first_name", "lastName": "surname", "personName": "full_name", "birthDate": "dob",
        "cityName": "birth_place", "postalCodeText": "postcode_fake", "gender": "gender", "category": "occupation",
    }  # fmt: skip
    return Dataset("historical_dev", _mapped(rows, words), [row["cluster"] for row in rows])


def historical_twice() -> Dataset:
    """Return the historical people and the same with every name and place written backwards: as many as both halves have."""
    one = historical()
    turned = [{word: _backwards(word, value) for word, value in record.items()} for record in one.records]
    return Dataset(
        "historical, and turned round", one.records + turned, one.truth + [f"turned {who}" for who in one.truth]
    )


def _backwards(word: str, value: Any) -> Any:
    return value if word == "birthDate" or not isinstance(value, str) else value[::-1]


def febrl(name: str, *files: str) -> Dataset:
    rows = [row for file in files for row in _spaced(file)]
    words: dict[str, Any] = {
        "firstName": "given_name", "lastName": "surname", "birthDate": "date_of_birth", "houseNumber": "street_number",
        "addressLine1": "address_1", "cityName": "suburb", "postalCodeText": "postcode",
        "partyIdentification": lambda row: [f"ssn:{row['soc_sec_id']}"] if row["soc_sec_id"] else [],
    }  # fmt: skip
    return Dataset(name, _mapped(rows, words), [_febrl_person(row) for row in rows])


def _spaced(file: str) -> list[dict[str, Any]]:
    """Read a CSV file that has spaces after its commas."""
    with (SHARED / file).open(encoding="utf-8") as stream:
        reader = csv.DictReader(stream, skipinitialspace=True)
        return [{key.strip(): (value or "").strip() for key, value in row.items()} for row in reader]


def _febrl_person(row: Mapping[str, Any]) -> str:
    person: str = row["rec_id"].split("-")[1]
    return person


TRUTH = ("cluster", "unique_id", "rec_id", "simulant_id", "household_id", "employer_id")
"""Columns of `files` that tell who a row is, or with whom they live or work."""
Rows = list[dict[str, Any]]
Who = Callable[[Mapping[str, Any]], str]


def files(kind: str, *which: str) -> Iterator[tuple[str, Rows, Who]]:
    """Yield the files of a data set as they are: name of the source, rows, and who each row is."""
    if kind == "historical":
        yield "people", _parquet(SHARED / "historical_dev.parquet", "unique_id"), lambda row: row["cluster"]
    elif kind in ("febrl3", "febrl4"):
        for name in ("3",) if kind == "febrl3" else ("4a", "4b"):
            yield f"febrl{name}", _spaced(f"dataset{name}.csv"), _febrl_person
    else:
        seed, folder = which
        for name in ("census", "w2", "ssa"):
            rows = _parquet(Path(folder) / f"{name}_{seed}.parquet", "all")
            filled = [{word: "" if value in _UNFILLED else value for word, value in row.items()} for row in rows]
            yield name, filled, lambda row: row["simulant_id"]


def fake_1000() -> Dataset:
    with (SHARED / "fake_1000.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    words = {
        "firstName": "first_name",
        "lastName": "surname",
        "birthDate": "dob",
        "cityName": "city",
        "emailAddress": "email",
    }
    return Dataset("fake_1000", _mapped(rows, words), [row["cluster"] for row in rows])


def senzing() -> Dataset:
    with (Path(__file__).parent / "senzing_labels.csv").open(encoding="utf-8") as stream:
        person = {row["record_id"]: row["person"] or None for row in csv.DictReader(stream)}
    rows = []
    for name in ("customers", "watchlist", "reference"):
        with (SHARED / f"senzing_{name}.csv").open(encoding="utf-8") as stream:
            rows += [row for row in csv.DictReader(stream) if row["RECORD_TYPE"] == "PERSON"]
    words: dict[str, Any] = {
        "firstName": "PRIMARY_NAME_FIRST", "middleName": "PRIMARY_NAME_MIDDLE", "lastName": "PRIMARY_NAME_LAST",
        "personName": lambda row: row["PRIMARY_NAME_FULL"] or row["NATIVE_NAME_FULL"], "gender": "GENDER",
        "birthDate": "DATE_OF_BIRTH", "emailAddress": "EMAIL_ADDRESS", "telephoneNumber": "PHONE_NUMBER",
        "addressLine1": lambda row: row.get("ADDR_FULL") or row["ADDR_LINE1"], "cityName": "ADDR_CITY",
        "postalCodeText": "ADDR_POSTAL_CODE",
        "partyIdentification": lambda row: [
            f"{scheme}:{row[column]}"
            for scheme, column in (("passport", "PASSPORT_NUMBER"), ("licence", "DRIVERS_LICENSE_NUMBER"),
                                   ("ssn", "SSN_NUMBER"), ("national", "NATIONAL_ID_NUMBER"))
            if row.get(column)
        ],
    }  # fmt: skip
    return Dataset("Senzing truth set", _mapped(rows, words), [person[row["RECORD_ID"]] for row in rows])


def households(sharing: float, seed: int, count: int = 4000, flats: float = 0.0) -> Dataset:
    rows = _parquet(SHARED / "historical_dev.parquet", "unique_id")
    firsts = [row["first_name"].lower() for row in rows if row["first_name"] and row["first_name"].isalpha()]
    lasts = [row["surname"].lower() for row in rows if row["surname"] and row["surname"].isalpha()]
    records, truth = company(firsts, lasts, count, seed, sharing, flats)
    return Dataset(f"households, sharing {sharing:.0%}{f', {flats:.0%} in flats' if flats else ''}", records, truth)


_DEMO = {
    "crm": ("contact_id", {"firstName": "first_name", "lastName": "last_name", "birthDate": "birth_date", "emailAddress": "email",
                           "telephoneNumber": "phone", "addressLine1": "street", "cityName": "city", "postalCodeText": "postcode"}),
    "shop_customers": ("customer_id", {"firstName": "first_name", "lastName": "last_name", "emailAddress": "email",
                                       "telephoneNumber": "mobile", "cityName": "city"}),
    "loyalty": ("member_id", {"firstName": "first_name", "lastName": "last_name", "emailAddress": "email"}),
    "newsletter": ("subscriber_id", {"firstName": "first_name", "emailAddress": "email"}),
}  # fmt: skip


def demo(seed: int, customers: int = 10_000) -> Dataset:
    records: list[dict[str, Any]] = []
    truth: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        made = generate(Path(folder), customers, seed)
        with made.truth.open(encoding="utf-8") as stream:
            person = {(row["source"], row["key"]): row["person"] for row in csv.DictReader(stream)}
        for source, (key, words) in _DEMO.items():
            path = next(path for name, path in made.loads if name == source)
            with path.open(encoding="utf-8") as stream:
                rows = list(csv.DictReader(stream))
            records += _mapped(rows, dict(words))
            truth += [person[(source, row[key])] for row in rows]
    order = list(range(len(records)))
    random.Random(seed).shuffle(order)
    return Dataset(f"demo company, seed {seed}", [records[place] for place in order], [truth[place] for place in order])


def pseudopeople(folder: Path, seed: int) -> Dataset:
    """Read what `pseudopeople_files.py` wrote for a seed."""

    def first(*columns: str) -> Callable[[dict[str, Any]], str]:
        return lambda row: next((str(row[one]) for one in columns if row.get(one) not in _UNFILLED), "")

    words: dict[str, Any] = {
        "firstName": first("first_name"), "middleName": first("middle_initial", "middle_name"), "lastName": first("last_name"),
        "birthDate": first("date_of_birth"), "gender": first("sex"),
        "houseNumber": first("street_number", "mailing_address_street_number"),
        "addressLine1": first("street_name", "mailing_address_street_name"),
        "unitNumber": first("unit_number", "mailing_address_unit_number"), "cityName": first("city", "mailing_address_city"),
        "postalCodeText": first("zipcode", "mailing_address_zipcode"),
        "partyIdentification": lambda row: [f"ssn:{number}" for number in [first("ssn")(row)] if number],
    }  # fmt: skip
    rows = [row for name in ("census", "w2", "ssa") for row in _parquet(folder / f"{name}_{seed}.parquet", "all")]
    return Dataset(f"pseudopeople, seed {seed}", _mapped(rows, words), [row["simulant_id"] for row in rows])
