"""The model: comparisons with what was learned, frozen frequencies, thresholds. A versioned JSON text."""

import hashlib
import math
from typing import Literal

import msgspec

from steelthread.identity.match.comparisons import Comparison, Wall
from steelthread.identity.match.conditions import to_sql
from steelthread.identity.match.ground import Dialect
from steelthread.identity.match.prepare import Frequencies


class Thresholds(msgspec.Struct, frozen=True):
    """Mean weights (log2 odds) down to which clusters are joined, per use."""

    exact: float = 7.0
    strict: float = 3.0
    loose: float = 0.0


READING = 1
"""How records are read for comparing. Whoever changes that raises it: what was prepared in another way is prepared anew."""


class Model(msgspec.Struct):
    """Everything that is needed to score two records. `prior` is the share of all pairs that are one person."""

    comparisons: list[Comparison]
    frequencies: Frequencies
    prior: float
    walls: list[Wall] = []
    thresholds: Thresholds = Thresholds()
    largest: int = 600
    """A component of more records is taken apart by a higher weight first."""
    reading: int = 0
    """The way of reading under which it was learned; 0 before there was a number for it."""
    party: Literal["people", "organisations"] = "people"
    """Whom it compares (`party.PARTIES`)."""
    organisations: "Model | None" = None
    """The part of a model of people that compares organisations."""

    @property
    def reads_otherwise(self) -> bool:
        """Whether it was learned of records that were read in another way: what is kept of them is not comparable."""
        return self.reading != READING

    def encode(self) -> bytes:
        """Return the model as JSON; equal models give equal bytes."""
        return msgspec.json.encode(self, order="deterministic")

    @property
    def version(self) -> str:
        """A name for exactly this model: the beginning of its JSON's SHA-256."""
        return hashlib.sha256(self.encode()).hexdigest()[:12]

    @property
    def prior_weight(self) -> float:
        """The weight with which every pair begins."""
        return math.log2(self.prior / (1 - self.prior))


def decode(text: bytes) -> Model:
    """Read a model from JSON."""
    return msgspec.json.decode(text, type=Model)


def splink_settings(model: Model, dialect: Dialect = "duckdb", *, rare: bool = True) -> dict[str, object]:
    """Return the same model as settings for Splink 5, with its conditions in the SQL of an engine.

    Without `rare` values count alike, and the frequencies that stand beside them are handed through.
    """
    columns = {level.frequency for one in model.comparisons for level in one.levels if level.frequency}
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "record",
        "probability_two_random_records_match": model.prior,
        "blocking_rules_to_generate_predictions": [],
        "comparisons": [_splink_comparison(one, dialect, rare=rare) for one in model.comparisons],
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": True,
        "additional_columns_to_retain": [] if rare else sorted(f"tf_{name}" for name in columns),
    }


def _splink_comparison(comparison: Comparison, dialect: Dialect, *, rare: bool) -> dict[str, object]:
    levels: list[dict[str, object]] = [
        {"sql_condition": to_sql(comparison.silent, dialect), "label_for_charts": "says nothing", "is_null_level": True}
    ]
    for level in comparison.levels:
        one: dict[str, object] = {
            "sql_condition": "ELSE" if level is comparison.levels[-1] else to_sql(level.condition, dialect),
            "label_for_charts": level.label,
            "m_probability": level.m,
            "u_probability": level.u or 0.5,
        }
        if rare and level.frequency:
            one |= {"tf_adjustment_column": level.frequency, "disable_tf_exact_match_detection": True}
        levels.append(one)
    return {"output_column_name": comparison.name, "comparison_levels": levels}
