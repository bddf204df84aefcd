"""For how long a message that comes again is told from a new one, and a received event is kept as it came."""

import time

import msgspec
import pytest

from steelthread import intake
from steelthread.intake import Message
from steelthread.model import Received
from steelthread.thread import LiveThread, Worker, live_status, worker

DAY = 86_400_000_000


def tell(space, ids, days_ago=0):
    at = time.time_ns() // 1000 - days_ago * DAY
    with space.writer() as conn:
        number, _, _ = intake.source_row(conn, space.vault, "web", 0, space.vault.digest(b"live"), unique=False)
        said = [Message(id=one, type="track", timestamp=at, received=at, event="Seen", user_id="u1") for one in ids]
        space.log.append(conn, "received", [Received(number, msgspec.msgpack.encode(one)) for one in said], hours=1)
        conn.commit()
        thread = LiveThread(space)
        while thread.step(conn).read:
            pass


def counted(space):
    with space.database.connect() as conn:
        return space.reader(conn).profile("user_id:u1")["counts"]["CustomEngagement"], live_status(
            space, conn
        ).duplicates


@pytest.mark.parametrize(("days", "again"), [(30, 1), (10, 2), (400, 0)])
def test_a_message_counts_once_within_the_window_across_restarts(space, monkeypatch, days, again):
    monkeypatch.setattr(worker, "_TIDY_SECONDS", -1.0)
    space.project.settings.live.deduplicate_days = days
    tell(space, ["long ago"], 31)
    tell(space, ["lately"], 29)
    tell(space, ["today"])
    with space.writer() as conn:
        Worker(space)._tidy(conn)
    tell(space, ["long ago", "lately", "today"])  # by another thread, as after a restart
    assert counted(space)[1] == 3 - again
    with space.database.connect() as conn:
        known = conn.execute("select count(*) from intake.message").fetchone()[0]
    assert known == 3, "what came again after its window is known again"
