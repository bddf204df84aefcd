"""Spark beside this machine's own engines, one model: `python benchmarks/identity/spark.py 10000` (households; records, roughly)."""

import sys
import tempfile
import time
from pathlib import Path

import datasets
import numpy as np

from steelthread.identity import by_spark
from steelthread.identity.match import resolve
from steelthread.identity.match.engine import Engine


def main(size: int) -> None:
    records = datasets.households(0.06, 5, round(size / 6.5)).records
    model = resolve(records).model
    found = {}
    with tempfile.TemporaryDirectory() as folder, by_spark("local[2]", "4g", Path(folder)) as spark:
        for name, how in (("arrays", None), ("Splink on DuckDB", Engine), ("Splink on Spark", spark)):
            start = time.perf_counter()
            found[name] = resolve(records, model, **({"engine_of": how} if how else {}))
            print(
                f"{name}: {len(records)} records, {found[name].pairs} pairs, {time.perf_counter() - start:.1f} s",
                flush=True,
            )
    mine, its = found["Splink on DuckDB"], found["Splink on Spark"]
    assert mine.judged is not None
    assert its.judged is not None
    assert (mine.judged.left == its.judged.left).all()
    assert (mine.judged.right == its.judged.right).all()
    worst = float(np.abs(mine.judged.steps - its.judged.steps).max())
    print(f"{len(mine.judged.left)} pairs judged, the same; weights differ by {worst:.1e} at most; "
          f"clusters the same: {mine.clusters() == its.clusters() == found['arrays'].clusters()}")  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
