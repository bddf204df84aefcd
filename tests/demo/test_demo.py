import csv
import json
from collections import Counter

from steelthread.app import cluster_rows, load_file
from steelthread.demo import generate, score
from steelthread.thread import Space


def test_the_company_is_the_same_each_time(tmp_path):
    for name in "ab":
        generate(tmp_path / name, customers=50)
    for path in (tmp_path / "a").rglob("*.csv"):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_the_demo_is_resolved_well(space):
    company = generate(space.project.folder, customers=1000)
    demo = Space(space.project, space.database)  # with the rules that the company brings
    for name, path in company.loads:
        load_file(demo, name, path)
    with space.database.connect() as conn:
        told = score(cluster_rows(demo, conn), company.truth)
    assert told.precision >= 0.995
    assert told.recall >= 0.98
    assert told.family_merges == 0, "nobody is joined through a family's key when the names differ"


def test_the_dirt_of_real_life_is_there(tmp_path):
    generate(tmp_path, customers=2000)
    crm = {row["contact_id"]: row for row in rows(tmp_path / "data" / "crm_contacts.csv")}
    late = rows(tmp_path / "data" / "crm_contacts_late.csv")
    family = {row["key"]: row["family"] for row in rows(tmp_path / "truth.csv") if row["source"] == "crm"}
    assert any(row["last_name"] != crm[row["contact_id"]]["last_name"] for row in late), "somebody married"
    assert any(row["city"] != crm[row["contact_id"]]["city"] for row in late), "somebody moved"
    births = Counter((family[key], row["birth_date"]) for key, row in crm.items() if family[key])
    assert 2 in births.values(), "twins"
    strangers = Counter(row["phone"] for key, row in crm.items() if row["phone"] and not family[key])
    assert {2} <= set(strangers.values()), "a phone number went to somebody new"
    visits = [json.loads(line) for line in (tmp_path / "data" / "visits.jsonl").read_text().splitlines()]
    devices = Counter(visit["anonymous_id"] for visit in visits)
    assert 2 in devices.values(), "a tablet is shared"


def rows(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))
