import csv
import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steelthread.intake import RowRejected, compile_mapping, detect, draft, open_rows
from steelthread.intake.source import read_source
from steelthread.intake.types import Unreadable
from steelthread.intake.values import boolean, day, decimal, email, phone
from steelthread.kit import Invalid
from steelthread.model import load_model

CELL = st.text(alphabet="abcXYZ 1,;|\"'äß", max_size=8).map(str.strip)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(CELL, min_size=3, max_size=3).filter(any), min_size=1, max_size=6),
    st.sampled_from(",;\t|"),
    st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]),
)
def test_csv_reads_back(tmp_path_factory, rows, delimiter, encoding):
    path = tmp_path_factory.mktemp("f") / "t.csv"
    with path.open("w", encoding=encoding, newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows([["a", "b", "c"], *rows])
    fmt = detect(path)
    fmt.delimiter, fmt.header = delimiter, True
    assert [row for batch in open_rows(path, fmt) for row in batch.rows] == rows


def test_ragged_rows_are_bad_and_skip_resumes(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,n\n1,a\n2\n3,c,d\n4,e\n")
    (batch,) = open_rows(path, detect(path))
    assert [row[0] for row in batch.rows] == ["1", "4"]
    assert [bad.line for bad in batch.bad] == [3, 4]
    (rest,) = open_rows(path, detect(path), skip=3)
    assert rest.rows == [["4", "e"]]


def test_json_lines_and_gz(tmp_path):
    path = tmp_path / "t.jsonl.gz"
    with gzip.open(path, "wt") as stream:
        stream.write(
            json.dumps({"id": 1, "a": {"b": True}}) + "\nnot json\n" + json.dumps({"id": 2, "c": [1, 2]}) + "\n"
        )
    rows = open_rows(path, detect(path))
    (batch,) = rows
    assert rows.columns == ["id", "a.b", "c"]
    assert batch.rows == [["1", "true", ""], ["2", "", "1|2"]]
    assert batch.bad[0].line == 2


def test_broken_files_say_so(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"id,n\n" + b"1,abcdefgh\n" * 9000)[:-20])
    with pytest.raises(Invalid, match="cut off"):
        list(open_rows(path, detect(path)))
    (tmp_path / "e.csv").write_text("")
    with pytest.raises(Invalid, match="empty"):
        detect(tmp_path / "e.csv")


def test_values():
    assert email("<Ann@EXAMPLE.com>") == "Ann@example.com"
    assert phone("020 7946 0018", "GB") == "+442079460018"
    assert day("31/12/1999", ()) == "1999-12-31"
    assert decimal("1.234,50 €", ",") == "1234.50"
    assert boolean("Yes")
    for call in (
        lambda: email("x"),
        lambda: day("03/04/2020", ()),
        lambda: day("2020-02-30", ()),
        lambda: phone("12", "GB"),
    ):
        with pytest.raises(Unreadable):
            call()


MAPPING = """
name: t
key: id
entities:
  - entity: Individual
    attributes: {firstName: first, birthDate: {column: born, date: "%d.%m.%Y"}}
  - entity: ContactPointEmail
    attributes: {emailAddress: mail}
"""


def test_a_row_maps_to_a_record_with_parts():
    model = load_model()
    mapping = compile_mapping(read_source(MAPPING, "t.yaml", model), model, ["id", "first", "born", "mail", "note"])
    row = mapping.map(["1", "Ann", "31.12.1999", "ann@example.com", "hello"])
    assert row.records[0].values == {"firstName": "Ann", "birthDate": "1999-12-31"}
    assert [part.entity for part in row.records[0].parts] == ["ContactPointEmail"]
    assert row.extras == {"note": "hello"}
    assert mapping.map(["1", "Ann", "nonsense", "", ""]).issues[0].column == "born"
    with pytest.raises(RowRejected):
        mapping.map(["", "Ann", "", "", ""])


def test_a_missing_column_is_named():
    model = load_model()
    with pytest.raises(Invalid, match="no column mail"):
        compile_mapping(read_source(MAPPING, "t.yaml", model), model, ["id", "first", "born"])


def test_a_draft_quotes_no_value_and_loads(tmp_path):
    model = load_model()
    path = tmp_path / "t.csv"
    path.write_text(
        "customer_id,first_name,email,dob\n1,Zaphod,zaphod@example.com,31/12/1980\n2,Trillian,t@example.com,01/02/1981\n"
    )
    fmt = detect(path)
    rows = open_rows(path, fmt)
    (batch,) = rows
    text = draft("t", "t.csv", fmt, rows.columns, batch.rows, others=[])
    assert "Zaphod" not in text
    mapping = compile_mapping(read_source(text, "t.yaml", model), model, rows.columns)
    assert mapping.map(batch.rows[0]).records[0].values["birthDate"] == "1980-12-31"
