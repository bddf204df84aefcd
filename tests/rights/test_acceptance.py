"""Acceptance tests of the reference that look at everything at once: 1, 2, 4, 7, 16, 17, 22 (docs/privacy.md tells what is promised)."""

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
import random
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from urllib.parse import quote
from uuid import UUID

import msgspec
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool
from tests import commands

from steelthread import intake
from steelthread.app import create_project
from steelthread.intake import LiveSource, Message
from steelthread.kit import Invalid, NotFound, open_project
from steelthread.privacy import JOURNAL, Needles, Tombstones, allowed_sql, fence_counts, scan_database, scan_files
from steelthread.rights import HOLDERS, Consents, Holds, RequestDesk, Saying, access, erase
from steelthread.rights.people import find_person
from steelthread.store import backup
from steelthread.store.embedded import binaries
from steelthread.thread import Collector, LiveThread
from steelthread.vault import open_vault, unseal

ANN = "email:ann.needle-7@example.com"
NEEDLES = ["ann.needle-7@example.com", "+442079460958", "LN-77-1001-Q", "Needlesworth"]


def people(count):
    """People with an address, a phone and a card each, who share nothing; the first is Ann."""
    rows = ["customer_id,first_name,last_name,email,phone,loyalty_number,city"]
    rows.append("1,Ann,Needlesworth,Ann.Needle-7@Example.com,020 7946 0958,LN-77-1001-Q,Bath")
    rows += [
        f"{one},Kim,Other{one},kim{one}@example.org,+4420794{one:05},LN-{one:06},York" for one in range(2, count + 1)
    ]
    return "\n".join(rows) + "\n"


def orders(count):
    rows = ["order_id,customer_email,order_date,total"]
    rows += [
        f"o{one},{'ann.needle-7@example.com' if one % 50 == 1 else f'kim{one}@example.org'},2026-01-02,10.00"
        for one in range(1, count + 1)
    ]
    return "\n".join(rows) + "\n"


def hashes(space):
    """Return table -> digests of all rows, of every table that holds people."""
    found = {}
    with space.database.connect() as conn:
        for one in HOLDERS:
            if one.by:
                rows = conn.execute(f"select md5(t::text) from {one.table} t").fetchall()
                found[one.table] = sorted(digest for (digest,) in rows)
    return found


def took(before, after):
    """Return how many rows went, once nothing but that happened: no row changed, none came."""
    gone = 0
    for table, rows in before.items():
        left = list(after[table])
        for row in rows:
            if row in left:
                left.remove(row)
            else:
                gone += 1
        assert left == [], f"{table}: a row of somebody else came or changed"
    return gone


LAKE = """
tables:
  - name: history
    path: lake/history
    what: What the analysts keep
    purpose: operations
    subjects: [{column: email, holds: email}]
    columns: {email: address, phone: phone, card: card, name: name, number: place in the list}
"""


def history(space, count):
    """A small Delta table of the company's own, in five files, of all of these people with their identifiers in the open."""
    (space.project.folder / "lake.yaml").write_text(LAKE)
    folder = space.project.folder / "lake" / "history"
    ann = {"email": NEEDLES[0].upper(), "phone": NEEDLES[1], "card": NEEDLES[2], "name": NEEDLES[3], "number": 1}
    made = [ann] + [
        {
            "email": f"kim{one}@example.org",
            "phone": f"+4420794{one:05}",
            "card": f"LN-{one:06}",
            "name": f"Other{one}",
            "number": one,
        }
        for one in range(2, count + 1)
    ]
    for part in range(5):
        write_deltalake(str(folder), pa.Table.from_pylist(made[part::5]), mode="append")
    return folder, made[1:]


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.soak)])
def test_1_one_of_many_is_gone_from_every_file_and_the_others_are_as_they_were(space, load, server, tmp_path, count):
    load("crm", people(count))
    load("orders", orders(count))
    with space.database.connect() as conn:
        conn.execute("analyze")
        Consents(space).say(conn, Saying(ref=ANN, purpose="marketing", said="given"))
        conn.commit()
    table, others = history(space, count)
    before, files_before = hashes(space), {path.name for path in table.glob("*.parquet")}
    told = erase(space, ANN, "me")
    gone = took(before, hashes(space))
    assert 5 <= gone <= told.rows, "rows that taking her out of the graph made, and that went at once, are told too"
    assert told.stores[-1] == {"store": "table history", "method": "rewrite", "rows": 1, "files": 1}
    assert sorted(DeltaTable(str(table)).to_pyarrow_table().to_pylist(), key=itemgetter("number")) == others
    assert len(files_before & {path.name for path in table.glob("*.parquet")}) == 4, "each other file is as it was"
    for path in space.project.folder.glob("*.csv"):
        path.unlink()  # the operator's own files
    out = tmp_path / "out"
    out.mkdir()
    backup(space.project, space.database, out / "backup.tar")
    dump = subprocess.run(
        [binaries() / "pg_dump", f"--dbname={space.database.conninfo}"], capture_output=True, check=True
    ).stdout
    (out / "dump.sql").write_bytes(dump)
    (out / "dump.sql.gz").write_bytes(gzip.compress(dump))
    command = [sys.executable, "-m", "steelthread", "export", "profiles", "--project", str(space.project.folder)]
    exported = commands.run(command, text=True, check=True).stdout
    assert "kim2@example.org" in exported
    (out / "export.txt").write_text(exported)
    with space.database.connect() as conn:
        conn.execute("checkpoint")
        conn.commit()
    needles = Needles(NEEDLES, derived=True)
    files, hits = scan_files([server.data, server.logs, space.project.folder, out], needles)
    assert files > 100
    assert hits == []
    with space.database.connect() as conn:
        assert scan_database(conn, needles)[1] == []


