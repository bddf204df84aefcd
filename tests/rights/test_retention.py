"""Retention on real PostgreSQL under a clock that runs for years: nothing older than its rule, sums that agree, holds kept."""

import json
import sys
from datetime import UTC, datetime, timedelta

import pytest
from tests import commands

from steelthread.app import verify_space
from steelthread.kit import Conflict, Invalid, NotFound
from steelthread.privacy import Needles, Purposes, add_months, load_retention, scan_database
from steelthread.rights import HOLDERS, Asking, Consents, Holds, RequestDesk, Retention, Saying, erase, run_daily

CRM = "customer_id,first_name,email\n1,Ann,ann@example.com\n2,Bob,bob@example.com\n3,Cid,cid@example.com\n"
ORDERS = "order_id,customer_email,order_date,total\n" + "".join(
    f"{name}{number},{name}@example.com,20{16 + number}-03-0{number % 9 + 1},10.00\n"
    for name in ("ann", "bob")
    for number in range(10)
)
PURPOSES = """purposes:
  operations: {legalBasis: contract}
  accounting: {legalBasis: legitimate_interests}
  letters: {legalBasis: legitimate_interests}
"""
ANN, BOB = "email:ann@example.com", "email:bob@example.com"


@pytest.fixture
def filled(space, load):
    load("crm", CRM)
    load("orders", ORDERS)
    (space.project.folder / "purposes.yaml").write_text(PURPOSES)


def rules(space, text):
    (space.project.folder / "retention.yaml").write_text(text)


def tables(space):
    with space.database.connect() as conn:
        return {
            one.table: conn.execute(f"select count(*) from {one.table}").fetchone()[0]
            for one in HOLDERS
            if one.table.startswith(("intake.", "profiles.event"))
        }


def oldest(space):
    with space.database.connect() as conn:
        return conn.execute("select min(at), count(*) from profiles.event").fetchone()


def run(space, at, **how):
    return Retention(space, datetime.fromisoformat(at).replace(tzinfo=UTC)).run("me", **how)


def test_24_at_no_tick_is_anything_older_than_its_rule(space, filled):
    rules(space, "rules: {orders: {of: events, keep: 2 years, after: happened}}\n")
    gone = 0
    for year in range(2019, 2029):
        at = f"{year}-06-15"
        before = tables(space)
        told = run(space, at, dry_run=True)
        assert tables(space) == before, "a dry run changes nothing"
        done = run(space, at)
        assert (done.due, done.stores) == (told.due, told.stores), "and says what goes"
        after = tables(space)
        deltas = {table: before[table] - after[table] for table in before if before[table] != after[table]}
        assert {table: count for table, count in done.stores.items() if table in before} == {
            table: count for table, count in deltas.items() if count > 0
        }, "the report's sums are what went"
        gone += done.due["events"]
        first = oldest(space)[0]
        assert first is None or first >= datetime(year - 2, 6, 15, tzinfo=UTC) - timedelta(days=1)
    assert (oldest(space), gone) == ((None, 0), 20)
    assert verify_space(space)["same"]
    with space.database.connect() as conn:
        assert space.reader(conn).profile(ANN)["individualId"], "the person stays"


RULES = """rules:
  books: {of: events, entities: [SalesOrder], keep: 6 years, after: happened, purpose: accounting}
  post: {of: events, entities: [SalesOrder], keep: 20 months, after: happened, purpose: letters}
  refused: {of: rejects, keep: 90 days, after: kept}
  cases: {of: requests, keep: 24 months, after: closed}
"""


