"""Review and search before create: the queue, answers that win over models, two reviewers at once, the API."""

import math
import threading
from itertools import pairwise

import pytest
from fastapi.testclient import TestClient
from tests.thread.test_resolving import groups, rows, told  # noqa: F401  # told is a fixture

from steelthread.api import create_api, create_key
from steelthread.app import load_file, verify_space
from steelthread.identity import model_in_force
from steelthread.kit import Conflict, Invalid, NotFound
from steelthread.thread import Likeness, link, resolve_all, review, review_queue, reviewing

DOUBTFUL = [
    (f"d{number}-{copy}", first, last, born, "", "", city, "")
    for number, (first, last, city) in enumerate(
        [
            ("Anna", "Zimmerli", "Leeds"),
            ("Boris", "Yilmaz", "York"),
            ("Clara", "Quist", "Leeds"),
            ("Felix", "Ulm", "York"),
        ]
    )
    for copy, born in enumerate(("", "1970-01-02"))
]


@pytest.fixture
def resolved(space, told):  # noqa: F811
    told(rows() + DOUBTFUL)
    resolve_all(space)
    return space


def queue(space, who="ann", limit=50):
    with space.database.connect() as conn:
        return review_queue(space, conn, who, limit)


def test_the_queue_is_ranked_and_says_why(resolved):
    pairs = queue(resolved)
    assert pairs
    assert all(one["rank"] >= other["rank"] for one, other in pairwise(pairs))
    for one in pairs:
        assert one["threshold"] - 6 <= one["mean"] <= one["threshold"] + 4
        assert len(one["records"]) == 2
        steps = one["evidence"]["waterfall"]
        assert abs(sum(step["weight"] for step in steps) - one["evidence"]["weight"]) < 1e-6
        assert one["impact"]["records"] >= 2


def test_an_answer_wins_over_every_model_and_leaves_the_queue(resolved):
    pairs = queue(resolved)
    for one, answer in zip(pairs, ("same", "different", "same", "different"), strict=False):
        told_back = review(resolved, one["id"], answer, "ann", "looked at the papers")
        assert told_back["same"] == (answer == "same") or told_back["refused"]
    answered = {one["id"] for one in pairs[:4]}
    assert not answered & {one["id"] for one in queue(resolved)}
    before = groups(resolved)
    resolve_all(resolved)
    assert not answered & {one["id"] for one in queue(resolved)}
    assert groups(resolved) == before
    assert verify_space(resolved)["same"]
    with resolved.database.connect() as conn:
        told_by = conn.execute("select distinct actor, reason from identity.decision").fetchall()
    assert told_by == [("ann", "looked at the papers")]


ORDERS = """name: orders
key: no
party: {source: people, entity: Individual, key: who}
entities:
  - entity: SalesOrder
    attributes: {orderNumber: no, purchaseOrderDate: day, grandTotalAmount: amount, currencyCode: money}
"""


def test_the_queue_is_ranked_by_uncertainty_times_records_and_revenue(resolved):
    before = queue(resolved)
    last = before[-1]
    key = last["records"][0]["record"].rpartition("/")[2]
    (resolved.project.sources / "orders.yaml").write_text(ORDERS)
    file = resolved.project.folder / "orders.csv"
    file.write_text("no,day,amount,money,who\n" + "".join(f"{n},2026-01-02,9000.00,GBP,{key}\n" for n in range(40)))
    load_file(resolved, "orders", file)
    after = {one["id"]: one for one in queue(resolved)}
    for one in before:
        now = after[one["id"]]
        records, revenue = now["impact"]["records"], float(now["impact"]["revenue"])
        assert now["uncertainty"] == one["uncertainty"]
        assert now["rank"] == pytest.approx(one["uncertainty"] * math.log2(1 + records) * (1 + math.log10(1 + revenue)))
    mine = after[last["id"]]
    assert mine["impact"]["records"] == last["impact"]["records"] + 40
    assert float(mine["impact"]["revenue"]) == 360_000
    assert mine["rank"] > 5 * last["rank"] > 0
    assert list(after).index(last["id"]) < len(before) - 1


def test_where_there_are_very_many_pairs_records_count_before_revenue_is_asked(resolved, monkeypatch):
    key = queue(resolved)[-1]["records"][0]["record"].rpartition("/")[2]
    (resolved.project.sources / "orders.yaml").write_text(ORDERS)
    file = resolved.project.folder / "orders.csv"
    file.write_text("no,day,amount,money,who\n" + "".join(f"{n},2026-01-02,1.00,GBP,{key}\n" for n in range(400)))
    load_file(resolved, "orders", file)
    everything = queue(resolved)
    nearest = min(everything, key=lambda one: abs(one["mean"] - one["threshold"]))
    wanted = max(everything, key=lambda one: one["uncertainty"] * math.log(1 + one["impact"]["records"]))
    monkeypatch.setattr(reviewing, "_LOOKED_AT", 1)
    assert [one["id"] for one in queue(resolved)] == [wanted["id"]]
    assert wanted["impact"]["records"] >= nearest["impact"]["records"]


