"""Visitors who log in: the customer's (join), a profile apart of which the link tells (link), or apart for good (isolate)."""

import itertools
import json
import random
import shutil

import msgspec
import pytest
import yaml

from steelthread import intake
from steelthread.app import verify_space
from steelthread.intake import Message
from steelthread.kit import Invalid, NotFound
from steelthread.model import Received
from steelthread.thread import LiveThread, Space, link, replay
from steelthread.vault import unseal

START = 1_790_000_000_000_000
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1"
STRATEGIES = ("join", "link", "isolate")


def said(number, type_="page", **more):
    at = START + number * 60_000_000
    return Message(
        id=f"m{number}", type=type_, timestamp=at, received=at, event="Seen", context={"userAgent": PHONE}, **more
    )


EVENTS = [
    said(1, anonymous_id="a1"),
    said(2, "identify", user_id="u1", anonymous_id="a1", traits={"email": "ann@mail.example", "firstName": "Ann"}),
    said(3, user_id="u1", anonymous_id="a1"),
    said(4, anonymous_id="a1"),  # logged out
    said(5, "track", user_id="u2", anonymous_id="a1"),  # somebody else on the same device
    said(6, "alias", user_id="u3", previous_id="a2"),
    said(7, anonymous_id="a2"),
    said(8, "identify", anonymous_id="a3", traits={"plan": "gold"}),  # a visitor of whom only this is known
    said(9, anonymous_id="a3"),
]
REFS = [*(f"user_id:u{n}" for n in (1, 2, 3)), *(f"anonymous_id:a{n}" for n in (1, 2, 3)), "email:ann@mail.example"]


def ruled(space, strategy):
    """Open the space anew with a strategy."""
    path = space.project.folder / "identity.yaml"
    content = yaml.safe_load(path.read_text())
    content["visitors"] = {"strategy": strategy}
    path.write_text(yaml.safe_dump(content))
    return Space(space.project, space.database)


def tell(space, events, size=4000):
    (space.project.folder / "sources/web.yaml").write_text("name: web\nkind: live\n")
    with space.writer() as conn:
        number, _, _ = intake.source_row(conn, space.vault, "web", 0, space.vault.digest(b"live"), unique=False)
        space.log.append(conn, "received", [Received(number, msgspec.msgpack.encode(one)) for one in events], hours=1)
        conn.commit()
        thread = LiveThread(space)
        while thread.step(conn, size).read:
            pass


def state(space):
    """Return what answers to each reference, who is together, and who is said to be linked; without ids of ours."""
    found, together, linked = {}, {}, {}
    with space.database.connect() as conn:
        reader = space.reader(conn)
        for ref in REFS:
            try:
                profile = reader.profile(ref)
            except NotFound:
                continue
            together.setdefault(profile["individualId"], []).append(ref)
            linked[ref] = reader.linked(ref)
            found[ref] = json.dumps({**profile, "individualId": "", "aliases": []}, sort_keys=True)
    told = {
        ref: sorted((tuple(together[one["individualId"]]), one["by"]) for one in ones) for ref, ones in linked.items()
    }
    return found, sorted(together.values()), told


def pages(space, ref):
    with space.database.connect() as conn:
        return space.reader(conn).profile(ref)["counts"].get("WebsiteEngagement", 0)


def refused(space, a, b):
    with space.database.connect() as conn:
        return [(one["rule"], one["reason"]) for one in space.reader(conn).explain(a, b)["refused"]]


def envelope(space, user):
    """Return what is sealed of a login's record, unsealed."""
    name = intake.key_hash(space.vault, "web", "Individual", user)
    with space.database.connect() as conn:
        row = intake.records_by_hash(conn, [name])[name]
    return unseal(space.vault.keys({row.subject})[row.subject], row.sealed, row.key_hash)


def test_join_makes_what_a_visitor_did_the_customers(space):
    space = ruled(space, "join")
    tell(space, EVENTS)
    _, together, linked = state(space)
    assert ["user_id:u1", "anonymous_id:a1", "email:ann@mail.example"] in together
    assert ["user_id:u3", "anonymous_id:a2"] in together
    assert pages(space, "user_id:u1") == 3
    assert not any(linked.values())


