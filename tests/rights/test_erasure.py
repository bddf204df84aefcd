"""Erasure over the whole graph on real PostgreSQL: nothing left, nobody else touched, nobody comes back, and proved."""

import json
import subprocess
import sys
from uuid import UUID

import msgspec
import pytest
from tests import commands

from steelthread.app import verify_space
from steelthread.kit import Conflict, NotFound
from steelthread.privacy import Audit, Needles, checker, fence_counts, scan_database, scan_files
from steelthread.rights import Consents, Saying, access, erase, finish_erasures
from steelthread.thread import link, unlink
from steelthread.vault import seal

PEOPLE = """customer_id,first_name,last_name,email,phone,loyalty_number
1,Ann,Needle,ann.needle@example.com,+44 20 7946 0958,LN-77-1001
2,Bob,Needle,bob.needle@example.com,+44 20 7946 0999,LN-77-1002
3,Cid,Ray,cid.ray@example.com,,LN-77-1003
4,Dee,Moss,bad address,,LN-77-1004
"""
SHOP = """name: shop
key: id
identifiers: [{kind: device_id, column: device}]
entities:
  - entity: Individual
    attributes: {firstName: first}
  - entity: ContactPointEmail
    attributes: {emailAddress: email}
"""
SHOP_ROWS = """id,first,email,device,note
s1,Ann,ann.needle@example.com,TV-SHARED-1,likes tea
s2,Bob,bob.needle@example.com,TV-SHARED-1,likes coffee
s3,Ann,a.second@example.com,PHONE-ANN-1,
s4,Cid,cid.ray@example.com,,
"""
ORDERS = """name: orders
key: order
party: {source: crm, entity: Individual, key: customer}
entities:
  - entity: SalesOrder
    attributes: {orderNumber: order, purchaseOrderDate: at, grandTotalAmount: total, currencyCode: {constant: GBP}}
"""
ORDER_ROWS = "order,customer,at,total\no1,1,2026-01-02,10.00\no2,2,2026-01-03,20.00\no3,1,2026-01-04,30.00\n"
REFS = ["email:ann.needle@example.com", "phone:+442079460958", "loyalty_number:LN-77-1001", "record:crm/Individual/1",
        "email:a.second@example.com", "device_id:PHONE-ANN-1"]  # fmt: skip
NEEDLES = ["ann.needle@example.com", "a.second@example.com", "+442079460958", "LN-77-1001", "PHONE-ANN-1"]


@pytest.fixture
def shop(space, load):
    (space.project.sources / "shop.yaml").write_text(SHOP)
    (space.project.sources / "orders.yaml").write_text(ORDERS)

    def fill():
        load("crm", PEOPLE)
        load("shop", SHOP_ROWS)
        load("orders", ORDER_ROWS)

    fill()
    link(space, "record:shop/Individual/s3", "record:crm/Individual/1", "she said so", "me")
    return fill


def profile(space, ref):
    with space.database.connect() as conn:
        return space.reader(conn).profile(ref)


def everything(space, table, columns="*"):
    with space.database.connect() as conn:
        return sorted(map(repr, conn.execute(f"select {columns} from {table}").fetchall()))


def assert_gone(space, refs=REFS):
    for ref in refs:
        with pytest.raises(NotFound):
            profile(space, ref)
    assert verify_space(space)["same"]
    needles = Needles(NEEDLES, derived=True)
    with space.database.connect() as conn:
        _, hits = scan_database(conn, needles)
    _, more = scan_files([space.project.data], needles)
    assert [*hits, *more] == []


