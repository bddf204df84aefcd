"""What is remembered is heard of when it changes: whatever the order of commits, and never before all note it."""

import pytest

from steelthread.privacy import Changes, changes, mark_of, mark_of_cluster

NODES = [bytes([number]) * 32 for number in range(1, 7)]


@pytest.fixture
def conns(space):
    """Three connections; the first one looks and tends."""
    found = [space.database.connect() for _ in range(3)]
    yield found
    for one in found:
        one.close()


def tend(ears, conn):
    conn.autocommit = True
    ears.tend(conn)
    conn.autocommit = False


def look(ears, conn):
    found = ears.since(conn)
    conn.commit()
    ears.settled()
    return None if found is None else set(found)


def listening(conn):
    """Return ears that are told everything from now on."""
    ears = Changes()
    assert ears.due
    tend(ears, conn)
    assert not ears.due
    assert look(ears, conn) is None, "what was before is not known"
    assert look(ears, conn) == set()
    return ears


def say(conn, *nodes):
    for node in nodes:
        conn.execute("insert into privacy.consent_state values (%s, 'c', 'ads', '', 1, null, 1)", (node,))


def place(conn, number, cluster):
    conn.execute(
        "insert into identity.node (node_id, kind, hash, birth, durable, cluster_id, since) "
        "values (%s, 1, %s, gen_random_uuid(), true, %s, now())",
        (number, NODES[number - 1], cluster),
    )


def noted(conn):
    row = conn.execute("select count(*) from privacy.change").fetchone()
    conn.commit()
    return row[0]


def test_the_database_marks_as_the_reader_does(space):
    with space.database.connect() as conn:
        for node in (b"", b"a", b"ab", b"\xff" * 3, b"\x12\x34\x56\x78", bytes(range(32))):
            assert conn.execute("select privacy.mark(%s::bytea)", (node,)).fetchone() == (mark_of(node),)
        for cluster in (0, 1, 2**20 - 1, 2**20, 2**40 + 17):
            assert conn.execute("select privacy.mark(%s::bigint)", (cluster,)).fetchone() == (mark_of_cluster(cluster),)


def test_each_change_is_told_once(conns):
    mine, other, _ = conns
    ears = listening(mine)
    say(other, *NODES[:2])
    assert look(ears, mine) == set(), "not before it is committed"
    other.commit()
    assert look(ears, mine) == {mark_of(one) for one in NODES[:2]}
    assert look(ears, mine) == set()
    other.execute("update privacy.consent_state set verdict = -1 where node_hash = %s", (NODES[0],))
    other.commit()
    assert look(ears, mine) == {mark_of(NODES[0])}
    other.execute("delete from privacy.consent_state")
    other.rollback()
    assert look(ears, mine) == set()
    other.execute("delete from privacy.consent_state")
    other.commit()
    assert look(ears, mine) == {mark_of(one) for one in NODES[:2]}


def test_what_was_written_first_and_is_committed_last_is_told(conns):
    mine, early, late = conns
    ears = listening(mine)
    say(early, NODES[0])
    say(late, NODES[1])
    late.commit()
    assert look(ears, mine) == {mark_of(NODES[1])}
    assert look(ears, mine) == set()
    say(late, NODES[2])
    late.commit()
    early.commit()
    assert look(ears, mine) == {mark_of(NODES[0]), mark_of(NODES[2])}
    assert look(ears, mine) == set()


def test_own_changes_are_told_in_their_own_transaction_and_not_again(conns):
    mine, other, _ = conns
    ears = listening(mine)
    say(mine, NODES[0])
    assert ears.since(mine) == [mark_of(NODES[0])]
    say(other, NODES[1])
    other.commit()
    mine.commit()
    ears.settled()
    assert look(ears, mine) == {mark_of(NODES[1])}


def test_what_was_learnt_in_a_transaction_that_failed_is_not_true(conns):
    mine, _, _ = conns
    ears = listening(mine)
    say(mine, NODES[0])
    assert ears.since(mine) == [mark_of(NODES[0])]
    mine.rollback()
    assert look(ears, mine) is None
    assert look(ears, mine) == set()


def test_nothing_is_noted_for_nobody_and_who_did_not_note_is_waited_for(conns):
    mine, early, other = conns
    say(early, NODES[0])
    say(other, NODES[1])
    other.commit()
    assert noted(other) == 0
    ears = Changes()
    tend(ears, mine)
    for _ in range(3):
        assert look(ears, mine) is None, "one is under way who noted nothing"
    early.commit()
    assert look(ears, mine) is None
    assert look(ears, mine) == set()
    say(early, NODES[2])
    early.commit()
    assert look(ears, mine) == {mark_of(NODES[2])}


def test_a_transaction_with_an_old_snapshot_notes_whether_somebody_listens_or_not(conns):
    mine, old, _ = conns
    old.execute("set transaction isolation level repeatable read")
    old.execute("select count(*) from privacy.change_listener")
    ears = listening(mine)
    say(old, NODES[0])
    old.commit()
    assert look(ears, mine) == {mark_of(NODES[0])}


