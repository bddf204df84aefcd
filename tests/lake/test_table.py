"""A Delta table rewritten without somebody: the rows go, everybody else's stay, and nothing of the past is left to read."""

import contextlib
import os
import threading
import time

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from steelthread.kit import Invalid, Unavailable
from steelthread.lake import FILE, LakeTable, load_tables
from steelthread.privacy import Needles, scan_files

CONFIG = """
tables:
  - name: visits
    path: visits
    what: Visits of the shop
    purpose: operations
    subjects: [{column: "e mail", holds: email}]
    columns: {"e mail": who, at: when}
"""
PER_FILE = 50


def rows(first, last):
    return pa.table({"e mail": [f"Kim{one}@example.org" for one in range(first, last)], "at": list(range(first, last))})


@pytest.fixture
def table(tmp_path):
    (tmp_path / FILE).write_text(CONFIG)
    (config,) = load_tables(tmp_path)
    for part in range(4):
        feed = {"delta.enableChangeDataFeed": "true"} if part == 0 else None
        write_deltalake(
            str(config.folder), rows(part * PER_FILE, (part + 1) * PER_FILE), mode="append", configuration=feed
        )
    return LakeTable(config)


def opened(table):
    return DeltaTable(str(table.config.folder)).to_pyarrow_table().to_pylist()


def hits(table, *needles):
    return scan_files([table.config.folder], Needles(needles, derived=True))[1]


def test_the_rows_go_everybody_elses_stay_and_nothing_is_left_of_the_past(table):
    DeltaTable(str(table.config.folder)).create_checkpoint()
    DeltaTable(str(table.config.folder)).delete("`e mail` = 'Kim3@example.org'")  # somebody deleted, and left the past
    assert hits(table, "kim3@example.org")
    before = {path: path.read_bytes() for path in table.config.folder.glob("*.parquet")}
    done = table.rewrite([{"Kim7@example.org", "Kim120@example.org"}])
    assert (done.rows, done.files) == (2, 2)
    assert hits(table, "kim7@example.org", "kim120@example.org", "kim3@example.org") == []
    assert sorted(one["at"] for one in opened(table)) == [one for one in range(200) if one not in (3, 7, 120)]
    same = [path for path in table.config.folder.glob("*.parquet") if before.get(path) == path.read_bytes()]
    assert len(same) == 2, "files without such rows are as they were"
    again = table.rewrite([{"Kim7@example.org"}])
    assert (again.rows, again.files) == (0, 0)
    assert len(opened(table)) == 197


def test_nobody_travels_back_to_before_the_rewrite(table):
    table.rewrite([{"Kim7@example.org"}])
    now = DeltaTable(str(table.config.folder))
    now.load_as_version(3)
    with pytest.raises(OSError, match=r"(?i)not found|no such file"):
        now.to_pyarrow_table()
    write_deltalake(str(table.config.folder), rows(200, 201), mode="append")
    assert len(opened(table)) == 200


def test_a_file_that_a_writer_is_about_to_commit_stays_and_one_that_was_left_behind_goes(table):
    fresh, old = (table.config.folder / f"part-{name}.parquet" for name in ("fresh", "old"))
    for one in (fresh, old):
        one.write_bytes(next(table.config.folder.glob("part-0*.parquet")).read_bytes())
    os.utime(old, (time.time() - 7200,) * 2)
    table.rewrite([{"Kim7@example.org"}])
    assert fresh.exists()
    assert not old.exists()


def test_a_writer_at_the_same_time_loses_nothing(table):
    written = []

    def write():
        while len(written) < 20:
            try:
                there = DeltaTable(str(table.config.folder))
            except DeltaError:  # the checkpoint that it was about to read has gone: the next one is named already
                continue
            with contextlib.suppress(CommitFailedError):  # the writer is told, as by any other writer, and tries again
                write_deltalake(there, rows(*[1000 + len(written) + n for n in (0, 1)]), mode="append")
                written.append(1000 + len(written))

    writer = threading.Thread(target=write)
    writer.start()
    for one in range(10):
        table.rewrite([{f"Kim{one}@example.org"}])
    writer.join()
    assert sorted(one["at"] for one in opened(table)) == [*range(10, 200), *written]


def test_values_with_quotes_and_a_partitioned_table(tmp_path):
    (tmp_path / FILE).write_text(CONFIG)
    (config,) = load_tables(tmp_path)
    odd = ["o'hara@example.org", "x') OR ('1'='1", None, "plain@example.org"]
    made = pa.table({"e mail": pa.array(odd, pa.string()), "at": [1, 1, 2, 2]})
    write_deltalake(str(config.folder), made, partition_by=["at"])
    table = LakeTable(config)
    assert table.values(lambda _, some: [one.startswith(("o'", "x'")) for one in some]) == [set(odd[:2])]
    assert table.owners([set(odd[:2])]) == [[(0, odd[0])], [(0, odd[1])]]
    assert [one["at"] for one in table.rows([{odd[0]}])] == [1]
    assert table.rewrite([set(odd[:2])]).rows == 2
    assert [one["e mail"] for one in opened(table)] == odd[2:]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("subjects: [", "subject: ["), "docs/lake.md"),
        (('[{column: "e mail", holds: email}]', "[]"), "which column names people"),
        (('"e mail": who, ', ""), "does not say what its columns e mail hold"),
        (("holds: email", "holds: record"), "of which source"),
        (("tables:", "tables: ["), "not valid YAML"),
    ],
)
def test_a_file_that_cannot_be_understood_is_refused(tmp_path, change, said):
    (tmp_path / FILE).write_text(CONFIG.replace(*change))
    with pytest.raises(Invalid, match=said):
        load_tables(tmp_path)


def test_a_table_that_is_not_there_or_broken_is_told_without_a_value(tmp_path, table):
    missing = tmp_path / "other"
    missing.mkdir()
    (missing / FILE).write_text(CONFIG)
    with pytest.raises(Unavailable, match="there is no Delta table"):
        LakeTable(load_tables(missing)[0]).describe()
    for path in (table.config.folder / "_delta_log").iterdir():
        path.write_text("{broken")
    with pytest.raises(Unavailable, match=r"visits of lake\.yaml cannot be read or rewritten"):
        table.rewrite([{"Kim7@example.org"}])
