"""Erasing many at once: the same goes as one by one, each gets a certificate, and a batch that was cut off goes on."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests import commands

from steelthread.app import verify_space
from steelthread.kit import Conflict, NotFound
from steelthread.privacy import JOURNAL, Needles, checker, fence_counts, scan_database
from steelthread.privacy.checker import check_certificate, from_text
from steelthread.rights import (
    HOLDERS,
    Asking,
    Consents,
    Holds,
    RequestDesk,
    Saying,
    batches,
    carry_on,
    erase,
    erase_batch,
    erase_requested,
    go_on,
    list_erasures,
    replay_erasures,
    show_erasure,
    totals,
    unfinished_batches,
    write_certificates,
)
from steelthread.thread import lock_identity
from steelthread.vault import keyring

ORDERS = """name: orders
key: order
party: {source: crm, entity: Individual, key: customer}
entities:
  - entity: SalesOrder
    attributes: {orderNumber: order, purchaseOrderDate: at, grandTotalAmount: total, currencyCode: {constant: GBP}}
"""

_AT_WORK = (
    "select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle' "
    "and backend_type = 'client backend'"
)


def people(count):
    """People who share a phone by twos; each has an address and a card; one in ten has a row that was refused."""
    rows = ["customer_id,first_name,last_name,email,phone,loyalty_number"]
    for one in range(count):
        email = "no address" if one % 10 == 9 else f"Kim{one}@Example.org"
        first = ("Ann", "Bob")[one % 2]
        rows.append(f"{one},{first},Other{one},{email},+44207946{one // 2:04},LN-88-{one:05}")
    return "\n".join(rows) + "\n"


def orders(count):
    return "order,customer,at,total\n" + "".join(f"o{one},{one // 3},2026-01-02,10.00\n" for one in range(count * 3))


def fill(space, load, count):
    (space.project.sources / "orders.yaml").write_text(ORDERS)
    load("crm", people(count))
    load("orders", orders(count))
    with space.database.connect() as conn:
        consents = Consents(space)
        for one in range(0, count, 4):
            consents.say(conn, Saying(ref=f"loyalty_number:LN-88-{one:05}", purpose="marketing", said="given"))
        conn.commit()


def refs(numbers):
    return [f"loyalty_number:LN-88-{one:05}" for one in numbers]


def rows_left(space):
    """Return what is left of everybody, without what differs from run to run."""
    with space.database.connect() as conn:
        return {
            one.table: conn.execute(f"select count(*) from {one.table}").fetchone()[0] for one in HOLDERS if one.by
        } | {
            "individuals": sorted(
                sorted(
                    (name, str(one["value"]))
                    for name, one in space.reader(conn).profile(f"record:crm/Individual/{key}")["attributes"].items()
                )
                for key in range(40)
                if space.reader(conn).members(f"record:crm/Individual/{key}")
            ),
            "tombstones": conn.execute("select count(*) from privacy.tombstone").fetchone()[0],
        }


def needles(numbers):
    return [value for one in numbers for value in (f"kim{one}@example.org", f"LN-88-{one:05}")]


def assert_certified(space, batch, count, folder):
    with space.database.connect() as conn:
        assert write_certificates(conn, batch, folder) == count
    lines = [json.loads(line) for line in (folder / "index.jsonl").read_text().splitlines()]
    done = [line for line in lines if line["state"] == "done"]
    assert len(done) == count
    bodies = []
    for line in done:
        content = json.loads((folder / f"{line['requestId']}.json").read_text())
        assert check_certificate(content, bytes.fromhex(content["publicKey"])) == ""
        bodies.append(json.loads(from_text(content["certificate"].split(".")[1])))
        assert bodies[-1]["requestId"] == line["requestId"]
    assert len({body["requestId"] for body in bodies}) == count
    assert all(body["keysLeft"] == 0 and len(body["subjects"]) == 1 for body in bodies)
    assert all(scan["hits"] == 0 for body in bodies for scan in body["scan"])
    return bodies


@pytest.fixture
def other(other_space):
    from steelthread.app import draft_source, load_file  # noqa: PLC0415  # as the fixture of the first space has it

    def load(name, text):
        path = other_space.project.folder / f"{name}.csv"
        path.write_text(text, encoding="utf-8")
        if not (other_space.project.sources / f"{name}.yaml").exists():
            draft_source(other_space.project, name, path)
        load_file(other_space, name, path)

    return load


MOVING = ("identity.membership", "identity.alias")
"""What depends on which identifier was born first."""


def _rows(stores):
    return {one["store"]: one["rows"] for one in stores if one["store"] not in MOVING}


GOING = [0, 1, 2, 4, 7, 9, 10, 11, 12, 19, 25, 33]


def test_the_same_goes_as_one_by_one(space, load, other_space, other, tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "AT_ONCE", 5)
    fill(space, load, 40)
    fill(other_space, other, 40)
    told = erase_batch(space, refs(GOING), "me")
    ones = [erase(other_space, ref, "me") for ref in refs(GOING)]
    assert (told.people, told.hits) == (len(GOING), [])
    assert told.keys_destroyed == sum(one.keys_destroyed for one in ones)
    alone = Counter()
    for one in ones:
        alone.update({store["store"]: store["rows"] for store in one.stores})
    same = {one["store"]: one["rows"] for one in told.stores}
    # Where two who share a phone go, it moves to the second in between, when they go one after the other.
    assert same.pop("identity.membership") + alone.pop("identity.membership") > 0
    assert same == alone
    assert rows_left(space) == rows_left(other_space)
    assert verify_space(space)["same"]
    bodies = assert_certified(space, told.batch_id, len(GOING), tmp_path / "certificates")
    alone_in_pair = [place for place, number in enumerate(GOING) if number ^ 1 not in GOING]
    assert [_rows(bodies[place]["stores"]) for place in alone_in_pair] == [
        _rows(ones[place].stores) for place in alone_in_pair
    ]
    with space.database.connect() as conn:
        assert scan_database(conn, Needles(needles(GOING), derived=True))[1] == []


def test_nobody_of_a_batch_comes_back(space, load):
    fill(space, load, 20)
    erase_batch(space, refs([1, 2, 3]), "me")
    load("again", people(20))
    load("crm", people(20).replace("Other", "Another"))
    with space.database.connect() as conn:
        for ref in refs([1, 2, 3]):
            with pytest.raises(NotFound):
                space.reader(conn).profile(ref)
        assert space.reader(conn).profile(refs([4])[0])
        assert fence_counts(conn)["droppedRecords"] == 6


def test_whoever_cannot_go_is_named_by_place(space, load, tmp_path):
    fill(space, load, 12)
    with space.database.connect() as conn:
        Holds(space).place(conn, refs([3])[0], "a court", datetime.now(UTC) + timedelta(days=1), "me")
        conn.commit()
    asked = [*refs([1]), "email:nobody@example.org", *refs([3]), "email:kim1@example.org", "nonsense:x:y", *refs([5])]
    dry = erase_batch(space, asked, "me", dry_run=True)
    assert dry.people == 2
    told = erase_batch(space, asked, "me")
    assert (told.people, dry.rows, dry.keys_destroyed) == (2, told.rows, told.keys_destroyed)
    assert [(one["number"], one["state"]) for one in told.not_erased] == [
        (2, "unknown"), (3, "held"), (4, "same"), (5, "invalid"),
    ]  # fmt: skip
    assert_certified(space, told.batch_id, 2, tmp_path / "certificates")
    with space.database.connect() as conn:
        assert space.reader(conn).profile(refs([3])[0])
        assert [one["state"] for one in list_erasures(conn)] == ["finished"]
        assert show_erasure(conn, told.batch_id)["people"] == 2
        sealed = conn.execute("select count(sealed) from privacy.erasure_item").fetchone()[0]
        (subject,) = conn.execute("select subject from privacy.erasure_batch").fetchone()
    assert sealed == 0
    assert space.vault.keys([subject]) == {}, "whom it was about is kept no longer"


@pytest.mark.parametrize("at_once", [2, 250])
def test_whoever_is_named_twice_is_the_same_wherever_it_stands(space, load, monkeypatch, at_once):
    """The second name may be of another kind, stand far below the first, and be one that nobody answers to any more."""
    monkeypatch.setattr(batches, "AT_ONCE", at_once)
    monkeypatch.setattr(batches, "_PAGE", 3)
    fill(space, load, 12)
    with space.database.connect() as conn:
        individual = space.reader(conn).cluster(refs([2])[0])[1]
        Holds(space).place(conn, refs([7])[0], "a court", datetime.now(UTC) + timedelta(days=1), "me")
        conn.commit()
    asked = [
        *refs([1, 2, 7, 4]), "email:kim1@example.org", *refs([8, 1]), "email:nobody@example.org", f"individual:{individual}",
        "record:crm/Individual/4", "email:kim7@example.org", *refs([10, 10]),
    ]  # fmt: skip
    dry = erase_batch(space, asked, "me", dry_run=True)
    told = erase_batch(space, asked, "me")
    assert told.states == dry.states == {"done": 5, "held": 2, "same": 5, "unknown": 1}
    assert [(one["number"], one["state"], one.get("as")) for one in told.not_erased] == [
        (3, "held", None), (5, "same", 1), (7, "same", 1), (8, "unknown", None), (9, "same", 2), (10, "same", 4),
        (11, "held", None), (13, "same", 12),
    ]  # fmt: skip
    assert dry.not_erased == told.not_erased
    assert (dry.rows, dry.keys_destroyed) == (told.rows, told.keys_destroyed)


def test_whoever_becomes_one_with_another_while_a_batch_goes_on_is_the_same(space, load, monkeypatch):
    monkeypatch.setattr(batches, "AT_ONCE", 1)
    fill(space, load, 4)
    load("again", "customer_id,first_name,last_name,email,loyalty_number\n77,Ann,Other0,second@example.org,LN-99\n")
    people_of = batches.people_of

    def meanwhile(*args):
        monkeypatch.setattr(batches, "people_of", people_of)
        args[1].rollback()
        load(
            "again",
            "customer_id,first_name,last_name,email,loyalty_number\n77,Ann,Other0,second@example.org,LN-88-00000\n",
        )
        lock_identity(space, args[1])
        return people_of(*args)

    monkeypatch.setattr(batches, "people_of", meanwhile)
    told = erase_batch(space, [*refs([0]), "email:second@example.org"], "me")
    assert told.not_erased == [{"number": 2, "state": "same", "as": 1}]


@pytest.mark.parametrize("most", [1, 9])
def test_no_transaction_holds_more_than_there_are_locks_for(space, load, monkeypatch, most):
    monkeypatch.setattr("steelthread.rights.listed.MOST_NODES", most)
    fill(space, load, 12)
    lines = []
    write = batches.write_lines
    monkeypatch.setattr(
        batches, "write_lines", lambda space, gone, form: lines.append(len(gone)) or write(space, gone, form)
    )
    dry = erase_batch(space, refs(range(0, 12, 2)), "me", dry_run=True)
    told = erase_batch(space, refs(range(0, 12, 2)), "me")
    assert (told.people, dry.people, dry.rows) == (6, 6, told.rows)
    assert sum(lines) == 6
    assert len(lines) == 6 if most == 1 else 1 < len(lines) < 6


def test_a_second_request_of_somebody_held_waits_as_the_first(space, load):
    fill(space, load, 4)
    desk = RequestDesk(space)
    with space.database.connect() as conn:
        Holds(space).place(conn, refs([3])[0], "a court", datetime.now(UTC) + timedelta(days=1), "me")
        opened = [
            desk.open(conn, msgspec.convert({"kind": "erasure", "ref": ref}, Asking), "test", "me", ["authenticated"])[
                "requestId"
            ]
            for ref in ("email:kim3@example.org", refs([3])[0])
        ]
        conn.commit()
    told = erase_requested(space, desk, "me")
    assert (told.batch.states, told.held, told.closed) == ({"held": 2}, 2, 0)
    with space.database.connect() as conn:
        assert {desk.cases.get(conn, one).state for one in opened} <= {"open", "waiting"}
        assert [one["letter"] for one in desk.cases.letters(conn, 10)].count("nothing") == 0


def test_anonymised_together_the_totals_stay_true(space, load):
    fill(space, load, 12)
    with space.database.connect() as conn:
        before = totals(conn)
    erase_batch(space, refs([1, 2, 3, 4]), "me", anonymise=True)
    with space.database.connect() as conn:
        assert totals(conn) == before


def test_everything_is_done_once_for_all(space, load, monkeypatch):
    fill(space, load, 40)
    counts = {"scan": 0, "sealed": 0}
    shards = []
    scan, sealed, replace = batches.scan, batches.find_sealed, keyring.shards.replace_generation
    monkeypatch.setattr(batches, "AT_ONCE", 7)
    monkeypatch.setattr(batches, "scan", lambda *args: counts.update(scan=counts["scan"] + 1) or scan(*args))
    monkeypatch.setattr(
        batches, "find_sealed", lambda *args: counts.update(sealed=counts["sealed"] + 1) or sealed(*args)
    )
    monkeypatch.setattr(
        keyring.shards, "replace_generation", lambda path, content: shards.append(path) or replace(path, content)
    )
    told = erase_batch(space, refs(range(30)), "me")
    assert told.people == 30
    assert counts == {"scan": 1, "sealed": 1}
    own = shards[:-1]  # the last is the batch's own key
    assert len(own) == len(set(own)) <= told.keys_destroyed


STEPS = ("_remove", "_sweep", "_shred", "_scan", "_certify")


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_it_goes_on_wherever_it_was_cut_off(space, load, tmp_path, monkeypatch, step, when):
    monkeypatch.setattr(batches, "AT_ONCE", 5)
    fill(space, load, 24)
    work = getattr(batches._Run, step)

    def dies(self):
        if when == "after":
            work(self)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(batches._Run, step, dies)
        with pytest.raises(KeyboardInterrupt):
            erase_batch(space, refs(range(12)), "me")
    with space.database.connect() as conn:
        (batch,) = unfinished_batches(conn)
    (told,) = carry_on(space, RequestDesk(space), "me")
    assert told.batch_id == batch
    assert (told.people, told.hits) == (12, [])
    assert_certified(space, batch, 12, tmp_path / "certificates")
    with space.database.connect() as conn:
        assert unfinished_batches(conn) == []
        assert scan_database(conn, Needles(needles(range(12)), derived=True))[1] == []
    assert go_on(space, batch).people == 12, "asked once more, it tells the same"
    assert verify_space(space)["same"]


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
@pytest.mark.parametrize("kills", [3, pytest.param(30, marks=pytest.mark.soak)])
def test_it_goes_on_after_kill_9(space, load, tmp_path, kills):
    count = 100 * kills
    fill(space, load, count + 20)
    listed = tmp_path / "list"
    listed.write_text("\n".join(refs(range(count))))
    chance = random.Random(kills)
    command = [sys.executable, "-m", "steelthread", "erase", "--project", str(space.project.folder), "--json"]
    words = ["--list", str(listed)]
    for _ in range(kills):
        process = subprocess.Popen([*command, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1 + chance.random() * 2)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        with space.database.connect() as conn:
            conn.autocommit = True
            while conn.execute(_AT_WORK).fetchone():  # what it had asked for may still be done
                time.sleep(0.05)
            if conn.execute("select 1 from privacy.erasure_batch").fetchone():
                words = ["--carry-on"]
    done = commands.run([*command, *words], text=True)
    assert done.returncode == 0, done.stderr
    with space.database.connect() as conn:
        (batch,) = [one for (one,) in conn.execute("select batch_id from privacy.erasure_batch")]
        assert show_erasure(conn, batch)["people"] == count
        assert scan_database(conn, Needles(needles(range(count)), derived=True))[1] == []
        assert space.reader(conn).profile(refs([count + 1])[0])
    assert_certified(space, batch, count, tmp_path / "certificates")


def test_one_process_at_a_time(space, load):
    fill(space, load, 4)
    with space.database.connect() as conn:
        conn.execute("select pg_advisory_lock(%s)", (batches._LOCK,))
        with pytest.raises(Conflict, match="under way"):
            erase_batch(space, refs([1]), "me")
        assert carry_on(space, RequestDesk(space), "me") == []
    assert [one.people for one in carry_on(space, RequestDesk(space), "me")] == [1]


def test_a_restored_database_forgets_a_batch_again(space, load):
    fill(space, load, 20)
    erase_batch(space, refs(range(8)), "me")
    journal = (space.project.data / JOURNAL).read_bytes()
    with space.database.connect() as conn:  # as if the database came from before the batch, and the rest did not
        for table in ("privacy.erasure", "privacy.tombstone", "privacy.erasure_batch", "privacy.erasure_item"):
            conn.execute(f"truncate {table} cascade")
        conn.commit()
    load("crm", people(20).replace("Other", "Another"))
    with space.database.connect() as conn:
        assert space.reader(conn).profile(refs([1])[0]), "nothing stops it yet"
    assert journal.count(b"\n") == 8
    assert replay_erasures(space) == 8
    with space.database.connect() as conn:
        for ref in refs(range(8)):
            with pytest.raises(NotFound):
                space.reader(conn).profile(ref)
        assert space.reader(conn).profile(refs([9])[0])
    assert replay_erasures(space) == 0


def test_open_requests_go_in_one_batch(space, load):
    fill(space, load, 12)
    desk = RequestDesk(space)
    with space.database.connect() as conn:
        opened = [
            desk.open(conn, msgspec.convert({"kind": "erasure", "ref": ref}, Asking), "test", "me", proofs)["requestId"]
            for ref, proofs in zip(
                [*(f"email:kim{one}@example.org" for one in (1, 2, 3)), "email:nobody@example.org"],
                [["authenticated"], ["authenticated"], [], ["authenticated"]],
                strict=True,
            )
        ]
        conn.commit()
    told = erase_requested(space, desk, "me")
    assert (told.batch.people, told.closed, told.lacking) == (2, 3, 1)
    with space.database.connect() as conn:
        states = [desk.cases.get(conn, one).state for one in opened]
        letters = [one["letter"] for one in desk.cases.letters(conn, 10)]
    assert states == ["done", "done", "open", "done"]
    assert letters.count("done") == 2
    assert letters.count("nothing") == 1
    assert erase_requested(space, desk, "me").batch is None


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_the_command_line(space, load, tmp_path):
    fill(space, load, 12)
    listed = tmp_path / "list"
    listed.write_text("\n".join([*refs([1, 2]), "", "email:nobody@example.org"]))

    def run(*words, code=0):
        command = [sys.executable, "-m", "steelthread", *words, "--project", str(space.project.folder)]
        done = commands.run(command, text=True)
        assert done.returncode == code, done.stderr
        return done

    dry = json.loads(run("erase", "--list", str(listed), "--dry-run", "--json").stdout)
    told = json.loads(run("erase", "--list", str(listed), "--output", str(tmp_path / "out"), "--json").stdout)
    assert (told["people"], told["rows"], told["notErased"]) == (2, dry["rows"], [{"number": 3, "state": "unknown"}])
    certificates = sorted((tmp_path / "out").glob("*.json"))
    assert len(certificates) == 2
    checked = subprocess.run(
        [sys.executable, "-I", checker.__file__, str(certificates[0])], capture_output=True, check=False
    )
    assert checked.returncode == 0
    request = certificates[0].stem
    run("erased", request, "--output", str(tmp_path / "again.json"))
    assert json.loads((tmp_path / "again.json").read_text()) == json.loads(certificates[0].read_text())
    run("erased", told["batchId"], "--output", str(tmp_path / "again"))
    assert len(list((tmp_path / "again").glob("*.json"))) == 2
    assert "2 people" in run("erased").stdout
    run("erase", refs([3])[0], "--list", str(listed), code=2)
    run("erase", code=2)
    run("erased", "00000000-0000-0000-0000-000000000000", code=1)
    assert "nobody to erase" in run("erase", "--carry-on").stderr
