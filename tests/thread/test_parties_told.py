"""What answers call those they are about: an organisation is no person, in the terminal, over HTTP and in pictures."""

import json
import re
import sys

import pytest
from fastapi.testclient import TestClient
from tests import commands
from tests.identity.match.test_organisations import firms
from tests.thread.test_organisations_resolved import as_rows, companies, groups
from tests.thread.test_resolving import rows, told

from steelthread.api import create_api, create_key
from steelthread.thread import explanation_picture, plan, quality, quality_picture, resolve_all, review_queue

__all__ = ["companies", "told"]
WRONG = re.compile(r"\b(persons?|people|individuals?)\b", re.IGNORECASE)
DOUBTED = [{"id": "d1", "company": "Quorum Textiles"}, {"id": "d2", "company": "Quorum Textiles Ltd"},
           {"id": "d3", "company": "Umbra Dairy"}, {"id": "d4", "company": "Umbra Dairy"}]  # fmt: skip
NUMBERED = [{"id": "n1", "company": "Twin Optics", "site": "twin.example", "register": "111234"},
            {"id": "n2", "company": "Twin Optics", "site": "twin.example", "register": "999999"}]  # fmt: skip


def ref(key):
    return f"record:firms/Organization/{key}"


def run(space, *words, answer=0):
    command = [sys.executable, "-m", "steelthread", *words, "--project", str(space.project.folder)]
    done = commands.run(command, text=True)
    assert done.returncode == answer, done.stderr
    return " ".join(done.stdout.split())


@pytest.fixture
def resolved(space, companies):
    records, _ = firms()
    companies([*as_rows(records), *DOUBTED, *NUMBERED])
    before = groups(space)
    resolve_all(space)
    pair = next(sorted(keys) for keys in groups(space) if keys not in before and len(keys) == 2)
    return space, pair


def test_of_companies_alone_nothing_speaks_of_people(resolved):
    space, (one, other) = resolved
    same = run(space, "explain", ref(one), ref(other))
    assert same.startswith("One organisation.")
    assert "the mean of an organisation's pairs needs" in same
    apart = run(space, "explain", ref("n1"), ref("n2"))
    assert apart.startswith("Two organisations.")
    assert "two different identifiers of which an organisation has one" in apart
    asked = run(space, "review")
    assert "are they one organisation?" in asked
    report = run(space, "quality")
    assert re.search(r"records, [\d,]+ organisations, consolidation .* [\d,]+ organisations in doubt", report)
    with space.database.connect() as conn:
        reader = space.reader(conn)
        pictures = [
            explanation_picture(reader.explain(a, b), a, b) for a, b in ((ref(one), ref(other)), (ref("n1"), ref("n2")))
        ]
        queue = review_queue(space, conn, "ann", 100)
    assert '<title id="title">One organisation: ' in pictures[0]
    assert '<title id="title">Two organisations: ' in pictures[1]
    assert {pair["party"] for pair in queue} == {"organisation"}
    pictures.append(quality_picture(quality(space)))
    assert "<title>Quality of the organisations</title>" in pictures[2]
    assert "Records of one organisation" in pictures[2]
    profile = run(space, "profile", ref(one))
    assert "organisation" in profile.partition("attributes")[0]
    said = [same, apart, asked, report, *pictures]
    assert [WRONG.findall(one) for one in said] == [[]] * len(said)


def test_words_on_pairs_and_what_if_say_it_too(resolved):
    space, _ = resolved
    with space.database.connect() as conn:
        queue = review_queue(space, conn, "ann", 100)
    shown = {frozenset(one["record"].rpartition("/")[2] for one in pair["records"]): pair["id"] for pair in queue}
    pair = next(shown[keys] for keys in (frozenset(["d3", "d4"]), frozenset(["d1", "d2"])) if keys in shown)
    assert run(space, "review", pair, "same") == "One organisation."
    assert run(space, "unlink", ref("n1"), ref("n2"), "--reason", "two") == "Unlinked: two organisations now."
    rules = space.project.folder / "identity.yaml"
    rules.write_text(
        re.sub(
            "^rules: .*$",
            "rules: [{name: town, all: [cityName], of: organisations}]",
            rules.read_text(),
            flags=re.MULTILINE,
        )
    )
    foreseen = run(space, "plan")
    assert re.match(r"Organisations: [\d,]+ now, [\d,]+ after", foreseen)
    assert re.search(r"merge, [\d,]+ records of organisations ", foreseen)
    assert not WRONG.findall(foreseen)
    cases = json.loads(run(space, "plan", "--json"))["cases"]
    assert {case["party"] for case in cases} == {"organisation"}
    assert run(space, "apply").startswith("Organisations: ")
    assert "Organisations: " in run(space, "resolve", "--incremental")


def test_of_both_each_is_called_what_it_is(space, told, companies):
    told(rows(people=20))
    records, _ = firms(count=10)
    companies([*as_rows(records), *DOUBTED])
    resolve_all(space)
    person = next(iter(sorted(min(groups(space, "Individual"), key=sorted))))
    with space.database.connect() as conn:
        source = next(
            one for (one,) in conn.execute("select name from intake.source where name <> 'firms' order by name")
        )
        explained = space.reader(conn).explain(f"record:{source}/Individual/{person}", ref("d1"))
        queue = review_queue(space, conn, "ann", 200)
    assert (explained["same"], explained["parties"]) == (False, ["individual", "organisation"])
    assert explanation_picture(explained, "a", "b").count("A person and an organisation") >= 2
    for pair in queue:
        of_firms = all("/Organization/" in one["record"] for one in pair["records"])
        assert pair["party"] == ("organisation" if of_firms else "individual")
        assert pair["question"].endswith("one organisation?" if of_firms else "one person?")
    report = quality(space)
    assert report["organisations"] == len(groups(space))
    assert report["individuals"] - report["organisations"] == len(groups(space, "Individual"))
    assert sum(one["organisations"] for one in report["sizes"]) == report["organisations"]
    people, both = len(groups(space, "Individual")), run(space, "quality")
    assert f"{people:,} individuals and {report['organisations']:,} organisations" in both
    assert run(space, "apply").startswith("Individuals and organisations: ")
    assert "Quality of the people and organisations" in quality_picture(report)
    assert run(
        space, "explain", f"record:{source}/Individual/{person}", f"record:{source}/Individual/{person}"
    ).startswith("One person.")
    client = TestClient(
        create_api(space),
        headers={"Authorization": f"Bearer {create_key(space, ['profiles:read'], purposes=['operations'])}"},
    )
    asked = {"a": f"record:{source}/Individual/{person}", "b": ref("d1"), "purpose": "operations"}
    assert client.get("/api/explain", params=asked).json()["parties"] == ["individual", "organisation"]


def test_of_people_alone_all_is_as_it_was(space, told):
    told(rows(people=20))
    resolve_all(space)
    assert quality(space)["organisations"] == 0
    assert "Quality of the people</title>" in quality_picture(quality(space))
    assert "organisation" not in run(space, "quality")
    assert run(space, "apply").startswith("Individuals: ")
    assert not plan(space).cases
