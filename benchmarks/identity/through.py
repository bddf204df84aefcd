"""Who is who through the command line: `load`, `resolve`, `clusters`, judged after the rules and after the model.

`python benchmarks/identity/through.py demo SEED CUSTOMERS`, `... households SEED HOUSEHOLDS SHARING`, `... historical`,
`... febrl3`, `... febrl4`, or `... pseudopeople SEED FOLDER` of what `pseudopeople_files.py` wrote. Sources and identity.yaml
are as `demo`, `init` and `source new` write them, of files that have all columns but for those that tell who it is.
"""

import csv
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import datasets
from figures import judge

Key = tuple[str, str]
COMMAND = (sys.executable, "-m", "steelthread")


def steelthread(*words: object) -> str:
    return subprocess.run([*COMMAND, *map(str, words)], check=True, capture_output=True, text=True).stdout


def demo(folder: Path, seed: int, customers: int) -> tuple[dict[Key, str], dict[Key, str]]:
    """Make and load the demo company; return person and family of each record."""
    steelthread("demo", folder, "--customers", customers, "--seed", seed, "--json")
    with next(folder.rglob("truth.csv")).open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    person = {(row["source"], row["key"]): row["person"] for row in rows}
    return person, {(row["source"], row["key"]): row["family"] for row in rows if row["family"]}


def households(folder: Path, seed: int, count: int, sharing: float) -> dict[Key, str]:
    """Load the made-up households as one file; return the person of each record."""
    made = datasets.households(sharing, seed, count)
    steelthread("init", folder, "--template", "people")
    return loaded(folder, "people", made.records, made.truth)


def loaded(folder: Path, source: str, rows: Sequence[Mapping[str, Any]], truth: Sequence[Any]) -> dict[Key, str]:
    """Load rows as a file with a number for each; return the person of each record."""
    columns = list(dict.fromkeys(word for row in rows for word in row))
    path = folder.with_name(f"{source}.csv")
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", *columns])
        writer.writerows([number, *(row.get(column, "") for column in columns)] for number, row in enumerate(rows))
    steelthread("source", "new", source, path, "--project", folder)
    steelthread("load", source, path, "--project", folder)
    return {(source, str(number)): str(person) for number, person in enumerate(truth)}


def files(folder: Path, kind: str, *which: str) -> dict[Key, str]:
    """Load the files of a data set, each as a source of its own."""
    person: dict[Key, str] = {}
    steelthread("init", folder, "--template", "people")
    for name, rows, who in datasets.files(kind, *which):
        truth = [who(row) for row in rows]
        known = [{word: row[word] for word in row if word not in datasets.TRUTH} for row in rows]
        person |= loaded(folder, name, known, truth)
    return person


def told(name: str, folder: Path, person: Mapping[Key, str], family: Mapping[Key, str]) -> None:
    """Print how right the clusters are as they stand."""
    rows = list(csv.DictReader(steelthread("clusters", "--project", folder).splitlines()))
    found = {(row["source"], row["key"]): row["individual_id"] for row in rows}
    keys = [key for key in person if key in found]
    figures = judge([found[key] for key in keys], [person[key] for key in keys])
    homes: dict[tuple[str, str], set[str]] = {}
    for key in keys:
        if key in family:
            homes.setdefault((found[key], family[key]), set()).add(person[key])
    merged = sum(len(list(combinations(people, 2))) for people in homes.values())
    print(
        f"{name}: pairs {figures.pair_precision:.4f} / {figures.pair_recall:.4f}, B-cubed {figures.precision:.4f} / "
        f"{figures.recall:.4f} / {figures.f1:.4f}, {len(keys):,} records"
        + (f", {merged} merged of {len(set(family.values())):,} families" if family else ""),
        flush=True,
    )


def main() -> None:
    kind, *words = sys.argv[1:]
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "project"
        family: dict[Key, str] = {}
        if kind == "demo":
            person, family = demo(folder, int(words[0]), int(words[1]))
        elif kind == "households":
            person = households(folder, int(words[0]), int(words[1]), float(words[2]))
        else:
            person = files(folder, kind, *words)
        told("rules", folder, person, family)
        steelthread("resolve", "--project", folder)
        told("resolved", folder, person, family)


if __name__ == "__main__":
    main()
