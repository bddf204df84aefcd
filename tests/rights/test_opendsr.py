"""OpenDSR on real PostgreSQL and real HTTP: erasures at destinations that are down, slow or lie; requests of controllers."""

import base64
import io
import json
import socket
import subprocess
import sys
import threading
import time
import zipfile
from datetime import timedelta
from importlib import util
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi.testclient import TestClient
from tests import commands
from tests.rights.processors import CALLBACK, OWN, Destination

from steelthread.api import create_api, create_key
from steelthread.app import draft_source, load_file
from steelthread.kit import Conflict, Invalid, NotFound, now
from steelthread.privacy import Audit, Needles, checker, scan_database
from steelthread.rights import Asking, Controller, Processor, RequestDesk, erase, standing

_SPEC = util.spec_from_file_location("certificates", Path(__file__).with_name("certificates.py"))
certificates = util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(certificates)

CRM = """customer_id,first_name,email,loyalty_number
1,Ann,ann.needle@example.com,LN-77-1001
2,Bob,bob.moss@example.com,LN-77-1002
"""
ANN, BOB = "email:ann.needle@example.com", "email:bob.moss@example.com"


@pytest.fixture
def authority():
    return certificates.Authority()


@pytest.fixture
def world(space, load, authority, monkeypatch):
    """Start destinations, each with its ways; returns them by name."""
    load("crm", CRM)
    folder = space.project.folder
    key, pem = authority.vouch(OWN)
    (folder / "own.pem").write_bytes(pem)
    (folder / "own.key").write_bytes(certificates.pem_of(key))
    (folder / "ca.pem").write_bytes(authority.pem)
    monkeypatch.setenv("MAIL_TOKEN", "s3cret-token")
    started = []

    def start(**ways):
        mocks = {name: Destination(authority, f"{name}.example", how) for name, how in ways.items()}
        started.extend(mocks.values())
        lines = [
            f"processor: {{domain: {OWN}, certificate: own.pem, key: own.key, callbacks: [127.0.0.1]}}",
            "destinations:",
        ]
        lines += [
            f'  {name}: {{domain: {one.domain}, url: "{one.url}", authorities: ca.pem, token: MAIL_TOKEN}}'
            for name, one in mocks.items()
        ]
        (folder / "opendsr.yaml").write_text("\n".join(lines) if mocks else lines[0])
        return mocks

    yield start
    for one in started:
        one.server.shutdown()
        one.server.server_close()


def stands(space, erasure):
    with space.database.connect() as conn:
        return standing(Controller(space).notices.of(conn, erasure))


def follow(space, times=3, later=timedelta(0)):
    """Follow the destinations, as `serve` does, at a later time each."""
    controller = Controller(space, RequestDesk(space).settled)
    at = now() + later
    for _ in range(times):
        controller.follow(at)
        at += timedelta(minutes=15)
    return at - now()


def verified(space):
    """A request for erasure at the desk, of whom a login has shown who asks."""
    desk = RequestDesk(space)
    with space.database.connect() as conn:
        told = desk.open(conn, Asking(kind="erasure", ref=ANN), "test", "me", ["authenticated"])
        conn.commit()
    return desk, told["requestId"]


def case(space, number):
    with space.database.connect() as conn:
        return RequestDesk(space).show(conn, number)


