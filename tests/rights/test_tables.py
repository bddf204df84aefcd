"""The company's own Delta tables are a store like the others: erasure, retention and access reach them."""

import json
import shutil
import sys
from collections import Counter
from datetime import timedelta

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from tests import commands

from steelthread.kit import Invalid, now
from steelthread.privacy import Needles, scan_files
from steelthread.privacy.checker import from_text
from steelthread.rights import Retention, Tables, access, erase, erase_batch, replay_erasures

PEOPLE = """customer_id,first_name,last_name,email,phone,loyalty_number
1,Ann,Needle,ann.needle@example.com,+44 20 7946 0958,LN-77-1001
2,Bob,Moss,bob.moss@example.com,+44 20 7946 0999,LN-77-1002
3,Cid,Ray,cid.ray@example.com,,LN-77-1003
"""
LAKE = """
tables:
  - name: visits
    path: lake/visits
    what: Visits as the analysts keep them
    purpose: operations
    kind: inferred
    subjects:
      - {column: person, holds: individual}
      - {column: email, holds: email}
      - {column: customer, holds: record, source: crm}
      - {column: login, holds: user_id, namespace: web}
    columns: {person: your number with us, email: your address, customer: your number in the shop, login: your login,
              gift_for: whom a gift was for, at: when it was}
    others: [gift_for]
"""
SCHEMA = pa.schema([(name, pa.string()) for name in ("person", "email", "customer", "login", "gift_for")] + [("at", pa.int64())])  # fmt: skip


def write(folder, *rows):
    made = [dict.fromkeys(SCHEMA.names) | row for row in rows]
    write_deltalake(str(folder), pa.Table.from_pylist(made, SCHEMA), mode="append")


def rows(folder):
    return sorted(one["at"] for one in DeltaTable(str(folder)).to_pyarrow_table().to_pylist())


def individual(space, ref):
    with space.database.connect() as conn:
        return space.reader(conn).profile(ref)["individualId"]


@pytest.fixture
def lake(space, load):
    """Four ways to name Ann, each in a file of its own, with somebody else beside."""
    load("crm", PEOPLE)
    folder = space.project.folder / "lake" / "visits"
    (space.project.folder / "lake.yaml").write_text(LAKE)
    ann, bob = (individual(space, f"record:crm/Individual/{one}") for one in (1, 2))
    write(folder, {"person": ann, "at": 1, "gift_for": "cid.ray@example.com"}, {"person": bob, "at": 2})
    write(folder, {"email": "Ann.Needle@EXAMPLE.com", "at": 3}, {"email": "nobody", "at": 4}, {"at": 5})
    write(folder, {"customer": "1", "at": 6}, {"customer": "2", "at": 7})
    write(folder, {"email": "bob.moss@example.com", "customer": "2", "at": 8})
    return folder


def certified(done):
    return json.loads(from_text(done.certificate["certificate"].split(".")[1]))


def table_lines(stores):
    return [one for one in stores if one["store"].startswith("table ")]


def test_erasure_reaches_a_table_by_every_name_and_leaves_everybody_else(space, lake):
    ann = individual(space, "record:crm/Individual/1")
    foreseen = erase(space, "email:ann.needle@example.com", "me", dry_run=True)
    assert [one["rows"] for one in table_lines(foreseen.stores)] == [3]
    assert rows(lake) == [1, 2, 3, 4, 5, 6, 7, 8]
    done = erase(space, "email:ann.needle@example.com", "me")
    assert rows(lake) == [2, 4, 5, 7, 8]
    line = {"store": "table visits", "method": "rewrite", "rows": 3, "files": 3}
    assert table_lines(done.stores) == [line]
    body = certified(done)
    assert table_lines(body["stores"]) == [line]
    assert body["closed"] is True
    assert {"lake", "database", "dataFolder"} == {one["store"] for one in body["scan"]}
    assert done.hits == []
    assert done.rows == sum(one["rows"] for one in done.stores)
    assert scan_files([lake], Needles(["ann.needle@example.com", str(ann)], derived=True))[1] == []
    with space.database.connect() as conn:
        assert conn.execute("select count(*) from privacy.leaving").fetchone() == (0,)


def test_an_address_that_somebody_else_has_too_stays_with_them(space, load, lake):
    load("shop", "id,first_name,last_name,email\n9,Zoe,Young,ann.needle@example.com\n")
    done = erase(space, "record:crm/Individual/1", "me")
    assert rows(lake) == [2, 3, 4, 5, 7, 8], "the visit under the address alone is no longer anybody's in particular"
    assert done.hits == []


