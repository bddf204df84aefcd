import os
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steelthread.kit import Invalid, Unavailable
from steelthread.vault import Shredded, open_vault, seal, unseal


def test_a_key_comes_back_from_another_process_view(tmp_path):
    made = open_vault(tmp_path / "k").new_subjects(700)
    assert open_vault(tmp_path / "k").keys([subject for subject, _ in made]) == dict(made)


def test_shred_destroys_one_and_keeps_the_neighbours(tmp_path):
    vault = open_vault(tmp_path / "k")
    made = vault.new_subjects(50)
    gone, key = made[0]
    before = b"".join(path.read_bytes() for path in (tmp_path / "k" / "shards").rglob("*.ring"))
    entry = before[before.find(gone.to_bytes(8, "big")) :][:68]
    assert vault.shred([gone]) == 1
    with pytest.raises(Shredded):
        vault.key(gone)
    assert vault.keys([subject for subject, _ in made]) == dict(made[1:])
    after = b"".join(path.read_bytes() for path in (tmp_path / "k").rglob("*") if path.is_file())
    assert entry not in after
    assert key not in after


def test_keys_that_are_read_bit_by_bit_are_looked_for_again_after_a_second(tmp_path, monkeypatch):
    vault = open_vault(tmp_path / "k")
    made = vault.new_subjects(50)
    reading = vault.reading()
    assert reading.keys([subject for subject, _ in made[:20]]) == dict(made[:20])
    assert open_vault(tmp_path / "k").shred([made[1][0], made[30][0]]) == 2
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 1.01)
    assert reading.keys([subject for subject, _ in made]) == dict([made[0], *made[2:30], *made[31:]])
    assert open_vault(tmp_path / "k").reading().keys([made[30][0]]) == {}


def test_rotate_keeps_every_key(tmp_path):
    vault = open_vault(tmp_path / "k")
    made = dict(vault.new_subjects(100))
    vault.rotate()
    assert open_vault(tmp_path / "k").keys(made) == made


def test_a_torn_append_loses_nothing_before_it(tmp_path):
    vault = open_vault(tmp_path / "k")
    made = dict(vault.new_subjects(10))
    (ring,) = (tmp_path / "k" / "shards").rglob("*.ring")
    with ring.open("ab") as stream:
        stream.write(b"torn")
    assert open_vault(tmp_path / "k").keys(made) == made


def test_a_key_is_found_among_many_whose_numbers_end_alike(tmp_path):
    vault = open_vault(tmp_path / "k")
    made = [one for _ in range(6) for one in vault.new_subjects(500)]
    shard = made[0][0] >> 50
    alike = [(subject, key) for subject, key in made if subject & 0xFF == made[0][0] & 0xFF]
    assert len(alike) > 1
    assert vault.keys(subject for subject, _ in alike) == dict(alike)
    stranger = made[0][0] ^ (1 << 20)
    assert stranger >> 50 == shard
    assert vault.keys([stranger]) == {}


def killed(folder, body, wait):
    """Run a program over the vault, kill it a while after its first line, and return the whole lines that it printed."""
    program = f"from pathlib import Path\nfrom steelthread.vault import open_vault\nv = open_vault(Path({str(folder)!r}))\n{body}"
    child = subprocess.Popen([sys.executable, "-uc", program], env=os.environ.copy(), stdout=subprocess.PIPE, text=True)
    first = child.stdout.readline()
    time.sleep(wait)
    child.send_signal(signal.SIGKILL)
    told, _ = child.communicate()
    return (first + told).split("\n")[:-1]


@pytest.mark.parametrize("wait", [0.0, 0.05, 0.1, 0.2, 0.3])
def test_kill_inside_rotation_loses_no_key(tmp_path, wait):
    folder = tmp_path / "k"
    made = dict(open_vault(folder).new_subjects(3000))
    assert killed(folder, "print('begun')\nwhile True: v.rotate()", wait) == ["begun"]
    assert open_vault(folder).keys(made) == made
    extra = open_vault(folder).new_subjects(5)
    assert open_vault(folder).keys(dict(extra)) == dict(extra)


