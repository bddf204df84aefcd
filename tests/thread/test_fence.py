"""The fence remembers who had no tombstone, and asks anew when one was set, whoever set it."""

from uuid import uuid4

import msgspec
import pytest

from steelthread.identity import load_rules
from steelthread.intake import SHARED_NAMESPACE, Message, identifiers
from steelthread.kit import now
from steelthread.privacy import Tombstones
from steelthread.thread.fence import Fence
from steelthread.thread.told import as_told

AT = 1_780_000_000_000_000


def event(user):
    return Message(f"m-{user}", "track", AT, AT, user_id=user, event="Clicked")


@pytest.fixture
def fence(space):
    return Fence(space)


@pytest.fixture
def conns(space):
    with space.database.connect() as conn, space.database.connect() as other:
        erase(space, other, "nobody")
        other.commit()
        yield conn, other


def name_of(space, user):
    ((_, name, _, _),) = Fence(space).named(event(user), "web", SHARED_NAMESPACE)
    return name


def erase(space, conn, user):
    stones = Tombstones(space.vault)
    stones.set(conn, uuid4(), now(), [stones.token(name_of(space, user))])


def kept(fence, conn, *users):
    left = fence.messages(conn, "web", SHARED_NAMESPACE, [event(user) for user in users])
    conn.commit()
    return [message.user_id for message in left]


def test_whoever_is_erased_after_she_was_let_in_is_let_in_no_more(space, fence, conns):
    conn, other = conns
    assert kept(fence, conn, "ann", "ben") == ["ann", "ben"]
    erase(space, other, "ann")
    assert kept(fence, conn, "ann", "ben") == ["ann", "ben"], "it is not committed"
    other.commit()
    assert kept(fence, conn, "ann", "ben") == ["ben"]
    assert kept(fence, conn, "ann", "ben") == ["ben"], "a stone is asked for each time"


def test_what_was_rolled_back_is_not_taken_for_what_is_set_after_it(space, fence, conns):
    conn, other = conns
    erase(space, conn, "zoe")
    assert fence.messages(conn, "web", SHARED_NAMESPACE, [event("ann"), event("zoe")]) == [event("ann")]
    conn.rollback()
    erase(space, other, "ann")
    other.commit()
    assert kept(fence, conn, "ann", "zoe") == ["zoe"]


def test_whoever_comes_back_is_let_in(space, fence, conns):
    conn, other = conns
    erase(space, other, "ann")
    other.commit()
    assert kept(fence, conn, "ann") == []
    assert Tombstones(space.vault).lift(other, [name_of(space, "ann")])
    other.commit()
    assert kept(fence, conn, "ann") == ["ann"]
    erase(space, other, "ann")
    other.commit()
    assert kept(fence, conn, "ann") == []


def test_nobody_is_asked_for_who_was_alive_in_this_generation(fence, conns, monkeypatch):
    conn, _ = conns
    asked = []
    among = Tombstones.among
    monkeypatch.setattr(Tombstones, "among", lambda own, *told: asked.append(len(told[1])) or among(own, *told))
    assert kept(fence, conn, "ann", "ben") == ["ann", "ben"]
    assert kept(fence, conn, "ben", "ann", "cid") == ["ben", "ann", "cid"]
    assert asked == [2, 1]
    assert kept(fence, conn, "ben") == ["ben"]
    assert asked == [2, 1]


@pytest.mark.parametrize(
    "told",
    [
        {"user_id": " ann "},
        {"anonymous_id": "cookie"},
        {"user_id": " "},
        {"user_id": "x" * 513},
        {"user_id": "ann", "anonymous_id": "cookie"},
        {"user_id": "ann", "traits": {"email": "Ann@Example.com"}},
        {"anonymous_id": "cookie", "context": {"device": {"id": "phone"}}},
        {"anonymous_id": "cookie", "external_ids": [("device_id", "phone")]},
        {},
    ],
    ids=["login", "visitor", "blank", "too long", "both", "address", "device", "further", "nobody"],
)
def test_an_event_names_what_its_identifiers_name(fence, told):
    message = Message("m", "track", AT, AT, **told)
    named = fence.named(message, "web", SHARED_NAMESPACE)
    assert named == fence.hashed(identifiers(message, SHARED_NAMESPACE), "web")
    assert {kind for _, _, _, kind in named} == {kind for kind, _, _ in identifiers(message, SHARED_NAMESPACE)}


def test_of_what_was_let_in_nothing_is_asked_until_somebody_is_erased(space, fence, conns, monkeypatch):
    conn, other = conns
    assert fence.mark("web", SHARED_NAMESPACE) == "", "nothing was asked yet"
    assert kept(fence, conn, "ann") == ["ann"]
    mark = fence.mark("web", SHARED_NAMESPACE)
    later = Fence(space)
    assert later.stands(conn)
    assert later.mark("web", SHARED_NAMESPACE) == mark, "whoever asks"
    assert mark not in (later.mark("app", SHARED_NAMESPACE), later.mark("web", "shop")), "she may be another there"
    monkeypatch.setattr(space.rules, "digest", b"other rules of who is who")
    changed = Fence(space)
    assert changed.stands(conn)
    assert changed.mark("web", SHARED_NAMESPACE) not in ("", mark)
    named = []
    own = Fence.named
    monkeypatch.setattr(Fence, "named", lambda self, one, *told: named.append(one.user_id) or own(self, one, *told))
    events = [event("ann"), event("ben"), event("cid")]
    marks = [mark, "", "of another day"]
    told = [msgspec.structs.replace(as_told(1, one), admitted=known) for one, known in zip(events, marks, strict=True)]
    assert later.events(conn, "web", SHARED_NAMESPACE, told) == told
    assert named == ["ben", "cid"]
    conn.rollback()
    erase(space, other, "ann")
    other.commit()
    assert later.events(conn, "web", SHARED_NAMESPACE, told) == told[1:]


def test_other_rules_have_another_digest(tmp_path):
    (tmp_path / "identity.yaml").write_text("exclusive_schemes: [membership]\n")
    digests = {load_rules(path).digest for path in (None, tmp_path / "identity.yaml", tmp_path / "none.yaml")}
    assert len(digests) == 2