def test_who_was_not_heard_of_for_long_begins_anew(conns):
    mine, other, _ = conns
    ears = listening(mine)
    other.execute("update privacy.change_listener set until = clock_timestamp() - interval '1 second'")
    other.commit()
    say(other, NODES[0])
    other.commit()
    for _ in range(2):
        assert look(ears, mine) is None
    tend(ears, mine)
    assert look(ears, mine) is None
    assert look(ears, mine) == set()


def test_after_a_pause_nothing_is_taken_for_known(conns, monkeypatch):
    mine, _, _ = conns
    ears = listening(mine)
    present = changes.time.monotonic()
    monkeypatch.setattr(changes.time, "monotonic", lambda: present + 51)
    assert look(ears, mine) is None
    assert look(ears, mine) == set()
    monkeypatch.setattr(changes.time, "monotonic", lambda: present + 70)
    assert look(ears, mine) is None, "nobody said for a minute that it listens"


def test_what_all_have_heard_goes_and_nothing_else(conns, monkeypatch):
    mine, early, other = conns
    ears = listening(mine)
    present = changes.time.monotonic()
    say(early, NODES[0])
    say(other, NODES[1])
    other.commit()
    other.execute("insert into privacy.change values ('999999999999', 1)")
    other.commit()
    look(ears, mine)
    monkeypatch.setattr(changes.time, "monotonic", lambda: present + 100)
    tend(ears, mine)
    assert noted(mine) == 1, "that of another server has gone; the other one was not ended when the one before began"
    assert look(ears, mine) is None
    early.commit()
    assert look(ears, mine) == {mark_of(NODES[0])}
    monkeypatch.setattr(changes.time, "monotonic", lambda: present + 180)
    tend(ears, mine)
    assert noted(mine) == 2, "somebody else may have looked last a minute ago"
    monkeypatch.setattr(changes.time, "monotonic", lambda: present + 200)
    tend(ears, mine)
    assert noted(mine) == 0


def test_who_joins_moves_or_goes_is_told_of_and_who_stands_alone_is_not(conns):
    mine, other, _ = conns
    ears = listening(mine)
    place(other, 1, 1)
    place(other, 2, 2)
    other.commit()
    assert look(ears, mine) == set()
    other.execute("update identity.node set evidence = 1")
    other.commit()
    assert look(ears, mine) == set()
    place(other, 3, 2)
    other.commit()
    pair = {mark_of(NODES[1]), mark_of(NODES[2]), mark_of_cluster(2)}
    assert look(ears, mine) == pair
    other.execute("update identity.node set cluster_id = 1 where node_id = 3")
    other.commit()
    moved = {mark_of(NODES[0]), mark_of(NODES[2]), mark_of_cluster(1), mark_of_cluster(2)}
    assert look(ears, mine) == moved
    other.execute("delete from identity.node where node_id = 3")
    other.commit()
    assert look(ears, mine) == {mark_of(NODES[2]), mark_of_cluster(1)}


def test_who_joins_several_leaves_what_is_known_of_each_of_them(conns):
    mine, other, _ = conns
    ears = listening(mine)
    place(other, 1, 1)
    other.commit()
    assert look(ears, mine) == set()
    place(other, 2, 1)
    other.commit()
    assert look(ears, mine) == {mark_of(NODES[0]), mark_of(NODES[1]), mark_of_cluster(1)}, "one stood alone so far"
    place(other, 3, 1)
    other.commit()
    assert look(ears, mine) == {mark_of(NODES[2]), mark_of_cluster(1)}
    other.execute(
        "insert into identity.node (node_id, kind, hash, birth, durable, cluster_id, since) select number, 1, hash, "
        "gen_random_uuid(), true, cluster, now() from unnest(%s::int[], %s::bytea[], %s::int[]) one (number, hash, cluster)",
        ([4, 5, 6], NODES[3:], [1, 7, 7]),
    )
    other.commit()
    both = {mark_of(NODES[4]), mark_of(NODES[5]), mark_of_cluster(7)}
    assert look(ears, mine) == {mark_of(NODES[3]), mark_of_cluster(1), *both}


def test_tombstones_and_very_many_changes_are_changes_of_everything(conns):
    mine, other, _ = conns
    ears = listening(mine)
    other.execute("insert into privacy.tombstone values ('x', gen_random_uuid(), now())")
    other.commit()
    assert look(ears, mine) is None
    assert look(ears, mine) == set()
    other.execute(
        "insert into privacy.consent_state select decode(md5(n::text), 'hex'), 'c', 'ads', '', 1, null, 1 "
        "from generate_series(1, 5001) n"
    )
    other.commit()
    assert look(ears, mine) is None
    assert noted(mine) == 2
