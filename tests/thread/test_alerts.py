"""What somebody should look at: raised once, seen everywhere, over when it is over; an unreadable contract holds up nobody else."""

import itertools
import json
import threading
import time
from datetime import timedelta

import msgspec
import pytest
from fastapi.testclient import TestClient
from tests.activation.receivers import Receiver

from steelthread import intake
from steelthread.activation import Deliverer, add_webhook, list_webhooks
from steelthread.api import create_api
from steelthread.app import add_live_source, create_key, replay_rejects, source_number, status_of
from steelthread.intake import Message
from steelthread.kit import NotFound, Unavailable, now
from steelthread.model import Received
from steelthread.thread import LiveThread, Tail, Worker, changes_since, replay, worker
from steelthread.thread.alerting import troubled_sources, watch_volumes

AT = int(now().timestamp() * 1_000_000)
PLAN = """apiVersion: v3.1.0
kind: DataContract
id: shop
version: 1.0.0
status: active
customProperties: [{property: onUnknownEvent, value: block}]
schema:
  - name: Bought
"""


def bought(number, name="Bought", user="u1"):
    return Message(id=f"m{number}", type="track", timestamp=AT, received=AT, event=name, user_id=user)


def say(space, source, *events):
    with space.writer() as conn:
        number = source_number(conn, source)
        facts = [Received(number, msgspec.msgpack.encode(one)) for one in events]
        space.log.append(conn, "received", facts, hours=1)
        conn.commit()


def work(space, thread):
    with space.writer() as conn:
        while thread.step(conn).read or (thread.troubled and thread.mend(conn)):
            pass


def bought_by(space, user):
    with space.database.connect() as conn:
        try:
            return space.reader(conn).profile(f"user_id:{user}")["counts"].get("CustomEngagement", 0)
        except NotFound:
            return 0


def standing(space, **more):
    with space.database.connect() as conn:
        return [(one.source, one.kind, one.event) for one in intake.list_alerts(conn, **more)]


@pytest.fixture
def shops(space):
    for name in ("shop", "other"):
        add_live_source(space, name)
    folder = space.project.folder / "contracts"
    folder.mkdir()
    return folder / "shop.odcs.yaml"


def test_an_unreadable_contract_holds_up_its_own_source_only_and_what_waits_is_folded_once_it_is_mended(space, shops):
    shops.write_text("schema: [")
    say(space, "shop", bought(1), bought(2, "Unknown"))
    say(space, "other", bought(3, user="u2"))
    thread = LiveThread(space)
    work(space, thread)
    assert (bought_by(space, "u1"), bought_by(space, "u2")) == (0, 1)
    assert standing(space) == [("shop", "contract.unreadable", "")]
    assert status_of(space)["alerts"] == 1
    with pytest.raises(Unavailable, match="odcs"):
        replay_rejects(space, "shop")
    assert replay(space, source="shop").events == 0
    with space.database.connect() as conn:
        assert troubled_sources(conn) == {source_number(conn, "shop")}
        assert {one["verdict"] for one in Tail(space, conn, after=0).step(conn)} >= {"refused", "folded"}
    shops.write_text(PLAN)
    again = LiveThread(space)  # a worker that has just started knows from the database whom it has to look after
    with space.database.connect() as conn:
        again.troubled |= troubled_sources(conn)
    work(space, again)
    work(space, thread)
    assert bought_by(space, "u1") == 1, "the other event is blocked by the contract, as it would have been"
    assert standing(space) == []
    say(space, "shop", bought(1), bought(4))
    work(space, again)
    assert bought_by(space, "u1") == 2
    shops.write_text(PLAN.replace("Bought", "Unknown"))
    assert replay_rejects(space, "shop") == {"replayed": 1, "left": 0}
    assert bought_by(space, "u1") == 3


def test_a_contract_that_breaks_while_the_worker_runs_stays_in_force_as_it_was(space, shops):
    shops.write_text(PLAN)
    thread = LiveThread(space)
    say(space, "shop", bought(1))
    work(space, thread)
    shops.write_text("schema: [")
    say(space, "shop", bought(2), bought(3, "Unknown"))
    work(space, thread)
    assert bought_by(space, "u1") == 2
    assert standing(space) == [("shop", "contract.unreadable", "")]
    shops.write_text(PLAN + "  - name: Unknown\n")
    work(space, thread)
    assert standing(space) == []
    say(space, "shop", bought(4, "Unknown"))
    work(space, thread)
    assert bought_by(space, "u1") == 3


