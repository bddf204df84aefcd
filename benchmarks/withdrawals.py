"""From a withdrawal to the first use that is blocked: 200 withdrawals a second over HTTP.

At the gate of activation: a webhook is told of the changes of those who withdraw, again and again from just before to half a
second later, and the log of deliveries tells when a person was first left out, and whether anybody was told of after the
withdrawal was acknowledged. At the gate of reading: by the API (`POST /api/consents`) and by an event's `context.consent`
at the collector. The clock starts when a withdrawal
is due. Each person's profile is asked for until the gate refuses it; a profile that is shown to a question asked after
the withdrawal was acknowledged is counted as a leak, and there must be none.
"""

import asyncio
import json
import tempfile
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import UUID

from serving import Client, served
from steelthread.activation import Aim, add_webhook
from steelthread.app import add_live_source, create_key, create_project, load_file
from steelthread.kit import open_project
from steelthread.model import ProfilesChanged
from steelthread.thread import OUTCOMES, Space

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


class Receiver(BaseHTTPRequestHandler):
    """Takes webhooks."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take one."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


async def withdraw_all(port: int, first: int, call: Callable[[int], Call]) -> dict[int, tuple[float, float]]:
    """Withdraw at the rate; return number -> when it was due and when it was acknowledged, in seconds since 1970."""
    due: asyncio.Queue[tuple[int, float]] = asyncio.Queue()
    told: dict[int, tuple[float, float]] = {}

    async def connection() -> None:
        client = await Client(port).open()
        while True:
            number, moment = await due.get()
            status, said = await client.ask(*call(number))
            if status not in (200, 201):
                raise SystemExit(said.decode())
            told[number] = (moment, time.time())
            due.task_done()

    workers = [asyncio.create_task(connection()) for _ in range(CONNECTIONS)]
    began = time.time()
    for number in range(RATE * SECONDS):
        moment = began + number / RATE
        await asyncio.sleep(max(0.0, moment - time.time()))
        due.put_nowait((first + number, moment))
    await due.join()
    for worker in workers:
        worker.cancel()
    return told


def activation(space: Space, port: int, first: int, call: Callable[[int], Call]) -> None:
    """Withdraw while a webhook is told, ten times a second, of everybody who withdrew in the last half second or will do so."""
    with space.database.connect() as conn:
        reader = space.reader(conn)
        who = {number: reader.cluster(f"user_id:u{number}")[1] for number in range(first, first + RATE * SECONDS)}
    _until_told(space, who[first])
    ended, began = threading.Event(), time.time()

    def change() -> None:
        with space.database.connect() as conn:
            while not ended.wait(0.1):
                at = first + int((time.time() - began) * RATE)
                near = [who[number] for number in range(at - RATE // 2, at + RATE // 10) if number in who]
                if near:
                    space.log.append(conn, OUTCOMES, [ProfilesChanged(individuals=sorted(near))])
                    conn.commit()

    changing = threading.Thread(target=change)
    changing.start()
    told = asyncio.run(withdraw_all(port, first, call))
    time.sleep(3)
    ended.set()
    changing.join()
    with space.database.connect() as conn:
        blocked = dict(
            conn.execute(
                "select individual_id, extract(epoch from min(at))::float8 from activation.sending where not allowed group by 1"
            ).fetchall()
        )
        last = dict(
            conn.execute(
                "select individual_id, extract(epoch from max(at))::float8 from activation.sending where allowed group by 1"
            ).fetchall()
        )
        (sent,) = conn.execute("select count(*) from activation.sending where allowed").fetchone() or (0,)
    took = sorted(blocked[who[one]] - due for one, (due, _) in told.items() if who[one] in blocked)
    late = sum(last.get(who[one], 0.0) > at for one, (_, at) in told.items())
    median, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
    print(
        f"withdrawal to first blocked activation, {RATE}/s, {len(took):,} of {len(told):,} people left out, {sent:,} told of "
        f"before: median {median * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, most {took[-1] * 1000:.0f} ms, "
        f"told of after the acknowledgement: {late}"
    )


def _until_told(space: Space, person: UUID) -> None:
    """Return when the receiver was told of a change: the sender has started, then."""
    with space.database.connect() as conn:
        space.log.append(conn, OUTCOMES, [ProfilesChanged(individuals=[person])])
        conn.commit()
        while not conn.execute("select 1 from activation.sending where individual_id = %s", (person,)).fetchone():
            conn.commit()
            time.sleep(0.05)


async def withdraw(port: int, first: int, call: Callable[[int], Call], key: str) -> tuple[list[float], int]:
    """Withdraw at the rate; return the seconds until each was first blocked, and the leaks."""
    due: asyncio.Queue[tuple[int, float]] = asyncio.Queue()
    took: list[float] = []
    leaks = 0

    async def connection() -> None:
        nonlocal leaks
        client = await Client(port).open()
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
        rows = [f"{number},First{number % 997},u{number},2026-01-01T00:00:00Z" for number in range(3 * count)]
        (folder / "crm.csv").write_text("id,name,login,at\n" + "\n".join(rows) + "\n")
        with Space(project) as space:
            load_file(space, "crm", folder / "crm.csv")
            key = create_key(space, ["profiles:read", "consents:write"], ["advertising"])
            write_key = add_live_source(space, "web")
            receiver = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
            threading.Thread(target=receiver.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{receiver.server_port}/"
            with space.database.connect() as conn:
                add_webhook(conn, space.vault, space.log, "shop", url, ["profile.changed"], Aim("advertising"))

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

        with served(folder) as port:
            with Space(project) as space:
                activation(space, port, 2 * count, by_api)
            for what, first, call in (
                ("POST /api/consents", 0, by_api),
                ("context.consent of an event", count, by_event),
            ):
                took, leaks = asyncio.run(withdraw(port, first, call, key))
                found = sorted(took)
                median, p99 = found[len(found) // 2], found[int(len(found) * 0.99)]
                print(
                    f"withdrawal to first blocked use, {what}, {RATE}/s, {len(found):,} of {3 * count:,} people: "
                    f"median {median * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms, most {found[-1] * 1000:.1f} ms, leaks {leaks}"
                )


if __name__ == "__main__":
    main()
