"""Splink 5 on DuckDB: candidate pairs to levels, patterns to a model, pairs to weights. All values stay in memory."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from splink import DuckDBAPI, Linker

from steelthread.identity.match.blocking import block
from steelthread.identity.match.coded import Rows
from steelthread.identity.match.columns import prepared
from steelthread.identity.match.comparisons import TWINS, Comparison, choose, walls
from steelthread.identity.match.conditions import Condition, columns_in, to_sql
from steelthread.identity.match.judged import SAMPLE, SEED, Judged
from steelthread.identity.match.learning import Patterns, learn
from steelthread.identity.match.levels import (
    has_rarity,
    levels_sql,
    patterns_of,
    probe,
    steps_of,
    together,
    weight_sql,
)
from steelthread.identity.match.linkage import Floats, Ints
from steelthread.identity.match.model import Model, splink_settings
from steelthread.identity.match.prepare import (
    FREQUENT,
    LISTS,
    TEXTS,
    Frequencies,
    Values,
)


class Engine:
    """The records of one run in a DuckDB of its own, and what is asked of them."""

    def __init__(self, records: Sequence[Values], frequencies: Frequencies | None = None) -> None:
        self.count = len(records)
        coded, self.frequencies = prepared(records, frequencies)
        self.rows = list(Rows(coded))
        self._sql = duckdb.connect(":memory:", config={"temp_directory": ""})  # names and contacts never go to a disk
        self._sql.execute("set enable_progress_bar = false")  # it would draw on stdout
        self._api = DuckDBAPI(connection=self._sql)
        table = _table(self.rows)
        self.filled = {name: 1 - table[name].null_count / max(self.count, 1) for name in table.column_names}
        self._sql.register("arriving", table)
        self._sql.execute("create table people as select * from arriving")
        self._sql.unregister("arriving")
        self.pairs = 0
        self._strangers: Patterns | None = None
        self._each = 0.0

    def block(self) -> int:
        """Find the candidate pairs; return how many."""
        self.pairs = block(self._sql, "people", "candidates")
        return self.pairs

    def learn(self, label: Sequence[int] | None = None) -> Model:
        """Learn a model without labels from the candidates and a sample of the other pairs.

        With clusters from a first model (`label`, a number per record) the pairs inside them count as one person: so
        pairs that look little alike, and are known through others, are learned from too.
        """
        comparisons = choose(self.filled)
        if self._strangers is None:
            self._find_levels("candidates", "levels", comparisons)
            others, self._each = self._sample()
            if others:
                self._find_levels("strangers", "stranger_levels", comparisons)
                self._strangers = patterns_of(self._sql, "stranger_levels", comparisons, blocked=False)
        if label is not None:
            self._add_labels(label, comparisons)
        patterns = patterns_of(self._sql, "levels", comparisons, labelled=label is not None)
        if self._strangers is not None:
            patterns = together(patterns, self._strangers, self._each)
        learned, prior = learn(comparisons, patterns, self.count)
        return Model(learned, self.frequencies, prior, walls(families=self._families()))

    def _find_levels(self, pairs: str, into: str, comparisons: Sequence[Comparison], kind: str = "float") -> None:
        """Let Splink find the levels of all pairs of a table, once."""
        predicted = self._predict(Model([probe(one) for one in comparisons], self.frequencies, 0.5), pairs, None)
        self._sql.execute(
            f"create or replace table {into} as {levels_sql(predicted, comparisons, kind)}; drop table {predicted}"
        )

    def _add_labels(self, label: Sequence[int], comparisons: Sequence[Comparison]) -> None:
        """Remember the clusters of a first model, and add the pairs inside them that share no key."""
        self._sql.register(
            "arriving",
            pa.table({"record": pa.array(range(self.count), pa.int64()), "label": pa.array(label, pa.int64())}),
        )
        self._sql.execute("create or replace table labels as select * from arriving")
        self._sql.unregister("arriving")
        self._sql.execute(
            "create or replace table found as select l.record as record_l, r.record as record_r from labels l"
            " join labels r on l.label = r.label and l.record < r.record"
            " anti join candidates c on c.record_l = l.record and c.record_r = r.record"
        )
        self._find_levels("found", "found_levels", comparisons)
        self._sql.execute("insert into levels select * from found_levels; drop table found; drop table found_levels")

    def candidates(self, model: Model, threshold: float) -> tuple[Ints, Ints, Floats]:
        """Return (records, other records, weights) of the candidate pairs from a threshold on."""
        if self._strangers is None:
            self._find_levels("candidates", "levels", model.comparisons)
        weight = weight_sql(model)
        found = self._sql.execute(
            f"select * from (select record_l, record_r, {weight} as weight from levels) where weight >= {threshold}"
        ).fetchnumpy()
        return found["record_l"], found["record_r"], found["weight"]

    def judge(self, model: Model, pairs: str) -> Judged:
        """Return what the model says of all pairs of a table, and why."""
        self._find_levels(pairs, "judged_levels", model.comparisons, "double")
        conditions = [wall.condition for wall in model.walls]
        cases = " ".join(f"when {to_sql(one)} then {number}" for number, one in enumerate(conditions, 1))
        found = self._sql.execute("select * from judged_levels order by record_l, record_r").fetchnumpy()
        walls = self._sql.execute(
            f"select {f'case {cases} else 0 end' if cases else '0'} as wall"
            f" from ({self._sides('judged_levels', conditions)}) order by record_l, record_r"
        ).fetchnumpy()
        self._sql.execute("drop table judged_levels")
        levels = [found[f"at_{one.name}"].astype(np.int64) for one in model.comparisons]
        rarity = [found[f"rare_{one.name}"] if has_rarity(one) else None for one in model.comparisons]
        return Judged(
            left=found["record_l"],
            right=found["record_r"],
            levels=np.column_stack(levels).astype(np.int16),
            steps=steps_of(model, levels, rarity, len(found["record_l"])),
            wall=walls["wall"].astype(np.int64),
        )

    def _sides(self, pairs: str, conditions: Sequence[Condition], *others: str) -> str:
        """Return SQL that gives pairs the columns at which conditions look."""
        columns = sorted({name for condition in conditions for name in columns_in(condition)})
        sides = [f"{side}.{name} as {name}_{side}" for side in ("l", "r") for name in columns]
        return (
            f"select {', '.join(['p.record_l, p.record_r', *others, *sides])} from {pairs} p"
            " join people l on l.record = p.record_l join people r on r.record = p.record_r"
        )

    def _families(self) -> bool:
        """Whether those with two first names at one home have two birthdays, as a rule: then there are families.

        Where they have one, first names are wrong in the data, and who looks like a twin is the same person.
        """
        birthdays: Condition = ["not", ["null", "birthday"]]
        same, other = self._sql.execute(
            f"select count(*) filter (birthday_l = birthday_r), count(*) filter (birthday_l <> birthday_r)"
            f" from ({self._sides('candidates', [TWINS, birthdays])}) where {to_sql(TWINS)} and {to_sql(birthdays)}"
        ).fetchall()[0]
        return int(same) <= int(other)

    def add_pairs(self, table: str, left: Any, right: Any) -> None:
        """Write pairs into a table of candidates."""
        arrow = pa.table({"record_l": pa.array(left, pa.int64()), "record_r": pa.array(right, pa.int64())})
        self._sql.register("arriving", arrow)
        self._sql.execute(f"create or replace table {table} as select * from arriving")
        self._sql.unregister("arriving")

    def _predict(self, model: Model, pairs: str, threshold: float | None) -> str:
        people = self._api.register("people")
        linker = Linker(people, splink_settings(model), log_level=logging.ERROR, validate_settings=False)
        self._sql.execute(
            f"create or replace temp view keyed as select '0' as match_key, record_l as join_key_l, record_r as join_key_r from {pairs}"
        )
        linker.table_management.register_blocked_pairs_for_predict(self._api.register("keyed"))
        predicted = linker.inference.predict(threshold_match_weight=threshold, warning_mode="never")
        return str(predicted.physical_name)

    def _sample(self) -> tuple[int, float]:
        """Make a sample of pairs without a common key; return its size and how many pairs each stands for."""
        total = self.count * (self.count - 1) // 2
        chance = np.random.default_rng(SEED)
        if total <= SAMPLE:
            left, right = np.triu_indices(self.count, 1)
        else:
            left, right = chance.integers(0, self.count, SAMPLE), chance.integers(0, self.count, SAMPLE)
            left, right = np.minimum(left, right), np.maximum(left, right)
            left, right = left[left != right], right[left != right]
        self.add_pairs("drawn", left, right)
        self._sql.execute(
            "create or replace table strangers as select * from drawn anti join candidates using (record_l, record_r); drop table drawn"
        )
        size = int(self._sql.execute("select count(*) from strangers").fetchall()[0][0])
        return size, (total - self.pairs) / size if size else 0.0


def _table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    columns: dict[str, pa.Array] = {"record": pa.array(range(len(rows)), pa.int64())}
    for name in TEXTS:
        columns[name] = pa.array([row[name] for row in rows], pa.string())
    for name in LISTS:
        columns[name] = pa.array([row[name] for row in rows], pa.list_(pa.string()))
    for name in FREQUENT:
        columns[f"tf_{name}"] = pa.array([row[f"tf_{name}"] for row in rows], pa.float64())
    return pa.table(columns)
