"""A live source from the command line alone: made, spoken to, its key changed, a contract drafted, its events replayed."""

import json
import sys

import pytest
from fastapi.testclient import TestClient
from tests import commands

from steelthread.api import create_api
from steelthread.thread import LiveThread


def run(space, *words):
    command = [sys.executable, "-m", "steelthread", *words, "--json", "--project", str(space.project.folder)]
    done = commands.run(command, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_a_live_source_from_its_first_key_to_a_replay(space):
    made = run(space, "source", "add", "web", "--kind", "live")
    assert made.keys() == {"name", "writeKey"}
    assert made["name"] == "web"
    second = run(space, "source", "key", "web")
    assert second["name"] == "web"

    def send(number, key):
        body = {"type": "track", "event": "Signed Up", "userId": "u1", "messageId": f"m{number}", "writeKey": key}
        with TestClient(create_api(space)) as client:
            return client.post("/v1/track", json=body | {"properties": {"plan": "gold", "seats": number}}).status_code

    assert [send(1, made["writeKey"]), send(2, second["writeKey"]), send(3, "st_wrong")] == [200, 200, 401]
    assert run(space, "source", "key", "web", "--revoke", made["writeKey"]) == {"name": "web", "writeKey": None}
    assert [send(4, made["writeKey"]), send(5, second["writeKey"])] == [401, 200]
    with space.writer() as conn:
        while LiveThread(space).step(conn).read:
            pass
    drafted = run(space, "contract", "infer", "web")
    assert drafted["source"] == "web"
    text = (space.project.folder / "contracts/web.odcs.yaml").read_text()
    assert drafted["contract"].endswith("contracts/web.odcs.yaml")
    assert "Signed Up" in text
    assert "seats" in text
    (space.project.sources / "web.yaml").write_text("name: web\nkind: live\nuser_namespace: web\n")
    assert run(space, "replay", "--source", "web", "--since", "2020-01-01")["events"] == 3
    with space.database.connect() as conn:
        assert space.reader(conn).profile("user_id:web/u1")["counts"]["CustomEngagement"] == 3
