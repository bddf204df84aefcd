"""Schemathesis against every route that the OpenAPI document names: no 5xx, whatever is asked."""

import random

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from steelthread.api import create_api, create_key
from steelthread.api.keys import SCOPES
from steelthread.app import add_live_source

STREAMS = {"/api/changes", "/api/events/live"}
"""They end when the client goes: tests/live reads them."""

REFS = ["email:ann@example.com", "record:crm/Individual/1", "email:nobody@example.com"]
KNOWN = {
    **dict.fromkeys(("ref", "a", "b"), REFS), "entity": ["Individual", "SalesOrder"], "channel": ["", "email"],
    "purpose": ["operations", "marketing", "marketing.newsletter"], "said": ["given", "refused", "withdrawn"],
}  # fmt: skip
"""What there is: fuzzing alone does not find it."""


@pytest.mark.filterwarnings("ignore:Do not use the `random` module")  # it is the pool's threads that do
@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_no_route_falls_over_anything(space, load):
    load("crm", "customer_id,first_name,email\n1,Ann,ann@example.com\n")
    add_live_source(space, "web")
    headers = {"Authorization": f"Bearer {create_key(space, list(SCOPES))}"}
    asked, rarely = {}, random.Random(1)
    for found in schemathesis.openapi.from_asgi("/openapi.json", create_api(space)).get_all_operations():
        operation = found.ok()
        if operation.path in STREAMS:
            continue

        @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def ask(case):
            case.query = {**(case.query or {}), "wait": 0} if "wait" in (case.query or {}) else dict(case.query or {})
            if rarely.random() < 0.7:  # past the door
                case.query["purpose"] = "operations"
            for told in (case.path_parameters, case.query, case.body):
                for name in sorted(KNOWN.keys() & told.keys()) if isinstance(told, dict) else ():
                    if rarely.random() < 0.7:
                        told[name] = rarely.choice(KNOWN[name])
            asked.setdefault(case.operation.path, set()).add(case.call(headers=headers).status_code)

        ask()
    assert len(asked) > 20
    assert sum(200 in codes or 201 in codes for codes in asked.values()) > 14, "past the doors, too"
    assert not {path: codes for path, codes in asked.items() if max(codes) >= 500}
