"""The same customers in every kind of file load to the same records; broken files stop with a word on what to do."""

import csv
import gzip
import io
import json
import random
import zipfile
from datetime import date

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from steelthread.app import cluster_rows, draft_source, load_file, status_of, verify_space
from steelthread.intake import Format, detect, list_rejects, open_rows
from steelthread.kit import Invalid

ROWS = [
    {"customer_id": "1", "first_name": "Zoë", "last_name": "Ōno", "email": "zoe@example.com", "born": "1980-02-29"},
    {"customer_id": "2", "first_name": "Łukasz", "last_name": "O'Hara", "email": "luk@example.com", "born": ""},
    {"customer_id": "3", "first_name": "Ann", "last_name": 'Lee, "Al"', "email": "ann@example.com", "born": "1999-12-31"},
]  # fmt: skip
PLAIN = [{**row, "first_name": row["first_name"].encode("cp1252", "ignore").decode("cp1252"), "last_name": "Müller"} for row in ROWS]  # fmt: skip


def _csv(rows, delimiter=","):
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _zip(name, content):
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return body.getvalue()


def _excel(rows):
    book = openpyxl.Workbook()
    book.active.append(list(rows[0]))
    for row in rows:
        born = date.fromisoformat(row["born"]) if row["born"] else None
        book.active.append([int(row["customer_id"]), row["first_name"], row["last_name"], row["email"], born])
    body = io.BytesIO()
    book.save(body)
    return body.getvalue()


def _parquet(rows):
    table = pa.Table.from_pylist(
        [
            {
                **row,
                "customer_id": int(row["customer_id"]),
                "born": date.fromisoformat(row["born"]) if row["born"] else None,
            }
            for row in rows
        ]
    )
    body = io.BytesIO()
    pq.write_table(table, body)
    return body.getvalue()


FILES = {
    "plain.csv": _csv(ROWS).encode(),
    "marked.csv": _csv(ROWS, ";").encode("utf-8-sig"),
    "wide.csv": _csv(ROWS, "\t").encode("utf-16"),
    "tabs.tsv": _csv(ROWS, "\t").encode(),
    "bars.txt": _csv(ROWS, "|").encode(),
    "packed.csv.gz": gzip.compress(_csv(ROWS).encode()),
    "archive.csv.zip": _zip("customers.csv", _csv(ROWS)),
    "array.json": json.dumps(ROWS, ensure_ascii=False).encode(),
    "nested.json": json.dumps(ROWS, indent=2).encode(),
    "lines.jsonl": "\n".join(json.dumps(row) for row in ROWS).encode(),
    "lines.jsonl.gz": gzip.compress("\n".join(json.dumps(row) for row in ROWS).encode()),
    "archive.json.zip": _zip("customers.json", json.dumps(ROWS)),
    "columns.parquet": _parquet(ROWS),
    "sheet.xlsx": _excel(ROWS),
}


def _people(space):
    with space.database.connect() as conn:
        reader = space.reader(conn)
        found = []
        for source, entity, key, _ in cluster_rows(space, conn):
            (record,) = reader.records(f"record:{source}/{entity}/{key}")
            email = [one["values"] for one in record["parts"] if one["entity"] == "ContactPointEmail"]
            found.append((key, record["values"], email))
        return sorted(found, key=lambda one: one[0])


def _records(space, ref):
    with space.database.connect() as conn:
        return space.reader(conn).records(ref)


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_gives_the_same_records(space, name):
    path = space.project.folder / name
    path.write_bytes(FILES[name])
    draft_source(space.project, "customers", path)
    result = load_file(space, "customers")
    assert (result.read, result.accepted, result.rejected, result.set_aside) == (3, 3, 0, 0)
    people = _people(space)
    assert [key for key, _, _ in people] == ["1", "2", "3"]
    assert [values["firstName"] for _, values, _ in people] == ["Zoë", "Łukasz", "Ann"]
    assert people[2][1]["lastName"] == 'Lee, "Al"'
    assert people[0][1]["birthDate"] == "1980-02-29"
    assert "birthDate" not in people[1][1]
    assert people[1][2] == [{"emailAddress": "luk@example.com"}]
    again = load_file(space, "customers")
    assert (again.unchanged, again.accepted, again.updated) == (3, 0, 0)


