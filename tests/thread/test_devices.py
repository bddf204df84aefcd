"""Devices that people use are records of their profile; what robots do is marked, shown and not counted."""

import itertools

import msgspec
import pytest
import yaml

from steelthread import intake
from steelthread.intake import Message
from steelthread.model import Received
from steelthread.profiles import Wanted
from steelthread.thread import OUTCOMES, LiveThread, fill_traits, replay, sync_traits, verify

DAY = 86_400_000_000
T0 = 20_700 * DAY + DAY // 2
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1"
LATER = PHONE.replace("17_4", "18_1").replace("17.4", "18.1")
ROBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


def page(number, at=0, agent=PHONE, **said):
    context = {**({"userAgent": agent} if agent else {}), **said.pop("context", {})}
    said = {"anonymous_id": "a1", **said}
    return Message(id=f"m{number}", type="page", timestamp=T0 + at, received=T0 + at, context=context, **said)


def tell(space, events, size=4000):
    with space.writer() as conn:
        number, _, _ = intake.source_row(conn, space.vault, "web", 0, space.vault.digest(b"live"), unique=False)
        space.log.append(conn, "received", [Received(number, msgspec.msgpack.encode(one)) for one in events], hours=1)
        conn.commit()
        thread = LiveThread(space)
        while thread.step(conn, size).read:
            pass


def devices(space, ref="anonymous_id:a1"):
    with space.database.connect() as conn:
        found = space.reader(conn).timeline(ref, Wanted(entities=["Device"]))
    return {one.view.key: one.view.values for one in found}


def profile(space, ref="anonymous_id:a1"):
    with space.database.connect() as conn:
        return space.reader(conn).profile(ref)


def shown(space, **wanted):
    with space.database.connect() as conn:
        page = space.reader(conn).timeline("anonymous_id:a1", Wanted(**wanted))
    return [(one.view.entity, one.view.values.get("isBot")) for one in page]


def test_a_browser_is_a_device_of_its_visitor_and_no_happening(space):
    tell(space, [page(1), page(2, 60_000_000), page(3, 1, user_id="u1", agent=None)])
    assert devices(space) == {
        "browser/a1": {
            "deviceType": "mobile", "osName": "iOS", "osVersion": "17.4", "manufacturerName": "Apple", "modelName": "iPhone",
        }
    }  # fmt: skip
    assert profile(space, "user_id:u1")["counts"] == {"records": 0, "WebsiteEngagement": 3}
    assert [entity for entity, _ in shown(space)] == ["WebsiteEngagement"] * 3
    assert shown(space, entities=["Device"]) == [("Device", None)]
    assert verify(space)["same"], verify(space)


def test_an_app_tells_of_its_device_itself(space):
    context = {
        "device": {"id": "d-1", "manufacturer": "Fairphone", "model": "FP5", "type": "android"},
        "os": {"name": "Android", "version": "15"},
    }
    tell(space, [page(1, agent=None, context=context, user_id="u1")])
    found = devices(space, "device_id:d-1")["device/d-1"]
    assert found == {
        "deviceType": "mobile", "osName": "Android", "osVersion": "15", "manufacturerName": "Fairphone",
        "modelName": "FP5", "deviceId": "d-1",
    }  # fmt: skip
    assert profile(space, "device_id:d-1")["individualId"] == profile(space, "user_id:u1")["individualId"]


def test_a_device_is_as_it_was_seen_last_whatever_the_order_the_batches_and_the_repetition(space):
    said = [page(1), page(2, 2 * DAY, LATER), page(3, DAY), page(4, DAY + 5, LATER), page(5, 5)]
    ends = set()
    for number, order in enumerate(itertools.permutations(said)):
        if number % 12:
            continue
        who = f"v{number}"
        mine = [msgspec.structs.replace(one, id=f"{number}-{one.id}", anonymous_id=who) for one in order]
        tell(space, mine, size=1 + number % 3)
        tell(space, [msgspec.structs.replace(one, id=f"again-{one.id}") for one in mine[:2]])
        found = profile(space, f"anonymous_id:{who}")
        ends.add(
            (*devices(space, f"anonymous_id:{who}")[f"browser/{who}"].values(), found["firstSeen"], found["lastSeen"])
        )
    assert len(ends) == 1
    assert "18.1" in ends.pop()


def test_a_replay_leaves_devices_as_they_are(space):
    (space.project.folder / "sources/web.yaml").write_text("name: web\nkind: live\n")
    tell(space, [page(1, DAY, LATER), page(2)])
    before = devices(space)
    assert replay(space).events == 2
    assert devices(space) == before
    assert "18.1" in before["browser/a1"].values()


@pytest.fixture
def visits(space):
    (space.project.folder / "profile.yaml").write_text(
        yaml.safe_dump({"traits": {"visits": {"function": "count", "entity": "WebsiteEngagement"}}})
    )
    with space.database.connect() as conn:
        sync_traits(space, conn, OUTCOMES)
        while fill_traits(space, conn, OUTCOMES):
            pass
    space.names._at = -1e9


@pytest.mark.usefixtures("visits")
def test_what_a_robot_does_is_marked_and_shown_and_not_counted(space):
    tell(space, [page(1), page(2, 1, ROBOT), page(3, 2, ROBOT, anonymous_id="robot")])
    found = profile(space)
    assert found["counts"]["WebsiteEngagement"] == 1
    assert found["traits"]["visits"]["value"] == 1
    assert sorted(shown(space), key=str) == [("WebsiteEngagement", None), ("WebsiteEngagement", True)]
    assert profile(space, "anonymous_id:robot")["counts"] == {"records": 0}
    assert devices(space, "anonymous_id:robot") == {}
    told = page(1)
    tell(space, [msgspec.structs.replace(told, id="more")])
    assert profile(space)["traits"]["visits"]["value"] == 2
    assert verify(space)["same"], verify(space)


@pytest.mark.usefixtures("visits")
def test_a_project_may_count_what_robots_do(space):
    space.project.settings.live.count_bots = True
    tell(space, [page(1), page(2, 1, ROBOT)])
    found = profile(space)
    assert found["counts"]["WebsiteEngagement"] == 2
    assert found["traits"]["visits"]["value"] == 2
    assert verify(space)["same"], verify(space)
