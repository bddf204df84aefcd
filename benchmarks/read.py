"""`make bench`: GET /api/profiles/{ref} at a steady rate over keep-alive connections, and the memory of an idle server."""

import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from people import write
from serving import served
from steelthread.app import create_key, create_project, draft_source, load_file
from steelthread.kit import open_project
from steelthread.thread import Space

PORT = 8371
RATE, SECONDS, CONNECTIONS = 500, 20, 16


def memory(folder: Path) -> int:
    """Return the bytes (proportional set size) of all processes that serve this project, PostgreSQL's included."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            inside = (process / "cwd").readlink().is_relative_to(folder) or str(folder).encode() in command
            if inside and int(process.name) != os.getpid():
                lines = (process / "smaps_rollup").read_text().splitlines()
                total += sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
        except OSError:
            continue
    return total


async def ask(count: int, key: str) -> list[float]:
    """Ask at the rate; return the seconds from when each request was due to its answer."""
    chance = random.Random(2)
    due: asyncio.Queue[float] = asyncio.Queue()
    took: list[float] = []

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
        while True:
            moment = await due.get()
            ref = f"record%3Apeople%2FIndividual%2F{chance.randrange(count)}"
            writer.write(
                f"GET /api/profiles/{ref}?purpose=operations HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head[:20]:
                raise SystemExit(head.decode())
            length = next(
                int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
            )
            await reader.readexactly(length)
            took.append(time.perf_counter() - moment)
            due.task_done()

    workers = [asyncio.create_task(connection()) for _ in range(CONNECTIONS)]
    began = time.perf_counter()
    for number in range(RATE * SECONDS):
        moment = began + number / RATE
        await asyncio.sleep(max(0.0, moment - time.perf_counter()))
        due.put_nowait(moment)
    await due.join()
    for worker in workers:
        worker.cancel()
    return took[RATE * 2 :]


def main(count: int) -> None:
    """Load `count` records, serve, ask."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name) / "bench"
        create_project(folder, "bench", "GB")
        path = folder / "people.csv"
        write(path, count)
        project = open_project(folder)
        draft_source(project, "people", path)
        with Space(project) as space:
            load_file(space, "people", path)
            key = create_key(space, ["profiles:read"])
            people = space.database.connect().execute("select count(*) from profiles.profile").fetchone()
        time.sleep(project.settings.database.idle_seconds + 3)  # PostgreSQL stops: the idle server is a fresh one
        with served(folder, PORT):
            print(f"idle server with its database: {memory(folder) / (1 << 20):,.0f} MB")
            for what in ("just started", "warm"):
                cuts = statistics.quantiles(asyncio.run(ask(count, key)), n=1000)
                print(
                    f"GET /api/profiles over {people[0] if people else 0:,} people at {RATE}/s, {what}: "
                    f"median {cuts[499] * 1000:.1f} ms, p95 {cuts[949] * 1000:.1f} ms, p99 {cuts[989] * 1000:.1f} ms"
                )
            print(f"busy server with its database: {memory(folder) / (1 << 20):,.0f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
