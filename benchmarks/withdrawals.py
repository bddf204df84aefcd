"""From a withdrawal to the first use that is blocked, at the gate of profile reading: 200 withdrawals a second over HTTP.

By the API (`POST /api/consents`) and by an event's `context.consent` at the collector. The clock starts when a withdrawal
is due. Each person's profile is asked for until the gate refuses it; a profile that is shown to a question asked after
the withdrawal was acknowledged is counted as a leak, and there must be none.
"""

import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from latency import Client
from steelthread.app import add_live_source, create_key, create_project, load_file
from steelthread.kit import open_project
from steelthread.thread import Space

PORT = 8373
RATE, SECONDS, CONNECTIONS = 200, 20, 16
MAPPING = """name: crm
key: id
entities:
  - entity: Individual
    attributes: {firstName: name}
  - entity: PartyConsent
    attributes: {dataUsePurposeId: {constant: advertising}, consentStatusId: {constant: given}, captureDateTime: at}
identifiers:
  - {kind: user_id, column: login, namespace: users}
"""
Call = tuple[str, str, bytes, str]


async def withdraw(first: int, call: Callable[[int], Call], key: str) -> tuple[list[float], int]:
    """Withdraw at the rate; return the seconds until each was first blocked, and the leaks."""
    due: asyncio.Queue[tuple[int, float]] = asyncio.Queue()
    took: list[float] = []
    leaks = 0

    async def connection() -> None:
        nonlocal leaks
        client = await Client().open()
        while True:
            number, moment = await due.get()
            path = f"/api/profiles/user_id%3Au{number}?purpose=advertising"
            if number % 20 == 0 and (await client.ask("GET", path, key=key))[0] != 200:
                raise SystemExit("A profile was closed before anybody withdrew.")
            method, where, body, own = call(number)
            status, told = await client.ask(method, where, body, own)
            if status not in (200, 201):
                raise SystemExit(told.decode())
            while (await client.ask("GET", path, key=key))[0] != 403:
                leaks += 1
            took.append(time.perf_counter() - moment)
            due.task_done()

    workers = [asyncio.create_task(connection()) for _ in range(CONNECTIONS)]
    began = time.perf_counter()
    for number in range(RATE * SECONDS):
        moment = began + number / RATE
        await asyncio.sleep(max(0.0, moment - time.perf_counter()))
        due.put_nowait((first + number, moment))
    await due.join()
    for worker in workers:
        worker.cancel()
    return took, leaks


def main() -> None:
    """Load people who all said yes, serve, withdraw in both ways."""
    count = RATE * SECONDS
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name) / "bench"
        create_project(folder, "bench", "GB")
        project = open_project(folder)
        (project.sources / "crm.yaml").write_text(MAPPING)
        rows = [f"{number},First{number % 997},u{number},2026-01-01T00:00:00Z" for number in range(2 * count)]
        (folder / "crm.csv").write_text("id,name,login,at\n" + "\n".join(rows) + "\n")
        with Space(project) as space:
            load_file(space, "crm", folder / "crm.csv")
            key = create_key(space, ["profiles:read", "consents:write"], ["advertising"])
            write_key = add_live_source(space, "web")
        server = subprocess.Popen(
            [sys.executable, "-m", "steelthread", "serve", "--port", str(PORT), "--project", str(folder)],
            stderr=subprocess.DEVNULL,
        )

        def by_api(number: int) -> Call:
            said = {"ref": f"user_id:u{number}", "purpose": "advertising", "said": "withdrawn"}
            return "POST", "/api/consents", json.dumps(said).encode(), key

        def by_event(number: int) -> Call:
            context = {"consent": {"categoryPreferences": {"Advertising": False}}}
            event = {
                "type": "track",
                "event": "Seen",
                "userId": f"u{number}",
                "messageId": f"m{number}",
                "context": context,
            }
            return "POST", "/v1/track", json.dumps({**event, "writeKey": write_key}).encode(), ""

        try:
            for _ in range(200):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=2).close()
                    break
                except OSError:
                    time.sleep(0.1)
            for what, first, call in (
                ("POST /api/consents", 0, by_api),
                ("context.consent of an event", count, by_event),
            ):
                took, leaks = asyncio.run(withdraw(first, call, key))
                found = sorted(took)
                median, p99 = found[len(found) // 2], found[int(len(found) * 0.99)]
                print(
                    f"withdrawal to first blocked use, {what}, {RATE}/s, {len(found):,} of {2 * count:,} people: "
                    f"median {median * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms, most {found[-1] * 1000:.1f} ms, leaks {leaks}"
                )
        finally:
            server.send_signal(signal.SIGINT)
            server.wait()


if __name__ == "__main__":
    main()
