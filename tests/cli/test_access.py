"""Operators at the command line: roles by name, policies per command and purpose, and the glass."""

import json
import os
import sys

import pytest
from tests import commands

from steelthread.privacy import DEFAULT_POLICIES

CRM = "customer_id,first_name,email\n1,Ann,ann@example.com\n"
POLICIES = (
    DEFAULT_POLICIES.replace("permit (principal is Operator,", 'permit (principal is Operator in Role::"privacy",', 2)
    + """
@id("loaders-load") permit (principal is Operator in Role::"loader", action == Action::"run", resource)
unless { resource in Command::"key" || resource == Command::"erase" };
"""
)
OPERATORS = "operators:\n  pia: {roles: [privacy]}\n  lou: {roles: [loader], attributes: {region: EU}}\n"


def run(space, who, *words, code=0):
    command = [sys.executable, "-m", "steelthread", *words, "--project", str(space.project.folder), "--json"]
    environment = {**os.environ, "STEELTHREAD_ACTOR": who}
    done = commands.run(command, text=True, env=environment)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if code == 0 and done.stdout else done.stderr


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_operators_do_what_their_roles_say(space, load):
    load("crm", CRM)
    (space.project.folder / "access" / "default.cedar").write_text(POLICIES)
    (space.project.folder / "access" / "operators.yaml").write_text(OPERATORS)
    profile = ("profile", "email:ann@example.com")
    assert run(space, "pia", *profile)["individualId"]
    assert "nobody" in run(space, "nobody", "status", code=1)
    assert run(space, "lou", "status")["individuals"] == 1
    refused = run(space, "lou", "erase", "email:ann@example.com", code=1)
    assert "the command erase" in refused
    assert "key create" in run(space, "lou", "key", "create", "--scope", "profiles:read", code=1)
    assert "reading for operations" in run(space, "lou", *profile, code=1)
    run(space, "lou", "glass", "break", "operations", "--reason", "the officer is away today")
    assert run(space, "lou", *profile)["individualId"]
    assert "their own" in run(space, "lou", "glass", "review", "1", "justified", code=1)
    (listed,) = run(space, "pia", "glass", "list")
    assert listed["principal"] == "operator lou"
    run(space, "pia", "glass", "review", "1", "unjustified")
    assert "reading for operations" in run(space, "lou", *profile, code=1)
    told = run(space, "pia", "audit", "list", "--limit", "100")
    assert sum(one["what"] == "refused" for one in told) == 5
    asked = run(space, "pia", "policy", "ask", "--kind", "operator", "--role", "loader", "--command", "key create")
    assert asked["command"]["allow"] is False
    assert run(space, "pia", "policy", "check")["operators"] == ["lou", "pia"]
    (space.project.folder / "access" / "bad.cedar").write_text("permit all")
    assert "access/bad.cedar" in run(space, "pia", "status", code=1)