@pytest.mark.parametrize("months", [6, pytest.param(1, marks=pytest.mark.soak)])
def test_24_ten_years_of_ticks_with_purposes_a_hold_and_what_was_refused(space, filled, load, months):
    """At each tick nothing is older than its rule but what is on hold; Bob objects to letters, and his orders stay for the books."""
    rules(space, RULES)
    load("bad", "customer_id,first_name,email,birth_date\n8,Eve,eve@example.com,yesterday\n")
    holds = Holds(space)
    with space.database.connect() as conn:
        Consents(space).say(conn, Saying(ref=BOB, purpose="letters", said="objected"))
        reader = space.reader(conn)
        mine = {ref: [one.node_id for one in reader.members(ref)] for ref in (ANN, BOB)}
        hold = holds.place(conn, ANN, "Regional Court, case 7", datetime.now(UTC) + timedelta(days=4000), "me")
        conn.commit()
    keeps = {ANN: 20, BOB: 72}
    held, at = True, datetime(2018, 1, 1, tzinfo=UTC)
    while at < datetime(2032, 1, 1, tzinfo=UTC):
        if held and at.year == 2024:
            with space.database.connect() as conn:
                holds.lift(conn, hold.hold_id, "me")
                conn.commit()
            held = False
        before = tables(space)
        done = Retention(space, at).run("me")
        after = tables(space)
        gone = {table: before[table] - after[table] for table in before if before[table] > after[table]}
        assert {table: count for table, count in done.stores.items() if table in before} == gone
        with space.database.connect() as conn:
            for ref, keep in keeps.items():
                (first,) = conn.execute(
                    "select min(at) from profiles.event where owner = any(%s)", (mine[ref],)
                ).fetchone()
                if ref == ANN and held:
                    assert first == datetime(2016, 3, 1, tzinfo=UTC), "what is on hold stays"
                else:
                    limit = add_months(at.date(), -keep)
                    assert first is None or first.date() >= limit, (ref, at)
            (refused,) = conn.execute(
                "select count(*) from intake.reject where at < %s", (at - timedelta(days=90),)
            ).fetchone()
            assert refused == 0
        at = datetime.combine(add_months(at.date(), months), datetime.min.time(), UTC)
    assert (oldest(space), verify_space(space)["same"]) == ((None, 0), True)


def test_24_serve_runs_it_once_a_day_at_its_time(space, filled):
    rules(space, "rules: {orders: {of: events, keep: 2 years, after: happened}}\n")
    settings = space.project.settings
    settings.project.time_zone = "America/New_York"
    day = datetime.now(UTC).replace(hour=7, minute=59, second=0, microsecond=0)  # before 03:00 there, or just after it
    morning = day.replace(hour=8, minute=30)
    first = run_daily(space, "serve", day)
    assert first.due["events"] > 0, "what was missed is made up for"
    assert run_daily(space, "serve", day + timedelta(seconds=1)) is None
    with space.database.connect() as conn:
        conn.execute("update privacy.retention_run set at = %s", (day - timedelta(hours=5),))
        conn.commit()
    assert run_daily(space, "serve", morning) is not None
    settings.retention.daily_at = ""
    assert run_daily(space, "serve", morning + timedelta(days=3)) is None
    settings.retention.daily_at = "at three"
    with pytest.raises(Invalid, match="daily_at"):
        run_daily(space, "serve", morning + timedelta(days=3))
    (space.project.folder / "retention.yaml").unlink()
    assert run_daily(space, "serve", morning + timedelta(days=3)) is None


def test_24_of_two_purposes_the_shortest_that_is_valid_counts(space, filled):
    rules(
        space,
        "rules:\n  books: {of: events, entities: [SalesOrder], keep: 8 years, after: happened, purpose: accounting}\n"
        "  post: {of: events, entities: [SalesOrder], keep: 3 years, after: happened, purpose: letters}\n",
    )
    assert run(space, "2022-06-15", dry_run=True).due["events"] == 8, "four of each"
    with space.database.connect() as conn:
        consents = Consents(space)
        consents.say(conn, Saying(ref=BOB, purpose="letters", said="objected"))
        conn.commit()
    assert run(space, "2022-06-15", dry_run=True).due["events"] == 4, "the other purpose keeps Bob's for eight years"
    assert run(space, "2027-06-15", dry_run=True).due["events"] == 9 + 4
    with space.database.connect() as conn:
        consents.say(conn, Saying(ref=BOB, purpose="accounting", said="objected"))
        conn.commit()
    assert run(space, "2022-06-15", dry_run=True).due["events"] == 4 + 10, "no purpose is left for Bob's"


def test_24_people_who_were_not_seen_go_and_may_come_again(space, filled, load):
    rules(space, "rules: {dormant: {of: people, keep: 3 years, after: lastSeen}}\n")
    with space.database.connect() as conn:
        conn.execute("update profiles.profile set last_seen = '2020-01-01' where individual_id = %s",
                     (space.reader(conn).profile(ANN)["individualId"],))  # fmt: skip
        conn.commit()
    done = run(space, "2024-01-01")
    assert done.due["people"] == 1
    with space.database.connect() as conn, pytest.raises(NotFound):
        space.reader(conn).profile(ANN)
    with space.database.connect() as conn:
        assert scan_database(conn, Needles(["ann@example.com"], derived=True))[1] == []
        assert space.reader(conn).profile(BOB)
    load("again", "customer_id,first_name,email\n9,Ann,ann@example.com\n")
    with space.database.connect() as conn:
        assert space.reader(conn).profile(ANN)