def test_many_at_once_rewrite_each_file_once(space, lake):
    before = {path.name for path in lake.glob("*.parquet")}
    done = erase_batch(space, ["record:crm/Individual/1", "record:crm/Individual/2"], "me")
    assert [one["rows"] for one in table_lines(done.stores)] == [6]
    assert rows(lake) == [4, 5]
    after = {path.name for path in lake.glob("*.parquet")}
    assert len(after - before) <= len(before)
    with space.database.connect() as conn:
        told = [one for (one,) in conn.execute("select told from privacy.erasure_item order by number")]
    assert [line["rows"] for one in told for line in table_lines(one["stores"])] == [3, 3]


def test_a_table_that_is_away_is_told_and_done_later(space, lake):
    away = lake.with_name("away")
    lake.rename(away)
    done = erase(space, "record:crm/Individual/1", "me")
    (line,) = table_lines(done.stores)
    assert line["rows"] == 0
    assert "there is no Delta table" in line["pending"]
    assert certified(done)["closed"] is False
    away.rename(lake)
    with space.database.connect() as conn:
        (swept,) = Tables(space).sweep(conn)
        assert (swept.rows, swept.pending) == (3, "")
        assert Tables(space).sweep(conn) == []
    assert rows(lake) == [2, 4, 5, 7, 8]


def test_whoever_a_pipeline_brought_back_goes_with_the_daily_sweep(space, lake):
    erase(space, "record:crm/Individual/1", "me")
    write(lake, {"email": "ann.needle@example.com", "at": 9}, {"customer": "2", "at": 10})
    command = [sys.executable, "-m", "steelthread", "tables", "sweep", "--json", "--project", str(space.project.folder)]
    told = json.loads(commands.run(command, check=True, text=True).stdout)
    assert [(one["rows"], one["files"]) for one in told["tables"]] == [(1, 1)]
    assert rows(lake) == [2, 4, 5, 7, 8, 10]


def test_who_is_kept_no_longer_goes_from_the_tables_too(space, lake):
    (space.project.folder / "retention.yaml").write_text("rules: {old: {of: people, keep: 30 days, after: lastSeen}}\n")
    told = Retention(space, now() + timedelta(days=90)).run("me")
    assert told.due["people"] == 3
    assert [one["rows"] for one in told.tables] == [6]
    assert rows(lake) == [4, 5]


def test_a_restored_backup_takes_them_out_again(space, lake):
    kept = lake.with_name("kept")
    shutil.copytree(lake, kept)
    erase(space, "record:crm/Individual/1", "me")
    shutil.rmtree(lake)
    kept.rename(lake)
    with space.database.connect() as conn:
        conn.execute("delete from privacy.erasure")  # as the database was before
        conn.execute("delete from privacy.tombstone")
        conn.commit()
    assert replay_erasures(space) == 1
    with space.database.connect() as conn:
        Tables(space).sweep(conn)
    assert rows(lake) == [2, 4, 5, 7, 8]


def test_access_tells_the_rows_and_nothing_of_others(space, lake, tmp_path):
    access(space, "record:crm/Individual/1", tmp_path / "package", "me")
    content = json.loads((tmp_path / "package" / "data.json").read_bytes())
    (table,) = content["tables"]
    assert Counter(one["at"] for one in table["rows"]) == Counter([1, 3, 6])
    assert (table["kind"], table["purpose"], table["columns"]["at"]) == ("inferred", "operations", "when it was")
    assert table["legalBasis"]
    page = (tmp_path / "package" / "index.html").read_text()
    assert "Visits as the analysts keep them" in page
    for name in ("data.json", "portable.json", "index.html"):
        assert "cid.ray" not in (tmp_path / "package" / name).read_text()


def test_a_column_that_nobody_described_is_told(space, lake):
    command = [sys.executable, "-m", "steelthread", "tables", "list", "--project", str(space.project.folder)]
    assert "8 rows in 4 files" in commands.run(command, check=True, text=True).stdout
    write_deltalake(str(lake), pa.table({"person": ["x"], "score": [1]}), mode="append", schema_mode="merge")
    told = commands.run(command, text=True)
    assert told.returncode == 1
    assert "what these columns hold: score" in told.stdout


def test_a_kind_that_there_is_not_or_without_its_namespace_is_refused_before_anything_goes(space, lake):
    for change in (("holds: email", "holds: shoe_size"), (", namespace: web", "")):
        (space.project.folder / "lake.yaml").write_text(LAKE.replace(*change))
        with pytest.raises(Invalid):
            erase(space, "record:crm/Individual/1", "me")
    assert rows(lake) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert individual(space, "record:crm/Individual/1")
