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


@pytest.fixture
def entries(log):
    audit, conn = log
    return list(audit.entries(conn)), audit.public_key


def first_bad(entries, key):
    found, _ = checker.first_bad(iter(entries), key)
    return found if isinstance(found, int) else None


@pytest.mark.parametrize(
    "bits", [(0,), pytest.param(range(8), marks=pytest.mark.soak)], ids=["one bit of each byte", "every bit"]
)
def test_23_each_flipped_bit_is_found_where_it_is(entries, bits):
    told, key = entries
    assert first_bad(told, key) is None
    missed = []
    for place, (number, body, signature) in enumerate(told):
        for at in range(len(body) + len(signature)):
            for bit in bits:
                raw = bytearray(body + signature)
                raw[at] ^= 1 << ((bit + at) % 8)
                changed = (number, bytes(raw[: len(body)]), bytes(raw[len(body) :]))
                # entries before it are whole: begin a little before, and only look as far as it
                if first_bad([*told[:place], changed], key) != place:
                    missed.append((place, at, bit))
    assert missed == []


def test_23_each_drop_swap_and_insertion_is_found_where_it_is(entries):
    told, key = entries
    size = len(told)
    for place in range(size - 1):
        assert first_bad([*told[:place], *told[place + 1 :]], key) == place
    for one in range(size):
        for other in range(one + 1, size):
            swapped = list(told)
            swapped[one], swapped[other] = told[other], told[one]
            assert first_bad(swapped, key) == one
            renumbered = list(told)
            renumbered[one], renumbered[other] = (one, *told[other][1:]), (other, *told[one][1:])
            assert first_bad(renumbered, key) == one
    for place in range(size + 1):
        for again in range(size):
            inserted = [
                *told[:place],
                (place, *told[again][1:]),
                *((number + 1, *rest) for number, *rest in told[place:]),
            ]
            found = first_bad(inserted, key)
            assert found == (place if again != place else place + 1), "an entry twice: the second of them"


def test_23_a_fork_fits_no_head_of_the_other(space, other_space):
    """Two logs of one key that part after five entries: each is good by itself, neither grows out of a head of the other."""
    audit = Audit(space.vault)
    logs = []
    for place, conn_of in enumerate((space, other_space)):
        with conn_of.database.connect() as conn:
            for number in range(5):
                audit.append(conn, [Entry("action", "me", f"act {number}")])
            if not logs:
                common = list(audit.entries(conn))
            else:  # the same first five, letter by letter
                conn.execute("alter table privacy.audit disable trigger append_only")
                for number, body, signature in common:
                    conn.execute(
                        "update privacy.audit set body = %s, signature = %s where number = %s",
                        (body, signature, number),
                    )
                edge = Edge()
                for _, body, _ in common:
                    edge.add(leaf_hash(body))
                conn.execute("update privacy.audit_tree set peaks = %s", (b"".join(edge.peaks),))
            for number in range(5, 9):
                audit.append(conn, [Entry("action", "me", f"side {place} {number}")])
            logs.append([leaf_hash(body) for _, body, _ in audit.entries(conn)])
            assert first_bad(list(audit.entries(conn)), audit.public_key) is None
            conn.rollback()
    one, other = logs
    for former in range(1, 10):
        for size in range(former, 10):
            proof = consistency(other[:size], former)
            fits = is_consistent(former, root_of(one[:former]), size, root_of(other[:size]), proof)
            assert fits is (former <= 5), (former, size)
