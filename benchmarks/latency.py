"""`make bench`: how long a client waits for "ok", and an event for its profile; single events; ten times too much.

    latency.py [EVENTS_PER_SECOND] [SECONDS]          idle, then steady load, then single events, then overload

The generator runs on the same cores. Batches are made before the clock starts.
"""

import asyncio
import json
import random
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections import Counter
from pathlib import Path

from live import BATCH, event
from steelthread.app import add_live_source, create_key, create_project
from steelthread.kit import open_project
from steelthread.thread import Space

PORT = 8373
Answer = tuple[int, bytes]


class Client:
    """A keep-alive connection."""

    async def open(self) -> "Client":
        """Connect."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", PORT)
        return self

    async def ask(self, method: str, path: str, body: bytes = b"", key: str = "") -> Answer:
        """Return status and body of an answer."""
        head = f"{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n"
        head += f"Authorization: Bearer {key}\r\n" if key else ""
        self.writer.write(head.encode() + b"\r\n" + body)
        said = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        length = int(said.split(b"content-length:")[1].split(b"\r\n")[0])
        return int(said[9:12]), await self.reader.readexactly(length)


def told(name: str, seconds: list[float]) -> None:
    found = sorted(seconds)
    p99 = found[min(len(found) - 1, int(len(found) * 0.99))]
    print(f"{name}: {len(found):,} times, median {statistics.median(found) * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms")


def bodies(count: int, first: int, key: str) -> list[bytes]:
    chance = random.Random(first)
    made = []
    for start in range(first, first + count, BATCH):
        batch = [event(number, chance) for number in range(start, start + BATCH)]
        made.append(json.dumps({"batch": batch, "writeKey": key}).encode())
    return made


async def probe(seconds: float, write: str, read: str, pause: float, mark: str) -> list[float]:
    """Send an event of somebody new every so often, and ask for the profile until it is there."""
    client, took, number = await Client().open(), [], 0
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        number += 1
        who = f"{mark}-{number}"
        said = {"type": "track", "event": "Probed", "userId": who, "writeKey": write}
        began = time.perf_counter()
        status, _ = await client.ask("POST", "/v1/track", json.dumps(said).encode())
        assert status == 200, status
        ref = urllib.parse.quote(f"user_id:{who}", safe="")
        while (await client.ask("GET", f"/api/profiles/{ref}?wait=5", key=read))[0] != 200:  # noqa: ASYNC110  # another process moves it
            await asyncio.sleep(0.002)
        took.append(time.perf_counter() - began)
        await asyncio.sleep(pause)
    return took


async def reads(seconds: float, read: str) -> list[float]:
    """Ask for a profile that is known, fifty times a second."""
    client, took = await Client().open(), []
    until = time.perf_counter() + seconds
    ref = urllib.parse.quote("user_id:idle-1", safe="")
    while time.perf_counter() < until:
        began = time.perf_counter()
        assert (await client.ask("GET", f"/api/profiles/{ref}", key=read))[0] == 200
        took.append(time.perf_counter() - began)
        await asyncio.sleep(0.02)
    return took


async def steady(made: list[bytes], rate: int, connections: int = 16) -> list[float]:
    """Send batches at a rate, whatever the answers do (open loop); return how long each answer took from its due time."""
    clients = [await Client().open() for _ in range(connections)]
    free: asyncio.Queue[Client] = asyncio.Queue()
    for client in clients:
        free.put_nowait(client)
    took: list[float] = []
    began = time.perf_counter()

    async def one(body: bytes, due: float) -> None:
        client = await free.get()
        status, _ = await client.ask("POST", "/v1/batch", body)
        assert status == 200, status
        took.append(time.perf_counter() - due)
        free.put_nowait(client)

    tasks = []
    for number, body in enumerate(made):
        due = began + number * BATCH / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(body, due)))
    await asyncio.gather(*tasks)
    return took


async def singles(count: int, write: str, connections: int = 64) -> float:
    """Send single events as fast as they are answered; return the seconds that it took."""
    chance = random.Random(9)
    events = [event(50_000_000 + number, chance) for number in range(count)]
    made = iter([(f"/v1/{one['type']}", json.dumps({**one, "writeKey": write}).encode()) for one in events])
    clients = [await Client().open() for _ in range(connections)]

    async def work(client: Client) -> None:
        for path, body in made:
            status, said = await client.ask("POST", path, body)
            assert status == 200, said

    began = time.perf_counter()
    await asyncio.gather(*(work(client) for client in clients))
    return time.perf_counter() - began


async def overload(seconds: float, write: str, connections: int) -> tuple[Counter[int], list[int]]:
    """Send from very many connections without a pause; return the statuses, and the server's memory in MB by second."""
    clients = [await Client().open() for _ in range(connections)]
    statuses: Counter[int] = Counter()
    until = time.perf_counter() + seconds
    numbers = iter(range(100_000_000, 1_000_000_000, BATCH))
    pattern = bodies(BATCH, 0, write)[0]

    async def work(client: Client) -> None:
        for start in numbers:
            if time.perf_counter() > until:
                return
            body = pattern.replace(b'"messageId": "m-', f'"messageId": "o{start}-'.encode())
            status, _ = await client.ask("POST", "/v1/batch", body)
            statuses[status] += 1

    memory: list[int] = []

    async def watch() -> None:
        while time.perf_counter() < until:
            memory.append(resident())
            await asyncio.sleep(1)

    await asyncio.gather(watch(), *(work(client) for client in clients))
    return statuses, memory


