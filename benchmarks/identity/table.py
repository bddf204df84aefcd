"""Who is who, measured: ours beside Splink's notebook model, in one run. `python benchmarks/identity/table.py`.

Nothing looks at the truth before the figures are made; the thresholds are the calibrated ones. `--only NAME` takes
the sets whose name holds it, `--pseudopeople FOLDER` adds what `pseudopeople_files.py` wrote there.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import datasets
import notebook
from figures import Figures, judge

from steelthread.identity.match import resolve


def chosen(only: str, folder: Path | None) -> Iterator[datasets.Dataset]:
    sets: list[tuple[str, Callable[[], datasets.Dataset]]] = [
        ("historical", datasets.historical),
        ("febrl3", lambda: datasets.febrl("FEBRL 3", "dataset3.csv")),
        ("febrl4", lambda: datasets.febrl("FEBRL 4", "dataset4a.csv", "dataset4b.csv")),
        ("fake", datasets.fake_1000),
        ("senzing", datasets.senzing),
        ("demo", lambda: datasets.demo(11)),
        ("households06", lambda: datasets.households(0.06, 5)),
        ("households30", lambda: datasets.households(0.30, 3)),
        ("flats06", lambda: datasets.households(0.06, 7, flats=0.6)),
        ("flats30", lambda: datasets.households(0.30, 9, flats=0.6)),
    ]
    if folder is not None:
        sets += [(f"pseudopeople{seed}", lambda seed=seed: datasets.pseudopeople(folder, seed)) for seed in (1, 2)]  # type: ignore[misc]
    for name, make in sets:
        if only in name:
            yield make()


def line(name: str, figures: Figures, seconds: float) -> None:
    print(
        f"| {name} | {figures.pair_precision:.4f} / {figures.pair_recall:.4f} / {figures.pair_f1:.4f} "
        f"| {figures.precision:.4f} / {figures.recall:.4f} / **{figures.f1:.4f}** | {figures.largest} | {seconds:.1f} |",
        flush=True,
    )


def main() -> None:
    reader = argparse.ArgumentParser()
    reader.add_argument("--only", default="")
    reader.add_argument("--pseudopeople", type=Path)
    wanted = reader.parse_args()
    print("| | pair P / R / F1 | B-cubed P / R / F1 | largest | s |\n|---|---|---|---|---|")
    for dataset in chosen(wanted.only, wanted.pseudopeople):
        start = time.perf_counter()
        found = notebook.clusters(dataset.records)
        line(f"{dataset.name}: Splink's notebook model", judge(found, dataset.truth), time.perf_counter() - start)
        start = time.perf_counter()
        resolution = resolve(dataset.records)
        seconds = time.perf_counter() - start
        limits = resolution.model.thresholds
        for use in ("exact", "strict", "loose"):
            threshold = float(getattr(limits, use))
            line(
                f"{dataset.name}: {use} ({threshold:+.2f})",
                judge(resolution.clusters(threshold), dataset.truth),
                seconds,
            )


if __name__ == "__main__":
    main()