def test_nothing_is_left_and_nobody_else_is_touched(space, shop, server):
    bob, cid = profile(space, "record:crm/Individual/2"), profile(space, "record:crm/Individual/3")
    ann = profile(space, REFS[0])
    assert ann["counts"] == {"records": 3, "SalesOrder": 2}
    with space.database.connect() as conn:
        subjects = [one for (one,) in conn.execute("select subject from intake.record where not is_party or is_party")]
        Consents(space).say(conn, Saying(ref=REFS[0], purpose="marketing", said="given"))
        conn.commit()
    told = erase(space, REFS[0], "me")
    assert told.hits == []
    assert told.keys_destroyed >= 3
    assert {store["store"]: store["rows"] for store in told.stores}["intake.record"] == 5
    assert {store["store"]: store["rows"] for store in told.stores}["profiles.event"] == 2
    assert_gone(space)
    files, hits = scan_files([server.data, server.logs], Needles(NEEDLES, derived=True))
    assert files > 100, "heap, indexes, write-ahead log, statistics, the server's own log"
    assert hits == [], "identifiers never lay there in the clear"
    assert profile(space, "record:crm/Individual/2") == bob, (
        "the household keeps all of its own, the shared device included"
    )
    assert profile(space, "device_id:TV-SHARED-1") == bob
    assert profile(space, "record:crm/Individual/3") == cid
    assert everything(space, "privacy.consent_event") == []
    assert len(space.vault.keys(subjects)) == len(set(subjects)) - told.keys_destroyed
    with space.database.connect() as conn:
        answer = space.reader(conn).resolve(UUID(ann["individualId"]))
        assert answer["status"] == "erased"
        assert not Consents(space).decide(conn, REFS[0], "operations").allow
        assert not Consents(space).decide(conn, f"individual:{ann['individualId']}", "operations").allow
    with pytest.raises(NotFound):
        erase(space, REFS[0], "me")


def test_a_person_comes_back_by_own_will_only(space, shop, load):
    before = profile(space, REFS[0])["individualId"]
    erase(space, REFS[0], "me")
    consents, yes = Consents(space), Saying(ref=REFS[0], purpose="marketing", said="given", channel="email")
    with space.database.connect() as conn:
        with pytest.raises(Conflict, match="erased"):
            consents.say(conn, yes)
        consents.say(conn, msgspec.structs.replace(yes, returns=True))
        assert consents.decide(conn, REFS[0], "marketing", "email").allow
        conn.commit()
    shop()
    load("new", "customer_id,first_name,email\n9,Ann,ann.needle@example.com\n")
    back = profile(space, REFS[0])
    assert [record["source"] for record in back["records"]] == ["new"]
    assert back["individualId"] != before
    assert_gone(space, REFS[1:4])


@pytest.mark.parametrize("ref", REFS[1:])
def test_any_identifier_gives_the_same(space, shop, ref):
    told = erase(space, ref, "me")
    assert {store["store"]: store["rows"] for store in told.stores}["intake.record"] == 5
    assert_gone(space)


def test_a_dry_run_tells_the_same_and_changes_nothing(space, shop):
    before = [
        everything(space, table) for table in ("intake.record", "identity.node", "identity.link", "profiles.profile")
    ]
    dry = erase(space, REFS[0], "me", dry_run=True)
    assert [
        everything(space, table) for table in ("intake.record", "identity.node", "identity.link", "profiles.profile")
    ] == before
    done = erase(space, REFS[0], "me")
    assert (dry.rows, dry.keys_destroyed, dry.stores) == (done.rows, done.keys_destroyed, done.stores)
    assert dry.certificate is None


def test_nobody_comes_back_by_a_file(space, shop, load):
    erase(space, REFS[0], "me")
    shop()
    load("crm", PEOPLE.replace("Ann,Needle", "Anne,Needle"))
    load("pos", "customer_id,first_name,email\np1,Ann,Ann.Needle@Example.com\np2,Eve,eve@example.com\n")
    load("more", "customer_id,first_name,email,loyalty_number\nm1,Fay,ann.needle@example.com,LN-99-9\n")
    assert_gone(space)
    assert profile(space, "email:eve@example.com")
    fay = profile(space, "loyalty_number:LN-99-9")
    assert "ann.needle" not in json.dumps(fay), "a stronger identifier of somebody else keeps the row, not the address"
    with space.database.connect() as conn:
        counts = fence_counts(conn)
    assert counts["droppedRecords"] == 7
    assert counts["strippedRecords"] == 1


def test_refused_rows_go_too(space, shop, load):
    load("crm", PEOPLE.replace("+44 20 7946 0958", "call ann.needle@example.com"))
    with space.database.connect() as conn:
        before = conn.execute("select count(*) from intake.reject").fetchone()[0]
    told = erase(space, REFS[0], "me")
    rejects = {store["store"]: store["rows"] for store in told.stores}["intake.reject"]
    with space.database.connect() as conn:
        assert conn.execute("select count(*) from intake.reject").fetchone()[0] == before - rejects
    assert rejects == 1
    assert before == 2