NESTED = [
    {"id": 1, "email": "p1@x.example", "address": None, "tags": [], "orders": []},
    {"id": 2, "email": "p2@x.example", "address": {"city": "Rome"}, "tags": ["a", "b, c"], "orders": [{"no": 7}]},
]


@pytest.mark.parametrize("kind", ["json", "jsonl", "parquet"])
def test_structures_and_lists_are_the_same_columns_in_json_and_parquet(space, kind):
    path = space.project.folder / f"people.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(NESTED), path)
    else:
        lines = [json.dumps(one) for one in NESTED]
        path.write_text("\n".join(lines) if kind == "jsonl" else f"[{','.join(lines)}]")
    _, text = draft_source(space.project, "people", path)
    assert 'cityName: "address.city"' in text
    load_file(space, "people")
    values = {key: values for key, values, _ in _people(space)}
    assert values["2"]["tags"] == ["a", "b, c"]
    assert "tags" not in values["1"]
    (record,) = _records(space, "record:people/Individual/2")
    assert [one["values"] for one in record["parts"] if one["entity"] == "ContactPointAddress"] == [
        {"cityName": "Rome"}
    ]


def test_parquet_with_maps_and_bytes(tmp_path):
    path = tmp_path / "odd.parquet"
    table = pa.table(
        {
            "id": pa.array([1, 2]),
            "more": pa.array([[("colour", "red")], None], pa.map_(pa.string(), pa.string())),
            "raw": [b"text", b"\x00\xff"],
        }
    )
    pq.write_table(table, path)
    rows = open_rows(path, detect(path))
    (batch,) = list(rows)
    assert rows.columns == ["id", "raw", "more.colour"]
    assert batch.rows == [["1", "text", "red"], ["2", "00ff", ""]]
    assert batch.bad == []


def test_a_name_that_stands_twice_in_the_header_is_a_name(space):
    path = space.project.folder / "twice.csv"
    path.write_text("id,email,email,name\n1,a1@x.example,b1@x.example,Ann Lee\n")
    _, text = draft_source(space.project, "twice", path)
    assert "header: true" in text
    result = load_file(space, "twice")
    assert (result.read, result.accepted) == (1, 1)
    assert result.warnings == ["A column name occurs twice: column 3 is called email_2 here."]


def test_one_of_several_sheets_files_or_lists_is_named(space):
    folder = space.project.folder
    book = openpyxl.Workbook()
    book.active.append(["All our customers"])
    people = book.create_sheet("People, 2024")
    people.append(["id", "email"])
    people.append([1, "x1@x.example"])
    book.save(folder / "book.xlsx")
    with zipfile.ZipFile(folder / "both.zip", "w") as archive:
        archive.writestr("a.csv", "id,email\n2,x2@x.example\n")
        archive.writestr("b.csv", "id,email\n3,x3@x.example\n")
    (folder / "document.json").write_text('{"result": {"items": [{"id": 4, "email": "x4@x.example"}]}}')
    with pytest.raises(Invalid, match=r"no rows to look at.*People, 2024.*--sheet"):
        draft_source(space.project, "book", folder / "book.xlsx")
    with pytest.raises(Invalid, match=r"--member NAME.*a\.csv, b\.csv"):
        draft_source(space.project, "both", folder / "both.zip")
    _, text = draft_source(space.project, "document", folder / "document.json")
    assert "WARNING: The document is one object" in text
    for name, file, hint in (
        ("book", "book.xlsx", Format(sheet="People, 2024")),
        ("both", "both.zip", Format(member="b.csv")),
        ("document", "document.json", Format(root="result.items")),
    ):
        draft_source(space.project, name, folder / file, force=True, hint=hint)
        assert (load_file(space, name).accepted, load_file(space, name).unchanged) == (1, 1)
    assert [key for key, _, _ in _people(space)] == ["1", "3", "4"]


def test_a_western_encoding_is_found(space):
    path = space.project.folder / "old.csv"
    path.write_bytes(_csv(PLAIN).encode("cp1252"))
    draft_source(space.project, "old", path)
    load_file(space, "old")
    assert {values["lastName"] for _, values, _ in _people(space)} == {"Müller"}


