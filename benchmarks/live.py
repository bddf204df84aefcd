"""`make bench`: live events over HTTP, durable and folded: batches of 100, half anonymous, a tenth identify, with skew."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from people import write
from steelthread.app import add_live_source, create_project, draft_source, load_file
from steelthread.kit import open_project
from steelthread.thread import Space

PORT = 8372
PEOPLE, BATCH, CONNECTIONS = 20_000, 100, 16
PAGE = {"url": "https://shop.example/products/tea/green/loose-leaf?colour=green&size=250", "title": "Green tea, loose leaf",
        "referrer": "https://search.example/?q=green+tea"}  # fmt: skip
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


def event(number: int, chance: random.Random) -> dict[str, object]:
    """Return a real-sized event: about 500 bytes."""
    person = int(PEOPLE * chance.random() ** 2)
    said: dict[str, object] = {"messageId": f"m-{number}", "context": {"page": PAGE, "userAgent": AGENT}}
    said["anonymousId" if person % 2 else "userId"] = f"who-{person}"
    kind = chance.random()
    if kind < 0.1:
        return {**said, "type": "identify", "userId": f"who-{person}",
                "traits": {"email": f"who{person}@mail.example", "plan": f"p{number % 9}"}}  # fmt: skip
    if kind < 0.6:
        return {**said, "type": "page", "name": "Product"}
    return {**said, "type": "track", "event": "Product Viewed", "properties": {"product_id": f"p{number % 500}"}}


async def send(count: int, key: str) -> float:
    """Send `count` events in batches over keep-alive connections; return the seconds until all were acknowledged."""
    chance = random.Random(5)
    numbers = iter(range(0, count, BATCH))

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
        for start in numbers:
            batch = [event(number, chance) for number in range(start, start + BATCH)]
            body = json.dumps({"batch": batch, "writeKey": key}).encode()
            writer.write(f"POST /v1/batch HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head[:20]:
                raise SystemExit(head.decode())
            length = next(
                int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
            )
            await reader.readexactly(length)

    began = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return time.perf_counter() - began


def status() -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/api/status", timeout=10) as answer:
        found: dict[str, float] = json.loads(answer.read())
        return found


def main(count: int, known: int) -> None:
    """Load `known` records, serve, send `count` events, wait until they are folded in."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name) / "bench"
        create_project(folder, "bench", "GB")
        project = open_project(folder)
        with Space(project) as space:
            if known:
                write(folder / "people.csv", known)
                draft_source(project, "people", folder / "people.csv")
                load_file(space, "people", None)
            key = add_live_source(space, "web")
            server = subprocess.Popen(
                [sys.executable, "-m", "steelthread", "serve", "--port", str(PORT), "--project", str(folder)],
                stderr=subprocess.DEVNULL,
            )
            try:
                while True:
                    try:
                        status()
                        break
                    except OSError:
                        time.sleep(0.1)
                began = time.perf_counter()
                sent = asyncio.run(send(count, key))
                while status()["folded"] < count:
                    time.sleep(0.02)
                took = time.perf_counter() - began
                print(
                    f"{count:,} events, {known:,} records known before: acknowledged at {count / sent:,.0f}/s, "
                    f"folded at {count / took:,.0f}/s ({took - sent:.1f} s after the last answer)"
                )
            finally:
                server.send_signal(signal.SIGINT)
                server.wait()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