def test_a_source_file_that_cannot_be_read_holds_up_its_own_source_only(space, shops):
    path = space.project.folder / "sources/shop.yaml"
    before = path.read_text()
    path.write_text("kind: [")
    say(space, "shop", bought(1))
    say(space, "other", bought(2, user="u2"))
    thread = LiveThread(space)
    work(space, thread)
    assert (bought_by(space, "u1"), bought_by(space, "u2")) == (0, 1)
    assert standing(space) == [("shop", "source.unreadable", "")]
    path.write_text(before)
    work(space, thread)
    assert (bought_by(space, "u1"), standing(space)) == (1, [])


def volumes(space, hour, totals):
    with space.database.connect() as conn:
        number = source_number(conn, "shop")
        conn.execute("delete from intake.volume")
        for back, total in enumerate(reversed(totals), 1):
            at = hour - timedelta(hours=back)
            conn.execute("insert into intake.volume values (%s, %s, %s, %s)", (number, "Bought", at, total))
        conn.commit()
        watch_volumes(space, conn, hour + timedelta(minutes=5))
        conn.commit()


@pytest.fixture
def jumped(space, shops):
    hour = now().replace(minute=0, second=0, microsecond=0)
    volumes(space, hour, [50] * 11 + [500])
    volumes(space, hour, [50] * 11 + [500])
    return hour


def test_a_jump_in_volume_is_seen_once_wherever_one_looks_and_is_over_when_it_is_over(space, jumped):
    assert standing(space) == [("shop", "volume.jump", "Bought")]
    client = TestClient(create_api(space))
    key = {"Authorization": f"Bearer {create_key(space, ['changes:read'])}"}
    (told,) = client.get("/api/alerts", headers=key).json()["alerts"]
    assert told["said"].startswith("500 in the last hour, where 50.0 are usual")
    assert client.get("/api/alerts").status_code == 401
    assert 'steelthread_alerts{kind="volume.jump"} 1.0' in client.get("/metrics").text
    with space.database.connect() as conn:
        events = [one for one in changes_since(space, conn, "0", 100).events if one["type"] == "alert.raised"]
    assert [(one["subject"], one["data"]["kind"], one["data"]["event"]) for one in events] == [
        ("shop", "volume.jump", "Bought")
    ]
    volumes(space, jumped, [50] * 11 + [2])
    assert standing(space) == [("shop", "volume.drop", "Bought")]
    volumes(space, jumped, [50] * 12)
    assert standing(space) == []
    assert len(standing(space, ended=True)) == 2
    assert [one["ended"] is None for one in client.get("/api/alerts?ended=true", headers=key).json()["alerts"]] == [
        False
    ] * 2


def test_the_worker_counts_the_traffic_and_sees_the_jump_and_the_drop(space, shops, monkeypatch):
    """Nothing is written by hand: events of a day come in, and the worker looks at them when it tidies."""
    hour = now().replace(minute=0, second=0, microsecond=0)
    numbers = itertools.count()

    def traffic(hours, **totals):
        at = int((hour - timedelta(hours=hours, minutes=-5)).timestamp() * 1_000_000)
        named = [name for name, total in totals.items() for _ in range(total)]
        events = [
            Message(id=f"t{next(numbers)}", type="track", timestamp=at, received=at, event=name, user_id="u1")
            for name in named
        ]
        say(space, "shop", *events)
        work(space, LiveThread(space))

    def looks(minutes):
        monkeypatch.setattr(worker, "now", lambda: hour + timedelta(minutes=minutes))
        with space.writer() as conn:
            Worker(space)._tidy(conn)
        return standing(space)

    monkeypatch.setattr(worker, "_TIDY_SECONDS", -1.0)
    for back in range(8, 1, -1):
        traffic(back, Bought=25, Looked=25, Left=25)
    traffic(1, Bought=90, Looked=30, Left=2)
    assert looks(5) == [("shop", "volume.drop", "Left"), ("shop", "volume.jump", "Bought")]
    traffic(0, Bought=40, Looked=25, Left=20)
    assert looks(65) == [], "over with the next hour that is as usual"


def test_a_webhook_is_told_of_an_alert(space, shops):
    receiver = Receiver()
    with space.database.connect() as conn:
        add_webhook(conn, space.vault, space.log, "desk", receiver.url, ["alert.raised"])
        conn.commit()
    deliverer = Deliverer(space)
    thread = threading.Thread(target=deliverer.run)
    thread.start()
    try:
        shops.write_text("schema: [")
        say(space, "shop", bought(1))
        work(space, LiveThread(space))
        deadline = time.monotonic() + 20
        while not receiver.got:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        deliverer.stop()
        thread.join()
        receiver.close()
    (said,) = json.loads(receiver.got[0][2])
    assert (said["type"], said["data"]["kind"], said["data"]["source"]) == (
        "alert.raised",
        "contract.unreadable",
        "shop",
    )
    with space.database.connect() as conn:
        assert list_webhooks(conn)[0].delivered <= 1