def test_the_same_rows_from_another_kind_of_file_are_unchanged_people(space):
    for name in ("plain.csv", "columns.parquet"):
        path = space.project.folder / name
        path.write_bytes(FILES[name])
    draft_source(space.project, "customers", space.project.folder / "plain.csv")
    load_file(space, "customers")
    result = load_file(space, "customers", space.project.folder / "columns.parquet")
    assert result.accepted == 0
    assert status_of(space)["records"] == 3


def test_a_byte_that_is_not_the_encoding_stops_and_the_mended_file_goes_on(space):
    rows = "".join(f"{number},Ann,ann{number}@example.com\n" for number in range(40_000))
    good = ("customer_id,first_name,email\n" + rows).encode()
    path = space.project.folder / "broken.csv"
    place = good.index(b"39000,Ann") + 7
    path.write_bytes(good)
    draft_source(space.project, "broken", path)
    path.write_bytes(good[:place] + b"\xff\xfe\xff" + good[place + 3 :])
    with pytest.raises(Invalid, match=r"byte is not utf-8.*encoding"):
        load_file(space, "broken")
    kept = status_of(space)["records"]
    assert 0 < kept < 40_000
    path.write_bytes(good)
    result = load_file(space, "broken")
    assert result.read == 40_000
    assert status_of(space)["records"] == 40_000


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("cut.csv.gz", FILES["packed.csv.gz"][:-9], "cut off"),
        ("cut.csv.zip", FILES["archive.csv.zip"][:-30], "cut off|damaged|broken"),
        ("cut.json", FILES["array.json"][:-10], "cut off"),
        ("cut.parquet", FILES["columns.parquet"][:-10], "cut off|damaged|broken"),
        ("cut.xlsx", FILES["sheet.xlsx"][:-40], "cut off|damaged|broken"),
        ("nothing.csv", b"", "empty"),
        ("no-such-file.csv", None, "not there|cannot be read"),
    ],
)
def test_a_broken_file_says_what_to_do(space, name, content, word):
    good = space.project.folder / ("good." + name.split(".", 1)[1])
    good.write_bytes(FILES[next(one for one in FILES if one.endswith(name.split(".", 1)[1]))])
    draft_source(space.project, "customers", good)
    path = space.project.folder / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Exception, match=word) as caught:
        load_file(space, "customers", path)
    assert type(caught.value).__module__.startswith("steelthread")
    assert "ann@example.com" not in str(caught.value)
    assert load_file(space, "customers", good).rejected == 0
    assert verify_space(space)["same"]


OPEN = [
    ('7,Ann,Lee,"1990-01-01', ""),
    ('7,Ann,"Lee,1990-01-01', '8,Bob,"Ray",1990-01-02\n9,"Cid","O\nNeil",1990-01-03\n'),
    ('7,"Ann,Lee,1990-01-01', ""),
    ('7,"Ann,Lee,1990-01-01', '8,"Bob",Ray,1990-01-02\n'),
]


@pytest.mark.parametrize(
    ("bad", "after", "many"),
    [
        *((*one, 3) for one in OPEN),
        *((*one, 60_000) for one in OPEN[:2]),  # the longest cell has a million characters
        *(pytest.param(*one, 60_000, marks=pytest.mark.soak) for one in OPEN[2:]),
    ],
)
def test_an_open_quote_costs_its_own_row_only(space, bad, after, many):
    space.project.folder.joinpath("good.csv").write_text(
        "customer_id,first_name,last_name,birth_date\n1,Ann,Lee,1990-01-01\n"
    )
    draft_source(space.project, "customers", space.project.folder / "good.csv")
    path = space.project.folder / "c.csv"
    rows = "".join(f"{number},Ann,Lee{number},1990-01-01\n" for number in range(100, 100 + many))
    path.write_text(f"customer_id,first_name,last_name,birth_date\n{bad}\n{rows}{after}")
    result = load_file(space, "customers", path)
    whole = after.count("1990")
    assert (result.accepted, result.rejected) == (many + whole, 1)
    with space.database.connect() as conn:
        (reject,) = list_rejects(conn, "customers", 10)
    assert (reject["line"], reject["reason"]) == (2, "a quote is opened in this row and not closed")