def test_link_keeps_the_visitor_apart_and_tells(space):
    space = ruled(space, "link")
    tell(space, EVENTS)
    _, together, linked = state(space)
    assert together == [
        ["anonymous_id:a1"], ["anonymous_id:a2"], ["anonymous_id:a3"], ["user_id:u1", "email:ann@mail.example"],
        ["user_id:u2"], ["user_id:u3"],
    ]  # fmt: skip
    assert (pages(space, "user_id:u1"), pages(space, "anonymous_id:a1")) == (1, 2)
    ann = ("user_id:u1", "email:ann@mail.example")
    assert linked["anonymous_id:a1"] == [(ann, "anonymous_id"), (("user_id:u2",), "anonymous_id")]
    assert linked["user_id:u1"] == linked["user_id:u2"] == [(("anonymous_id:a1",), "anonymous_id")]
    assert linked["user_id:u3"] == [(("anonymous_id:a2",), "anonymous_id")]
    assert linked["anonymous_id:a3"] == []
    told = refused(space, "user_id:u1", "anonymous_id:a1")
    assert set(told) == {("anonymous_id", "visitors stay apart from customers")}
    assert pages(space, "anonymous_id:a3") == 1
    link(space, "user_id:u1", "anonymous_id:a1", "she said so", "test")
    assert pages(space, "user_id:u1") == 3, "a person's word joins all the same"
    assert state(space)[2]["user_id:u2"] == [
        (("user_id:u1", "anonymous_id:a1", "email:ann@mail.example"), "anonymous_id")
    ]
    assert verify_space(space)["same"]


def test_isolate_keeps_nothing_that_tells_who_a_visitor_was(space):
    space = ruled(space, "isolate")
    tell(space, EVENTS)
    found, together, linked = state(space)
    assert ["user_id:u1", "email:ann@mail.example"] in together
    assert ["anonymous_id:a1"] in together
    assert (pages(space, "user_id:u1"), pages(space, "anonymous_id:a1")) == (1, 2)
    assert not any(linked.values())
    assert refused(space, "user_id:u1", "anonymous_id:a1") == []
    assert "anonymous_id" not in found["user_id:u1"]
    with space.database.connect() as conn:
        told = space.reader(conn).records("user_id:u1")
    assert "a1" not in json.dumps(told)
    assert b"a1" not in envelope(space, "u1")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_order_batches_and_repetition_do_not_matter(space, other_space, strategy):
    shutil.rmtree(other_space.project.keyring)
    shutil.copytree(space.project.keyring, other_space.project.keyring)
    one, other = ruled(space, strategy), ruled(other_space, strategy)
    tell(one, EVENTS)
    chance = random.Random(7)
    shuffled = EVENTS + EVENTS[:3]
    chance.shuffle(shuffled)
    tell(other, shuffled, 2)
    assert state(one) == state(other)
    assert verify_space(one)["same"]
    assert verify_space(other)["same"]


@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(STRATEGIES, 2)))
def test_a_replay_has_it_as_if_the_strategy_had_held_from_the_start(space, other_space, before, after):
    shutil.rmtree(other_space.project.keyring)
    shutil.copytree(space.project.keyring, other_space.project.keyring)
    tell(ruled(space, before), EVENTS)
    changed = ruled(space, after)
    assert replay(changed).events == len(EVENTS)
    fresh = ruled(other_space, after)
    tell(fresh, EVENTS)
    assert state(changed) == state(fresh)
    assert (b"a1" in envelope(changed, "u1")) == (after != "isolate")
    assert verify_space(changed)["same"]


def test_a_replay_of_kept_records_parts_visitors_from_customers(space, other_space):
    """Also when the received events have gone."""
    shutil.rmtree(other_space.project.keyring)
    shutil.copytree(space.project.keyring, other_space.project.keyring)
    tell(ruled(space, "join"), EVENTS)
    changed = ruled(space, "link")
    with changed.database.connect() as conn:
        conn.execute("delete from log.chunk where lane = 'received'")
        conn.commit()
    assert replay(changed).changed > 0
    fresh = ruled(other_space, "link")
    tell(fresh, EVENTS)
    assert state(changed) == state(fresh)
    assert verify_space(changed)["same"]


def test_a_kind_that_there_is_none_of_is_named(space):
    path = space.project.folder / "identity.yaml"
    path.write_text(path.read_text().replace("cookie, device_id]}", "cookies]}"))
    with pytest.raises(Invalid, match="cookies is no kind of identifier"):
        Space(space.project, space.database)