def test_24_a_legal_hold_is_kept_by_retention_and_erasure(space, filled):
    rules(
        space,
        "rules:\n  orders: {of: events, keep: 1 year, after: happened}\n  dormant: {of: people, keep: 1 day, after: lastSeen}\n",
    )
    holds = Holds(space)
    with space.database.connect() as conn:
        until = datetime.now(UTC) + timedelta(days=4000)
        hold = holds.place(conn, BOB, "Regional Court, case 7", until, "me")
        with pytest.raises(Invalid, match="future"):
            holds.place(conn, BOB, "x", datetime(2020, 1, 1, tzinfo=UTC), "me")
        with pytest.raises(NotFound):
            holds.place(conn, "email:nobody@example.com", "x", until, "me")
        conn.commit()
    with pytest.raises(Conflict, match="legal hold until"):
        erase(space, BOB, "me")
    desk = RequestDesk(space)
    with space.database.connect() as conn:
        request = desk.open(conn, Asking(kind="erasure", ref=BOB), "test", "me")["requestId"]
        desk.attest(conn, request, "document", "me")
        conn.commit()
    with pytest.raises(Conflict, match="legal hold until"):
        desk.run(request, "me")
    with space.database.connect() as conn:
        assert desk.show(conn, request)["state"] == "open"
        assert not Consents(space).decide(conn, BOB, "operations").allow, "kept, and not used"
    done = run(space, "2030-01-01")
    assert (done.due["events"], done.due["people"], done.on_hold) == (10, 2, 1)
    assert oldest(space)[1] == 10
    with space.database.connect() as conn:
        assert [one.authority for one in holds.all(conn)] == ["Regional Court, case 7"]
        holds.lift(conn, hold.hold_id, "me")
        with pytest.raises(NotFound):
            holds.lift(conn, hold.hold_id, "me")
        conn.commit()
    assert desk.run(request, "me")["rows"] > 0, "and erased after"


def test_rejects_and_requests_go_with_their_keys(space, load):
    load("crm", "customer_id,first_name,email\n1,Ann,not an address\n" + CRM.split("\n", 2)[2])
    (space.project.folder / "purposes.yaml").write_text(PURPOSES)
    rules(
        space,
        "rules:\n  refused: {of: rejects, keep: 90 days, after: kept}\n  cases: {of: requests, keep: 24 months, after: closed}\n",
    )
    desk = RequestDesk(space)
    with space.database.connect() as conn:
        desk.open(conn, Asking(kind="opt_out", ref=BOB), "test", "me")
        subjects = [one for (one,) in conn.execute("select subject from intake.reject")]
        conn.commit()
    assert subjects
    later = (datetime.now(UTC) + timedelta(days=100)).date().isoformat()
    done = run(space, later)
    assert (done.due["rejects"], done.due["requests"]) == (len(subjects), 0)
    assert space.vault.keys(subjects) == {}
    assert run(space, "2040-01-01").due["requests"] == 1
    with space.database.connect() as conn:
        assert conn.execute("select count(*) from privacy.request_step").fetchone() == (0,)


WRONG = [
    "{x: {of: events, keep: soon, after: happened}}", "{x: {of: events, keep: 1 year, after: closed}}",
    "{x: {of: people, keep: 1 year, after: lastSeen, entities: [SalesOrder]}}",
    "{x: {of: rejects, keep: 1 year, after: kept, purpose: letters}}", "{x: {of: requests, keep: 1 year, after: closed}}",
    "{x: {of: events, keep: 1 year, after: happened, purpose: nonsense}}", "[", "{x: {of: nonsense}}",
]  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_wrong_rules_are_told(tmp_path, text):
    path = tmp_path / "retention.yaml"
    path.write_text(f"rules: {text}\n")
    with pytest.raises(Invalid):
        load_retention(path, Purposes({}))


def test_the_command_line(space, filled):
    def command(*words, code=0):
        whole = [sys.executable, "-m", "steelthread", *words, "--project", str(space.project.folder), "--json"]
        done = commands.run(whole, text=True)
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout) if code == 0 else done.stderr

    rules(space, "rules: {orders: {of: events, keep: 5 years, after: happened}}\n")
    told = command("retention", "run", "--dry-run", "--at", "2026-06-15")
    assert told["due"]["events"] > 0
    assert "--dry-run" in command("retention", "run", "--at", "2026-06-15", code=1)
    hold = command("hold", "place", BOB, "--authority", "Court", "--until", "2099-01-01")
    assert command("hold", "list")[0]["holdId"] == hold["holdId"]
    assert command("retention", "run")["onHold"] == 1
    command("hold", "lift", hold["holdId"])
    assert command("hold", "list") == []
