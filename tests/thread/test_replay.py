"""Replay: what is kept runs through changed rules, mappings and namespaces, and comes to what live would have come to."""

import json
import shutil
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import yaml

from steelthread import intake
from steelthread.app import draft_source, load_file, replay_rejects, verify_space
from steelthread.intake import Message, Reject
from steelthread.kit import Invalid, NotFound
from steelthread.model import Received
from steelthread.thread import LiveThread, Space, live_status, replay

START = 1_790_000_000_000_000
SHARED = "desk@shop.example"
CRM = f"customer_id,first_name,email\n1,Ann,ann@example.com\n2,Ann,{SHARED}\n3,Ann,{SHARED}\n"
ORDERS = f"order_id,customer_email,order_date,total,currency\n10,{SHARED},2026-03-01,12.50,GBP\n"


def said(number, type_="track", **more):
    at = START + number * 60_000_000
    return Message(id=f"m{number}", type=type_, timestamp=at, received=at, event="Seen", **more)


EVENTS = [
    said(1, "identify", user_id="u1", anonymous_id="a1", traits={"email": SHARED, "plan": "gold"}),
    said(2, anonymous_id="a1", properties={"revenue": 2}),
    said(3, "identify", user_id="u2", traits={"email": SHARED}),
    said(4, anonymous_id="a2", context={"traits": {"email": SHARED}}),
    said(5, "identify", anonymous_id="a3", traits={"email": "ann@example.com"}),
]  # fmt: skip


def step(space, events=()):
    with space.writer() as conn:
        number, _, _ = intake.source_row(conn, space.vault, "web", 0, space.vault.digest(b"live"), unique=False)
        space.log.append(conn, "received", [Received(number, msgspec.msgpack.encode(one)) for one in events], hours=1)
        conn.commit()
        thread = LiveThread(space)
        while thread.step(conn).read:
            pass


def change(space, blocked):
    """Block values, or none, and open the space anew with these rules."""
    path = space.project.folder / "identity.yaml"
    content = yaml.safe_load(path.read_text())
    content.setdefault("blocked", {})["email"] = {"exact": blocked}
    path.write_text(yaml.safe_dump(content))
    return Space(space.project, space.database)


@pytest.fixture
def live_source(space):
    (space.project.folder / "sources/web.yaml").write_text("name: web\nkind: live\n")


def people(space):
    refs = [f"record:crm/Individual/{n}" for n in (1, 2, 3)] + ["user_id:u1", "user_id:u2"]
    refs += [f"anonymous_id:a{n}" for n in (1, 2, 3)] + [f"email:{SHARED}", "email:ann@example.com"]
    found, together = {}, {}
    with space.database.connect() as conn:
        for ref in refs:
            try:
                profile = space.reader(conn).profile(ref)
            except NotFound:
                continue
            together.setdefault(profile.pop("individualId"), []).append(ref)
            del profile["aliases"]
            found[ref] = json.dumps(profile, sort_keys=True)
    return found, sorted(together.values())


def fill(space, load):
    load("crm", CRM, as_of=datetime(2026, 3, 1, tzinfo=UTC))
    load("orders", ORDERS, as_of=datetime(2026, 3, 1, tzinfo=UTC))
    step(space, EVENTS)


@pytest.mark.usefixtures("live_source")
def test_replay_changes_nothing_where_nothing_changed(space, load):
    fill(space, load)
    before = people(space)
    done = replay(space)
    assert (done.events, done.changed) == (5, 0)
    assert done.records >= 8
    assert people(space) == before
    assert verify_space(space)["same"]


@pytest.mark.usefixtures("live_source")
@pytest.mark.parametrize("forgotten", [False, True])
def test_replay_comes_to_what_the_rules_would_have_given_from_the_start(space, other_space, load, forgotten):
    """Also when the received events have gone: the kept records are enough."""
    fill(space, load)
    joined = people(space)
    if forgotten:
        with space.database.connect() as conn:
            conn.execute("delete from log.chunk where lane = 'received'")
            conn.commit()
    changed = change(space, [SHARED])
    replay(changed)
    apart = people(changed)
    assert apart[1] != joined[1]
    assert verify_space(changed)["same"]

    shutil.rmtree(other_space.project.keyring)
    for path in ("identity.yaml", "sources", ".steelthread/keyring"):
        target, source = other_space.project.folder / path, space.project.folder / path
        shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    fresh = Space(other_space.project, other_space.database)
    for name, text in (("crm", CRM), ("orders", ORDERS)):
        path = fresh.project.folder / f"{name}.csv"
        path.write_text(text)
        load_file(fresh, name, path, as_of=datetime(2026, 3, 1, tzinfo=UTC))
    step(fresh, EVENTS)
    assert apart == people(fresh)