def test_samples_of_broken_contracts_go_too(space, shop, tmp_path):
    with space.database.connect() as conn:
        source = conn.execute("select source_id from intake.source limit 1").fetchone()[0]
        for (subject, key), who in zip(
            space.vault.new_subjects(2), ("Ann.Needle@example.com", "bob.needle@example.com"), strict=True
        ):
            sealed = seal(key, msgspec.msgpack.encode({"traits": {"mail": who}}), b"violation")
            conn.execute(
                "insert into intake.violation values (%s, 'Seen', %s, 'wrong', 'allow', 1, now(), now(), %s, %s)",
                (source, who[:3], subject, sealed),
            )
        conn.commit()
    access(space, REFS[0], tmp_path / "ann", "me")
    assert "Ann.Needle@example.com" in (tmp_path / "ann" / "data.json").read_text(), "opened"
    told = erase(space, REFS[0], "me")
    assert {store["store"]: store["rows"] for store in told.stores}["intake.violation"] == 1
    assert everything(space, "intake.violation", "property") == ["('bob',)"]


def test_unmerge_then_erase_leaves_the_other_as_it_was(space, load):
    load("crm", PEOPLE)
    before = profile(space, "record:crm/Individual/2")
    rows = everything(space, "intake.record", "key_hash, sealed, clear, subject")
    link(space, "record:crm/Individual/1", "record:crm/Individual/2", "wrong", "me")
    unlink(space, "record:crm/Individual/1", "record:crm/Individual/2", "it was wrong", "me")
    erase(space, "record:crm/Individual/1", "me")
    assert profile(space, "record:crm/Individual/2") == before
    assert len(set(rows) - set(everything(space, "intake.record", "key_hash, sealed, clear, subject"))) == 1
    assert verify_space(space)["same"]


def test_the_certificate_is_checked_offline(space, shop, tmp_path):
    told = erase(space, REFS[0], "me")
    path = tmp_path / "certificate.json"
    path.write_bytes(msgspec.json.encode(told.certificate))
    key = Audit(space.vault).public_key.hex()
    run = [sys.executable, "-I", checker.__file__, str(path), key]
    good = subprocess.run(run, capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stdout + good.stderr
    assert f'"requestId": "{told.request_id}"' in good.stdout
    assert not any(needle.casefold() in good.stdout.casefold() for needle in NEEDLES)
    for change in (
        lambda content: content["audit"].update(index=0), lambda content: content["audit"]["proof"].append("00" * 32),
        lambda content: content.update(certificate=content["certificate"].replace("A", "B", 1)),
    ):  # fmt: skip
        content = json.loads(msgspec.json.encode(told.certificate))
        change(content)
        path.write_text(json.dumps(content))
        assert subprocess.run(run, capture_output=True, check=False).returncode == 1
    with space.database.connect() as conn:
        assert Audit(space.vault).verify(conn).good


def test_an_erasure_that_was_cut_off_is_carried_on(space, shop, monkeypatch):
    with space.database.connect() as conn:
        subjects = [one for (one,) in conn.execute("select subject from intake.record where is_party")]
    count = len(space.vault.keys(subjects))

    def dies(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(type(space.vault), "shred", lambda self, wanted: dies(wanted))
        with pytest.raises(KeyboardInterrupt):
            erase(space, REFS[0], "me")
    assert len(space.vault.keys(subjects)) == count
    assert finish_erasures(space) == 1
    assert len(space.vault.keys(subjects)) == count - 3
    assert_gone(space)


def test_the_command_line(space, shop, tmp_path):
    def run(*words, code=0):
        command = [sys.executable, "-m", "steelthread", *words, "--project", str(space.project.folder), "--json"]
        done = commands.run(command, text=True)
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    found = run("scan", "ann.needle@example.com", code=1)
    assert {hit["format"] for hit in found["hits"]} == {"raw"}, "the operator's own files have her, our stores do not"
    dry = run("erase", REFS[0], "--dry-run")
    told = run("erase", REFS[0], "--output", str(tmp_path / "certificate.json"))
    assert {"requestId", "stores", "keysDestroyed", "rows", "certificate"} <= set(told)
    assert dry["rows"] == told["rows"]
    assert (tmp_path / "certificate.json").exists()
    for path in space.project.folder.glob("*.csv"):
        path.unlink()
    assert run("scan", *NEEDLES, "--derived")["hits"] == []
    run("erase", REFS[0], code=1)
    assert run("audit", "verify")["good"]
