"""A served sender of webhooks: there as soon as there is a webhook, replaced when it dies, gone with its server."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from tests.activation.receivers import Receiver
from tests.live.conftest import children, until

from steelthread.activation import Aim, add_webhook, list_webhooks


@pytest.fixture
def receiver():
    one = Receiver()
    yield one
    one.close()


def senders(served):
    return children(served.process.pid, b"\0sender\0")


def ended(process):
    """Whether a process has ended, whoever was to hear of it or not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def see(served, who):
    event = {"type": "track", "event": "Seen", "userId": who, "messageId": who, "writeKey": served.write_key}
    assert served.post("/v1/track", event)[0] == 200
    return served.profile(f"user_id:{who}")["individualId"]


def told(receiver):
    return {one["subject"] for _, _, body in list(receiver.got) for one in json.loads(body)}


def test_a_served_sender_tells_webhooks(served, receiver):
    see(served, "ann")
    time.sleep(1.5)  # longer than it is looked for work
    assert senders(served) == [], "nobody is to be told"
    with served.space.database.connect() as conn:
        space = served.space
        add_webhook(conn, space.vault, space.log, "shop", receiver.url, ["profile.created"], Aim("operations"))
    (sender,) = until(lambda: senders(served))
    bob = see(served, "bob")
    until(lambda: told(receiver), lambda found: found == {bob})
    os.kill(sender, signal.SIGKILL)
    cay = see(served, "cay")
    until(lambda: told(receiver), lambda found: found >= {bob, cay})
    (another,) = until(lambda: senders(served), lambda found: found and found != [sender])
    with served.space.database.connect() as conn:
        until(lambda: conn.rollback() or list_webhooks(conn)[0].waiting, lambda waiting: not waiting)
    served.kill()
    until(lambda: ended(another))
    assert until(lambda: senders(served)) != [another], "the new server has its own"
