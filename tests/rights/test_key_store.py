"""Acceptance test 3: what was shredded is in no file, its neighbours open as ever."""

import pytest

from steelthread.rights import erase, erase_batch
from steelthread.store import backup
from steelthread.vault.shards import ENTRY, HEADER


def people(count):
    rows = ["customer_id,first_name,last_name,email"]
    rows += [f"{one},Kim,Other{one},kim{one}@example.org" for one in range(count)]
    return "\n".join(rows) + "\n"


def entries(keyring):
    """Return subject -> its entry as the keyring's files have it: number, nonce, wrapped key."""
    found = {}
    for path in keyring.rglob("*.ring"):
        content = path.read_bytes()
        for start in range(HEADER, len(content) - ENTRY + 1, ENTRY):
            entry = content[start : start + ENTRY]
            found[int.from_bytes(entry[:8], "big")] = (entry[8:20], entry[20:])
    return found


def heads(keyring):
    """Return the wrapped shard key of each shard."""
    return {path.name: path.read_bytes()[4:HEADER] for path in keyring.rglob("*.ring")}


def found_in(folders, needles):
    """Return the files that hold any of these bytes."""
    found = []
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                try:
                    content = path.read_bytes()
                except FileNotFoundError:
                    continue
                found += [path for needle in needles if needle in content]
    return found


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
@pytest.mark.parametrize("at_once", [False, True], ids=["one", "batch"])
@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.soak)])
def test_3_no_byte_of_a_shredded_key_is_in_any_file_and_the_neighbours_open(
    space, load, server, tmp_path, count, at_once
):
    load("crm", people(count))
    with space.database.connect() as conn:
        gone = set(range(0, count, 10)) if at_once else {7}
        rows = conn.execute("select subject, record_id from intake.record where is_party order by record_id").fetchall()
        assert len(rows) == count
        named = {}
        for one in range(count):
            node = space.reader(conn).node(f"email:kim{one}@example.org")
            (named[one],) = conn.execute(
                "select r.subject from identity.node n join intake.record r on r.record_id = n.node_id "
                "where n.cluster_id = (select cluster_id from identity.node where node_id = %s)",
                (node,),
            ).fetchone()
    before, head, keys = entries(space.project.keyring), heads(space.project.keyring), space.vault.keys(named.values())
    shredded = [named[one] for one in gone]
    needles = [part for subject in shredded for part in (*before[subject], keys[subject])]
    assert found_in([space.project.keyring], needles)
    if at_once:
        erase_batch(space, [f"email:kim{one}@example.org" for one in sorted(gone)], "me")
    else:
        erase(space, "email:kim7@example.org", "me")
    backup(space.project, space.database, tmp_path / "backup.tar")
    with space.database.connect() as conn:
        conn.execute("checkpoint")
    own = [space.project.folder, server.data, server.logs, tmp_path]
    assert found_in(own, needles) == []
    renewed = {subject >> 50 for subject in shredded}
    former = [head[f"{shard:03x}.ring"] for shard in renewed]
    assert found_in(own, former) == [], "nor the key under which it was wrapped, with all that it could open"
    kept = {subject: key for subject, key in keys.items() if subject not in set(shredded)}
    assert space.vault.keys(named.values()) == kept
    after = entries(space.project.keyring)
    assert all(after[subject] == before[subject] for subject in kept if subject >> 50 not in renewed)
    assert list(space.project.keyring.rglob("*.gone")) == []
