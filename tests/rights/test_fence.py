"""The fence for live events, the restore gate, and that events which flow during an erasure leave nothing behind."""

import asyncio
import itertools
import random
import threading

import msgspec
import pytest
from psycopg_pool import ConnectionPool

from steelthread import intake
from steelthread.app import create_project, verify_space
from steelthread.intake import LiveSource, Message
from steelthread.kit import NotFound, open_project
from steelthread.model import Received
from steelthread.privacy import JOURNAL, Needles, fence_counts, scan_database
from steelthread.rights import erase, replay_erasures
from steelthread.store import backup, restore
from steelthread.thread import Collector, LiveThread, Restored, Space, Tail

T0 = 1_790_000_000_000_000
NUMBERS = itertools.count()


def message(type_, **said):
    return Message(type=type_, timestamp=T0, received=T0, id=f"m{next(NUMBERS)}", **said)


def about_ann():
    """Events that name her in every way."""
    return [
        message("track", event="Seen", user_id="ann", anonymous_id="web-1"),
        message("identify", user_id="ann", traits={"email": "ann@example.com", "firstName": "Ann"}),
        message("page", anonymous_id="web-1", context={"page": {"url": "https://shop.example/"}}),
        message("identify", anonymous_id="web-2", traits={"email": "Ann@Example.com"}),
    ]


def about_bob():
    return [message("identify", user_id="bob", anonymous_id="web-9", traits={"email": "bob@example.com"})]


def receive(space, messages):
    with space.writer() as conn:
        number, _, _ = intake.source_row(conn, space.vault, "web", 0, space.vault.digest(b"live"), unique=False)
        space.log.append(conn, "received", [Received(number, msgspec.msgpack.encode(one)) for one in messages], hours=1)
        conn.commit()
    return number


def fold(space, size=4000):
    with space.writer() as conn:
        thread = LiveThread(space)
        while thread.step(conn, size).read:
            pass


def profile(space, ref):
    with space.database.connect() as conn:
        return space.reader(conn).profile(ref)


def assert_gone(space):
    for ref in ("user_id:ann", "email:ann@example.com", "anonymous_id:web-1"):
        with pytest.raises(NotFound):
            profile(space, ref)
    with space.database.connect() as conn:
        assert conn.execute("select count(*) from intake.record where not is_party").fetchone() == (0,)
    assert verify_space(space)["same"]


def test_late_events_do_not_bring_anybody_back(space):
    receive(space, [*about_ann(), *about_bob()])
    fold(space)
    bob = profile(space, "user_id:bob")
    erase(space, "email:ann@example.com", "me")
    receive(space, about_ann())
    receive(
        space, [message("identify", user_id="carl", traits={"email": "ann@example.com", "plan": "for ann@example.com"})]
    )
    fold(space)
    assert_gone(space)
    assert profile(space, "user_id:bob") == bob
    assert "ann@example.com" not in str(profile(space, "user_id:carl"))
    with space.database.connect() as conn:
        counts = fence_counts(conn)
    assert (counts["droppedEvents"], counts["strippedEvents"]) == (4, 1)


def test_what_came_in_before_is_not_shown_after(space):
    receive(space, [*about_ann(), *about_bob()])
    fold(space)
    with space.database.connect() as conn:
        assert "ann@example.com" in str(Tail(space, conn, 0).step(conn))
    erase(space, "user_id:ann", "me")
    with space.database.connect() as conn:
        shown = Tail(space, conn, 0).step(conn)
    assert "ann" not in str(shown).casefold()
    assert "bob@example.com" in str(shown)
    assert {"verdict": "not shown", "events": 4, "number": 5} in shown


def test_the_collector_does_not_even_write_them_down(space):
    number = receive(space, [*about_ann(), *about_bob()])
    fold(space)
    erase(space, "user_id:ann", "me")
    with ConnectionPool(space.database.conninfo, min_size=1, max_size=2) as pool, space.database.connect() as conn:
        before = space.log.head(conn, "received")
        collector = Collector(space, pool)
        asyncio.run(collector.accept(LiveSource("web", number), [*about_ann(), *about_bob()]))
        conn.rollback()
        assert space.log.head(conn, "received") == before + 1, "Bob's event only"


def test_who_was_let_in_and_is_erased_before_her_events_are_folded_in(space):
    """What the collector says of an event counts as long as nobody else was erased; before and after, nothing is asked twice."""
    number = receive(space, [*about_ann(), *about_bob(), message("identify", user_id="eve")])
    fold(space)
    erase(space, "user_id:eve", "me")
    with ConnectionPool(space.database.conninfo, min_size=1, max_size=2) as pool, space.database.connect() as conn:
        head = space.log.head(conn, "received")
        collector = Collector(space, pool)
        asyncio.run(collector.accept(LiveSource("web", number), about_bob()))
        asyncio.run(collector.accept(LiveSource("web", number), [*about_ann(), *about_bob()]))
        conn.rollback()
        marks = {one.fact.admitted for one in space.log.read(conn, "received", head)}
        assert len(marks) == 1, "all under the present tombstones, the first ones too"
        assert "" not in marks
    erase(space, "user_id:ann", "me")
    fold(space)
    assert_gone(space)
    with space.database.connect() as conn:
        assert fence_counts(conn)["droppedEvents"] == 4


def test_an_erasure_while_events_flow(space):
    """Late and repeated events before, during and after: whatever comes in between, nothing of her is there at the end."""
    chance = random.Random(5)
    events = [one for _ in range(60) for one in (*about_ann(), *about_bob())]
    events += chance.sample(events, 100)
    chance.shuffle(events)
    receive(space, events[:60])
    fold(space)
    receive(space, events[60:])
    folding = threading.Thread(target=fold, args=(space, 7))
    folding.start()
    erase(space, "email:ann@example.com", "me")
    folding.join()
    receive(space, about_ann())
    fold(space)
    assert_gone(space)
    assert profile(space, "user_id:bob")["identifiers"]
    with space.database.connect() as conn:
        assert fence_counts(conn)["droppedEvents"] >= 4


def test_a_restored_backup_serves_nobody_before_it_forgot(space, load, tmp_path, server):
    load("crm", "customer_id,first_name,email\n1,Ann,ann@example.com\n2,Bob,bob@example.com\n")
    backup(space.project, space.database, tmp_path / "b.tar")
    erase(space, "email:ann@example.com", "me")
    folder = tmp_path / "other"
    create_project(folder, "other", "GB")
    (folder / "steelthread.toml").write_text("[database]\nidle_seconds = 1\n")
    project = open_project(folder)
    project.data.mkdir(exist_ok=True)
    (project.data / JOURNAL).write_bytes((space.project.data / JOURNAL).read_bytes())
    restore(project, tmp_path / "b.tar")
    with pytest.raises(Restored, match="erased since"):
        Space(project)
    with Space(project, gated=False) as other:
        assert profile(other, "email:ann@example.com"), "the backup knew her"
        with other.database.connect() as conn:
            subjects = [one for (one,) in conn.execute("select subject from intake.record")]
        assert replay_erasures(other) == 1
        with pytest.raises(NotFound):
            profile(other, "email:ann@example.com")
        assert profile(other, "email:bob@example.com")
        assert len(other.vault.keys(subjects)) == 1, "her data key came back with the keyring, and went again"
        assert replay_erasures(other) == 0
        with other.database.connect() as conn:
            assert scan_database(conn, Needles(["ann@example.com"], derived=True))[1] == []
        assert verify_space(other)["same"]
    with Space(project) as other:
        assert profile(other, "email:bob@example.com")
