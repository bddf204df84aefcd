"""Precision and recall of merges against the truth, over pairs of records, in linear time."""

import csv
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec


class Score(msgspec.Struct):
    """How right the clusters are. Recall is measured over pairs that deterministic keys can find."""

    records: int
    people: int
    individuals: int
    pairs: int
    precision: float
    recall: float
    consolidation_rate: float
    family_merges: int


def _pairs(counts: Iterable[int]) -> int:
    return sum(count * (count - 1) // 2 for count in counts)


def score(clusters: Iterable[tuple[str, str, str, str]], truth: Path) -> Score:
    """Compare (source, entity, key, individual) rows with truth.csv."""
    known: dict[tuple[str, str, str], tuple[str, str, str]] = {}
    with truth.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            known[(row["source"], row["entity"], row["key"])] = (row["person"], row["linkable_group"], row["family"])
    by_individual: Counter[str] = Counter()
    by_group: Counter[str] = Counter()
    both: Counter[tuple[str, str]] = Counter()
    found: Counter[tuple[str, str]] = Counter()
    family: Counter[tuple[str, str]] = Counter()
    people = set()
    for source, entity, key, individual in clusters:
        person, group, home = known[(source, entity, key)]
        people.add(person)
        by_individual[individual] += 1
        both[(individual, person)] += 1
        by_group[group] += 1
        found[(individual, group)] += 1
        if home:
            family[(individual, home)] += 1
    merged, right = _pairs(by_individual.values()), _pairs(both.values())
    findable, hit = _pairs(by_group.values()), _pairs(found.values())
    largest: Counter[str] = Counter()
    for (individual, _), count in both.items():
        largest[individual] = max(largest[individual], count)
    same_family = sum(count > largest[individual] for (individual, _), count in family.items())
    total = sum(by_individual.values())
    return Score(
        records=total,
        people=len(people),
        individuals=len(by_individual),
        pairs=merged,
        precision=right / merged if merged else 1.0,
        recall=hit / findable if findable else 1.0,
        consolidation_rate=1 - len(by_individual) / total if total else 0.0,
        family_merges=same_family,
    )
