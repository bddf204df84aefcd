"""Consent receipts after ISO/IEC TS 27560:2023, signed: what a person allowed, when, how, under which text, how to take it back.

A receipt names its person by a token; whoever holds one checks it with the public key alone.
"""

import base64
import hashlib
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from steelthread import privacy
from steelthread.kit import Invalid, NotFound, iso
from steelthread.privacy import Audit, Statement
from steelthread.rights.consent import Consents
from steelthread.thread import Space

Connection = psycopg.Connection[Any]
_JSON = msgspec.json.Encoder(order="sorted").encode
_HEADER = {"alg": "EdDSA", "typ": "steelthread-consent-receipt+jws"}
_STATES = {
    "given": "ConsentGiven", "double_confirmed": "ConsentGiven", "refused": "ConsentRefused", "withdrawn": "ConsentWithdrawn",
    "objected": "ConsentWithdrawn", "opted_out": "ConsentWithdrawn", "limited": "ConsentWithdrawn", "expired": "ConsentExpired",
}  # fmt: skip
"""Event states in the words of the W3C Data Privacy Vocabulary."""
_MANDATORY = {
    "": ("schema_version", "record_id", "receipt_id", "pii_principal_id", "pii_processing", "events", "parties"),
    "pii_processing": (
        "privacy_notice", "language", "purpose", "pii_information", "pii_controllers", "storage_locations", "retention_period",
        "jurisdiction", "recipient_third_parties", "withdrawal_method", "lawful_basis",
    ),
    "events": ("event_time", "validity_duration", "entity_id", "event_type", "event_state"),
    "parties": ("party_id", "party_address", "party_name", "party_contact", "party_type"),
}  # fmt: skip


class Receipts:
    """The receipts of one space."""

    def __init__(self, space: Space, consents: Consents) -> None:
        self._space = space
        self._consents = consents
        self._audit = Audit(space.vault)

    def receipt(self, conn: Connection, event: UUID) -> dict[str, Any]:
        """Return the receipt of a statement, signed, with the text that was shown when it is in the folder `notices`."""
        row = conn.execute("select node_hash from privacy.consent_event where event_id = %s", (event,)).fetchone()
        if row is None:
            raise NotFound("There is no statement of this number: it never was, or was erased with its person.")
        said = next(one for one in privacy.statements_of(conn, [bytes(row[0])]) if one.event_id == event)
        if said.said not in _STATES or said.purpose not in self._consents.purposes:
            raise Invalid("A receipt is of what was said of one purpose that purposes.yaml names.")
        body = self._body(said)
        problems = lacks(body)
        if problems:
            raise Invalid(f"A receipt needs {', '.join(problems)}: say it under [controller] in steelthread.toml.")
        signing = f"{_text(_JSON(_HEADER))}.{_text(_JSON(body))}"
        jws = f"{signing}.{_text(self._audit.sign(signing.encode()))}"
        notice = _notice(self._space.project.folder / "notices", said.notice_sha256)
        return {"receipt": body, "jws": jws, "publicKey": self._audit.public_key.hex(), "noticeText": notice}

    def _body(self, said: Statement) -> dict[str, Any]:
        purpose, controller = self._consents.purposes.get(said.purpose), self._space.project.settings.controller
        validity = "until withdrawn" if said.valid_until is None else f"until {iso(said.valid_until)}"
        return {
            "schema_version": "ISO/IEC TS 27560:2023", "record_id": str(said.event_id), "receipt_id": f"receipt-{said.event_id}",
            "pii_principal_id": self._audit.token(said.node),
            "pii_processing": {
                "privacy_notice": said.notice or controller.privacy_notice,
                "privacy_notice_version": said.evidence.get("noticeVersion", ""),
                "privacy_notice_sha256": said.notice_sha256.hex() if said.notice_sha256 else "",
                "language": said.language or controller.language, "purpose": purpose.name, "purpose_description": purpose.description,
                "lawful_basis": purpose.legal_basis, "channel": said.channel, "pii_information": list(purpose.fields),
                "pii_controllers": [controller.name], "collection_method": said.source or said.method,
                "storage_locations": [controller.storage] if controller.storage else [],
                "retention_period": purpose.retention or "until withdrawn", "jurisdiction": said.jurisdiction or self._consents.place,
                "recipient_third_parties": purpose.recipients or ["none"], "withdrawal_method": controller.withdrawal,
            },
            "events": [{
                "event_time": iso(said.occurred_at), "recorded_time": iso(said.recorded_at), "validity_duration": validity,
                "entity_id": said.actor, "event_type": "Consent", "event_state": _STATES[said.said], "said": said.said,
                "method": said.method, "interface": said.evidence.get("interface", ""),
                "double_opt_in_nonce_sha256": said.evidence.get("nonceSha256", ""), "evidence": said.evidence,
            }],
            "parties": [{
                "party_id": controller.name, "party_name": controller.name, "party_address": controller.address,
                "party_contact": controller.contact, "party_type": "pii_controller",
            }],
        }  # fmt: skip


def lacks(body: dict[str, Any]) -> list[str]:
    """Return the mandatory fields of TS 27560 that a receipt does not have."""
    missing = []
    for part, names in _MANDATORY.items():
        whole = body.get(part) if part else body
        for one in whole if isinstance(whole, list) else [whole]:
            missing += [name for name in names if not (one or {}).get(name)]
    return missing


def check_receipt(jws: str, public_key: str) -> dict[str, Any]:
    """Return what a receipt says; Invalid when its signature does not fit, or a mandatory field is missing."""
    try:
        head, content, signature = jws.split(".")
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(
            _raw(signature), f"{head}.{content}".encode()
        )
        body: dict[str, Any] = msgspec.json.decode(_raw(content), type=dict[str, Any])
        fits = msgspec.json.decode(_raw(head)) == _HEADER and not lacks(body)
    except (InvalidSignature, ValueError, msgspec.MsgspecError):
        fits, body = False, {}
    if not fits:
        raise Invalid("This is no receipt that was signed with this key, or it was changed.")
    return body


def _notice(folder: Path, digest: bytes | None) -> str:
    """Return the text that was shown, found by its digest; empty when it is not in the folder."""
    for path in sorted(folder.glob("*")) if digest and folder.is_dir() else ():
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).digest() == digest:
            return content.decode("utf-8", "replace")
    return ""


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _raw(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