def hidden(value):
    """Return a value in the forms in which values hide."""
    raw, lower = value.encode(), value.lower().encode()
    told = {"plain": raw, "upper": raw.upper(), "url": quote(value, safe="").encode(), "hex": raw.hex().encode()}
    told |= {f"base64 {shift}": base64.b64encode(b"abc"[:shift] + raw + b"xyz") for shift in range(3)}
    told |= {order: value.encode(order) for order in ("utf-16-le", "utf-16-be")}
    for name in ("md5", "sha1", "sha256"):
        told[name] = hashlib.new(name, lower).hexdigest().encode()
        told[f"{name} upper"] = told[name].upper()
        told[f"{name} bytes"] = hashlib.new(name, lower).digest()
    return told


PHONES = ["+442079460958", "00442079460958", "442079460958", "+44 20 7946 0958", "020 7946 0958", "tel:+44-20-7946-0958",
          "020-7946-0958", hashlib.sha256(b"442079460958").hexdigest()]  # fmt: skip


@pytest.mark.parametrize("value", ["ann.needle-7@example.com", "LN-77-1001-Q"])
def test_1_the_scan_finds_each_form(tmp_path, value):
    for name, content in hidden(value).items():
        (tmp_path / "one").write_bytes(b"before " + content + b" after")
        _, hits = scan_files([tmp_path], Needles([value], derived=True))
        assert hits, name
    (tmp_path / "one").write_bytes(b"nothing of it")
    assert scan_files([tmp_path], Needles([value], derived=True))[1] == []


@pytest.mark.parametrize("written", PHONES)
def test_1_the_scan_finds_a_phone_as_people_write_it(tmp_path, written):
    (tmp_path / "one").write_text(f"call {written} now")
    assert scan_files([tmp_path], Needles(["+442079460958"], derived=True))[1]


def test_2_a_restored_backup_answers_nobody_before_it_forgot(space, load, tmp_path):
    load("crm", people(3))
    backup(space.project, space.database, tmp_path / "b.tar")
    erase(space, ANN, "me")
    folder = tmp_path / "other"
    create_project(folder, "other", "GB")
    (folder / "steelthread.toml").write_text("[project]\ncountry = 'GB'\n[database]\nidle_seconds = 1\n")
    project = open_project(folder)
    project.data.mkdir(exist_ok=True)
    (project.data / JOURNAL).write_bytes((space.project.data / JOURNAL).read_bytes())

    def run(*words):
        command = [sys.executable, "-m", "steelthread", *words, "--project", str(folder)]
        return commands.run(command, text=True)

    assert run("restore", str(tmp_path / "b.tar")).returncode == 0
    assert run("profile", ANN).returncode == 1
    assert run("profile", "email:kim2@example.org").returncode == 0
    assert scan_files([project.data], Needles(NEEDLES, derived=True))[1] == []


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_2_a_backup_without_its_keyring_tells_nobody(space, load, tmp_path):
    """Whoever has the backup's database and not the keyring has sealed values that nothing opens, of the living too."""
    load("crm", people(3))
    backup(space.project, space.database, tmp_path / "b.tar")
    folder, stolen = tmp_path / "other", tmp_path / "stolen"
    create_project(folder, "other", "GB")
    (folder / "steelthread.toml").write_text("[project]\ncountry = 'GB'\n[database]\nidle_seconds = 1\n")

    def run(*words):
        command = [sys.executable, "-m", "steelthread", *words, "--project", str(folder)]
        return commands.run(command, text=True)

    assert run("restore", str(tmp_path / "b.tar")).returncode == 0
    assert "Needlesworth" in run("profile", ANN).stdout
    keyring = open_project(folder).keyring
    keyring.rename(stolen)
    living = Needles([*NEEDLES, "kim2@example.org", "LN-000002", "Other2"], derived=True)
    assert scan_files([open_project(folder).data], living)[1] == []
    told = run("profile", ANN)
    assert told.returncode == 1
    assert "Needlesworth" not in told.stdout + told.stderr
    with space.database.connect() as conn:
        (subject, sealed) = conn.execute("select subject, sealed from intake.record limit 1").fetchone()
        (key_hash,) = conn.execute("select key_hash from intake.record where subject = %s", (subject,)).fetchone()
    other = open_vault(tmp_path / "new keyring")
    with pytest.raises(NotFound, match="destroyed"):
        other.key(subject)
    for key in (bytes(32), other.secret("suppression")):
        with pytest.raises(Invalid, match="another keyring"):
            unseal(key, sealed, key_hash)


