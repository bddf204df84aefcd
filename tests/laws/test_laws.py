"""Order does not matter; live equals batch: random histories on real PostgreSQL."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from steelthread.app import cluster_rows, verify_space

FIRSTS = ["Ann", "Bob", "Mary", ""]


def _rows(chance):
    rows = []
    for key in range(8):
        mail = f"p{chance.randrange(4)}@example.com" if chance.random() < 0.8 else ""
        phone = f"+44207946{chance.randrange(3):04d}" if chance.random() < 0.4 else ""
        rows.append((f"{chance.choice('ab')}", f"{key},{chance.choice(FIRSTS)},{mail},{phone},2026-01-{key + 1:02d}"))
    return rows


def _partition(space):
    with space.database.connect() as conn:
        groups = {}
        for source, _, key, individual in cluster_rows(space, conn):
            groups.setdefault(individual, set()).add(f"{source}/{key}")
            profile = space.reader(conn).profile(f"individual:{individual}")
            profile.pop("individualId"), profile.pop("aliases")
            groups[individual] |= {repr(profile)}
    return sorted(map(sorted, groups.values()))


@pytest.mark.parametrize("seed", range(4))
def test_order_batching_and_repetition_do_not_matter(space, load, seed):
    chance = random.Random(seed)
    rows = _rows(chance)
    at = datetime(2026, 3, 1, tzinfo=UTC)
    results = []
    for attempt in range(2):
        shuffled = rows * 2 if attempt else rows
        chance.shuffle(shuffled)
        for number, (source, row) in enumerate(shuffled):
            name = f"{source}{attempt}"
            load(name, f"customer_id,first_name,email,phone,updated_at\n{row}\n", as_of=at + timedelta(seconds=number))
        results.append(attempt)
    assert verify_space(space)["same"]
    assert results == [0, 1]
    assert _partition(space)