@pytest.mark.parametrize("wait", [0.1, 0.2, 0.3, 0.4])
def test_kill_inside_an_append_loses_no_key_that_was_given(tmp_path, wait):
    body = "while True: print(*(f'{subject}:{key.hex()}' for subject, key in v.new_subjects(40)))"
    lines = killed(tmp_path / "k", body, wait)
    made = {int(one.split(":")[0]): bytes.fromhex(one.split(":")[1]) for line in lines for one in line.split()}
    assert made
    vault = open_vault(tmp_path / "k")
    assert vault.keys(made) == made
    extra = dict(vault.new_subjects(40))
    assert open_vault(tmp_path / "k").keys(extra) == extra


@pytest.mark.parametrize("wait", [0.1, 0.2, 0.3, 0.4])
def test_kill_inside_a_shred_keeps_all_neighbours_and_brings_nobody_back(tmp_path, wait):
    folder = tmp_path / "k"
    made = dict(open_vault(folder).new_subjects(3000))
    goes = sorted(made)[::3]
    body = f"for subject in {goes}:\n    v.shred([subject])\n    print(subject)"
    gone = set(map(int, killed(folder, body, wait)))
    there = open_vault(folder).keys(made)
    assert gone
    assert not gone & there.keys()
    stay = {subject: key for subject, key in made.items() if subject not in goes}
    assert {subject: there[subject] for subject in stay} == stay
    assert all(there[subject] == made[subject] for subject in there)


def test_a_wrong_root_key_says_what_to_do(tmp_path):
    open_vault(tmp_path / "k", "11" * 32)
    with pytest.raises(Unavailable, match="root key"):
        open_vault(tmp_path / "k", "22" * 32)
    with pytest.raises(Invalid, match="64 hexadecimal"):
        open_vault(tmp_path / "k", "short")


def test_a_destroyed_partition_key_is_gone(tmp_path):
    vault = open_vault(tmp_path / "k")
    vault.partition_key("log-1")
    vault.destroy_partition_key("log-1")
    with pytest.raises(Shredded):
        vault.partition_key("log-1", create=False)


@given(st.binary(), st.binary(), st.binary(min_size=32, max_size=32))
def test_what_is_sealed_opens_only_in_its_context(plain, context, key):
    envelope = seal(key, plain, context)
    assert unseal(key, envelope, context) == plain
    with pytest.raises(Invalid):
        unseal(key, envelope, context + b"x")


def test_spare_keys_are_on_disk_and_each_is_given_once(tmp_path):
    vault = open_vault(tmp_path / "k")
    made = []
    with vault.with_spare(8):
        for count in [1, 3, 20, 2, 1, 1, 4, 0, 5] * 6:  # 20 is more than can be at hand
            given = vault.new_subjects(count)
            assert len(given) == count
            assert open_vault(tmp_path / "k").keys([subject for subject, _ in given]) == dict(given)
            made += given
    assert len(dict(made)) == len(made)
    made += vault.new_subjects(3)
    assert open_vault(tmp_path / "k").keys([subject for subject, _ in made]) == dict(made)


def test_who_finds_a_spare_key_writes_nothing(tmp_path):
    vault = open_vault(tmp_path / "k")
    with vault.with_spare(8):
        deadline = time.monotonic() + 10
        while len(vault._spare._made) < 8 and time.monotonic() < deadline:  # on disk they are a moment before
            time.sleep(0.005)
        assert vault.status().subjects == 8
        rings = {path: path.stat().st_size for path in (tmp_path / "k").rglob("*.ring")}
        vault.new_subjects(2)
        vault.new_subjects(2)
        assert {path: path.stat().st_size for path in (tmp_path / "k").rglob("*.ring")} == rings
        vault.new_subjects(1)  # more than half of them are gone
        while vault.status().subjects < 13 and time.monotonic() < deadline:
            time.sleep(0.005)
    assert vault.status().subjects == 13


def test_a_spare_key_lives_through_a_new_generation_of_its_shard(tmp_path):
    vault, other = open_vault(tmp_path / "k"), open_vault(tmp_path / "k")
    with vault.with_spare(8):
        first = vault.new_subjects(1)
        other.rotate()
        other.shred([first[0][0]])
        given = vault.new_subjects(3)
    assert open_vault(tmp_path / "k").keys([subject for subject, _ in given]) == dict(given)


def test_a_keyring_that_cannot_be_written_is_said_by_whoever_needs_a_key(tmp_path):
    vault = open_vault(tmp_path / "k")
    (tmp_path / "k" / "shards").write_text("in the way")
    with vault.with_spare(8), pytest.raises((Unavailable, OSError)):
        vault.new_subjects(1)