T0 = 1_790_000_000_000_000


def test_4_each_event_after_the_fence_is_counted(space):
    """Events of her and of him come through the door while she is erased: each was folded and erased, or is counted as dropped."""
    with space.writer() as conn:
        number, _, _ = intake.source_row(conn, space.vault, "web", 0, space.vault.digest(b"live"), unique=False)
        conn.commit()
    chance, sent, flows = random.Random(4), [], threading.Event()
    flows.set()

    def seen(who):
        told = {"type": "track", "event": "Seen", "timestamp": T0 - chance.randrange(10**12), "received": T0}
        return Message(**told, id=f"m{len(sent)}", user_id=who, anonymous_id=f"web-{who}")

    def fold_all():
        with space.writer() as conn:
            thread = LiveThread(space)
            while thread.step(conn, 50).read or flows.is_set():
                pass

    async def send(pool, most):
        collector = Collector(space, pool)
        while len(sent) < most:
            batch = []
            for _ in range(10):
                batch.append(seen("ann" if len(sent) % 2 else "bob"))
                sent.append(batch[-1])
            await collector.accept(LiveSource("web", number), batch)

    def counted():
        with space.database.connect() as conn:
            return fence_counts(conn).get("droppedEvents", 0)

    with ConnectionPool(space.database.conninfo, min_size=1, max_size=4) as pool:
        asyncio.run(send(pool, 100))
        folding, sending = (
            threading.Thread(target=fold_all),
            threading.Thread(target=lambda: asyncio.run(send(pool, 2000))),
        )
        folding.start()
        sending.start()
        while True:
            try:
                told = erase(space, "user_id:ann", "me")
                break
            except NotFound:
                time.sleep(0.02)  # nothing of her is folded yet
        sending.join()
        hers = [one for one in sent if one.user_id == "ann"]
        flows.clear()
        folding.join()
        while_it_ran = counted()
        asyncio.run(Collector(space, pool).accept(LiveSource("web", number), hers))
    folded = {one["store"]: one["rows"] for one in told.stores}["profiles.event"]
    assert 0 < folded < len(hers) == 1000, "the erasure came in the middle"
    assert while_it_ran == len(hers) - folded
    assert counted() == while_it_ran + len(hers), "each that comes again is counted, too"
    with space.database.connect() as conn:
        reader = space.reader(conn)
        own = [*reader.hashes("user_id:ann"), *reader.hashes("anonymous_id:web-ann")]
        assert conn.execute("select count(*) from identity.node where hash = any(%s)", (own,)).fetchone() == (0,)
        assert reader.profile("user_id:bob")["counts"]
        for ref in ("user_id:ann", "anonymous_id:web-ann"):
            with pytest.raises(NotFound):
                reader.profile(ref)


PURPOSES = """purposes:
  operations: {legalBasis: contract}
  claims: {legalBasis: legal_obligation, despiteRestriction: true}
  analytics: {legalBasis: legitimate_interests, effect: profiling}
  credit: {legalBasis: legitimate_interests, effect: significant}
  credit.agreed: {legalBasis: consent, effect: significant}
  training: {legalBasis: legitimate_interests, effect: profiling, alsoKnownAs: ["fides:train_ai_system"]}
  marketing: {legalBasis: consent, channels: [email]}
"""
GATES = ["", "collect", "stitch", "read", "segment", "activate", "score", "train", "export", "view"]


