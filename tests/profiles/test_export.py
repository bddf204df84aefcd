"""Every profile as a row, in three formats that say the same."""

import csv
import io
import json
import tracemalloc
from uuid import UUID

import pyarrow.parquet as pq
import pytest

from steelthread.kit import Invalid
from steelthread.profiles import export as export_module
from steelthread.profiles import export_profiles

CRM = "customer_id,first_name,last_name,email\n1,Ann,Lee,ann@example.com\n2,Bob,,bob@example.com\n"
SHOP = 'shop_id,first_name,email,birth_date\nb,Bob,bob@example.com,1990-04-01\nc,"Ann, ""Nan""",,\n'


@pytest.fixture
def export(space, load):
    load("crm", CRM)
    load("shop", SHOP)

    def write(form, output=None):
        stream = io.StringIO()
        with space.database.connect() as conn:
            count = export_profiles(conn, space.reader(conn), form, output, stream)
        return count, stream.getvalue()

    return write


def test_three_formats_say_the_same(export, tmp_path):
    count, text = export("csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert count == len(rows) == 3
    lines = [json.loads(line) for line in export("jsonl")[1].splitlines()]
    path = tmp_path / "profiles.parquet"
    assert export("parquet", path)[0] == 3
    table = pq.read_table(path).to_pylist()
    for row, line, stored in zip(rows, lines, table, strict=True):
        assert list(row) == list(stored)
        for name, value in row.items():
            said = line.get(name)
            assert value == ("|".join(said) if isinstance(said, list) else str(said or ""))
            assert stored[name] == (said if isinstance(said, list | int) or said is None else str(said))
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []


def test_a_file_that_cannot_be_written_says_so(export, tmp_path):
    with pytest.raises(Invalid, match="cannot be written"):
        export("csv", tmp_path / "missing" / "profiles.csv")
    with pytest.raises(Invalid, match="Parquet needs a file"):
        export("parquet")


def test_a_page_of_profiles_is_the_profiles_one_by_one(space, load):
    load("crm", CRM)
    load("shop", SHOP)
    with space.database.connect() as conn:
        reader = space.reader(conn)
        page = reader.page(None, 2)
        rest = reader.page(UUID(page[-1]["individualId"]), 2)
        assert len(page + rest) == 3
        assert page + rest == [reader.profile(f"individual:{one['individualId']}") for one in page + rest]


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_memory_does_not_grow_with_the_people(space, load, monkeypatch, tmp_path, form):
    monkeypatch.setattr(export_module, "_PAGE", 100)
    rows = "".join(f"{number},First{number},Last{number},p{number}@example.com\n" for number in range(3_000))
    load("crm", "customer_id,first_name,last_name,email\n" + rows)
    peaks = []
    with space.database.connect() as conn:
        reader = space.reader(conn)
        for _ in range(2):  # the first one fills caches
            tracemalloc.start()
            assert export_profiles(conn, reader, form, tmp_path / "out", io.StringIO()) == 3_000
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        held = [reader.page(None, 3_000)]
        tracemalloc.start()
        held.append(reader.page(None, 3_000))
        whole = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
    assert peaks[1] < whole / 4, "bytes, while all profiles at once take several times that"
