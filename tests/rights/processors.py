"""A processor of the tests' own: OpenDSR over real HTTP on loopback, as the specification has it, or with what goes wrong."""

import base64
import http.server
import json
import threading

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding

OWN = "opendsr.us.example"
CALLBACK = f"https://{OWN}/opendsr/2.0/callbacks"


class Destination:
    """A processor of the tests' own on loopback, as the specification has it. `ways` says what is wrong with it."""

    def __init__(self, authority, domain, ways=(), kind="ec"):
        self.domain, self.ways = domain, set(ways)
        self.key, self.pem = authority.vouch(domain, kind=kind)
        self.people, self.requests, self.bodies = {"ann.needle@example.com", "bob.moss@example.com"}, {}, []
        own = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                own.answer(self, "GET", b"")

            def do_POST(self):
                own.answer(self, "POST", self.rfile.read(int(self.headers["content-length"])))

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/2.0"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def sign(self, body):
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            raw = self.key.sign(body, ec.ECDSA(hashes.SHA256()))
        else:
            raw = self.key.sign(body, padding.PKCS1v15(), hashes.SHA256())
        return base64.b64encode(raw).decode()

    def answer(self, call, verb, body):
        if "down" in self.ways:
            call.connection.close()
            return
        path = call.path.removeprefix("/2.0")
        if path == "/discovery":
            host = "http://evil.example/" if "foreign certificate" in self.ways else f"{self.url}/certificate.pem"
            self.reply(call, 200, {"api_version": "2.0", "processor_certificate": host})
        elif path == "/certificate.pem":
            self.reply(call, 200, None, self.pem)
        elif verb == "POST":
            self.bodies.append((dict(call.headers), json.loads(body)))
            asked = json.loads(body)
            self.requests[asked["subject_request_id"]] = asked
            self.reply(
                call,
                201,
                {**self.said(asked["subject_request_id"]), "encoded_request": base64.b64encode(body).decode()},
            )
        else:
            number = path.rpartition("/")[2]
            self.reply(call, 200, self.said(number, self.state(number)))

    def said(self, number, status=""):
        told = {"controller_id": "us", "subject_request_id": number, "expected_completion_time": "2030-01-01T00:00:00Z"}
        if status:
            told["request_status"] = status
            if status == "completed" and "no counts" not in self.ways:
                told["results_count"] = self.count(self.requests[number])
        return told

    def state(self, number):
        if "slow" in self.ways:
            return "in_progress"
        asked = self.requests[number]
        if "cancels" in self.ways:
            return "cancelled"
        if asked["subject_request_type"] == "erasure" and "lies" not in self.ways:
            self.people -= {one["identity_value"] for one in asked["subject_identities"]}
        return "completed"

    def count(self, asked):
        found = self.people & {one["identity_value"] for one in asked["subject_identities"]}
        return 0 if asked["subject_request_type"] == "erasure" else len(found)

    def reply(self, call, status, content, raw=None):
        body = json.dumps(content).encode() if raw is None else raw
        call.send_response(status)
        call.send_header("Content-Length", str(len(body)))
        if raw is None and "unsigned" not in self.ways:
            signature = self.sign(body + (b"x" if "wrong signature" in self.ways else b""))
            call.send_header(
                "X-OpenDSR-Processor-Domain", "other.example" if "other domain" in self.ways else self.domain
            )
            call.send_header("X-OpenDSR-Signature", signature)
        call.end_headers()
        call.wfile.write(body)

    def callback(self, number, status="completed", **more):
        """Return headers and body of a callback."""
        body = json.dumps({**self.said(number, status), "status_callback_url": CALLBACK, **more}).encode()
        return {"X-OpenDSR-Processor-Domain": self.domain, "X-OpenDSR-Signature": self.sign(body)}, body
