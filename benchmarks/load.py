"""`make bench`: rows per second from CSV to folded profiles, and of the same file again."""

import random
import sys
import tempfile
from pathlib import Path

from steelthread.app import create_project, draft_source, load_file
from steelthread.kit import open_project
from steelthread.thread import Space


def main(count: int) -> None:
    """Load `count` person records of 0.6 people each (e-mail 80 %, phone 60 %), twice."""
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "bench"
        create_project(folder, "bench", "GB")
        path = folder / "people.csv"
        with path.open("w", encoding="utf-8") as stream:
            stream.write("customer_id,first_name,last_name,email,phone,city\n")
            for number in range(count):
                person = chance.randrange(int(count * 0.6))
                mail = f"p{person}@mail.example" if chance.random() < 0.8 else ""
                phone = f"+4479{person:08d}" if chance.random() < 0.6 else ""
                stream.write(f"{number},First{person % 997},Last{person % 4999},{mail},{phone},Leeds\n")
        project = open_project(folder)
        draft_source(project, "people", path)
        with Space(project) as space:
            for what in ("first load", "again"):
                result = load_file(space, "people", path)
                print(
                    f"{what}: {result.read:,} rows in {result.seconds:.1f} s, {result.read / result.seconds:,.0f} rows/s"
                )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
