"""A lane counts how often it was locked to change what it speaks of; appending to it, and what was taken back, do not count."""

from steelthread.model import Folded


def test_whoever_locks_a_lane_takes_a_turn(space):
    log = space.log
    with space.database.connect() as conn, space.database.connect() as other:
        first = log.turn(conn, "identity")
        assert log.turn(conn, "identity") == first + 1
        conn.commit()
        log.lock(other, "identity")
        other.commit()
        assert log.turn(conn, "identity") == first + 3, "somebody else had it"
        conn.commit()
        log.append(other, "identity", [Folded(1, 1, [], [])])
        other.commit()
        log.lock(other, "identity")
        other.rollback()
        assert log.turn(conn, "identity") == first + 4
        log.turn(conn, "received")
        assert log.turn(conn, "identity") == first + 5
        conn.rollback()