def certified(space, erasure, tmp_path):
    """Return what the certificate of the destinations says, checked offline."""
    with space.database.connect() as conn:
        told = Controller(space).certificate(conn, erasure, "me")
        conn.commit()
    path = tmp_path / "destinations.json"
    path.write_bytes(msgspec.json.encode(told))
    command = [sys.executable, "-I", checker.__file__, str(path), Audit(space.vault).public_key.hex()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "needle" not in done.stdout.casefold()
    return json.loads(done.stdout.rpartition("}")[0] + "}")


def test_an_honest_destination_settles_it(space, world, tmp_path):
    mail = world(mail=())["mail"]
    desk, number = verified(space)
    told = desk.run(number, "me")
    assert told["waitsFor"] == ["mail"]
    assert json.loads(_payload(told["certificate"]["certificate"]))["closed"] is False
    assert case(space, number)["state"] == "open"
    with pytest.raises(Conflict, match="waits for destinations"):
        desk.run(number, "me")
    follow(space)
    assert stands(space, told["erasure"])["mail"] | {"notice": ""} == {
        "state": "confirmed", "notice": "", "attempts": 0, "stillKnown": 0, "told": ""
    }  # fmt: skip
    assert case(space, number)["state"] == "done"
    assert mail.people == {"bob.moss@example.com"}
    headers, body = mail.bodies[0]
    assert headers["authorization"] == "Bearer s3cret-token"
    assert body["status_callback_urls"] == [CALLBACK]
    assert body["subject_identities"] == [
        {"identity_type": "email", "identity_value": "ann.needle@example.com", "identity_format": "raw"}
    ]
    assert UUID(body["subject_request_id"]).version == 4
    certificate = certified(space, told["erasure"], tmp_path)
    assert certificate["closed"] is True
    assert certificate["destinations"][0]["state"] == "confirmed"
    assert len(certificate["receipts"]) == 2
    with space.database.connect() as conn:
        assert conn.execute("select count(*) from privacy.destination_notice where sealed is not null").fetchone() == (
            0,
        )


def _payload(jws):
    text = jws.split(".")[1]
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_one_that_is_down_then_slow_keeps_it_open(space, world, tmp_path):
    mail = world(mail=("down",))["mail"]
    desk, number = verified(space)
    erasure = desk.run(number, "me")["erasure"]
    later = follow(space)
    one = stands(space, erasure)["mail"]
    assert (one["state"], one["attempts"]) == ("waiting", 3)
    assert "no answer" in one["told"]
    assert case(space, number)["state"] == "open"
    assert certified(space, erasure, tmp_path)["closed"] is False
    mail.ways = {"slow"}
    later = follow(space, later=later + timedelta(hours=7))
    assert stands(space, erasure)["mail"]["state"] == "in_progress"
    assert case(space, number)["state"] == "open"
    mail.ways = set()
    follow(space, later=later)
    assert stands(space, erasure)["mail"]["state"] == "confirmed"
    assert case(space, number)["state"] == "done"


def test_one_that_lies_is_found_out(space, world, tmp_path):
    mocks = world(mail=(), ads=("lies",))
    desk, number = verified(space)
    erasure = desk.run(number, "me")["erasure"]
    later = follow(space)
    told = stands(space, erasure)
    assert told["mail"]["state"] == "confirmed"
    assert (told["ads"]["state"], told["ads"]["stillKnown"]) == ("contradicted", 1)
    assert case(space, number)["state"] == "open"
    certificate = certified(space, erasure, tmp_path)
    assert certificate["closed"] is False
    (liar,) = [one for one in certificate["destinations"] if one["destination"] == "ads"]
    assert "still returns something" in liar["told"]
    mocks["ads"].ways = set()
    follow(space, 4, later + timedelta(days=2))
    assert stands(space, erasure)["ads"]["state"] == "confirmed"
    assert case(space, number)["state"] == "done"
    assert len([body for _, body in mocks["ads"].bodies if body["subject_request_type"] == "erasure"]) == 2, (
        "asked anew"
    )


def test_one_that_cannot_be_asked_is_said_to_be_unproven(space, world, tmp_path):
    world(mail=("no counts",))
    told = erase(space, ANN, "me")
    follow(space)
    assert stands(space, told.request_id)["mail"]["state"] == "unproven"
    assert certified(space, told.request_id, tmp_path)["destinations"][0]["state"] == "unproven"


def test_one_that_cancels_is_asked_again(space, world):
    mail = world(mail=("cancels",))["mail"]
    told = erase(space, ANN, "me")
    later = follow(space)
    assert stands(space, told.request_id)["mail"]["state"] == "cancelled"
    mail.ways = set()
    follow(space, 4, later + timedelta(days=2))
    assert stands(space, told.request_id)["mail"]["state"] == "confirmed"


@pytest.mark.parametrize("way", ["unsigned", "wrong signature", "other domain", "foreign certificate"])
def test_what_is_not_signed_by_the_domain_counts_nothing(space, world, way):
    world(mail=(way,))
    told = erase(space, ANN, "me")
    follow(space)
    one = stands(space, told.request_id)["mail"]
    assert one["state"] == "waiting"
    assert one["attempts"] == 3


@pytest.mark.parametrize("fault", ["self-signed", "expired", "other authority", "other domain"])
def test_a_certificate_that_nobody_vouches_for_counts_nothing(space, world, authority, fault):
    mail = world(mail=())["mail"]
    other = certificates.Authority("Somebody else")
    if fault == "self-signed":
        mail.key, mail.pem = other._key, other.pem
    elif fault == "expired":
        mail.key, mail.pem = authority.vouch(mail.domain, days=-1)
    elif fault == "other authority":
        mail.key, mail.pem = other.vouch(mail.domain)
    else:
        mail.key, mail.pem = authority.vouch("ads.example")
    told = erase(space, ANN, "me")
    follow(space)
    assert "not trusted" in stands(space, told.request_id)["mail"]["told"]


def test_callbacks_count_when_they_are_signed_and_allowed(space, world, authority):
    mail = world(mail=("slow",))["mail"]
    desk, number = verified(space)
    erasure = desk.run(number, "me")["erasure"]
    follow(space, 1)
    ((request, _),) = mail.requests.items()
    client = TestClient(create_api(space))

    def call(headers, body):
        return client.post("/opendsr/2.0/callbacks", content=body, headers=headers).status_code

    headers, body = mail.callback(request)
    stranger = Destination(authority, "stranger.example")
    stranger.requests = mail.requests
    try:
        assert call(*stranger.callback(request)) == 403, "not on the list"
    finally:
        stranger.server.shutdown()
        stranger.server.server_close()
    assert call({**headers, "X-OpenDSR-Processor-Domain": "stranger.example"}, body) == 403
    assert call(headers, body.replace(b"us", b"US")) == 403, "changed on the way"
    assert call({**headers, "X-OpenDSR-Signature": "AAAA"}, body) == 403
    assert call({**headers, "X-OpenDSR-Signature": "not base64"}, body) == 403
    assert call({}, body) == 403
    assert call(*mail.callback(request, status_callback_url="https://other.example/callbacks")) == 403
    assert call(*mail.callback(request, request_status="finished")) == 403
    foreign = str(uuid4())
    mail.requests[foreign] = mail.requests[request]
    assert call(*mail.callback(foreign)) == 403
    assert stands(space, erasure)["mail"]["state"] == "pending", "nothing of all that was taken"
    assert call(headers, body) == 202
    assert call(headers, body) == 202, "said twice, heard once"
    assert stands(space, erasure)["mail"]["state"] == "completed"
    mail.ways, mail.people = set(), set()
    follow(space, 2)
    assert stands(space, erasure)["mail"]["state"] == "confirmed"
    assert case(space, number)["state"] == "done"


def test_the_identifiers_lie_sealed_and_go(space, world):
    world(mail=("down",))
    told = erase(space, ANN, "me")
    needles = Needles(["ann.needle@example.com"], derived=True)
    with space.database.connect() as conn:
        assert scan_database(conn, needles)[1] == []
    assert told.hits == []


def test_a_dry_run_tells_nobody(space, world):
    mail = world(mail=())["mail"]
    erase(space, ANN, "me", dry_run=True)
    follow(space)
    assert mail.bodies == []


def test_shared_identifiers_are_not_told(space, world, load):
    mail = world(mail=())["mail"]
    load(
        "pos",
        "customer_id,first_name,email,loyalty_number\np1,Ann,shared@example.com,LN-77-1001\np2,Zed,shared@example.com,LN-99-9\n",
    )
    erase(space, ANN, "me")
    follow(space, 1)
    told = {one["identity_value"] for _, body in mail.bodies for one in body["subject_identities"]}
    assert "ann.needle@example.com" in told
    with space.database.connect() as conn:
        kept = bool(space.reader(conn).members("email:shared@example.com"))
    assert kept is ("shared@example.com" not in told)


def test_what_the_file_may_not_say(space):
    path = space.project.folder / "opendsr.yaml"
    base = "destinations: {mail: {domain: mail.example, authorities: ca.pem, url: %s}}"
    for text in (
        base % '"http://mail.example/2.0"', base % '"https://evil.example/2.0"', base % '"https://mail.example@evil.example/"',
        "regulation: none", "destinations: [", base % '"https://mail.example/2.0", identities: [shoe_size]',
    ):  # fmt: skip
        path.write_text(text)
        with pytest.raises(Invalid):
            Controller(space)


# -- as processor ----------------------------------------------------------------------------------------------------


class Client:
    """A controller that asks us."""

    def __init__(self, space):
        self.space = space
        self.client = TestClient(create_api(space))
        self.headers = {"Authorization": f"Bearer {create_key(space, ['opendsr:request'])}"}
        self.other = {"Authorization": f"Bearer {create_key(space, ['opendsr:request'])}"}

    def body(self, kind="erasure", ref="ann.needle@example.com", **more):
        identity = {"identity_type": "email", "identity_value": ref, "identity_format": "raw"}
        return {
            "regulation": "gdpr", "subject_request_id": str(uuid4()), "subject_request_type": kind,
            "submitted_time": "2026-11-01T10:00:00Z", "subject_identities": [identity], "api_version": "2.0", **more,
        }  # fmt: skip

    def ask(self, body, route="requests"):
        return self.client.post(f"/opendsr/2.0/{route}", json=body, headers=self.headers)

    def get(self, number, headers=None):
        return self.client.get(f"/opendsr/2.0/requests/{number}", headers=headers or self.headers)

    def is_signed(self, answer):
        found = self.client.get("/opendsr/2.0/discovery").json()
        assert found["processor_certificate"] == f"https://{OWN}/opendsr/2.0/certificate.pem"
        leaf = x509.load_pem_x509_certificate(self.client.get("/opendsr/2.0/certificate.pem").content)
        for name in ("OpenDSR", "OpenGDPR"):
            assert answer.headers[f"x-{name}-processor-domain"] == OWN
            leaf.public_key().verify(
                base64.b64decode(answer.headers[f"x-{name}-signature"]), answer.content, ec.ECDSA(hashes.SHA256())
            )
        return True


@pytest.fixture
def controller(space, world):
    world()
    return Client(space)


def test_a_controller_has_somebody_erased(space, controller, authority):
    hears = Destination(authority, "hears.example")
    try:
        body = controller.body(status_callback_urls=[hears.url + "/callback"])
        taken = controller.ask(body)
        assert taken.status_code == 201
        assert controller.is_signed(taken)
        told = taken.json()
        assert (told["subject_request_id"], told["expected_completion_time"][:10]) == (
            body["subject_request_id"],
            "2026-12-01",
        )
        assert json.loads(base64.b64decode(told["encoded_request"])) == body
        assert controller.get(body["subject_request_id"]).json()["request_status"] == "pending"
        assert controller.get(body["subject_request_id"], controller.other).status_code == 404, (
            "others' requests are others'"
        )
        assert Processor(space).work() == 1
        done = controller.get(body["subject_request_id"])
        assert controller.is_signed(done)
        assert done.json()["request_status"] == "completed"
        assert done.json()["results_count"] > 0
        assert [said["request_status"] for _, said in hears.bodies] == ["in_progress", "completed"]
        assert all(said["status_callback_url"] == hears.url + "/callback" for _, said in hears.bodies)
        assert all(head["X-OpenDSR-Processor-Domain"] == OWN for head, _ in hears.bodies)
    finally:
        hears.server.shutdown()
        hears.server.server_close()
    with space.database.connect() as conn:
        with pytest.raises(NotFound):
            space.reader(conn).profile(ANN)
        assert space.reader(conn).profile(BOB)
        assert conn.execute("select sealed from privacy.opendsr_request").fetchall() == [(None,)]


def test_access_comes_with_a_count_and_a_package(space, controller):
    body, nobody = controller.body("access"), controller.body("access", "no.body@example.com")
    controller.ask(body)
    controller.ask(nobody)
    assert Processor(space).work() == 2
    told = controller.get(body["subject_request_id"]).json()
    assert told["results_count"] > 0
    path = told["results_url"].removeprefix(f"https://{OWN}")
    package = controller.client.get(path, headers=controller.headers)
    with zipfile.ZipFile(io.BytesIO(package.content)) as archive:
        assert archive.namelist() == ["1/data.json", "1/index.html", "1/portable.json"]
        assert b"ann.needle" in archive.read("1/data.json")
    assert controller.client.get(path, headers=controller.other).status_code == 404
    assert controller.client.get(path).status_code == 401
    assert controller.get(nobody["subject_request_id"]).json()["results_count"] == 0
    Processor(space).work(now() + timedelta(days=8))
    assert controller.client.get(path, headers=controller.headers).status_code == 404, "let go"


def test_a_pending_request_can_be_cancelled(space, controller):
    body = controller.body()
    controller.ask(body, "opengdpr_requests")
    url = f"/opendsr/2.0/requests/{body['subject_request_id']}"
    assert controller.client.delete(url, headers=controller.other).status_code == 404
    gone = controller.client.delete(url, headers=controller.headers)
    assert gone.status_code == 202
    assert controller.is_signed(gone)
    assert controller.client.delete(url, headers=controller.headers).status_code == 400
    assert Processor(space).work() == 0
    with space.database.connect() as conn:
        assert space.reader(conn).profile(ANN)


def test_what_is_no_request_is_refused_without_a_word_of_who(controller):
    good = controller.body()
    assert controller.ask(good).status_code == 201
    identity = good["subject_identities"][0]
    for wrong in (
        {}, good, controller.body("rectification"), {**controller.body(), "subject_identities": []},
        {**controller.body(), "subject_identities": [{**identity, "identity_format": "sha256"}]},
        {**controller.body(), "subject_identities": [{**identity, "identity_type": "shoe_size"}]},
        {**controller.body(), "status_callback_urls": ["https://evil.example/callback"]},
        {**controller.body(), "status_callback_urls": ["file:///etc/passwd"]}, {**controller.body(), "regulation": "none"},
    ):  # fmt: skip
        answer = controller.ask(wrong)
        assert answer.status_code == 400, wrong
        assert answer.json()["error"]["code"] == 400
        assert "needle" not in answer.text
    assert controller.client.post("/opendsr/2.0/requests", json=controller.body()).status_code == 401


def test_without_a_certificate_there_is_no_processor(space):
    client = TestClient(create_api(space))
    assert client.get("/opendsr/2.0/discovery").status_code == 404
    assert client.get("/opendsr/2.0/certificate.pem").status_code == 404


def test_the_command_line(space, world):
    world(mail=("down",))
    told = erase(space, ANN, "me")

    def run(*words):
        command = [sys.executable, "-m", "steelthread", "opendsr", *words, "--project", str(space.project.folder)]
        return commands.run(command, text=True, check=True).stdout

    assert json.loads(run("follow", "--json")) == {"requests": 0, "notices": 1}
    assert "mail  erasure  waiting" in run("status")
    assert "1 open" in run("status")
    assert "mail: waiting" in run("certificate", str(told.request_id))
    assert "certificate" in json.loads(run("certificate", str(told.request_id), "--json"))


def test_two_steelthreads_speak_to_each_other(space, world, other_space, authority, monkeypatch):
    """One company's destination is the other's processor, over real HTTP."""
    world()
    folder = other_space.project.folder
    (folder / "crm.csv").write_text(CRM)
    draft_source(other_space.project, "crm", folder / "crm.csv")
    load_file(other_space, "crm", folder / "crm.csv")
    key, pem = authority.vouch("mail.example", kind="rsa")
    (folder / "own.pem").write_bytes(pem)
    (folder / "own.key").write_bytes(certificates.pem_of(key))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = f'processor: {{domain: mail.example, url: "http://127.0.0.1:{port}", certificate: own.pem, key: own.key, callbacks: [{OWN}]}}'
    (folder / "opendsr.yaml").write_text(own)
    monkeypatch.setenv("MAIL_TOKEN", create_key(other_space, ["opendsr:request"]))
    destination = f'mail: {{domain: mail.example, url: "http://127.0.0.1:{port}/opendsr/2.0", authorities: ca.pem, token: MAIL_TOKEN}}'
    with (space.project.folder / "opendsr.yaml").open("a") as file:
        file.write(f"\ndestinations:\n  {destination}")
    server = uvicorn.Server(uvicorn.Config(create_api(other_space), port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        told = erase(space, ANN, "me")
        later = timedelta(0)
        for _ in range(2):  # the erasure, then the question whether anybody is still there
            later = follow(space, 1, later)
            Processor(other_space).work()
            later = follow(space, 1, later)
        later = follow(space, 2, later)
        assert stands(space, told.request_id)["mail"]["state"] == "confirmed"
    finally:
        server.should_exit = True
        thread.join(timeout=30)
    with other_space.database.connect() as conn:
        with pytest.raises(NotFound):
            other_space.reader(conn).profile(ANN)
        assert other_space.reader(conn).profile(BOB)
