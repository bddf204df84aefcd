"""A running server and its worker forget, within moments, what another process destroyed: it is not in their memory."""

import re
import sys
import time
from pathlib import Path

import pytest
from tests import commands

from steelthread import thread
from steelthread.kit import forget_remembered, remembered
from steelthread.vault import open_vault
from steelthread.vault.shards import ENTRY, HEADER, shard_of, shard_path


def in_memory(process, needle):
    """Whether these bytes stand anywhere in a process's own memory."""
    with Path(f"/proc/{process}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{process}/maps").read_text().splitlines():
            start, end, mode, name = re.match(r"(\w+)-(\w+) (\S+) \S+ \S+ \S+\s*(.*)", line).groups()
            if not mode.startswith("rw") or name in ("[vvar]", "[vsyscall]"):
                continue
            memory.seek(int(start, 16))
            try:
                if needle in memory.read(int(end, 16) - int(start, 16)):
                    return True
            except OSError:
                continue
    return False


def wrapped(folder, subject):
    """Return the wrapped data key of a subject as the keyring's file has it."""
    content = shard_path(folder, shard_of(subject)).read_bytes()
    for start in range(HEADER, len(content) - ENTRY + 1, ENTRY):
        if content[start : start + 8] == subject.to_bytes(8, "big"):
            return content[start + 20 : start + ENTRY]
    return None


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_a_running_server_and_worker_forget_whoever_another_process_erases(served):
    space = served.space
    for who in ("ann", "bob"):
        event = {"type": "identify", "userId": who, "traits": {"email": f"{who}@example.com"}}
        assert served.post("/v1/batch", {"batch": [event], "writeKey": served.write_key})[0] == 200
    subjects = {}
    for who in ("ann", "bob"):
        assert served.profile(f"user_id:{who}")["individualId"]
        with space.database.connect() as conn:
            node = space.reader(conn).node(f"user_id:{who}")
            (subjects[who],) = conn.execute(
                "select r.subject from identity.node n join intake.record r on r.record_id = n.node_id where n.cluster_id = "
                "(select cluster_id from identity.node where node_id = %s)",
                (node,),
            ).fetchone()
    keyring = space.project.keyring
    keys = {who: wrapped(keyring, subject) for who, subject in subjects.items()}
    processes = [served.process.pid, *served.workers()]
    held = [in_memory(one, keys["ann"]) for one in processes]
    assert any(held), "the server had read her"
    command = [
        sys.executable,
        "-m",
        "steelthread",
        "erase",
        "user_id:ann",
        "--project",
        str(space.project.folder),
        "--json",
    ]
    done = commands.run(command, text=True)
    assert done.returncode == 0, done.stderr
    time.sleep(2)
    assert [in_memory(one, keys["ann"]) for one in processes] == [False] * len(processes)
    assert served.profile("user_id:bob")["individualId"], "the neighbours are read as ever"


def test_whoever_has_the_keyring_open_forgets_and_keeps_the_neighbours(tmp_path):
    one, other = open_vault(tmp_path), open_vault(tmp_path)
    made = one.new_subjects(400)
    assert len(other.keys(subject for subject, _ in made)) == 400
    gone = [subject for subject, _ in made[::3]]
    old = {subject: wrapped(tmp_path, subject) for subject in gone}
    shards = [shard for _, shard in other._cache.values()]
    assert other.refresh() is False
    one.shred(gone)
    assert other.refresh() is True
    assert other.refresh() is False
    kept = [shard for _, shard in other._cache.values()]
    for key in old.values():
        assert not any(key in shard.content for shard in [*shards, *kept])
    left = {subject: key for subject, key in made if subject not in set(gone)}
    assert other.keys(subject for subject, _ in made) == left
    by_old = {subject: found for subject, _ in made for shard in shards if (found := shard.find(subject))}
    assert by_old == left, "whoever holds the former shard finds the neighbours in it"


def test_keys_of_partitions_are_forgotten_too(tmp_path):
    one, other = open_vault(tmp_path), open_vault(tmp_path)
    one.partition_key("p1")
    other.partition_key("p1")
    one.destroy_partition_key("p1")
    assert other.refresh()
    assert other._partitions == {}


def test_what_is_remembered_by_values_is_forgotten():
    asked = []

    @remembered(8)
    def length(text):
        asked.append(text)
        return len(text)

    assert [length("ann"), length("ann")] == [3, 3]
    forget_remembered()
    assert length("ann") == 3
    assert asked == ["ann", "ann"]


def test_nothing_remembers_values_past_it():
    """What is remembered by a person's values in the rooms that see them goes by `remembered`, and so is forgotten."""
    rooms = Path(thread.__file__).parents[1]
    files = [*(rooms / "identity").rglob("*.py"), rooms / "thread" / "prepare.py", *(rooms / "intake").rglob("*.py")]
    assert len(files) > 30
    found = [(path.name, line) for path in files for line in path.read_text().splitlines() if "lru_cache(" in line]
    assert found == [("classification.py", "@lru_cache(maxsize=1)")], "but for the checks, which are of nobody"
