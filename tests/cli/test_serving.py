"""`serve` where nobody can listen; tables of what is live, in a narrow terminal."""

import os
import socket
import subprocess
import sys

import msgspec
import pytest

from steelthread.activation import Aim, add_webhook
from steelthread.app import add_live_source, source_number
from steelthread.intake import Message
from steelthread.kit import now
from steelthread.model import Received
from steelthread.thread import LiveThread


def run(space, *words):
    command = [sys.executable, "-m", "steelthread", *words, "--project", str(space.project.folder)]
    narrow = {**os.environ, "COLUMNS": "60"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=narrow, timeout=60)


@pytest.mark.parametrize("port", ["99999", "-1"])
def test_a_port_that_is_none_is_told_before_anything_begins(space, port):
    told = run(space, "serve", f"--port={port}")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith("error: A port is a number from 1 to 65535")


def test_a_port_that_is_taken_is_told_before_anything_begins(space):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        told = run(space, "serve", "--port", str(port))
    assert told.returncode == 1
    assert told.stderr.startswith(f"error: Port {port} of 127.0.0.1 is taken")
    assert "--port" in told.stderr


def test_an_address_of_another_machine_is_told(space):
    told = run(space, "serve", "--host", "192.0.2.1", "--port", "8360")
    assert told.returncode == 1
    assert told.stderr.startswith("error: 192.0.2.1, port 8360, cannot be listened on")


def test_tables_cut_nothing_off(space):
    add_live_source(space, "web")
    names = ["customer.address.street_and_number", "customer.address.street_and_house"]
    at = int(now().timestamp() * 1_000_000)
    seen = Message(
        id="m1", type="track", timestamp=at, received=at, event="Seen", user_id="u1", properties=dict.fromkeys(names, 1)
    )
    with space.writer() as conn:
        space.log.append(
            conn, "received", [Received(source_number(conn, "web"), msgspec.msgpack.encode(seen))], hours=1
        )
        name, aim = "the_newsletter_of_the_shop", Aim("operations")
        add_webhook(conn, space.vault, space.log, name, "http://127.0.0.1:9/", (), aim)
        conn.commit()
        LiveThread(space).step(conn)
    for words, shown in ((("contract", "seen", "web"), names), (("webhook", "list"), [name])):
        told = run(space, *words)
        assert told.returncode == 0, told.stderr
        assert "…" not in told.stdout
        columns = [[one.strip() for one in line.split("│")] for line in told.stdout.splitlines() if "│" in line]
        together = "".join(row[place] for place in (1, 2) for row in columns)
        assert all(one in together for one in shown), told.stdout
