"""Decisions per second in one process and over HTTP, one question about a million people, and withdrawals.

privacy.py [PEOPLE] [--alone]     without withdrawals
privacy.py --http                 the questions over HTTP only
"""

import asyncio
import random
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import withdrawals
from serving import Client, served
from steelthread.app import create_key, create_project, load_file
from steelthread.kit import open_project
from steelthread.privacy import Decider, Statement, Subject, allowed_sql, fold, load_jurisdictions, load_purposes
from steelthread.thread import Space

NOW = datetime(2026, 5, 1, tzinfo=UTC)
KNOWN, RATE, QUESTIONS, CONNECTIONS = 20_000, 200, 6_000, 8
_TICK = 0.0015
"""The event loop of who asks sleeps in whole milliseconds, rounded up: for the last one it stays awake."""
MAPPING = """name: crm
key: id
entities:
  - entity: Individual
    attributes: {firstName: name}
  - entity: PartyConsent
    attributes: {dataUsePurposeId: {constant: advertising}, consentStatusId: said, captureDateTime: at}
identifiers:
  - {kind: user_id, column: login, namespace: users}
  - {kind: email, column: email}
"""


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


def over_http(folder: Path) -> None:
    """Serve people who said yes, no, or nothing, and ask about them from a process of its own."""
    create_project(folder, "bench", "GB")
    project = open_project(folder)
    (project.sources / "crm.yaml").write_text(MAPPING)
    said = ("given", "given", "withdrawn", "")
    rows = [
        f"{number},First{number % 997},u{number},who{number}@mail.example,{said[number % 4]},2026-01-01T00:00:00Z"
        for number in range(KNOWN)
    ]
    (folder / "crm.csv").write_text("id,name,login,email,said,at\n" + "\n".join(rows) + "\n")
    with Space(project) as space:
        load_file(space, "crm", folder / "crm.csv")
        key = create_key(space, ["decisions:read"])
    with served(folder) as port:
        subprocess.run([sys.executable, __file__, "--ask", str(port), key], check=True)


async def ask(port: int, key: str) -> None:
    """Ask at a steady rate over keep-alive connections; the clock starts when a question is due."""
    due: asyncio.Queue[float] = asyncio.Queue()
    chance, took, allowed = random.Random(3), [], 0

    async def connection() -> None:
        nonlocal allowed
        client = await Client(port).open()
        while True:
            moment = await due.get()
            kind, known = ("user_id:u", "email:who")[chance.random() < 0.5], chance.randrange(KNOWN)
            ref = f"{kind}{known}{'@mail.example' if kind.startswith('email') else ''}"
            status, told = await client.ask("GET", f"/api/decisions?ref={ref}&purpose=advertising", key=key)
            if status != 200:
                raise SystemExit(told.decode())
            allowed += b'"allow":true' in told
            took.append(time.perf_counter() - moment)
            due.task_done()

    workers = [asyncio.create_task(connection()) for _ in range(CONNECTIONS)]
    began = time.perf_counter()
    for number in range(QUESTIONS + RATE):
        moment = began + number / RATE
        await asyncio.sleep(max(0.0, moment - time.perf_counter() - _TICK))
        while time.perf_counter() < moment:  # noqa: ASYNC110  # it is no event that is waited for
            await asyncio.sleep(0)
        due.put_nowait(moment)
    await due.join()
    for worker in workers:
        worker.cancel()
    found = sorted(took[RATE:])  # without the first second, in which plans are made
    median, p99 = found[len(found) // 2], found[int(len(found) * 0.99)]
    print(
        f"GET /api/decisions, {RATE}/s over {CONNECTIONS} connections, {len(found):,} questions about {KNOWN:,} people, "
        f"{allowed / len(took):.0%} yes: median {median * 1000:.2f} ms, p99 {p99 * 1000:.2f} ms, most {found[-1] * 1000:.1f} ms"
    )


def main(people: int) -> None:
    """Measure all, or what was asked for."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        over_http(Path(name) / "http")
        if "--http" in sys.argv:
            return
        folder = Path(name) / "bench"
        create_project(folder, "bench")
        alone(folder)
        everybody(folder, people)
    if "--alone" not in sys.argv:
        withdrawals.main()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ask"]:
        asyncio.run(ask(int(sys.argv[2]), sys.argv[3]))
    else:
        main(int(sys.argv[1]) if sys.argv[1:] and sys.argv[1].isdecimal() else 1_000_000)