@pytest.mark.usefixtures("live_source")
def test_what_was_blocked_comes_back_from_the_records(space):
    blocking = change(space, [SHARED])
    path = space.project.folder / "crm.csv"
    path.write_text(CRM)
    draft_source(space.project, "crm", path)
    load_file(blocking, "crm", path)
    step(blocking, EVENTS)
    assert len(people(blocking)[1]) > 3
    open_ = change(space, [])
    done = replay(open_)
    assert done.changed
    (together,) = [one for one in people(open_)[1] if "user_id:u1" in one]
    assert f"email:{SHARED}" in together
    assert verify_space(open_)["same"]
    assert replay(open_).changed == 0


@pytest.mark.usefixtures("live_source")
def test_a_source_gets_a_namespace_of_its_own(space, load):
    fill(space, load)
    (space.project.folder / "sources/web.yaml").write_text("name: web\nkind: live\nuser_namespace: web\n")
    replay(space, source="web")
    with space.database.connect() as conn:
        found = space.reader(conn).profile("user_id:web/u1")["identifiers"]
    assert [one["value"] for one in found if one["kind"] == "user_id"] == ["web/u1"]
    assert verify_space(space)["same"]


@pytest.mark.usefixtures("live_source")
@pytest.mark.parametrize("forgotten", [False, True])
def test_orders_carts_and_robots_stay_what_they_are(space, forgotten):
    """They are whose they are by the namespace as it is now; what is told of them later is put to what was known."""
    order = {"order_id": "o1", "total": 12, "currency": "GBP", "products": [{"product_id": "p1", "quantity": 2}]}
    robot = {"userAgent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}
    step(space, [
        msgspec.structs.replace(said(1, user_id="u1", properties={"cart_id": "c1", "product_id": "p1"}), event="Product Added"),
        msgspec.structs.replace(said(2, user_id="u1", properties=order), event="Order Completed"),
        said(3, user_id="u1", anonymous_id="a1", context=robot),
        said(4, user_id="u1", anonymous_id="a1", context={"device": {"id": "d1", "model": "FP4"}}),
    ])  # fmt: skip
    with space.database.connect() as conn:
        before = space.reader(conn).profile("user_id:u1")
        if forgotten:
            conn.execute("delete from log.chunk where lane = 'received'")
            conn.commit()
    (space.project.folder / "sources/web.yaml").write_text("name: web\nkind: live\nuser_namespace: shop\n")
    assert (replay(space).changed > 0) is forgotten
    step(space, [
        msgspec.structs.replace(said(8, user_id="u1", properties={"order_id": "o1"}), event="Order Refunded"),
        msgspec.structs.replace(said(9, user_id="u1", properties={"cart_id": "c1", "product_id": "p1"}), event="Product Added"),
    ])  # fmt: skip
    with space.database.connect() as conn:
        reader = space.reader(conn)
        with pytest.raises(NotFound):
            reader.profile("user_id:u1")
        found = reader.profile("user_id:shop/u1")
        timeline = {one.view.entity: (one.lines, one.view.values) for one in reader.timeline("user_id:shop/u1")}
    assert found["counts"] == before["counts"] | {"OrderEngagement": 1, "ShoppingCartEngagement": 2}
    assert found["totals"] == before["totals"]
    assert timeline["SalesOrder"][1]["salesOrderStatusId"] == "refunded"
    assert (timeline["SalesOrder"][0], timeline["ShoppingCart"][0]) == (1, 1)
    assert verify_space(space)["same"]


@pytest.mark.usefixtures("live_source")
def test_a_time_range_and_a_source_bound_what_is_replayed(space, load):
    fill(space, load)
    moment = datetime.now(UTC)
    assert msgspec.structs.astuple(replay(space, since=moment + timedelta(hours=1))) == (0, 0, 0)
    assert replay(space, until=moment - timedelta(hours=1), source="crm").records == 3
    assert replay(space, since=moment - timedelta(hours=1), source="web").events == 5
    with pytest.raises(NotFound):
        replay(space, source="nobody")


@pytest.mark.usefixtures("live_source")
def test_refused_live_events_are_taken_once_they_can_be(space):
    step(space, EVENTS[:1])
    raws = [
        {"type": "track", "event": "Seen", "userId": "u9", "messageId": "r1", "timestamp": "2026-03-01T10:00:00Z"},
        {"event": "seen", "distinct_id": "u9", "uuid": "r2"},
        {"type": "track", "userId": "u9"},
        "no object",
    ]
    rejects = [Reject(0, "", "some reason", True, ["message"], [json.dumps(one)]) for one in raws]
    aside = said(7, user_id="u9", properties={"revenue": "3"})
    kept = msgspec.json.encode(said(8, user_id="u9")).decode()
    rejects += [
        Reject(0, "amount", "no number", False, ["message"], [msgspec.json.encode(aside).decode()]),
        Reject(0, "", "cannot be folded in (ValueError); please report this", True, ["message"], [kept]),
        Reject(0, "email", "no address", False, ["trait"], ["nowhere"]),
    ]
    with space.writer() as conn:
        number, _, _ = intake.source_row(conn, space.vault, "web", 0, space.vault.digest(b"live"), unique=False)
        load = intake.begin_replay(conn, number, datetime.now(UTC), 0)
        intake.keep_rejects(conn, space.vault, number, load.load_id, "live", rejects)
        conn.commit()
    assert replay_rejects(space, "web") == {"replayed": 4, "left": 3}
    step(space)
    assert replay_rejects(space, "web") == {"replayed": 0, "left": 3}
    step(space)
    with space.database.connect() as conn:
        profile = space.reader(conn).profile("user_id:u9")
        assert profile["counts"]["CustomEngagement"] == 4
        assert live_status(space, conn).duplicates == 0
    assert verify_space(space)["same"]


SHEET = "id,first,town,code,mail,login,till,notes\n1,Ann,Bath,BA1 1AA,ann@example.com,u1,north,likes tea\n2,Bob,Ely,,bob@example.com,,south,\n"
FIRST = """name: sheet
file: sheet.csv
key: id
entities:
  - entity: Individual
    attributes: {firstName: first, languageCode: notes}
  - entity: ContactPointAddress
    attributes: {cityName: town}
"""
THEN = """name: sheet
file: sheet.csv
key: id
entities:
  - entity: Individual
    attributes: {firstName: first, occupation: {column: till, lookup: {north: keeper, south: buyer}}}
  - entity: ContactPointAddress
    attributes: {cityName: town, postalCodeText: code}
  - entity: ContactPointEmail
    attributes: {emailAddress: mail}
identifiers: [{kind: user_id, column: login, namespace: users}]
"""


def sheet(space, text):
    path = space.project.folder / "sources/sheet.yaml"
    path.write_text(text)


def records_of(space, ref):
    with space.database.connect() as conn:
        return [
            {name: one[name] for name in ("values", "parts", "unmapped")} for one in space.reader(conn).records(ref)
        ]


@pytest.fixture
def mapped_anew(space, load):
    sheet(space, FIRST)
    load("sheet", SHEET)
    step(space, [said(1, "identify", user_id="u1", traits={"plan": "gold"})])
    sheet(space, THEN)
    (space.project.folder / "sheet.csv").unlink()
    return replay(space, source="sheet")


def test_a_row_of_a_file_is_mapped_anew_without_its_file(space, mapped_anew):
    assert (mapped_anew.records, mapped_anew.changed) == (2, 2)
    with space.database.connect() as conn:
        ann = space.reader(conn).profile("record:sheet/Individual/1")
        assert space.reader(conn).profile("user_id:u1")["individualId"] == ann["individualId"]
        assert space.reader(conn).profile("email:bob@example.com")["attributes"]["occupation"]["value"] == "buyer"
    assert ann["attributes"]["occupation"]["value"] == "keeper"
    assert "languageCode" not in ann["attributes"]
    assert records_of(space, "email:bob@example.com") == [
        {
            "values": {"firstName": "Bob", "occupation": "buyer"},
            "parts": [
                {"entity": "ContactPointAddress", "values": {"cityName": "Ely"}},
                {"entity": "ContactPointEmail", "values": {"emailAddress": "bob@example.com"}},
            ],
            "unmapped": {},
        }
    ]
    again = replay(space, source="sheet")
    assert (again.records, again.changed) == (2, 0)
    assert verify_space(space)["same"]


@pytest.mark.usefixtures("mapped_anew")
def test_the_file_loaded_again_comes_to_the_same_but_for_what_was_not_kept(space, load):
    before = [records_of(space, ref) for ref in ("email:ann@example.com", "email:bob@example.com")]
    load("sheet", SHEET)
    after = [records_of(space, ref) for ref in ("email:ann@example.com", "email:bob@example.com")]
    assert after[1] == before[1]
    mine = [next(one for one in found[0] if one["parts"]) for found in (before, after)]
    assert (mine[0]["values"], mine[0]["parts"]) == (mine[1]["values"], mine[1]["parts"])
    assert mine[0]["unmapped"] == {"languageCode": "likes tea"}
    assert mine[1]["unmapped"] == {"notes": "likes tea"}


def test_what_cannot_be_read_and_what_is_ignored(space, load):
    sheet(space, FIRST.replace(", languageCode: notes", ""))
    load("sheet", "id,first,town,born,secret\n1,Ann,Bath,not a day,x\n2,Bob,Ely,1990-04-01,y\n")
    sheet(space, FIRST.replace("languageCode: notes", "birthDate: born") + "ignore: [secret]\n")
    assert replay(space, source="sheet").changed == 2
    (ann,), (bob,) = (records_of(space, f"record:sheet/Individual/{number}") for number in (1, 2))
    assert (ann["values"], ann["unmapped"]) == ({"firstName": "Ann"}, {"born": "not a day"})
    assert (bob["values"], bob["unmapped"]) == ({"firstName": "Bob", "birthDate": "1990-04-01"}, {})


def test_a_range_in_which_nothing_lies_is_refused(space):
    at = datetime(2026, 3, 1, tzinfo=UTC)
    for until in (at, at - timedelta(days=1)):
        with pytest.raises(Invalid, match="`since` is not before `until`"):
            replay(space, at, until)