@pytest.fixture
def gated(space, load):
    (space.project.folder / "purposes.yaml").write_text(PURPOSES)
    load("crm", people(3))
    return Consents(space)


def asked(space, consents, purpose, use, ref=ANN):
    """What the gate answers, one by one."""
    with space.database.connect() as conn:
        return consents.decide(conn, ref, purpose, use=use).allow


def among(space, consents, purpose):
    """Whom the gate lets through of everybody at once: their record keys."""
    found = consents.purposes.get(purpose)
    with space.database.connect() as conn:
        conn.execute(
            "create temp table everybody on commit drop as select c.individual_id as subject, n.hash as node_hash "
            "from identity.node n join identity.cluster c using (cluster_id)"
        )
        sql, values = allowed_sql(
            found, consents.purposes.above(found.name), "", "select subject, node_hash from everybody"
        )
        rows = {one for (one,) in conn.execute(sql, {**values, "at": datetime.now(UTC)})}
        ann = {one for (one,) in conn.execute("select distinct individual_id from identity.cluster c join identity.node n using (cluster_id) "
                                              "where n.hash = any(%s)", (space.reader(conn).hashes(ANN),))}  # fmt: skip
    return len(rows), bool(ann & rows)


def said(space, consents, purpose, word, ref=ANN):
    with space.database.connect() as conn:
        consents.say(conn, Saying(ref=ref, purpose=purpose, said=word))
        conn.commit()


@pytest.mark.parametrize("use", GATES)
def test_17_who_is_restricted_is_used_for_nothing_but_what_goes_on(space, gated, use):
    said(space, gated, "marketing", "given")
    for purpose in ("operations", "analytics", "training", "marketing"):
        assert asked(space, gated, purpose, use), purpose
    said(space, gated, "*", "restricted")
    for purpose in ("operations", "analytics", "training", "marketing"):
        assert not asked(space, gated, purpose, use), purpose
        assert asked(space, gated, purpose, use, "email:kim2@example.org") is (purpose != "marketing")
    assert asked(space, gated, "claims", use), "storage and legal claims go on (Art. 18(2))"
    said(space, gated, "*", "unrestricted")
    assert asked(space, gated, "analytics", use)


def test_17_absent_from_the_set_but_present_in_access_and_hold(space, gated, tmp_path):
    for purpose in ("operations", "analytics", "training"):
        assert among(space, gated, purpose) == (3, True)
    said(space, gated, "*", "restricted")
    for purpose in ("operations", "analytics", "training"):
        assert among(space, gated, purpose) == (2, False), "the set says what each answer says"
    assert among(space, gated, "claims") == (3, True)
    access(space, ANN, tmp_path / "ann", "me")
    assert "Needlesworth" in (tmp_path / "ann" / "data.json").read_text()
    with space.database.connect() as conn:
        hold = Holds(space).place(conn, ANN, "a court", datetime.now(UTC) + timedelta(days=1), "me")
        conn.commit()
        assert hold.hold_id in {one.hold_id for one in Holds(space).all(conn)}


@pytest.mark.parametrize("use", ["score", "train", "segment", "activate"])
def test_16_a_significant_effect_is_never_automatic_on_an_interest_alone(space, gated, use):
    assert not asked(space, gated, "credit", use)
    assert not asked(space, gated, "credit.agreed", use), "nobody agreed"
    said(space, gated, "credit.agreed", "given")
    assert asked(space, gated, "credit.agreed", use)
    said(space, gated, "credit.agreed", "withdrawn")
    assert not asked(space, gated, "credit.agreed", use)
    said(space, gated, "credit.agreed", "given")
    said(space, gated, "credit", "objected")
    assert not asked(space, gated, "credit.agreed", use), "an objection to the whole counts for what lies below"


def test_16_who_objected_to_training_is_in_no_training_set(space, gated):
    assert among(space, gated, "fides:train_ai_system") == (3, True)
    said(space, gated, "training", "objected")
    assert among(space, gated, "fides:train_ai_system") == (2, False)
    assert not asked(space, gated, "training", "train")
    assert asked(space, gated, "training", "train", "email:kim2@example.org")


