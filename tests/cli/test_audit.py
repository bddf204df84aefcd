"""What operators do and read at the command line stands in the audit log, and changes of the configuration too."""

import json
import sys

from tests import commands

CRM = "customer_id,first_name,email\n1,Ann,ann@example.com\n2,Bob,bob@example.com\n"


def run(space, *words, code=0):
    command = [sys.executable, "-m", "steelthread", *words, "--project", str(space.project.folder), "--json"]
    done = commands.run(command, text=True)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_reads_decisions_actions_and_configuration(space, load):
    load("crm", CRM)
    run(space, "profile", "email:ann@example.com")
    run(space, "search", "Bob")
    run(space, "decide", "email:ann@example.com", "marketing")
    run(space, "consent", "set", "email:ann@example.com", "marketing", "given")
    run(space, "link", "record:crm/Individual/1", "record:crm/Individual/2", "--reason", "same")
    (space.project.folder / "profile.yaml").write_text("attributes: {firstName: longest}\n")
    run(space, "key", "create", "--scope", "profiles:read")
    entries = run(space, "audit", "list")
    told = [(one["kind"], one["what"]) for one in entries]
    assert told == [
        ("configuration", "the configuration changed"), ("read", "profile"), ("read", "search"), ("decision", "decide"),
        ("consent", "consent set"), ("action", "link"), ("configuration", "the configuration changed"), ("action", "key create"),
    ]  # fmt: skip
    by_kind = {one["what"]: one for one in entries}
    assert by_kind["profile"]["purpose"] == "operations"
    assert by_kind["profile"]["subjects"] == by_kind["decide"]["subjects"] == by_kind["link"]["subjects"][:1]
    assert "ann@example.com" not in json.dumps(entries)
    assert run(space, "audit", "verify")["good"]
    with space.database.connect() as conn:
        conn.execute("alter table privacy.audit disable trigger append_only")
        conn.execute("update privacy.audit set body = body || ' ' where number = 3")
        conn.commit()
    assert run(space, "audit", "verify", code=1)["firstBad"] == 3
