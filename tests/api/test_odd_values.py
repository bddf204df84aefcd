"""No call brings an error of ours: odd values in every place of the reading API give an answer below 500."""

import base64
import random
import urllib.parse

import pytest
from fastapi.testclient import TestClient

from steelthread.api import create_api, create_key
from steelthread.api.keys import SCOPES
from steelthread.app import add_live_source

ODD = [
    "", "0", "-1", "1", "2147483648", "9223372036854775807", "9223372036854775808", "1" * 30, "1.1", "1.", ".1", "²", "\x00",
    "a\x00b", "\ud7ff", "\U0010ffff", "%", "%00", "'", '"', "\\", "/", "//", "..", "null", "NaN", "true", "0001-01-01",
    "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z~1",
    "2026-03-01T10:00:00Z~99999999999999999999", "2026-03-01~1", "email:ann@example.com", "email:", ":", "user_id:a/b",
    "individual:00000000-0000-0000-0000-000000000000", "individual:x", "segment_id:use_x", "record:crm/Individual/1",
    "record:", "group_id:g1", "{}", "[]", "asc", "desc", "profile.created", "x" * 5000,
]  # fmt: skip
PATHS = [
    "/api/profiles/{}", "/api/profiles/{}/timeline", "/api/profiles/{}/records", "/api/individuals/{}", "/api/explain",
    "/api/search", "/api/changes", "/api/changes/head", "/api/rejects", "/api/sources", "/api/model/{}", "/api/traits",
    "/v1/spaces/default/collections/users/profiles/{}/traits", "/v1/spaces/{}/collections/users/profiles/email:x/traits",
    "/v1/spaces/default/collections/{}/profiles/group_id:g1/traits",
    "/v1/spaces/default/collections/users/profiles/{}/external_ids",
    "/v1/spaces/default/collections/users/profiles/{}/events",
    "/v1/spaces/default/collections/users/profiles/{}/metadata",
    "/v1/spaces/default/collections/users/profiles/{}/links",
]  # fmt: skip
QUERY = ["limit", "cursor", "since", "until", "entity", "source", "event", "fields", "attributes", "traits", "as_of", "a", "b",
         "name", "types", "class", "include", "exclude", "verbose", "next", "start", "end", "sort"]  # fmt: skip
KNOWN = "email:ann@example.com"


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
@pytest.mark.parametrize("path", PATHS)
def test_no_odd_value_is_an_error_of_ours(space, load, path):
    load("crm", "customer_id,first_name,email\n1,Ann,ann@example.com\n")
    key = create_key(space, list(SCOPES))
    client = TestClient(create_api(space))
    basic = base64.b64encode(f"{key}:operations:".encode()).decode()
    who = f"Basic {basic}" if path.startswith("/v1") else f"Bearer {key}"
    chance = random.Random(path)
    tried = [(value, {}) for value in ODD]
    tried += [(KNOWN, {name: value}) for name in QUERY for value in chance.sample(ODD, 12)]
    for value, query in tried:
        url = (
            path.format(urllib.parse.quote(value, safe=""))
            + "?"
            + urllib.parse.urlencode({"purpose": "operations", **query})
        )
        answer = client.get(url, headers={"Authorization": who, "If-None-Match": value[:20].encode("utf-8")})
        assert answer.status_code < 500, url


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b'{"batch": 3}', b'{"wait": {}}', b'{"profile": "email:\\u0000"}',
                                  b'{"fields": 3}', b'{"type": 3, "attributes": [1]}', b'{"batch": [[[]], null, "x"]}'])  # fmt: skip
def test_no_odd_body_of_context_is_an_error_of_ours(space, body):
    write = add_live_source(space, "web")
    key = create_key(space, list(SCOPES))
    client = TestClient(create_api(space))
    headers = {"Authorization": f"Bearer {key}", "X-Write-Key": write}
    answer = client.post("/api/context?purpose=operations", content=body, headers=headers)
    assert answer.status_code < 500
    if body.startswith(b"{"):
        content = body.rstrip(b"}") + (b"," if len(body) > 2 else b"") + b'"wait": 0}'
        assert client.post("/api/context?purpose=operations", content=content, headers=headers).status_code < 500
