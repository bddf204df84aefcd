"""Lists by pages: every page begins where the last ended, and together they are the whole, once."""

from fastapi.testclient import TestClient

from steelthread.api import create_api, create_key


def test_people_and_rejects_come_by_pages(space, load):
    rows = "".join(f"{number},Ann,ann{number}@example.com,1990-01-0{number}\n" for number in range(1, 6))
    bad = "".join(f",Ann,bad{number}@example.com,1990-01-01\n" for number in range(4))
    load("crm", f"customer_id,first_name,email,birth_date\n{rows}")
    load("crm", f"customer_id,first_name,email,birth_date\n{rows}{bad}")
    key = create_key(space, ["profiles:read", "rejects:read"])
    client = TestClient(create_api(space), headers={"Authorization": f"Bearer {key}"})

    def pages(path, part, **asked):
        cursor, found = None, []
        while True:
            query = {"purpose": "operations", "limit": 2, **asked} | ({"cursor": cursor} if cursor else {})
            answer = client.get(path, params=query).json()
            found += answer[part]
            cursor = answer["next"]
            if cursor is None:
                return found
            assert len(answer[part]) == 2

    people = pages("/api/search", "profiles", name="ann")
    assert [one["individualId"] for one in people] == sorted({one["individualId"] for one in people})
    assert len(people) == 5
    refused = [one["id"] for one in pages("/api/rejects", "rejects", source="crm")]
    assert refused == sorted(set(refused), reverse=True)
    assert len(refused) == 4
    assert client.get("/api/search?name=ann&purpose=operations&cursor=x").status_code in (400, 422)
    assert client.get("/api/rejects?cursor=0").status_code in (400, 422)
