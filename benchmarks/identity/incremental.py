"""New records against many, to committed ids: `python benchmarks/identity/incremental.py 1000000 [FOLDER [ROUNDS]]`.

Households through a project: all but some are loaded and resolved once; then 1,000 new ones are loaded, and
`resolve --incremental` is timed until its ids are committed, and until it has ended (what the model has seen of them is noted in
between). The first turn of a process is cold: it opens the model and
reads the keyring, as each `steelthread resolve --incremental` from a shell does. No turn has more than the database, the model and
the keyring to go by. A FOLDER is kept, and used again the next time: its turns begin with the first file that was not loaded yet.
"""

import csv
import resource
import sys
import tempfile
import time
from pathlib import Path

import datasets
from scale import Memory

from steelthread.app import create_project, draft_source, load_file
from steelthread.kit import open_project
from steelthread.thread import Space, resolve_all, resolve_new

RECORDS_PER_HOUSEHOLD = 6.5
NEW = 1000


def written(folder: Path, count: int, rounds: int) -> None:
    """Write the files of a company of so many records, and of new ones."""
    records = datasets.households(0.06, 5, round((count + rounds * NEW) * 1.02 / RECORDS_PER_HOUSEHOLD)).records
    columns = sorted({column for record in records[:1000] for column in record})
    ends = [count, *(count + NEW * (number + 1) for number in range(rounds))]
    for number, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        with (folder / f"{number}.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["id", *columns])
            rows.writerows([at, *(records[at].get(name, "") for name in columns)] for at in range(start, end))


def made(folder: Path, count: int, rounds: int) -> None:
    """Make the project, load it and resolve it once."""
    folder.mkdir(parents=True, exist_ok=True)
    written(folder, count, rounds)
    create_project(folder / "project", "bench", "GB", template="people")
    project = open_project(folder / "project")
    draft_source(project, "people", folder / "0.csv")
    with Space(project) as space:
        loaded = load_file(space, "people", folder / "0.csv")
        print(f"loaded {loaded.read:,} records in {loaded.seconds:.0f} s", flush=True)
        with Memory() as memory:
            done = resolve_all(space)
        print(
            f"resolved in {done.seconds:.0f} s: {done.individuals_after:,} individuals,"
            f" peak {memory.peak / 1024**2:.2f} GB with what is forked",
            flush=True,
        )


def main(count: int, folder: Path, rounds: int) -> None:
    if not (folder / "project").exists():
        made(folder, count, rounds)
    files = sorted(folder.glob("*.csv"), key=lambda path: int(path.stem))[1:]
    with Space(open_project(folder / "project")) as space:
        turn = 0
        for path in files:
            if turn == rounds:
                break
            loaded = load_file(space, "people", path)
            if loaded.unchanged < loaded.read:  # else it was loaded a former time
                turn += 1
                told("cold" if turn == 1 else "warm", space, loaded.seconds)


def told(how: str, space: Space, seconds: float) -> None:
    """Resolve what is new, and print how long it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    done = resolve_new(space)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(
        f"{done.records:,} new, {how}: loaded in {seconds:.2f} s; {done.pairs_scored:,} pairs, to committed ids"
        f" {done.seconds:.2f} s, to its end {wall:.2f} s ({cpu:.2f} s of CPU here), {done.links_added:,} links, {done.merged:,} merged;"
        f" peak {peak:.2f} GB",
        flush=True,
    )


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    turns = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    if len(sys.argv) > 2:
        main(wanted, Path(sys.argv[2]), turns)
    else:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
            main(wanted, Path(name), turns)
