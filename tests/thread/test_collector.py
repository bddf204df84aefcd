"""The door to the log: many requests with one commit, answers that wait while folding trails, and a 429 only then."""

import asyncio
import functools
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from steelthread.api import create_api
from steelthread.app import add_live_source
from steelthread.intake import SHARED_NAMESPACE, LiveSource, Message, source_names
from steelthread.kit import Overloaded, Unavailable, now
from steelthread.privacy import Tombstones
from steelthread.thread import Collector, LiveThread, collector, live_status
from steelthread.thread.fence import Fence


@pytest.fixture
def door(space):
    """A collector, its source, and the write key."""
    key = add_live_source(space, "web")
    with space.database.connect() as conn:
        numbers = {name: number for number, (name, _) in source_names(conn).items()}
    return Collector(space, space.database.pool()), LiveSource("web", numbers["web"]), key


def messages(first, count):
    return [
        Message(id=f"m{one}", type="track", timestamp=1_790_000_000_000_000, received=1_790_000_000_000_000, event="Seen",
                user_id="u1")
        for one in range(first, first + count)
    ]  # fmt: skip


def status(space):
    with space.database.connect() as conn:
        return live_status(space, conn)


def fold(space):
    with space.writer() as conn:
        thread = LiveThread(space)
        while thread.step(conn).read:
            pass


def test_requests_of_the_same_moment_share_a_commit_and_are_answered_after_it(space, door):
    keeper, source, _ = door
    seen = []

    async def request(number):
        await keeper.accept(source, messages(number * 3, 3))
        seen.append(status(space).accepted)

    async def together():
        await asyncio.gather(*(request(number) for number in range(40)))

    asyncio.run(together())
    with space.database.connect() as conn:
        commits = conn.execute("select count(distinct xmin::text) from log.chunk where lane = 'received'").fetchone()[0]
    assert len(seen) == 40
    assert commits < 8
    assert min(seen) >= 3, "nobody is answered before the events are kept"
    assert status(space).accepted == 120


def test_an_answer_waits_while_folding_trails_and_comes_when_it_has_caught_up(space, door, monkeypatch):
    keeper, source, _ = door
    monkeypatch.setattr(collector, "_CALM", 50)

    async def both():
        await keeper.accept(source, messages(0, 100))
        late = asyncio.create_task(keeper.accept(source, messages(100, 1)))
        await asyncio.sleep(0.3)
        waits = not late.done()
        await asyncio.to_thread(fold, space)
        await asyncio.wait_for(late, 20)
        return waits

    assert asyncio.run(both())
    assert status(space).accepted == 101


def test_who_waits_too_long_is_asked_to_come_again_and_nothing_is_kept(space, door, monkeypatch):
    keeper, source, _ = door
    monkeypatch.setattr(collector, "_CALM", 50)
    monkeypatch.setattr(collector, "_PATIENCE", 0.1)

    async def both():
        await keeper.accept(source, messages(0, 100))
        with pytest.raises(Overloaded):
            await keeper.accept(source, messages(100, 1))

    asyncio.run(both())
    assert status(space).accepted == 100
    fold(space)
    asyncio.run(functools.partial(keeper.accept, source, messages(100, 1))())
    assert status(space).accepted == 101


def test_over_http_it_is_a_429_that_says_when_to_come_again(space, door, monkeypatch):
    monkeypatch.setattr(collector, "_CALM", 50)
    monkeypatch.setattr(collector, "_PATIENCE", 0.1)
    with TestClient(create_api(space)) as client:
        batch = [{"type": "track", "event": "Seen", "userId": "u1", "messageId": f"h{one}"} for one in range(100)]
        body = {"batch": batch, "writeKey": door[2]}
        assert client.post("/v1/batch", json=body).status_code == 200
        answer = client.post("/v1/batch", json=body)
        event = {"event": "Seen", "distinct_id": "u1", "api_key": door[2]}
        hog = client.post("/e/", json=event)  # posthog-js drops what any 4xx answers
    assert (answer.status_code, hog.status_code) == (429, 503)
    assert all(int(one.headers["Retry-After"]) > 0 for one in (answer, hog))
    assert status(space).accepted == 100


def test_a_defect_has_events_sent_again(space, door, monkeypatch):
    keeper, source, _ = door

    async def together():
        calls = (keeper.accept(source, messages(number, 1)) for number in range(3))
        return await asyncio.gather(*calls, return_exceptions=True)

    with monkeypatch.context() as broken:
        broken.setattr(Collector, "_commit", lambda *_: 1 / 0)
        told = asyncio.run(together())
    assert all(isinstance(one, Unavailable) and "send them again" in str(one) for one in told), "nobody waits for good"
    assert asyncio.run(together()) == [None, None, None]
    assert status(space).accepted == 3


def test_a_changed_namespace_holds_within_seconds_also_for_who_was_erased(space, door, monkeypatch):
    """Who was erased is kept out under her login; the same login in a namespace of the source's own is somebody else's."""
    monkeypatch.setattr(collector, "_LOOK_SECONDS", 0)
    keeper, source, _ = door
    file = space.project.sources / "web.yaml"
    asyncio.run(keeper.accept(source, messages(0, 1)))
    fold(space)
    with space.database.connect() as conn:
        erase(space, conn)
        conn.commit()
    asyncio.run(keeper.accept(source, messages(10, 2)))
    assert status(space).accepted == 1
    file.write_text("kind: live\nuser_namespace: shop\n")
    asyncio.run(keeper.accept(source, messages(20, 3)))
    assert status(space).accepted == 4
    file.write_text("kind: [")
    with pytest.raises(Unavailable):
        asyncio.run(keeper.accept(source, messages(30, 1)))
    file.write_text("kind: live\n")
    asyncio.run(keeper.accept(source, messages(40, 1)))
    assert status(space).accepted == 4


def erase(space, conn):
    stones = Tombstones(space.vault)
    ((_, name, _, _),) = Fence(space).named(messages(0, 1)[0], "web", SHARED_NAMESPACE)
    stones.set(conn, uuid4(), now(), [stones.token(name)])
