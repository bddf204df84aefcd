"""`make bench`: rows per second from CSV to folded profiles, of the same file again, and the memory of our processes."""

import os
import sys
import tempfile
from pathlib import Path

from people import write
from steelthread.app import create_project, draft_source, load_file
from steelthread.kit import open_project
from steelthread.thread import Progress, Space


def resident() -> int:
    """Return the bytes that this process and its children (the mapper) hold now."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if int(process.name) == os.getpid() or parent == os.getpid():
                total += int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            continue
    return total


def main(count: int) -> None:
    """Load `count` person records, twice."""
    most = 0

    def watch(_: Progress) -> None:
        nonlocal most
        most = max(most, resident())

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name) / "bench"
        create_project(folder, "bench", "GB")
        path = folder / "people.csv"
        write(path, count)
        project = open_project(folder)
        draft_source(project, "people", path)
        with Space(project) as space:
            for what in ("first load", "again"):
                result = load_file(space, "people", path, progress=watch)
                rate = result.read / result.seconds
                print(f"{what}: {result.read:,} rows in {result.seconds:.1f} s, {rate:,.0f} rows/s")
    print(f"memory of loader and mapper: at most {most / (1 << 20):,.0f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
