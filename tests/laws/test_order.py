"""Law 1 and 4 on real PostgreSQL: any order, batching and repetition of the same facts gives the same people.

A fact is a file with its as-of time. Two spaces with one key index are told the same facts: one in the order of time and
in one batch each, the other shuffled, in small batches, with repetitions. Clusters and profiles must be equal byte by
byte, universal IDs must follow the birth rule, and recomputing from the records must give what is stored.
"""

import json
import random
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from steelthread.app import cluster_rows, load_file, verify_space
from steelthread.kit import NotFound
from steelthread.thread import link, unlink

START = datetime(2026, 3, 1, tzinfo=UTC)
PEOPLE = "  - entity: ContactPointEmail\n    attributes: {emailAddress: email}\n  - entity: ContactPointPhone\n    attributes: {telephoneNumber: phone}\n"
SOURCES = {
    "crm": "key: id\nsnapshot: true\npriority: 5\nentities:\n  - entity: Individual\n    attributes: {firstName: first, lastName: last}\n" + PEOPLE,
    "shop": "key: id\nobserved_at: changed\nentities:\n  - entity: Individual\n    attributes: {firstName: first, lastName: last}\n" + PEOPLE,
    "till": "key: id\nentities:\n  - entity: SalesOrder\n    key: id\n    party: {source: crm, key: customer}\n    attributes: {orderNumber: id, purchaseOrderDate: day, grandTotalAmount: total}\nidentifiers:\n  - {kind: email, column: email}\n",
}  # fmt: skip
COLUMNS = {
    "crm": ("id", "first", "last", "email", "phone"),
    "shop": ("id", "first", "last", "email", "phone", "changed"),
    "till": ("id", "customer", "day", "total", "email"),
}


class Facts:
    """A random history: files, each with the time of which it speaks, and what people decided."""

    def __init__(self, seed):
        self.chance = chance = random.Random(seed)
        self.files = []
        for number in range(chance.randrange(4, 9)):
            source = chance.choice(("crm", "crm", "shop", "till"))
            keys = chance.sample(range(6), chance.randrange(1, 6))
            rows = [self.row(source, key) for key in keys]
            if chance.random() < 0.3:
                rows.append(self.row(source, keys[0]))  # a key twice in one file
            self.files.append((source, START + timedelta(hours=number), rows))
        pairs = [(self.ref(), self.ref()) for _ in range(chance.randrange(4))]
        self.decisions = [(chance.choice((link, unlink)), a, b) for a, b in pairs if a != b]

    def ref(self):
        return f"record:{self.chance.choice(('crm', 'shop'))}/Individual/{self.chance.randrange(6)}"

    def row(self, source, key):
        chance = self.chance
        email = f"p{chance.randrange(5)}@mail.example" if chance.random() < 0.8 else ""
        if source == "till":
            return (f"T{key}", str(chance.randrange(6)), f"2026-02-{chance.randrange(1, 20):02d}", "9.50", email)
        phone = f"+4420794600{chance.randrange(3):02d}" if chance.random() < 0.4 else ""
        row = (str(key), chance.choice(("Ann", "Bob", "Mary", "")), chance.choice(("Lee", "Ray")), email, phone)
        return (*row, f"2026-0{chance.randrange(1, 5)}-11") if source == "shop" else row


def tell(space, facts, order, *, batch):
    """Load the files in an order (indexes, which may repeat); decide as soon as both records are there."""
    folder = space.project.folder
    space.project.settings.load.batch_rows = batch
    waiting = list(facts.decisions)
    for number in order:
        source, as_of, rows = facts.files[number]
        (folder / "sources" / f"{source}.yaml").write_text(f"name: {source}\n{SOURCES[source]}")
        path = folder / f"{source}-{number}.csv"
        if batch < 100:
            rows = random.Random(number).sample(rows, len(rows))
        path.write_text("\n".join(",".join(row) for row in [COLUMNS[source], *rows]) + "\n")
        load_file(space, source, path, as_of=as_of)
        waiting = [one for one in waiting if not decided(space, *one)] if order == sorted(set(order)) else waiting
    for one in waiting:
        decided(space, *one)


def decided(space, decide, a, b):
    try:
        decide(space, a, b, "test", "tester")
    except NotFound:
        return False
    return True


def state(space):
    """Return who is together, and each profile in canonical JSON without its own ids."""
    found = {}
    with space.database.connect() as conn:
        for source, entity, key, individual in cluster_rows(space, conn):
            found.setdefault(individual, []).append(f"{source}/{entity}/{key}")
        told = []
        for individual, records in found.items():
            profile = space.reader(conn).profile(f"individual:{individual}")
            del profile["individualId"], profile["aliases"]
            told.append((sorted(records), json.dumps(profile, sort_keys=True)))
    return sorted(told)


def births_hold(space):
    """Every universal ID is the birth of the first durable node of its cluster."""
    with space.database.connect() as conn:
        row = conn.execute(
            "select count(*) from identity.cluster c join lateral (select birth from identity.node n "
            "where n.cluster_id = c.cluster_id order by not durable, birth limit 1) f on true "
            "where f.birth <> c.individual_id"
        ).fetchone()
    return row == (0,)


def check(space, other, seed):
    facts = Facts(seed)
    shutil.rmtree(other.project.keyring)
    shutil.copytree(space.project.keyring, other.project.keyring)
    other = type(other)(other.project, other.database)
    order = list(range(len(facts.files)))
    tell(space, facts, order, batch=5000)
    shuffled = order + facts.chance.sample(order, facts.chance.randrange(len(order)))
    facts.chance.shuffle(shuffled)
    tell(other, facts, shuffled, batch=facts.chance.randrange(1, 4))
    assert state(space) == state(other), seed
    for one in (space, other):
        assert verify_space(one)["same"], seed
        assert births_hold(one), seed


@pytest.mark.parametrize(
    "seed", [*range(10), 1004, 1108, 2005, 2039, 2044, 2160, 2184]
)  # the later ones found links that outlived their first say, and versions that were outdone or older than another file
def test_order_batching_and_repetition_do_not_matter(space, other_space, seed):
    check(space, other_space, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [*range(1000, 1120), *range(2000, 2200)])
def test_order_batching_and_repetition_do_not_matter_soak(space, other_space, seed):
    check(space, other_space, seed)
