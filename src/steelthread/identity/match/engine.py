"""Splink 5 on DuckDB or Spark: candidate pairs to levels, patterns to a model, pairs to weights."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from splink import Linker

from steelthread.identity.match.answers import joined
from steelthread.identity.match.blocking import block
from steelthread.identity.match.coded import Rows
from steelthread.identity.match.comparisons import Comparison
from steelthread.identity.match.conditions import Condition, columns_in, to_sql
from steelthread.identity.match.duck import DuckDBGround
from steelthread.identity.match.ground import Ground
from steelthread.identity.match.judged import SAMPLE, SEED, Judged
from steelthread.identity.match.learning import TOLD, Patterns, Told, decided, ends_told, learn
from steelthread.identity.match.levels import (
    has_rarity,
    levels_sql,
    patterns_of,
    probe,
    steps_of,
    weight_sql,
)
from steelthread.identity.match.linkage import Floats, Ints
from steelthread.identity.match.model import READING, Model, splink_settings
from steelthread.identity.match.paged import Paged
from steelthread.identity.match.party import PEOPLE, Party
from steelthread.identity.match.prepare import Frequencies, Values


class Engine:
    """The records of one run on a ground of its own, and what is asked of them."""

    def __init__(
        self,
        records: Sequence[Values],
        frequencies: Frequencies | None = None,
        ground: Ground | None = None,
        party: Party = PEOPLE,
    ) -> None:
        self.party = party
        self.count = len(records)
        coded, self.frequencies = party.prepared(records, frequencies)
        self.rows = Rows(coded)
        self.ground = ground or DuckDBGround()
        table = _table(list(self.rows), party)
        self.filled = {name: 1 - table[name].null_count / max(self.count, 1) for name in table.column_names}
        self.ground.write("people", table)
        self.pairs = 0
        self._strangers: Patterns | None = None
        self._each = 0.0

    def paged(self) -> Paged:
        """Return the records to be kept page by page."""
        return Paged(self.rows.coded, self.party)

    def block(self) -> int:
        """Find the candidate pairs; return how many."""
        self.pairs = block(self.ground, "people", "candidates", self.party.words)
        return self.pairs

    def learn(self, label: Sequence[int] | None = None, told: Sequence[Told] = ()) -> Model:
        """Learn a model from the candidates and a sample of the other pairs, and from what people `told` of pairs.

        With clusters from a first model (`label`, a number per record) the pairs inside them count as one person: so
        pairs that look little alike, and are known through others, are learned from too.
        """
        comparisons = self.party.choose(self.filled)
        if self._strangers is None:
            self._find_levels("candidates", "levels", comparisons)
            others, self._each = self._sample()
            if others:
                self._find_levels("strangers", "stranger_levels", comparisons)
                self._strangers = patterns_of(self.ground, "stranger_levels", comparisons, blocked=False)
        if label is not None:
            self._add_labels(label, comparisons)
        patterns = patterns_of(self.ground, "levels", comparisons, labelled=label is not None)
        parts = [(patterns, 1.0), *([(self._strangers, self._each)] if self._strangers is not None else [])]
        parts += [(one, TOLD) for one in self._told(told, comparisons)]
        patterns = joined(parts)
        learned, prior = learn(comparisons, patterns, self.count)
        walls = self.party.walls(families=self._families())
        return Model(learned, self.frequencies, prior, walls, reading=READING, party=self.party.name)

    def _told(self, told: Sequence[Told], comparisons: Sequence[Comparison]) -> Iterator[Patterns]:
        """Yield the patterns of the pairs that people decided."""
        for same in (True, False):
            left, right = ends_told(told, same=same)
            if len(left):
                self.add_pairs("told", left, right)
                self._find_levels("told", "told_levels", comparisons)
                yield decided(patterns_of(self.ground, "told_levels", comparisons), same=same)
                self.ground.drop("told", "told_levels")

    def _find_levels(self, pairs: str, into: str, comparisons: Sequence[Comparison], kind: str = "float") -> None:
        """Let Splink find the levels of all pairs of a table, once."""
        settings = splink_settings(
            Model([probe(one) for one in comparisons], self.frequencies, 0.5), self.ground.dialect, rare=False
        )
        people = self.ground.api.register("people")
        predicted = self.predict(Linker(people, settings, log_level=logging.ERROR, validate_settings=False), pairs)
        self.ground.make(into, levels_sql(predicted, comparisons, kind))
        self.ground.drop(predicted)

    def _add_labels(self, label: Sequence[int], comparisons: Sequence[Comparison]) -> None:
        """Remember the clusters of a first model, and add the pairs inside them that share no key."""
        self.ground.write(
            "labels",
            pa.table({"record": pa.array(range(self.count), pa.int64()), "label": pa.array(label, pa.int64())}),
        )
        self.ground.make(
            "found",
            "select l.record as record_l, r.record as record_r from labels l"
            " join labels r on l.label = r.label and l.record < r.record"
            " anti join candidates c on c.record_l = l.record and c.record_r = r.record",
        )
        self._find_levels("found", "found_levels", comparisons)
        self.ground.append("levels", "select * from found_levels")
        self.ground.drop("found", "found_levels")

    def candidates(self, model: Model, threshold: float) -> tuple[Ints, Ints, Floats]:
        """Return (records, other records, weights) of the candidate pairs from a threshold on."""
        if self._strangers is None:
            self._find_levels("candidates", "levels", model.comparisons)
        weight = weight_sql(model)
        found = self.ground.ask(
            f"select * from (select record_l, record_r, {weight} as weight from levels) where weight >= {threshold:e}"
        )
        return found["record_l"], found["record_r"], found["weight"]

    def judge(self, model: Model, pairs: str) -> Judged:
        """Return what the model says of all pairs of a table, and why."""
        self._find_levels(pairs, "judged_levels", model.comparisons, "double")
        conditions = [wall.condition for wall in model.walls]
        cases = " ".join(
            f"when {to_sql(one, self.ground.dialect)} then {number}" for number, one in enumerate(conditions, 1)
        )
        found = self.ground.ask("select * from judged_levels order by record_l, record_r")
        walls = self.ground.ask(
            f"select {f'case {cases} else 0 end' if cases else '0'} as wall"
            f" from ({self._sides('judged_levels', conditions)}) order by record_l, record_r"
        )
        self.ground.drop("judged_levels")
        levels = [found[f"at_{one.name}"].astype(np.int64) for one in model.comparisons]
        rarity = [found[f"rare_{one.name}"] if has_rarity(one) else None for one in model.comparisons]
        steps = steps_of(model, levels, rarity, len(found["record_l"]))
        return Judged(
            (found["record_l"], found["record_r"]),
            np.column_stack(levels).astype(np.uint8),
            lambda part: steps[part],
            (steps.sum(axis=1), np.abs(steps[:, 1:]).sum(axis=1)),
            walls["wall"].astype(np.uint8),
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
        twins = self.party.twins
        if twins is None:
            return False
        birthdays: Condition = ["not", ["null", "birthday"]]
        dialect = self.ground.dialect
        found = self.ground.ask(
            "select count(*) filter (where birthday_l = birthday_r) as one, count(*) filter (where birthday_l <> birthday_r) as two"
            f" from ({self._sides('candidates', [twins, birthdays])})"
            f" where {to_sql(twins, dialect)} and {to_sql(birthdays, dialect)}"
        )
        return int(found["one"][0]) <= int(found["two"][0])

    def add_pairs(self, table: str, left: Any, right: Any) -> None:
        """Write pairs into a table of candidates."""
        arrow = pa.table({"record_l": pa.array(left, pa.int64()), "record_r": pa.array(right, pa.int64())})
        self.ground.write(table, arrow)

    def predict(self, linker: Linker, pairs: str) -> str:
        """Have Splink weigh the pairs of a table; return the name of the table with its answer."""
        self.ground.view(
            "keyed", f"select '0' as match_key, record_l as join_key_l, record_r as join_key_r from {pairs}"
        )
        linker.table_management.register_blocked_pairs_for_predict(self.ground.api.register("keyed"))
        predicted = linker.inference.predict(warning_mode="never")
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
        self.ground.make("strangers", "select * from drawn anti join candidates using (record_l, record_r)")
        self.ground.drop("drawn")
        size = self.ground.count("strangers")
        return size, (total - self.pairs) / size if size else 0.0


def _table(rows: Sequence[Mapping[str, Any]], party: Party) -> pa.Table:
    columns: dict[str, pa.Array] = {"record": pa.array(range(len(rows)), pa.int64())}
    for name in party.texts:
        columns[name] = pa.array([row[name] for row in rows], pa.string())
    for name in party.lists:
        columns[name] = pa.array([row[name] for row in rows], pa.list_(pa.string()))
    for name in party.frequent:
        columns[f"tf_{name}"] = pa.array([row[f"tf_{name}"] for row in rows], pa.float64())
    return pa.table(columns)