def test_decisions_teach_the_next_model_and_leave_others_alone(resolved):
    """Of four pairs alike three are decided: the next model thinks less, or more, of the fourth; nobody else's ID moves."""
    doubtful = [one for one in queue(resolved) if {*_keys(one)} <= {row[0] for row in DOUBTFUL}]
    fourth, weights = doubtful[-1], []
    with resolved.database.connect() as conn:
        weights.append(resolved.reader(conn).explain(*_refs(fourth))["nearest"]["evidence"]["weight"])
    first, before = newest_model(resolved), groups(resolved)
    assert len(doubtful) == 4
    for one in doubtful[:3]:
        review(resolved, one["id"], "different", "ann")
    resolve_all(resolved)
    with resolved.database.connect() as conn:
        weights.append(resolved.reader(conn).explain(*_refs(fourth))["nearest"]["evidence"]["weight"])
    second, after = newest_model(resolved), groups(resolved)
    for one in doubtful[:3]:
        link(resolved, *_refs(one), "the papers say so", "ben")
    resolve_all(resolved)
    third = newest_model(resolved)
    assert len({first, second, third}) == 3
    assert weights[1] < weights[0]
    untouched = before.keys() & after.keys()
    assert len(untouched) > 60
    assert all(before[group] == after[group] for group in untouched)
    assert {frozenset(_keys(one)) for one in doubtful[:3]} <= groups(resolved).keys()
    assert verify_space(resolved)["same"]


def newest_model(space):
    with space.database.connect() as conn:
        return model_in_force(conn).version


def _keys(one):
    return [record["record"].rpartition("/")[2] for record in one["records"]]


def _refs(one):
    return [record["record"] for record in one["records"]]


def test_skipping_hides_a_pair_from_one_reviewer_only(resolved):
    first = queue(resolved)[0]["id"]
    review(resolved, first, "skip", "ann")
    assert first not in {one["id"] for one in queue(resolved)}
    assert first in {one["id"] for one in queue(resolved, "bob")}


def test_of_two_reviewers_the_faster_one_decides(resolved):
    pair, told_back = queue(resolved)[0]["id"], []

    def decide(who, answer):
        try:
            told_back.append(review(resolved, pair, answer, who))
        except Conflict as error:
            told_back.append(str(error))

    both = [threading.Thread(target=decide, args=one) for one in (("ann", "same"), ("bob", "different"))]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(type(one) is str for one in told_back) == [False, True]
    assert "decided already" in next(one for one in told_back if type(one) is str)
    assert verify_space(resolved)["same"]


def test_a_wrong_answer_says_what_is_wrong(resolved):
    for name in ("nonsense", "1-1", "12", "1-x"):
        with pytest.raises(Invalid):
            review(resolved, name, "same", "ann")
    with pytest.raises(NotFound):
        review(resolved, "999999998-999999999", "same", "ann")
    with pytest.raises(Invalid):
        review(resolved, queue(resolved)[0]["id"], "perhaps", "ann")


def test_search_before_create_finds_who_is_there(resolved):
    known = rows()[0]
    with resolved.database.connect() as conn:
        asked = {"firstName": known[1][:-1], "lastName": known[2], "birthDate": known[3]}
        answer = Likeness(resolved).of(conn, asked)
        best = answer["individuals"][0]
        assert best["record"].startswith("record:people/Individual/p0-")
        assert best["confidence"] in ("exact", "strict")
        assert abs(sum(step["weight"] for step in best["waterfall"]) - best["weight"]) < 1e-6
        assert not Likeness(resolved).of(conn, {"firstName": "Xaver", "lastName": "Obermayr"})["individuals"]
        for wrong in ({}, {"shoeSize": "9"}, {"telephoneNumber": "x"}):
            with pytest.raises(Invalid):
                Likeness(resolved).of(conn, wrong)


def test_a_project_that_was_never_resolved_has_no_model_to_ask(space, told):  # noqa: F811
    told(rows(people=1))
    assert queue(space) == []
    with space.database.connect() as conn, pytest.raises(Conflict, match="steelthread resolve"):
        Likeness(space).of(conn, {"firstName": "Ann"})


def test_over_http(resolved):
    key = create_key(resolved, ["match:read", "review:read", "review:decide"])
    client = TestClient(create_api(resolved), headers={"Authorization": f"Bearer {key}"})
    known = rows()[3]
    found = client.post(
        "/api/match?purpose=operations", json={"firstName": known[1], "lastName": known[2], "emailAddress": [known[4]]}
    )
    assert found.json()["individuals"][0]["confidence"] == "exact"
    assert client.post("/api/match?purpose=operations", json={"shoeSize": "9"}).status_code == 400
    first = client.get("/api/review?reviewer=ann&purpose=operations").json()["pairs"][0]["id"]
    answer = {"decision": "different", "reviewer": "ann"}
    assert client.post(f"/api/review/{first}", json=answer).json()["answer"] == "different"
    assert client.post(f"/api/review/{first}", json=answer).status_code == 409
    assert client.post(f"/api/review/{first}", json={"decision": "maybe"}).status_code == 422
    weak = create_key(resolved, ["review:read"])
    assert (
        client.post(f"/api/review/{first}", json=answer, headers={"Authorization": f"Bearer {weak}"}).status_code == 403
    )
