"""`make bench`: far more than can be folded in, for a minute: who is turned away, what memory does, and that nothing is lost.

`overload.py SECONDS CONNECTIONS`: every connection sends the next batch of 100 as soon as the last was answered, whatever
the answer. 64 wait for their answers and nobody sees a 429; here many times as many do, and none heeds `Retry-After`.
"""

import asyncio
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from live import BATCH, PORT, event, status
from steelthread.app import add_live_source, create_project
from steelthread.kit import open_project
from steelthread.thread import Space

_BODIES = 400
_LONGEST_WAIT = 300.0


def bodies(key: str) -> Iterator[tuple[int, bytes]]:
    """Yield (engagements in it, body of a batch) without end: made ahead, each time with new message ids."""
    chance = random.Random(5)
    made = []
    for number in range(_BODIES):
        batch = [event(1_000_000 + number * BATCH + place, chance) for place in range(BATCH)]
        text = json.dumps({"batch": batch, "writeKey": key}).replace('"m-', '"m-ROUND-')
        made.append((sum(one["type"] != "identify" for one in batch), text))
    round_ = 0
    while True:
        round_ += 1
        for count, text in made:
            yield count, text.replace("ROUND", str(round_)).encode()


async def storm(key: str, seconds: float, connections: int) -> tuple[Counter[str], int]:
    """Send until the time is over; return how many batches got which answer, and the engagements that were acknowledged."""
    answers: Counter[str] = Counter()
    source, acknowledged, until = bodies(key), [0], time.monotonic() + seconds

    async def connection() -> None:
        while time.monotonic() < until:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
                while time.monotonic() < until:
                    count, body = next(source)
                    head = f"POST /v1/batch HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
                    writer.write(head.encode() + body)
                    said = (await reader.readuntil(b"\r\n\r\n")).lower()
                    length = next(int(one[15:]) for one in said.split(b"\r\n") if one.startswith(b"content-length"))
                    await reader.readexactly(length)
                    code = said[9:12].decode()
                    answers[code + (" with retry-after" if b"\r\nretry-after:" in said else "")] += 1
                    acknowledged[0] += count if code == "200" else 0
                writer.close()
            except (OSError, asyncio.IncompleteReadError) as error:
                answers[type(error).__name__] += 1
                await asyncio.sleep(0.1)

    await asyncio.gather(*(connection() for _ in range(connections)))
    return answers, acknowledged[0]


def memory(process: int) -> dict[str, int]:
    """Return the resident megabytes of a server and of its workers."""
    found = Counter[str]()
    for one in Path("/proc").glob("[0-9]*"):
        try:
            fields = (one / "stat").read_text().rsplit(")", 1)[1].split()
            command = (one / "cmdline").read_bytes()
        except OSError:
            continue
        if int(one.name) == process or (int(fields[1]) == process and b"worker" in command):
            found["server" if int(one.name) == process else "worker"] += int(fields[21]) * 4096 >> 20
    return dict(found)


async def watched(server: int, seen: list[dict[str, int]]) -> None:
    """Note the memory every five seconds."""
    while True:
        await asyncio.sleep(5)
        seen.append(memory(server))


async def minute(
    key: str, seconds: float, connections: int, server: int
) -> tuple[Counter[str], int, list[dict[str, int]]]:
    """Send, and watch the memory meanwhile."""
    seen: list[dict[str, int]] = [memory(server)]
    watcher = asyncio.create_task(watched(server, seen))
    answers, acknowledged = await storm(key, seconds, connections)
    watcher.cancel()
    return answers, acknowledged, seen


def main(seconds: float, connections: int) -> None:
    """Serve, send, wait until all that was accepted is folded in, count what is there."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16_384), hard))  # the server's too
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name) / "bench"
        create_project(folder, "bench", "GB")
        with Space(open_project(folder)) as space:
            key = add_live_source(space, "web")
            command = [sys.executable, "-m", "steelthread", "serve", "--port", str(PORT), "--project", str(folder)]
            server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            try:
                while True:
                    try:
                        status()
                        break
                    except OSError:
                        time.sleep(0.1)
                answers, acknowledged, seen = asyncio.run(minute(key, seconds, connections, server.pid))
                ended = time.monotonic()
                while (now := status())["folded"] < now["accepted"]:
                    assert time.monotonic() < ended + _LONGEST_WAIT, now
                    time.sleep(0.1)
                with space.database.connect() as conn:
                    row = conn.execute(
                        "select count(*) from profiles.event e join intake.entity n using (entity_id) where n.name <> 'Device'"
                    ).fetchone()
                there = int(row[0]) if row else 0
                print(
                    f"{connections} connections for {seconds:.0f} s: {dict(answers)}; {now['accepted']:,.0f} events accepted, "
                    f"folded {time.monotonic() - ended:.1f} s after the end; of {acknowledged:,} acknowledged engagements "
                    f"{there:,} are there; megabytes of the server {[one.get('server', 0) for one in seen]}, "
                    f"of the worker {[one.get('worker', 0) for one in seen]}; "
                    f"server {'runs' if server.poll() is None else 'DIED'}"
                )
                assert there >= acknowledged, "what was acknowledged is lost"
                assert set(answers) <= {"200", "429 with retry-after"}, answers
            finally:
                server.send_signal(signal.SIGINT)
                server.wait()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60, int(sys.argv[2]) if len(sys.argv) > 2 else 2500)
