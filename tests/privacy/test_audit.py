"""The Merkle log: proofs after RFC 9162 for every size, and a verifier that names the first bad entry, whatever was done."""

import subprocess
import sys

import pytest

from steelthread.kit import Conflict
from steelthread.privacy import Audit, Entry, checker
from steelthread.privacy.checker import Edge, consistency, inclusion, is_consistent, is_included, leaf_hash, root_of
from steelthread.privacy.proofs import Grown

LEAVES = [leaf_hash(str(number).encode()) for number in range(40)]
CHECKER = checker.__file__


def test_known_roots():
    """The test vectors of the reference implementation of RFC 6962 (certificate-transparency, merkletree)."""
    data = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    leaves = [leaf_hash(bytes.fromhex(one)) for one in data]
    assert root_of([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert root_of(leaves[:1]).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert root_of(leaves[:2]).hex() == "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    assert root_of(leaves).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@pytest.mark.parametrize("size", range(1, 40))
def test_proofs_of_every_size(size):
    leaves, root = LEAVES[:size], root_of(LEAVES[:size])
    for index in range(size):
        proof = inclusion(leaves, index)
        assert is_included(leaves[index], index, size, proof, root)
        assert not is_included(LEAVES[39], index, size, proof, root)
        assert not is_included(leaves[index], index + 1, size, proof, root)
        if proof:
            assert not is_included(leaves[index], index, size, proof[:-1], root)
    for former in range(1, size + 1):
        proof = consistency(leaves, former)
        assert is_consistent(former, root_of(leaves[:former]), size, root, proof)
        assert not is_consistent(former, root_of([*leaves[: former - 1], LEAVES[39]]), size, root, proof)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 20, 31])
def test_what_was_appended_last_is_proved_by_the_edge_alone(size):
    before = Edge()
    for leaf in LEAVES[:size]:
        before.add(leaf)
    for more in (1, 2, 5, 8, 9):
        leaves = LEAVES[: size + more]
        tree = Grown(before, leaves[size:])
        assert [tree.proof(number) for number in range(size, len(leaves))] == [
            inclusion(leaves, number) for number in range(size, len(leaves))
        ]


def test_entries_come_with_their_proofs(space, log):
    audit, conn = log
    told = audit.append_proved(conn, [Entry("action", "me", f"more {number}") for number in range(5)])
    assert told == [audit.proof(conn, number) | {"at": one["at"]} for number, one in enumerate(told, 12)]


@pytest.fixture
def log(space):
    audit = Audit(space.vault)
    with space.database.connect() as conn:
        for number in range(6):
            audit.append(conn, [Entry("read", "me", "profile", [audit.token(bytes([number]))], "operations")])
        audit.append(conn, [Entry("action", "me", f"act {number}") for number in range(6, 12)])
        conn.commit()
        yield audit, conn


def _tamper(conn, sql):
    conn.execute("alter table privacy.audit disable trigger append_only")
    conn.execute(sql)
    conn.commit()


def test_it_grows_and_is_good(space, log):
    audit, conn = log
    found = audit.verify(conn, space.project.data)
    assert (found.entries, found.good) == (12, True)
    head = audit.head(conn)
    assert head.root == found.root
    proof = audit.proof(conn, 7)
    steps = [bytes.fromhex(step) for step in proof["proof"]]
    assert is_included(leaf_hash(proof["entry"].encode()), 7, 12, steps, bytes.fromhex(head.root))
    with pytest.raises(Exception, match="append-only"):
        conn.execute("delete from privacy.audit")
    conn.rollback()


@pytest.mark.parametrize(
    ("sql", "bad"),
    [
        ("update privacy.audit set body = set_byte(body, 12, get_byte(body, 12) # 1) where number = 5", 5),
        ("update privacy.audit set signature = set_byte(signature, 3, get_byte(signature, 3) # 128) where number = 8", 8),
        ("delete from privacy.audit where number = 3", 3),
        ("delete from privacy.audit where number = 0", 0),
        (("update privacy.audit set number = -4 where number = 4; update privacy.audit set number = 4 where number = 9; "
         "update privacy.audit set number = 9 where number = -4"), 4),
        (("update privacy.audit set number = number + 100 where number >= 7; insert into privacy.audit select 7, at, body, "
         "signature from privacy.audit where number = 2; update privacy.audit set number = number - 99 where number >= 100"), 7),
        ("delete from privacy.audit where number = 11", 11),
        ("delete from privacy.audit where number >= 9; update privacy.audit_tree set size = 9", 9),
    ],
    ids=["flipped", "signature", "dropped", "first dropped", "reordered", "inserted", "last dropped", "cut short"],
)  # fmt: skip
def test_the_first_bad_entry_is_named(space, log, sql, bad):
    audit, conn = log
    assert audit.verify(conn, space.project.data).good
    _tamper(conn, sql)
    found = audit.verify(conn, space.project.data)
    assert (found.good, found.first_bad) == (False, bad)
    assert found.why


def test_a_log_written_anew_is_not_the_one_that_was_seen(space, log):
    audit, conn = log
    audit.verify(conn, space.project.data)
    _tamper(conn, "truncate privacy.audit; update privacy.audit_tree set size = 0, peaks = ''")
    audit.append(conn, [Entry("action", "other", f"act {number}") for number in range(12)])
    conn.commit()
    assert audit.verify(conn).good, "by itself it is"
    assert not audit.verify(conn, space.project.data).good


def test_the_one_file_checker(space, log, tmp_path):
    audit, conn = log
    target = tmp_path / "audit.jsonl"
    assert audit.export(conn, target) == 12
    with pytest.raises(Conflict):
        audit.export(conn, target)
    run = [sys.executable, "-I", CHECKER, str(target)]
    good = subprocess.run([*run, audit.public_key.hex()], capture_output=True, text=True, check=False)
    assert (good.returncode, "12 entries" in good.stdout) == (0, True), good.stdout + good.stderr
    lines = target.read_text().splitlines()
    target.write_text("\n".join([*lines[:5], *lines[6:]]))
    bad = subprocess.run(run, capture_output=True, text=True, check=False)
    assert bad.returncode == 1
    assert "entry 4 is missing" in bad.stdout


def test_an_edge_is_the_tree():
    edge = Edge()
    for number, leaf in enumerate(LEAVES, 1):
        edge.add(leaf)
        assert edge.root == root_of(LEAVES[:number])