SERVER: list[int] = []


def resident() -> int:
    """Return the resident memory of the server and its worker in MB."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
            mine = int(process.name) in SERVER or parent in SERVER
            if mine:
                lines = (process / "status").read_text().splitlines()
                total += next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
        except (OSError, StopIteration):
            continue
    return total // 1024


async def status() -> dict[str, float]:
    client = await Client().open()  # the server closes connections that say nothing
    found: dict[str, float] = json.loads((await client.ask("GET", "/api/status"))[1])
    client.writer.close()
    return found


async def drained() -> dict[str, float]:
    while (found := await status())["folded"] < found["accepted"]:  # noqa: ASYNC110  # another process moves it
        await asyncio.sleep(0.05)
    return found


async def run(rate: int, seconds: int, write: str, read: str) -> None:
    await probe(1, write, read, 0.05, "warm")
    told("idle, event to profile", await probe(10, write, read, 0.05, "idle"))
    made = bodies(rate * seconds, 0, write)
    sent, seen, answered = await asyncio.gather(
        steady(made, rate), probe(seconds, write, read, 0.1, "load"), reads(seconds, read)
    )
    told(f"{rate:,} events/s for {seconds} s, acknowledged", sent)
    told(f"{rate:,} events/s for {seconds} s, event to profile", seen)
    told(f"{rate:,} events/s for {seconds} s, profile read", answered)
    await drained()
    count = 20_000
    took = await singles(count, write)
    print(f"single events, 64 connections: {count / took:,.0f} requests/s")
    before = await drained()
    statuses, memory = await overload(60, write, 640)
    after = await drained()
    kept = after["accepted"] - before["accepted"]
    assert kept >= statuses[200] * BATCH, "an acknowledged event is not there"
    third = len(memory) // 3
    print(
        f"640 connections without a pause for 60 s: {dict(statuses)}, {statuses[200] * BATCH / 60:,.0f} events/s kept, "
        f"memory {max(memory[:third])} MB in the first third, {max(memory[-third:])} MB in the last"
    )
    assert set(statuses) <= {200, 429}


def wait() -> None:
    """Wait until the server answers, and its worker has had time to start."""
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=5).close()
            break
        except OSError:
            time.sleep(0.1)
    time.sleep(3)


def main(rate: int, seconds: int) -> None:
    """Serve a fresh space and measure."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name) / "bench"
        create_project(folder, "bench", "GB")
        with Space(open_project(folder)) as space:
            write, read = add_live_source(space, "web"), create_key(space, ["profiles:read"])
            command = [sys.executable, "-m", "steelthread", "serve", "--port", str(PORT), "--project", str(folder)]
            server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            SERVER.append(server.pid)
            try:
                wait()
                asyncio.run(run(rate, seconds, write, read))
            finally:
                server.send_signal(signal.SIGINT)
                server.wait()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000, int(sys.argv[2]) if len(sys.argv) > 2 else 20)