def test_16_a_review_by_a_person_is_a_request_with_its_clock(space, gated):
    desk = RequestDesk(space)
    with space.database.connect() as conn:
        told = desk.open(
            conn, msgspec.convert({"kind": "human_review", "ref": ANN}, _asking()), "test", "me", ["authenticated"]
        )
        assert told["law"] == "UK GDPR Art. 22"
        assert desk.done(conn, told["requestId"], "me").state == "done"


def _asking():
    from steelthread.rights import Asking  # noqa: PLC0415  # for one test

    return Asking


# -- 22: the list of those who must not come back --------------------------------------------------------------------


def test_22_the_list_tells_nobody_without_its_pepper(space, load):
    """Whoever has the database and the code, not the keyring, guesses addresses in vain; with the pepper each is found."""
    load("crm", people(3))
    with space.database.connect() as conn:
        names = [*space.reader(conn).hashes(ANN)]
    erase(space, ANN, "me")
    with space.database.connect() as conn:
        tokens = {bytes(token) for (token,) in conn.execute("select token from privacy.tombstone")}
    assert Tombstones(space.vault).token(names[0]) in tokens
    guesses = [
        "ann.needle-7@example.com",
        "Ann.Needle-7@Example.com",
        *(f"kim{one}@example.org" for one in range(2000)),
    ]
    for guess in guesses:
        raw = guess.lower().encode()
        for peppered in (b"", b"suppression", b"steelthread", bytes(32)):
            for name in (raw, b"email:" + raw, hashlib.sha256(raw).digest(), names[0]):
                assert hmac.new(peppered, name, hashlib.sha256).digest()[:16] not in tokens
                assert hashlib.sha256(peppered + name).digest()[:16] not in tokens
    stored = Needles(["ann.needle-7@example.com"], derived=True)
    with space.database.connect() as conn:
        assert scan_database(conn, stored)[1] == []


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("count", [20_000, pytest.param(10_000_000, marks=pytest.mark.soak)])
def test_22_guesses_recover_nobody(space, load, count):
    """Each guess goes the whole way of the code, blind index and tombstone, under keys that a thief may try: none fits."""
    load("crm", people(3))
    erase(space, ANN, "me")
    with space.database.connect() as conn:
        tokens = {bytes(token) for (token,) in conn.execute("select token from privacy.tombstone")}
    keys = (bytes(32), b"suppression")
    mac, sha = hmac.digest, hashlib.sha256
    found = 0
    for number in range(count):
        guess = b"ann.needle-7@example.com" if number == count // 2 else b"kim%d@example.com" % number
        name = b"email\x00" + guess
        found += sha(name).digest()[:16] in tokens
        for key in keys:
            blind = mac(key, name, "sha256")[:16]
            found += blind in tokens
            found += mac(key, blind, "sha256")[:16] in tokens
    assert found == 0
    stone = Tombstones(space.vault).token(space.vault.blind("email", "ann.needle-7@example.com"))
    assert stone in tokens, "with index key and pepper the same way leads to her"


AGAIN = [
    "ann.needle-7@example.com",
    "ANN.NEEDLE-7@EXAMPLE.COM",
    " Ann.Needle-7@Example.com ",
    "ann.needle-7+shop@example.com",
]


@pytest.mark.parametrize("written", AGAIN)
def test_22_it_blocks_re_import_however_it_is_written(space, load, written):
    load("crm", people(3))
    erase(space, ANN, "me")
    load("pos", f'id,first_name,email\np1,Ann,"{written}"\np2,Eve,eve@example.org\n')
    with space.database.connect() as conn:
        reader = space.reader(conn)
        assert reader.profile("email:eve@example.org")
        for ref in (ANN, f"email:{written.strip()}", "record:pos/Individual/p1"):
            with pytest.raises(NotFound):
                reader.profile(ref)


def test_22_who_comes_back_by_own_will_starts_anew(space, load):
    load("crm", people(3))
    with space.database.connect() as conn:
        before = space.reader(conn).profile(ANN)["individualId"]
    erase(space, ANN, "me")
    with space.database.connect() as conn:
        Consents(space).say(conn, Saying(ref=ANN, purpose="marketing", said="given", returns=True))
        conn.commit()
    load("shop", "id,first_name,email\ns1,Ann,ann.needle-7@example.com\n")
    with space.database.connect() as conn:
        back = space.reader(conn).profile(ANN)
        assert back["individualId"] != before
        assert [one["source"] for one in back["records"]] == ["shop"]
        with pytest.raises(NotFound):
            space.reader(conn).profile("loyalty_number:LN-77-1001-Q")


