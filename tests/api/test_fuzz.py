"""Schemathesis against every route that the OpenAPI document names: no 5xx, whatever is asked."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

from steelthread.api import create_api, create_key
from steelthread.app import add_live_source

SCOPES = ["profiles:read", "records:read", "rejects:read", "sources:read", "model:read"]


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_no_route_falls_over_anything(space, load):
    load("crm", "customer_id,first_name,email\n1,Ann,ann@example.com\n")
    add_live_source(space, "web")
    headers = {"Authorization": f"Bearer {create_key(space, SCOPES)}"}
    asked = {}
    for found in schemathesis.openapi.from_asgi("/openapi.json", create_api(space)).get_all_operations():
        operation = found.ok()

        @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def ask(case):
            if "wait" in (case.query or {}):
                case.query["wait"] = 0
            asked.setdefault(case.operation.path, set()).add(case.call(headers=headers).status_code)

        ask()
    assert len(asked) > 8
    assert not {path: codes for path, codes in asked.items() if max(codes) >= 500}
