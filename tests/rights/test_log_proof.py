"""Acceptance test 23: the log of a space in which people were read, asked about and erased; checked by the one-file checker."""

import json
import random
import subprocess
import sys

import msgspec
import pytest

from steelthread.privacy import Audit, Needles, checker
from steelthread.privacy.checker import consistency, is_consistent, leaf_hash, root_of
from steelthread.rights import Asking, Auditor, Consents, RequestDesk, Saying, access, erase, erase_batch

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)  # once: it does not hang on the server
REF = "email:ann.needle-7@example.com"
NEEDLES = ["ann.needle-7@example.com", "+442079460958", "LN-77-1001-Q", "Needlesworth"]


@pytest.fixture
def log(space, load, tmp_path):
    rows = "customer_id,first_name,last_name,email,phone,loyalty_number\n1,Ann,Needlesworth,Ann.Needle-7@Example.com,020 7946 0958,LN-77-1001-Q\n"
    load("crm", rows + "".join(f"{one},Kim,Other,kim{one}@example.org,,\n" for one in range(2, 12)))
    auditor = Auditor(space)
    auditor.read("key 1", "profile", "operations", [REF])
    auditor.act("me", "link", [REF], why="test")
    with space.database.connect() as conn:
        Consents(space).say(conn, Saying(ref=REF, purpose="marketing", said="given"))
        asking = msgspec.convert({"kind": "access", "ref": REF}, Asking)
        RequestDesk(space).open(conn, asking, "test", "me", ["authenticated"])
        conn.commit()
    access(space, REF, tmp_path / "ann", "me")
    with space.database.connect() as conn:
        before = Audit(space.vault).head(conn)
    erase(space, REF, "me")
    erase_batch(space, [f"email:kim{one}@example.org" for one in range(2, 8)], "me")
    with space.database.connect() as conn:
        audit = Audit(space.vault)
        assert audit.verify(conn, space.project.data).good
        audit.export(conn, tmp_path / "audit.jsonl")
    return (tmp_path / "audit.jsonl").read_text().splitlines(), before


def check(lines, path):
    path.write_text("\n".join(lines) + "\n")
    done = subprocess.run(
        [sys.executable, "-I", checker.__file__, str(path)], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


def first_bad(lines):
    """Return the number of the first bad entry as the checker finds it; None for a good log."""
    key = bytes.fromhex(json.loads(lines[0])["publicKey"])
    entries = [json.loads(line) for line in lines[1:]]
    found, _ = checker.first_bad(
        ((one["number"], one["entry"].encode(), bytes.fromhex(one["signature"])) for one in entries), key
    )
    return found if isinstance(found, int) else None


def test_23_after_erasures_the_log_verifies_and_tells_nobody(log, tmp_path):
    lines, _ = log
    assert len(lines) > 20
    assert check(lines, tmp_path / "log")[0] == 0
    kinds = {json.loads(json.loads(line)["entry"])["kind"] for line in lines[1:]}
    assert {"read", "action", "request", "erasure", "certificate"} <= kinds
    assert Needles([*NEEDLES, "kim2@example.org"], derived=True).found("\n".join(lines).encode()) == set()
    assert check([*lines[:9], *lines[10:]], tmp_path / "log")[0] == 1


@pytest.mark.parametrize("flips", [300, pytest.param(20_000, marks=pytest.mark.soak)])
def test_23_the_entry_of_any_flipped_bit_is_named(log, flips):
    lines, _ = log
    chance = random.Random(flips)
    for _ in range(flips):
        number = chance.randrange(1, len(lines))
        one = json.loads(lines[number])
        part = chance.choice(["entry", "signature"])
        content = bytearray(one[part].encode() if part == "entry" else bytes.fromhex(one[part]))
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(7)
        if part == "entry":
            try:
                one[part] = content.decode()
            except UnicodeDecodeError:
                continue
        else:
            one[part] = content.hex()
        assert first_bad([*lines[:number], json.dumps(one), *lines[number + 1 :]]) == number - 1


def test_23_dropped_moved_slipped_in_and_forked(log, space):
    lines, before = log
    for number in range(1, len(lines)):
        assert first_bad([*lines[:number], *lines[number + 1 :]]) in (
            number - 1,
            None if number == len(lines) - 1 else -1,
        )
        assert first_bad([*lines[:number], lines[1], *lines[number:]]) == number - 1 or number == 1
        if number > 1:
            swapped = [*lines[: number - 1], lines[number], lines[number - 1], *lines[number + 1 :]]
            assert first_bad(swapped) == number - 2
    leaves = [leaf_hash(json.loads(line)["entry"].encode()) for line in lines[1:]]
    proof = consistency(leaves, before.size)
    assert is_consistent(before.size, bytes.fromhex(before.root), len(leaves), root_of(leaves), proof)
    fork = [*leaves[: before.size - 1], leaf_hash(b"another"), *leaves[before.size :]]
    assert not is_consistent(
        before.size, bytes.fromhex(before.root), len(fork), root_of(fork), consistency(fork, before.size)
    )
    with space.database.connect() as conn:
        conn.execute("alter table privacy.audit disable trigger append_only")
        conn.execute("delete from privacy.audit where number >= %s", (before.size - 2,))
        conn.execute("update privacy.audit_tree set size = 0, peaks = ''")
        conn.commit()
        assert not Audit(space.vault).verify(conn, space.project.data).good, (
            "a log cut short is seen by the heads kept beside"
        )
