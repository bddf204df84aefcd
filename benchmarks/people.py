"""Made-up person records for the benchmarks: 0.6 people per record, e-mail 80 %, phone 60 %."""

import random
from pathlib import Path


def write(path: Path, count: int, seed: int = 1) -> None:
    """Write `count` rows as CSV; the same seed gives the same file."""
    chance = random.Random(seed)
    people = int(count * 0.6)
    with path.open("w", encoding="utf-8") as stream:
        stream.write("customer_id,first_name,last_name,email,phone,city\n")
        for number in range(count):
            person = chance.randrange(people)
            mail = f"p{person}@mail.example" if chance.random() < 0.8 else ""
            phone = f"+4479{person:08d}" if chance.random() < 0.6 else ""
            stream.write(f"{number},First{person % 997},Last{person % 4999},{mail},{phone},Leeds\n")
