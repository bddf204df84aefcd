import struct

import psycopg
import pytest

from steelthread.store import copy_rows, write

ROW = struct.Struct(">hiq").pack
INSERT = "insert into numbers values (%s)"


@pytest.fixture
def writer(space):
    with space.database.writer() as conn:
        conn.execute("create temp table numbers (number bigint primary key)")
        conn.commit()
        yield conn
        conn.rollback()


def numbers(conn):
    return [number for (number,) in conn.execute("select number from numbers order by 1")]


def test_what_is_asked_sees_what_was_written_before(writer):
    for start in range(0, 5000, 1000):
        copy_rows(writer, "numbers (number)", [ROW(1, 8, number) for number in range(start, start + 1000)])
        write(writer, "delete from numbers where number = %s", (start,))
        assert len(numbers(writer)) == start // 1000 * 999 + 999
    writer.commit()
    assert len(numbers(writer)) == 4995


def test_an_error_is_raised_by_the_commit_and_nothing_after_it_is_written(writer):
    write(writer, INSERT, (1,))
    write(writer, INSERT, (1,))
    write(writer, INSERT, (2,))
    with pytest.raises(psycopg.errors.UniqueViolation):
        writer.commit()
    writer.rollback()
    assert numbers(writer) == []


def test_a_rollback_takes_back_what_is_on_its_way(writer):
    write(writer, INSERT, (1,))
    write(writer, INSERT, (1,))
    writer.rollback()
    write(writer, INSERT, (7,))
    writer.commit()
    assert numbers(writer) == [7]


def test_a_plain_connection_writes_at_once(space):
    with space.database.connect() as conn:
        conn.execute("create temp table numbers (number bigint primary key)")
        copy_rows(conn, "numbers (number)", [])
        copy_rows(conn, "numbers (number)", [ROW(1, 8, 3)])
        write(conn, INSERT, (4,))
        assert numbers(conn) == [3, 4]
