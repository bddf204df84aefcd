"""Review over HTTP: same, different and skip; who said it is the key, when stands with it, and the audit log tells."""

import json

import pytest
from fastapi.testclient import TestClient
from tests.thread.test_overmerged import ANNA, BORIS, A, B, judged, super_cluster, together, told  # noqa: F401  # told is a fixture

from steelthread.api import create_api, create_key
from steelthread.kit import now
from steelthread.privacy import Audit
from steelthread.thread import Space


@pytest.fixture
def api(space, told):  # noqa: F811
    """Three people of two records whom one card holds together, and one of six."""
    couples = [(f"{who}{n}", name, "", f"card-{n}") for n in (1, 2, 3) for who, name in (("x", ANNA), ("y", BORIS))]
    told(*super_cluster(), *couples)
    return create_api(space)


def client_of(api, space, scopes=("review:read", "review:decide")):
    return TestClient(api, headers={"Authorization": f"Bearer {create_key(space, list(scopes))}"})


def queue(client, **asked):
    return client.get("/api/review", params={"purpose": "operations", **asked}).json()["pairs"]


def audited(space: Space, api):
    api.state.desk.queue.flush()
    with space.database.connect() as conn:
        assert Audit(space.vault).verify(conn).good
        return [json.loads(body) for _, body, _ in Audit(space.vault).entries(conn)]


def test_the_queue_has_people_too(space, api):
    found = queue(client_of(api, space))
    assert [one["kind"] for one in found] == ["cluster"] * 4
    assert found[0]["bridge"] == {"rule": "loyalty_number", "parts": [3, 3]}
    assert [record["values"]["firstName"] for record in found[0]["records"]] == ["Anna", "Boris"]
    assert found[0]["impact"] == {"records": 6, "revenue": "0"}


def test_same_different_and_skip_are_kept_with_who_and_when(space, api):
    client, began = client_of(api, space), now()
    first, second, third, _ = (one["id"] for one in queue(client))
    for pair, answer, people in ((first, "different", 2), (second, "same", 1), (third, "skip", 1)):
        said = {"decision": answer, "reviewer": " ann ", "reason": "the papers say so"}
        told_back = client.post(f"/api/review/{pair}", json=said)
        assert told_back.status_code == 200
        done = told_back.json()
        assert (done["id"], done["answer"], len(done["individuals"])) == (pair, answer, people)
        assert done["same"] is {"different": False, "same": True, "skip": None}[answer]
    ended = now()
    assert {A, B, frozenset({"x1", "y1"}), frozenset({"x2", "y2"})} <= together(space)
    with space.database.connect() as conn:
        words = conn.execute(
            "select a || '-' || b, verdict, actor, reason, at from identity.decision where part_of is null order by 1"
        ).fetchall()
        links = conn.execute("select actor, reason, opened_at from identity.link where strength = 0").fetchall()
        skipped = conn.execute("select a || '-' || b, actor, at from identity.skipped").fetchall()
    who = "key 1 (ann)"
    assert [row[:4] for row in sorted(words)] == sorted(
        [(first, "never", who, "the papers say so"), (second, "same", who, "the papers say so")]
    )
    assert [row[:2] for row in links] == [(who, "the papers say so")]
    assert [row[:2] for row in skipped] == [(third, who)]
    assert all(began <= at <= ended for at in (*(row[4] for row in words), links[0][2], skipped[0][2]))
    assert len(queue(client, reviewer="ann")) == 1
    assert {one["id"] for one in queue(client)} >= {third}, "who skipped it was ann"


def test_nobody_speaks_as_another_key(space, api):
    ann, bob = client_of(api, space), client_of(api, space)
    first, second, *_ = (one["id"] for one in queue(ann))
    ann.post(f"/api/review/{first}", json={"decision": "same"})
    bob.post(f"/api/review/{second}", json={"decision": "same", "reviewer": "key 1"})
    late = bob.post(f"/api/review/{first}", json={"decision": "different"})
    assert late.status_code == 409
    assert "decided already: same, by key 1." in late.json()["detail"]
    with space.database.connect() as conn:
        actors = conn.execute("select actor from identity.decision order by decision_id").fetchall()
    assert actors == [("key 1",), ("key 2 (key 1)",)]
    skipped = queue(ann)[0]["id"]
    ann.post(f"/api/review/{skipped}", json={"decision": "skip"})
    assert skipped not in {one["id"] for one in queue(ann)}
    assert skipped in {one["id"] for one in queue(bob)}


def test_the_audit_log_tells_who_decided_of_whom(space, api):
    client = client_of(api, space)
    first, second, third, fourth = (one["id"] for one in queue(client))
    told_back = [
        client.post(f"/api/review/{pair}", json={"decision": answer, "reviewer": "ann"}).json()
        for pair, answer in ((first, "different"), (second, "same"), (third, "skip"))
    ]
    client.post(f"/api/review/{first}", json={"decision": "same"})  # too late
    client.post(f"/api/review/{fourth}", json={"decision": "perhaps"})
    entries = [one for one in audited(space, api) if one["kind"] == "action"]
    assert [(one["actor"], one["what"], one["details"]) for one in entries] == [
        ("key 1", "review", {"answer": answer, "reviewer": "ann"}) for answer in ("different", "same", "skip")
    ]
    token = Audit(space.vault).token
    with space.database.connect() as conn:
        known = {token(one.bytes): str(one) for (one,) in conn.execute("select individual_id from identity.cluster")}
    for entry, done in zip(entries, told_back, strict=True):
        assert sorted(known[one] for one in entry["subjects"]) == done["individuals"]
    assert "Anna" not in json.dumps(entries)


def test_who_may_not_decide_decides_nothing(space, api):
    reader = client_of(api, space, ["review:read"])
    pair = queue(reader)[0]["id"]
    for answer in ("same", "different", "skip"):
        assert reader.post(f"/api/review/{pair}", json={"decision": answer}).status_code == 403
    assert pair in {one["id"] for one in queue(reader)}
    assert client_of(api, space, ["review:decide"]).get("/api/review").status_code == 403


def test_a_pair_of_a_model_is_answered_in_the_same_way(space, told):  # noqa: F811
    told(*((f"p{n}", ("Paula", f"19{n}0-01-01"), f"p{n}@one.example") for n in range(1, 7)))
    judged(space, p1_p2=(0.5, ""), p3_p4=(-0.5, ""), p5_p6=(3.0, "twins"))
    client = client_of(create_api(space), space)
    found = {frozenset(r["record"].rpartition("/")[2] for r in one["records"]): one for one in queue(client)}
    answers = {("p1", "p2"): "different", ("p3", "p4"): "same", ("p5", "p6"): "same"}
    for pair, answer in answers.items():
        done = client.post(f"/api/review/{found[frozenset(pair)]['id']}", json={"decision": answer}).json()
        assert done["same"] is (answer == "same")
    assert together(space) == {frozenset(one) for one in (("p1",), ("p2",), ("p3", "p4"), ("p5", "p6"))}
    assert not queue(client)
