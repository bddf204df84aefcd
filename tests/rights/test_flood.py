"""Acceptance 4 at its rate: 10,000 events a second, late and repeated ones among them, while the person is erased. And 23 after it."""

import asyncio
import json
import random
import subprocess
import sys
import threading
import time

import pytest
from fastapi.testclient import TestClient
from psycopg_pool import ConnectionPool

from steelthread import intake
from steelthread.api import create_api, create_key
from steelthread.intake import LiveSource, Message
from steelthread.kit import NotFound
from steelthread.privacy import Audit, Needles, checker, fence_counts, scan_database, scan_files
from steelthread.rights import Consents, Saying, erase
from steelthread.thread import Collector, LiveThread, live_status

T0 = 1_790_000_000_000_000
RATE, BATCH = 10_000, 100


def flood(count):
    """Return batches: half of it hers under two browsers, a twentieth repeated, times of a month in any order."""
    chance, made = random.Random(4), []
    for number in range(count):
        if made and chance.random() < 0.05:
            made.append(chance.choice(made[-2000:]))
            continue
        who = "ann" if number % 2 else "bob"
        told = {"type": "track", "event": "Seen", "timestamp": T0 - chance.randrange(26 * 10**11), "received": T0}
        made.append(Message(**told, id=f"m{number}", user_id=who, anonymous_id=f"web-{who}-{number % 4}"))
    return [made[start : start + BATCH] for start in range(0, count, BATCH)]


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("seconds", [1, pytest.param(10, marks=pytest.mark.soak)])
def test_4_ten_thousand_events_a_second(space, seconds, record_property):
    with space.writer() as conn:
        number, _, _ = intake.source_row(conn, space.vault, "web", 0, space.vault.digest(b"live"), unique=False)
        conn.commit()
    batches, offered = flood(RATE * seconds), []
    flows, source = threading.Event(), LiveSource("web", number)
    flows.set()

    def fold_all():
        with space.writer() as conn:
            thread = LiveThread(space)
            while thread.step(conn, 2000).read or flows.is_set():
                pass

    async def send(pool):
        collector, began = Collector(space, pool), time.monotonic()
        collector._calm = lambda _: asyncio.sleep(0)  # all that is offered is taken: nobody is asked to come again
        under_way = []
        for place, batch in enumerate(batches):
            await asyncio.sleep(max(0.0, began + place * BATCH / RATE - time.monotonic()))
            under_way.append(asyncio.create_task(collector.accept(source, batch)))
        offered.append(len(batches) * BATCH / (time.monotonic() - began))
        await asyncio.gather(*under_way)

    with ConnectionPool(space.database.conninfo, min_size=1, max_size=4) as pool:
        folding = threading.Thread(target=fold_all)
        sending = threading.Thread(target=lambda: asyncio.run(send(pool)))
        folding.start()
        sending.start()
        while True:
            try:
                told = erase(space, "user_id:ann", "me")
                break
            except NotFound:
                time.sleep(0.01)
        still_sending = sending.is_alive()
        sending.join()
        flows.clear()
        folding.join()
    sent = [one for batch in batches for one in batch]
    hers = [one for one in sent if one.user_id == "ann"]
    folded = {one["store"]: one["rows"] for one in told.stores}["profiles.event"]
    with space.database.connect() as conn:
        dropped, repeated = fence_counts(conn)["droppedEvents"], live_status(space, conn).duplicates
        reader = space.reader(conn)
        his = reader.profile("user_id:bob")["counts"]["CustomEngagement"]
        assert his == len({one.id for one in sent if one.user_id == "bob"}), "he lost nothing"
        repeated_of_his = len([one for one in sent if one.user_id == "bob"]) - his
        assert 0 < folded < len(hers)
        assert folded + dropped + repeated - repeated_of_his == len(hers), (
            "each of hers was folded and erased, or counted"
        )
        names = [
            *reader.hashes("user_id:ann"),
            *(one for web in range(4) for one in reader.hashes(f"anonymous_id:web-ann-{web}")),
        ]
        assert conn.execute("select count(*) from identity.node where hash = any(%s)", (names,)).fetchone() == (0,)
    record_property("offered events/s", round(offered[0]))
    record_property("erased while they came", still_sending)


def test_23_after_erasure_the_log_verifies_and_names_nobody(space, load, tmp_path):
    """Read, decided of, spoken of, erased: the log holds all of it, is good, and holds no identifier in any form."""
    needles = ["ann.needle-7@example.com", "Needlesworth", "+442079460958"]
    load(
        "crm",
        "customer_id,first_name,last_name,email,phone\n1,Ann,Needlesworth,Ann.Needle-7@Example.com,020 7946 0958\n2,Bob,Ray,bob@example.com,\n",
    )
    ref = "email:ann.needle-7@example.com"
    api = create_api(space)
    key = create_key(space, ["profiles:read", "decisions:read", "consents:write", "requests:write"])
    client = TestClient(api, headers={"Authorization": f"Bearer {key}"})
    assert client.get(f"/api/profiles/{ref}?purpose=operations").status_code == 200
    assert client.get("/api/search?name=Needlesworth&purpose=operations").status_code == 200
    client.get("/api/decisions", params={"ref": ref, "purpose": "marketing"})
    client.get("/api/decisions", params={"ref": ref, "purpose": "Needlesworth"})
    client.post("/api/consents", json={"ref": ref, "purpose": "marketing", "said": "given", "channel": "email"})
    client.post("/api/requests", json={"kind": "erasure", "ref": ref})
    with space.database.connect() as conn:
        Consents(space).say(conn, Saying(ref=ref, purpose="marketing", said="withdrawn"))
        conn.commit()
    api.state.desk.queue.flush()
    audit = Audit(space.vault)
    with space.database.connect() as conn:
        before = audit.head(conn)
    erase(space, ref, "me")
    target = tmp_path / "log" / "audit.jsonl"
    target.parent.mkdir()
    with space.database.connect() as conn:
        found = audit.verify(conn, space.project.data)
        assert (found.good, found.entries > before.size) == (True, True)
        leaves = [checker.leaf_hash(body) for _, body, _ in audit.entries(conn)]
        proof = checker.consistency(leaves, before.size)
        assert checker.is_consistent(
            before.size, bytes.fromhex(before.root), len(leaves), checker.root_of(leaves), proof
        )
        assert audit.export(conn, target) == found.entries
        assert scan_database(conn, Needles(needles, derived=True))[1] == []
    run = [sys.executable, "-I", checker.__file__, str(target), audit.public_key.hex()]
    assert subprocess.run(run, capture_output=True, text=True, check=False).returncode == 0
    assert scan_files([target.parent], Needles(needles, derived=True))[1] == []
    kinds = {json.loads(json.loads(line)["entry"])["kind"] for line in target.read_text().splitlines()[1:]}
    assert {"read", "decision", "consent", "erasure", "request"} <= kinds
