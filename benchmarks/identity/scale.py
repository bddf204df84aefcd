"""Time and memory against size: `python benchmarks/identity/scale.py 10000 100000 historical` (households; records, roughly).

`historical` is 50,622 historical people: the half that is here, and the same turned round.

Memory is that of this process and of those that it forks together, each page counted once (Pss of proc(5)).
"""

import os
import resource
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import datasets
from figures import judge

from steelthread.identity.match import resolve

RECORDS_PER_HOUSEHOLD = 6.5
LOOKED_SECONDS = 1.0


class Memory:
    """Watches how much memory this process and its children take together, in KiB, by a process of its own.

    A thread would keep the matching from forking.
    """

    def __init__(self) -> None:
        self.peak = 0

    def __enter__(self) -> Self:
        command = [sys.executable, __file__, "--watch", str(os.getpid())]
        self._watcher = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        told, _ = self._watcher.communicate()
        self.peak = int(told)


def watch(process: int) -> None:
    """Print the most that a process and its children took, but for this one, when standard input ends."""
    peak = 0
    while not select.select([sys.stdin], [], [], LOOKED_SECONDS)[0]:
        peak = max(peak, sum(map(_taken, [process, *_children(process)])))
    print(peak)


def _children(process: int) -> list[int]:
    found = [path.read_text().split() for path in Path(f"/proc/{process}/task").glob("*/children")]
    return [int(one) for each in found for one in each if int(one) != os.getpid()]


def _taken(process: int) -> int:
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0  # it has ended
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)


def main(sizes: list[str]) -> None:
    for size in sizes:
        if size == "historical":
            dataset = datasets.historical_twice()
        else:
            dataset = datasets.households(0.06, 5, round(int(size) / RECORDS_PER_HOUSEHOLD))
        with Memory() as memory:
            start = time.perf_counter()
            found = resolve(dataset.records)
            seconds = time.perf_counter() - start
        figures = judge(found.clusters(), dataset.truth)
        alone = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
        print(
            f"{len(dataset.records)} records: {seconds:.1f} s, peak {memory.peak / 1024**2:.2f} GB with what is forked"
            f" ({alone:.2f} GB of this process alone), {found.pairs} pairs,"
            f" {len(dataset.records) / seconds:.0f} records/s, B-cubed F1 {figures.f1:.4f}",
            flush=True,
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--watch"]:
        watch(int(sys.argv[2]))
    else:
        main(sys.argv[1:] or ["10000", "100000", "historical"])
