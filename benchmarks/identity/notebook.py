"""Splink as its own notebooks use it: library comparisons, EM by two blockings, connected components at 0.95."""

import contextlib
import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

from steelthread.identity.match.linkage import components

_COLUMNS = {
    "first_name": "firstName", "surname": "lastName", "full_name": "personName", "dob": "birthDate", "postcode": "postalCodeText",
    "city": "cityName", "email": "emailAddress", "phone": "telephoneNumber", "street": "addressLine1", "occupation": "category",
    "ssn": "partyIdentification",
}  # fmt: skip


def clusters(records: Sequence[dict[str, Any]]) -> list[int]:
    """Return the cluster of each record by the notebook's model."""
    table = _table(records)
    there = set(table.column_names)
    api = DuckDBAPI(connection=duckdb.connect(":memory:"))
    comparisons: list[Any] = []
    if {"first_name", "surname"} <= there:
        comparisons.append(
            cl.ForenameSurnameComparison("first_name", "surname", forename_surname_concat_col_name="name")
        )
    if "dob" in there:
        comparisons.append(cl.DateOfBirthComparison("dob", input_is_string=True))
    if "postcode" in there:
        comparisons.append(cl.PostcodeComparison("postcode"))
    comparisons += [
        cl.ExactMatch(one).configure(term_frequency_adjustments=True) for one in ("city", "occupation") if one in there
    ]
    comparisons += [cl.EmailComparison("email")] if "email" in there else []
    comparisons += [cl.ExactMatch(one) for one in ("phone",) if one in there]
    comparisons += [cl.LevenshteinAtThresholds(one, [1, 2]) for one in ("street", "ssn") if one in there]
    blocks = [
        ("substr(first_name,1,3)", "substr(surname,1,4)"), ("surname", "dob"), ("first_name", "dob"), ("postcode", "first_name"),
        ("postcode", "surname"), ("dob", "city"), ("substr(postcode,1,3)", "dob"), ("substr(postcode,1,3)", "first_name"),
        ("substr(postcode,1,3)", "surname"), ("substr(first_name,1,2)", "substr(surname,1,2)", "substr(dob,1,4)"),
        ("email",), ("phone",), ("ssn",),
    ]  # fmt: skip
    usable = [block_on(*one) for one in blocks if {_column(part) for part in one} <= there]
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=comparisons,
        blocking_rules_to_generate_predictions=usable,
        unique_id_column_name="record",
    )
    linker = Linker(api.register(table), settings, log_level=logging.ERROR)
    linker.training.estimate_probability_two_random_records_match(
        [block_on(*one) for one in (("first_name", "surname", "dob"), ("email",), ("ssn",)) if set(one) <= there],
        recall=0.6,
    )
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    filled = {name: len(table) - table[name].null_count for name in there}
    second = max(("dob", "email", "postcode"), key=lambda name: filled.get(name, 0))
    for session in (("first_name", "surname"), (second,)):
        with contextlib.suppress(ValueError):  # a level that no pair of the block has
            linker.training.estimate_parameters_using_expectation_maximisation(block_on(*session))
    found = (
        linker.inference.predict(threshold_match_probability=0.95, warning_mode="never")
        .as_duckdbpyrelation()
        .fetchnumpy()
    )
    return [int(one) for one in components(len(records), found["record_l"], found["record_r"])]


def _column(part: str) -> str:
    return part.removeprefix("substr(").partition(",")[0]


def _table(records: Sequence[dict[str, Any]]) -> pa.Table:
    columns: dict[str, Any] = {"record": pa.array(range(len(records)), pa.int64())}
    for name, word in _COLUMNS.items():
        values = [_text(record.get(word)) for record in records]
        common = Counter(one for one in values if one).most_common(1)
        if common and common[0][1] < len(values) / 2:  # one town only: its name says nothing
            columns[name] = pa.array(values, pa.string())
    if "first_name" in columns and "surname" in columns:
        columns["name"] = pa.array(
            [
                f"{a} {b}" if a and b else None
                for a, b in zip(columns["first_name"].to_pylist(), columns["surname"].to_pylist(), strict=True)
            ],
            pa.string(),
        )
    return pa.table(columns)


def _text(value: Any) -> str | None:
    one = value[0] if isinstance(value, list) else value
    return str(one).strip().lower() or None if one else None
