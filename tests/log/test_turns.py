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


def test_a_connection_that_writes_behind_takes_one_turn_in_a_transaction(space):
    log = space.log
    with space.writer() as conn, space.database.connect() as other:
        first = log.turn(conn, "identity")
        log.lock(conn, "identity")
        assert log.append(conn, "identity", [Folded(1, 1, [], [])]) == log.append(conn, "identity", [])
        assert log.turn(conn, "identity") == first, "it has the lane already"
        conn.commit()
        log.lock(other, "identity")
        other.commit()
        assert log.turn(conn, "identity") == first + 2, "a transaction later it asks again"
        conn.rollback()
        assert log.turn(conn, "identity") == first + 2, "that turn was taken back"
        conn.rollback()


def test_a_lane_begins_with_whoever_speaks_of_it_first(space):
    log = space.log
    with space.writer() as conn:
        assert log.position(conn, "somebody", "new lane") == 0
        assert log.append(conn, "new lane", []) == 0
        assert log.append(conn, "new lane", [Folded(1, 1, [], [])]) == 1
        conn.rollback()
        assert log.append(conn, "new lane", [Folded(2, 2, [], []), Folded(3, 3, [], [])], hours=1) == 2
        assert log.append(conn, "new lane", [Folded(4, 4, [], [])], hours=1) == 3
        log.advance(conn, "somebody", "new lane", 1)
        conn.commit()
        assert log.position(conn, "somebody", "new lane") == 0, "a reader that was never heard of has read nothing"
        assert [one.fact.first for one in log.read(conn, "new lane", 1)] == [3, 4]
