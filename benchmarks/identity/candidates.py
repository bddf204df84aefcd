"""One new record against its candidates, as in the stream: `python benchmarks/identity/candidates.py [CANDIDATES] [TIMES]`.

Households are resolved once; then records are prepared and scored, one after another, each against 200 others. Most
candidates in a stream share a name or an address with the newcomer, so these are of the same few households, then others.
"""

import statistics
import sys
import time

import datasets

from steelthread.identity.match import Scorer, resolve

HOUSEHOLDS = 1_500


def main(candidates: int, times: int) -> None:
    records = datasets.households(0.06, 5, HOUSEHOLDS).records
    scorer = Scorer(resolve(records).model)
    rows = [scorer.prepare(record) for record in records]
    took = []
    for place in range(times):
        start = place * (len(rows) - candidates) // times
        others = rows[start + 1 : start + 1 + candidates]
        began = time.perf_counter()
        scorer.weights(scorer.prepare(records[start]), others)
        took.append((time.perf_counter() - began) * 1000)
    took.sort()
    print(
        f"a record prepared and scored against {candidates} candidates: median {statistics.median(took):.1f} ms,"
        f" p99 {took[int(len(took) * 0.99)]:.1f} ms ({times} records of {len(rows):,})"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200, int(sys.argv[2]) if len(sys.argv) > 2 else 500)
