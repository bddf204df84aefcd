"""Events that do no more than add up: nothing else of a person is looked at, and the profile is as folding it gives it."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from tests.thread.test_live import message

from steelthread import intake
from steelthread.model import ProfilesChanged, Received
from steelthread.profiles.sums import Sums
from steelthread.profiles.tally import Tally
from steelthread.store.migrations import migrations
from steelthread.thread import LiveThread, verify

_BODIES = "select individual_id, body::text, records, first_seen, last_seen from profiles.profile order by 1"


@pytest.fixture
def live(space):
    """Fold messages in, in one batch."""

    def fold(messages):
        with space.writer() as conn:
            number, _, _ = intake.source_row(conn, space.vault, "web", 0, space.vault.digest(b"live"), unique=False)
            space.log.append(conn, "received", [Received(number, msgspec.msgpack.encode(one)) for one in messages], 1)
            conn.commit()
            LiveThread(space).step(conn)

    return fold


@pytest.fixture
def stored(space):
    def read():
        with space.database.connect() as conn:
            return conn.execute(_BODIES).fetchall()

    return read


def viewed(at, **said):
    return message("track", at, event="Product Viewed", properties={"product_id": "p"}, **said)


def known(live):
    live(
        [message("identify", 1, user_id="u1", anonymous_id="a1", traits={"firstName": "Ann", "email": "ann@x.example"})]
    )
    live([viewed(2, user_id="u1", anonymous_id="a1")])


def test_more_events_of_somebody_known_add_up(live, stored, space, asked):
    known(live)
    before = stored()
    asked.clear()
    live(
        [
            viewed(5, user_id="u1"),
            viewed(3, user_id="u1", anonymous_id="a1"),
            message("page", 9, user_id="u1"),
        ]
    )
    assert not [sql for sql in asked if "where cluster_id = any" in sql and "identity.node" in sql]
    ((_, body, records, first, last),) = stored()
    assert '"ProductBrowseEngagement": {"count": 3' in body
    assert (records, first) == (1, before[0][3])
    assert last > before[0][4]
    assert verify(space)["same"]
    with space.writer() as conn:
        clusters = conn.execute("select individual_id, cluster_id from identity.cluster where evidence > 0").fetchall()
        space.folder(conn).fold(dict(clusters))
        conn.commit()
    assert stored() == [(before[0][0], body, records, first, last)]


def test_an_event_earlier_than_all_makes_the_person_seen_earlier(live, stored, space):
    known(live)
    live([viewed(-50, user_id="u1")])
    whole = stored()
    assert verify(space)["same"]
    with space.writer() as conn:
        space.folder(conn).fold(dict(conn.execute("select individual_id, cluster_id from identity.cluster").fetchall()))
        conn.commit()
    assert stored() == whole


def test_somebody_busy_who_is_merged_meanwhile_is_folded_whole(live, stored, space):
    known(live)
    live([message("identify", 1, user_id="u2", traits={"lastName": "Lee"}), viewed(2, user_id="u2")])
    live([
        viewed(5, user_id="u1"), viewed(6, user_id="u2"), viewed(7, anonymous_id="a9"),
        message("identify", 8, user_id="u1", anonymous_id="a9", traits={"phone": "+447911123456"}),
    ])  # fmt: skip
    assert len(stored()) == 2
    assert verify(space)["same"]


def test_whoever_has_no_profile_or_one_of_an_older_form_is_folded_whole(live, stored, space):
    known(live)
    live([viewed(5, user_id="u1")])
    for change in ("delete from profiles.profile", "update profiles.profile set body = body - 'events'"):
        with space.database.connect() as conn:
            conn.execute(change)
            conn.commit()
        live([viewed(6, user_id="u1")])
        ((_, body, *_),) = stored()
        assert "firstName" in body
        assert verify(space)["same"]


def test_the_log_tells_of_the_busy_too(live, space):
    known(live)
    live([viewed(5, user_id="u1")])
    with space.database.connect() as conn:
        facts = [one.fact for one in space.log.read(conn, "identity", 0)]
        (individual,) = conn.execute("select individual_id from identity.cluster where evidence > 0").fetchone()
    changed = [fact.individuals for fact in facts if isinstance(fact, ProfilesChanged)]
    assert changed[-1] == [individual]


def test_money_of_events_is_added_exactly():
    at = datetime(2026, 11, 1, tzinfo=UTC)
    one = Sums(UUID(int=1), {}, None, None)
    one.add("SalesOrder", "EUR", Tally(2, Decimal("10.10"), at, at))
    one.add("SalesOrder", "EUR", Tally(1, Decimal("0.905"), at, at))
    one.add("SalesOrder", "", Tally(1, None, None, None))
    assert (one.events["SalesOrder"].count, one.events["SalesOrder"].amounts) == (4, {"EUR": Decimal("11.005")})
    assert (one.first, one.last) == (at, at)


def _evidence(space):
    with space.database.connect() as conn:
        nodes = conn.execute("select kind, evidence, xmin::text from identity.node order by node_id").fetchall()
        return nodes, conn.execute("select evidence, xmin::text from identity.cluster order by 1").fetchall()


def test_what_somebody_has_to_show_is_written_once_however_much_they_do(live, space):
    live([message("identify", 1, user_id="u1", traits={"firstName": "Ann"})])
    nodes, clusters = _evidence(space)
    assert [(kind > 0, evidence) for kind, evidence, _ in nodes] == [(False, 1), (True, 0)]
    live([viewed(2, user_id="u1")])
    first = _evidence(space)
    assert [one[:2] for one in first[0]] == [nodes[0][:2], (nodes[1][0], 2)]
    assert (clusters[0][0], first[1][0][0]) == (1, 2)
    live([viewed(3, user_id="u1"), viewed(4, user_id="u1")])
    assert _evidence(space) == first
    assert verify(space)["same"]


def test_evidence_that_was_counted_becomes_what_there_is_to_show(live, space):
    known(live)
    live([viewed(5, user_id="u1"), viewed(6, anonymous_id="a9")])
    nodes, clusters = _evidence(space)
    sql = next(one.sql for one in migrations() if (one.package, one.number) == ("profiles", 8))
    with space.database.connect() as conn:
        conn.execute("update identity.node set evidence = 7 where evidence > 0")
        conn.execute("update identity.cluster set evidence = 14 where evidence > 0")
        conn.commit()
        assert not verify(space)["same"]
        conn.execute(sql)
        conn.commit()
    assert [one[:2] for one in _evidence(space)[0]] == [one[:2] for one in nodes]
    assert [one[0] for one in _evidence(space)[1]] == [one[0] for one in clusters]
    assert verify(space)["same"]
