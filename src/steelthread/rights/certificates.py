"""Certificates: JSON Web Signatures (RFC 7515) with Ed25519 (RFC 8037), anchored in the audit log, checked offline by `checker.py`."""

import base64
import hashlib
from typing import Any

import msgspec
import psycopg

from steelthread.privacy import Entry
from steelthread.rights.auditing import Auditor

_JSON = msgspec.json.Encoder(order="sorted").encode


def certify(
    auditor: Auditor, conn: "psycopg.Connection[Any]", body: dict[str, Any], kind: str, actor: str
) -> dict[str, Any]:
    """Sign what a certificate says, anchor it in the caller's transaction, and return it with the proof of the log.

    `kind` is what it is of, such as `erase`; `subjects` of the body are tokens.
    """
    body = {**body, "publicKey": auditor.audit.public_key.hex()}
    header = _JSON({"alg": "EdDSA", "typ": "steelthread-erasure+jws"})
    signing = f"{_text(header)}.{_text(_JSON(body))}"
    jws = f"{signing}.{_text(auditor.audit.sign(signing.encode()))}"
    digest = hashlib.sha256(jws.encode()).hexdigest()
    entry = Entry("certificate", actor, kind, body.get("subjects", []), certificate=digest)
    number = auditor.audit.append(conn, [entry])
    return {"certificate": jws, "publicKey": body["publicKey"], "audit": auditor.audit.proof(conn, number)}


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