def test_two_open_quotes_and_a_note_of_many_lines(space):
    path = space.project.folder / "c.csv"
    path.write_text(
        'customer_id,first_name,last_name,note\n1,Ann,Lee,x\n2,"Bob,Ray,x\n3,Cid,Fox,x\n4,"Dan,Poe,x\n5,Eve,Oak,x\n'
        '6,Fay,Elm,"one\ntwo, and\nthree, four, five, ""six""\n"\n7,Guy,Ash,"a,b,c,d\na,b,c,d"\n8,Hal,"Yew\nx,9\n'
    )
    draft_source(space.project, "customers", path)
    result = load_file(space, "customers", path)
    with space.database.connect() as conn:
        refused = {one["line"]: one["reason"] for one in list_rejects(conn, "customers", 10) if one["row"]}
        assert refused == {
            3: "a quote is opened in this row and not closed", 5: "a quote is opened in this row and not closed",
            14: "the row has 3 cells, the header 4; it has 2 lines: is a quote left open in its first?",
        }  # fmt: skip
        keys = {key for _, _, key, _ in cluster_rows(space, conn)}
    assert keys == {"1", "3", "5", "6", "7"}
    assert (result.accepted, result.rejected) == (5, 3)


def test_a_value_beyond_the_header_of_a_sheet_is_not_lost(space):
    path = space.project.folder / "c.xlsx"
    book = openpyxl.Workbook(write_only=True)  # the sheet does not say how wide it is
    sheet = book.create_sheet()
    for row in (list(ROWS[0]), *(list(row.values()) for row in ROWS[:2]), [*ROWS[2].values(), "", "", "beyond"]):
        sheet.append(row)
    book.save(path)
    draft_source(space.project, "customers", path)
    result = load_file(space, "customers", path)
    with space.database.connect() as conn:
        (reject,) = (one for one in list_rejects(conn, "customers", 10) if one["row"])
    assert (result.accepted, result.rejected) == (2, 1)
    assert (reject["line"], reject["reason"]) == (4, "the row has a value in cell 8, the header 5 cells")


def test_a_missing_column_stops_before_anything_is_written(space):
    path = space.project.folder / "c.csv"
    path.write_bytes(FILES["plain.csv"])
    draft_source(space.project, "customers", path)
    path.write_text("customer_id,first_name,last_name,born\n1,Ann,Lee,\n")
    with pytest.raises(Invalid, match="no column email"):
        load_file(space, "customers")
    assert status_of(space)["records"] == 0


def test_a_json_document_with_its_array_below_a_name(space):
    path = space.project.folder / "doc.json"
    path.write_text(json.dumps({"page": 1, "result": {"items": ROWS}}))
    draft = "name: customers\nfile: doc.json\nformat: {root: result.items}\nkey: customer_id\nentities:\n  - entity: Individual\n    attributes: {firstName: first_name}\n"
    (space.project.sources / "customers.yaml").write_text(draft)
    assert load_file(space, "customers").accepted == 3


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("photo.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 20, "is no text"),
        ("tool.json", b"\x7fELF\x02\x01\x01\x00" + bytes(64), "is no text"),
        ("old.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "old Excel.*xlsx"),
        ("noise.csv", random.Random(1).randbytes(5000), "is no text"),
    ],
)
def test_a_file_that_is_no_text_says_so(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(Invalid, match=message):
        detect(path)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", ["a.csv", "wrongly_named.csv"])
def test_any_line_end_and_any_name(tmp_path, end, name):
    path = tmp_path / name
    content = end.join(["id;name", '1;"Ann\u2028Lee"', "2;Bob", ""]).encode()
    path.write_bytes(content if name == "a.csv" else gzip.compress(content))
    found = detect(path)
    assert (found.delimiter, found.compression) == (";", "none" if name == "a.csv" else "gz")
    assert [row for batch in open_rows(path, found) for row in batch.rows] == [["1", "Ann\u2028Lee"], ["2", "Bob"]]
