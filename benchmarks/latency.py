"""`make bench`: how long a client waits for "ok", for a profile, and an event for its profile; single events.

    latency.py [EVENTS_PER_SECOND] [SECONDS]          idle, then steady load, then single events

Who sends, who probes and who reads are processes of their own, each in a session of its own: where the kernel shares the
cores among sessions (autogroup), they stand to the server as clients of other machines would, and not within its share.
Who sends is kept to the last core, and at niceness 5: nothing waits for it but its own requests, whose time counts from
when they were due. Batches are made before the clock starts. Who reads has its own interpreter and one kept-alive
connection, asks fifty times a second for one of fifty people who all send events meanwhile, and counts from when it
asked, or, where the answer before came late, from when it would have asked.
"""

import asyncio
import http.client
import json
import multiprocessing
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from live import BATCH, event
from serving import Client
from steelthread.app import add_live_source, create_key, create_project
from steelthread.kit import open_project
from steelthread.thread import Space

PORT = 8373
READ = range(0, 100, 2)
PREPARATION = 5.0


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
    client, took, number = await Client(PORT).open(), [], 0
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        number += 1
        who = f"{mark}-{number}"
        said = {"type": "track", "event": "Probed", "userId": who, "writeKey": write}
        began = time.perf_counter()
        status, _ = await client.ask("POST", "/v1/track", json.dumps(said).encode())
        assert status == 200, status
        ref = urllib.parse.quote(f"user_id:{who}", safe="")
        while (await client.ask("GET", f"/api/profiles/{ref}?purpose=operations&wait=5", key=read))[0] != 200:  # noqa: ASYNC110  # another process moves it
            await asyncio.sleep(0.002)
        took.append(time.perf_counter() - began)
        await asyncio.sleep(pause)
    return took


def reads(begin: float, seconds: float, write: str, read: str) -> list[float]:
    """Ask for a profile of somebody who sends events meanwhile, fifty times a second."""
    link, took, chance = http.client.HTTPConnection("127.0.0.1", PORT), [], random.Random(3)
    batch = [{"type": "identify", "userId": f"who-{number}"} for number in READ]
    link.request("POST", "/v1/batch", json.dumps({"batch": batch, "writeKey": write}))
    assert link.getresponse().read()
    heads = {"Authorization": f"Bearer {read}"}
    paths = [f"/api/profiles/user_id%3Awho-{number}?purpose=operations" for number in READ]
    for path in paths:
        link.request("GET", path + "&wait=20", headers=heads)
        assert link.getresponse().read()
    link.close()  # the server closes connections that say nothing; the next request opens one
    sleep_until(begin)
    link.request("GET", paths[0], headers=heads)
    assert link.getresponse().read()
    due = time.perf_counter()
    until = due + seconds
    while due < until:
        behind = time.perf_counter() > due
        if not behind:
            time.sleep(due - time.perf_counter())
        began = due if behind else time.perf_counter()
        link.request("GET", chance.choice(paths), headers=heads)
        answer = link.getresponse()
        answer.read()
        took.append(time.perf_counter() - began)
        assert answer.status == 200, answer.status
        due += 0.02
    return took


def sleep_until(begin: float) -> None:
    """Sleep until a time, as the clock on the wall says it."""
    time.sleep(max(0.0, begin - time.time()))


def send(begin: float, rate: int, seconds: int, write: str) -> list[float]:
    """Send batches at a rate, from one core only, and after whoever wants that core too."""
    os.nice(5)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    made = bodies(rate * seconds, 0, write)
    sleep_until(begin)
    return asyncio.run(steady(made, rate))


def watch(begin: float, seconds: int, write: str, read: str) -> list[float]:
    """Send events of new people, and wait for their profiles."""
    sleep_until(begin)
    return asyncio.run(probe(seconds, write, read, 0.1, "load"))


async def steady(made: list[bytes], rate: int, connections: int = 16) -> list[float]:
    """Send batches at a rate, whatever the answers do (open loop); return how long each answer took from its due time."""
    clients = [await Client(PORT).open() for _ in range(connections)]
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
    clients = [await Client(PORT).open() for _ in range(connections)]

    async def work(client: Client) -> None:
        for path, body in made:
            status, said = await client.ask("POST", path, body)
            assert status == 200, said

    began = time.perf_counter()
    await asyncio.gather(*(work(client) for client in clients))
    return time.perf_counter() - began


async def status() -> dict[str, float]:
    client = await Client(PORT).open()  # the server closes connections that say nothing
    found: dict[str, float] = json.loads((await client.ask("GET", "/api/status"))[1])
    client.close()
    return found


async def drained() -> dict[str, float]:
    while (found := await status())["folded"] < found["accepted"]:  # noqa: ASYNC110  # another process moves it
        await asyncio.sleep(0.05)
    return found


def run(rate: int, seconds: int, write: str, read: str) -> None:
    """Measure, and say what was found."""
    with ProcessPoolExecutor(3, multiprocessing.get_context("spawn"), os.setsid) as apart:

        def alone(work: Callable[..., list[float]], *what: object) -> list[float]:
            return apart.submit(work, time.time() + 1, *what).result()

        alone(watch, 1, write, read)
        told("idle, event to profile", alone(watch, 10, write, read))
        told("idle, profile read", alone(reads, 10, write, read))
        begin = time.time() + PREPARATION + rate * seconds / 20_000
        works: list[tuple[Callable[..., list[float]], tuple[object, ...]]] = [
            (send, (rate, seconds, write)), (watch, (seconds, write, read)), (reads, (seconds, write, read)),
        ]  # fmt: skip
        for what, waiting in zip(
            ("acknowledged", "event to profile", "profile read"),
            [apart.submit(work, begin, *said) for work, said in works],
            strict=True,
        ):
            told(f"{rate:,} events/s for {seconds} s, {what}", waiting.result())
    asyncio.run(drained())
    count = 20_000
    took = asyncio.run(singles(count, write))
    print(f"single events, 64 connections: {count / took:,.0f} requests/s")


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
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name) / "bench"
        create_project(folder, "bench", "GB")
        with Space(open_project(folder)) as space:
            write, read = add_live_source(space, "web"), create_key(space, ["profiles:read"])
            command = [sys.executable, "-m", "steelthread", "serve", "--port", str(PORT), "--project", str(folder)]
            server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            try:
                wait()
                run(rate, seconds, write, read)
            finally:
                server.send_signal(signal.SIGINT)
                server.wait()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000, int(sys.argv[2]) if len(sys.argv) > 2 else 20)