# -- 7: a value in every column of every store -----------------------------------------------------------------------

SEALED = ("intake.record", "intake.reject", "intake.violation", "privacy.letter", "privacy.requester")
"""Stores whose rows only the software can make; tests/rights/test_access.py and test_erasure.py look into them opened."""
COLUMNS = """select column_name, data_type, udt_name, is_generated from information_schema.columns
where table_schema || '.' || table_name = %s order by ordinal_position"""
GRAPH = ("identity.node", "identity.cluster")
"""Rows that hold the person together: they are looked at as they are."""
KNOWN = {
    ("privacy.consent_event", "scope"): "party", ("privacy.consent_event", "said"): "given", ("privacy.consent_state", "part"): "c",
    ("identity.decision", "verdict"): "same",
}  # fmt: skip


def planted(kind, udt, number):
    """Return a value of a type, and the text by which it is known again."""
    moment = datetime(2031, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
    made = {
        "text": f"PLANTED-{number}", "uuid": f"00000000-0000-4000-8000-{number:012}", "bytea": f"planted {number}".encode(),
        "timestamp with time zone": moment, "date": moment.date() + timedelta(days=number), "boolean": True,
        "jsonb": Jsonb({"planted": f"PLANTED-{number}"}), "smallint": 7, "double precision": float(number), "real": float(number),
        "numeric": number, "integer": number, "bigint": number, "character": "P",
    }.get(kind)  # fmt: skip
    if kind == "ARRAY":
        made = {
            "_text": [f"PLANTED-{number}"],
            "_int8": [number],
            "_int2": [7],
            "_float8": [float(number)],
            "_int4": [number],
            "_bytea": [f"planted {number}".encode()],
            "_uuid": [UUID(int=number)],
        }[udt]
    assert made is not None, f"a value of {kind} must be made here"
    return made


def test_7_a_value_in_every_column_of_every_store_is_in_the_package(space, load, tmp_path):
    load("crm", people(2))
    wanted = {}
    with space.database.connect() as conn:
        person = find_person(space, conn, ANN)
        reach = msgspec.to_builtins(person.reach(person.nodes, _clusters(conn, person)), builtin_types=(bytes,))
        conn.execute("set session_replication_role = replica")
        number = 700_000
        (entity,) = conn.execute("select entity_id from intake.entity where name = 'Individual'").fetchone()
        for holder in (one for one in HOLDERS if one.by and one.table not in (*SEALED, *GRAPH)):
            row = {}
            for column, kind, udt, generated in conn.execute(COLUMNS, (holder.table,)).fetchall():
                number += 1
                known = entity if column == "entity_id" else KNOWN.get((holder.table, column))
                if generated != "ALWAYS" and column not in holder.by:
                    row[column] = planted(kind, udt, number) if known is None else known
            by = next(iter(holder.by))
            row |= {
                column: planted("bigint" if column in ("a", "b", "node_id", "owner") else "uuid", "", number)
                for column in holder.by
            }
            row[by] = reach[holder.by[by]][0]
            names = ", ".join(f'"{name}"' for name in row)
            places = ", ".join(["%s"] * len(row))
            conn.execute(f"delete from {holder.table} where {by} = %s", (row[by],))
            conn.execute(
                f"insert into {holder.table} ({names}) overriding system value values ({places})", list(row.values())
            )
            wanted[holder.table] = row
        conn.commit()
    access(space, "record:crm/Individual/1", tmp_path / "ann", "me")
    content = json.loads((tmp_path / "ann" / "data.json").read_text())
    stores = {one["store"]: one for one in content["stores"]}
    for table, row in wanted.items():
        assert stores[table]["what"]
        assert stores[table]["kind"] in ("inferred", "told or observed")
        found = [
            one for one in stores[table]["rows"] if all(_text(value) in _text(one[name]) for name, value in row.items())
        ]
        assert found, f"{table}: what was planted in each column"
    assert len(wanted) > 12
    with space.database.connect() as conn:
        for table in GRAPH:
            names = {name for (name, *_) in conn.execute(COLUMNS, (table,))}
            assert stores[table]["rows"]
            assert all(set(one) == names for one in stores[table]["rows"]), table


def _clusters(conn, person):
    rows = conn.execute("select distinct cluster_id from identity.node where node_id = any(%s)", (list(person.nodes),))
    return [one for (one,) in rows]


def _text(value):
    if isinstance(value, Jsonb):
        return value.obj["planted"]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return _text(value[0]) if value else ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d")
    return str(value)
