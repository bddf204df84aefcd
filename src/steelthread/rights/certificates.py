"""Certificates: JSON Web Signatures (RFC 7515) with Ed25519 (RFC 8037), anchored in the audit log, checked offline by `checker.py`."""

import base64
import hashlib
from collections.abc import Sequence
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
    return certify_all(auditor, conn, [body], kind, actor)[0]


def certify_all(
    auditor: Auditor, conn: "psycopg.Connection[Any]", bodies: Sequence[dict[str, Any]], kind: str, actor: str
) -> list[dict[str, Any]]:
    """Sign and anchor many certificates, each with its own entry and proof."""
    key = auditor.audit.public_key.hex()
    header = _text(_JSON({"alg": "EdDSA", "typ": "steelthread-erasure+jws"}))
    signed, entries = [], []
    for body in bodies:
        signing = f"{header}.{_text(_JSON({**body, 'publicKey': key}))}"
        signed.append(f"{signing}.{_text(auditor.audit.sign(signing.encode()))}")
        digest = hashlib.sha256(signed[-1].encode()).hexdigest()
        entries.append(Entry("certificate", actor, kind, body.get("subjects", []), certificate=digest))
    proofs = auditor.audit.append_proved(conn, entries)
    return [{"certificate": jws, "publicKey": key, "audit": proof} for jws, proof in zip(signed, proofs, strict=True)]


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
