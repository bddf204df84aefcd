"""Time and memory against size: `python benchmarks/identity/scale.py 10000 100000` (households; records, roughly)."""

import resource
import sys
import time

import datasets
from figures import judge

from steelthread.identity.match import resolve

RECORDS_PER_HOUSEHOLD = 6.5


def main(sizes: list[int]) -> None:
    for size in sizes:
        dataset = datasets.households(0.06, 5, round(size / RECORDS_PER_HOUSEHOLD))
        start = time.perf_counter()
        found = resolve(dataset.records)
        seconds = time.perf_counter() - start
        figures = judge(found.clusters(), dataset.truth)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
        print(
            f"{len(dataset.records)} records: {seconds:.1f} s, peak {peak:.2f} GB, {found.pairs} pairs,"
            f" {len(dataset.records) / seconds:.0f} records/s, B-cubed F1 {figures.f1:.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main([int(one) for one in sys.argv[1:]] or [10_000, 100_000])
