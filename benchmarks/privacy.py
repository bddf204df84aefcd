"""Decisions per second in one process, the same question about a million people as one set operation, and withdrawals."""

import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import withdrawals
from steelthread.app import create_project
from steelthread.kit import open_project
from steelthread.privacy import Decider, Statement, Subject, allowed_sql, fold, load_jurisdictions, load_purposes
from steelthread.thread import Space

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def subjects(count: int) -> list[Subject]:
    """People with a record, an address and a device; two thirds said something, some of them no."""
    made = []
    for number in range(count):
        nodes = [f"{number}-{place}".encode() for place in range(3)]
        said = [
            Statement(uuid4(), nodes[1], "contact_point", "marketing", word, NOW - timedelta(days=9 - day), NOW)
            for day, word in enumerate((["given"], ["given", "withdrawn"], [])[number % 3])
        ]
        said.append(Statement(uuid4(), nodes[2], "device", "analytics", "given", NOW, NOW))
        made.append(Subject(fold(said, NOW)))
    return made


def alone(folder: Path) -> None:
    """Decide one by one."""
    purposes = load_purposes(folder / "purposes.yaml")
    decider, people = Decider(purposes, load_jurisdictions()), subjects(3000)
    for place in (None, "DE", "US-CA"):
        rates = []
        for _ in range(5):
            began = time.perf_counter()
            for _ in range(20):
                for one in people:
                    decider.decide(one, "marketing", "email", at=NOW, place=place)
            rates.append(20 * len(people) / (time.perf_counter() - began))
        print(f"decide{f', {place}' if place else ''}: {statistics.median(rates):,.0f}/s in one process")


def everybody(folder: Path, count: int) -> None:
    """Ask about everybody at once: each has two nodes, two thirds of the people said something."""
    with Space(open_project(folder)) as space, space.database.connect() as conn:
        conn.execute(
            "insert into identity.node (node_id, kind, hash, birth, durable, cluster_id, since) select n, 1, "
            "decode(md5(n::text), 'hex'), gen_random_uuid(), true, n / 2, now() from generate_series(0, %s) n",
            (2 * count - 1,),
        )
        conn.execute(
            "insert into privacy.consent_state select decode(md5((2 * n)::text), 'hex'), 'c', 'marketing', 'email', "
            "case when n %% 3 = 0 then -1 else 1 end, null from generate_series(0, %s) n where n %% 3 <> 2",
            (count - 1,),
        )
        conn.commit()
        conn.autocommit = True
        conn.execute("vacuum analyze identity.node, privacy.consent_state")
        conn.execute("set jit = off")
        conn.execute("set work_mem = '64MB'")
        conn.execute("set parallel_tuple_cost = 0.01")
        purposes = load_purposes(folder / "purposes.yaml")
        for place in ("", "DE", "US-CA"):
            one = purposes.get("marketing")
            if place:
                one = load_jurisdictions().law(place, NOW.date()).effective(one, "email").purpose
            sql, parameters = allowed_sql(
                one, purposes.above("marketing"), "email",
                "select cluster_id as subject, hash as node_hash from identity.node",
            )  # fmt: skip
            took = []
            for _ in range(5):
                began = time.perf_counter()
                row = conn.execute(f"select count(*) from ({sql}) allowed", {**parameters, "at": NOW}).fetchone()
                took.append(time.perf_counter() - began)
            print(
                f"everybody{f', {place}' if place else ''}: {count:,} people, {2 * count:,} nodes, {row[0]:,} allowed: "
                f"{min(took):.2f} to {max(took):.2f} s"
            )
        for (line,) in (
            conn.execute(f"explain (analyze) {sql}", {**parameters, "at": NOW}) if "--plan" in sys.argv else ()
        ):
            print(line)


if __name__ == "__main__":
    people = int(sys.argv[1]) if sys.argv[1:] else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "bench"
        create_project(folder, "bench")
        alone(folder)
        everybody(folder, people)
    if "--alone" not in sys.argv:
        withdrawals.main()
