"""As processor: requests of controllers for whom this company processes data. The controller has seen who asks.

Each controller has a key of its own and sees its own requests only; what it is answered, and called back with, is signed.
"""

import base64
import tempfile
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx2
import msgspec
import psycopg

from steelthread.kit import Conflict, Invalid, NotFound, iso, now
from steelthread.privacy import Entry, answer_due, load_jurisdictions, local_day
from steelthread.rights.auditing import Auditor
from steelthread.rights.erasure import erase
from steelthread.rights.opendsr.configuration import (
    HEADER_DOMAIN,
    HEADER_SIGNATURE,
    IDENTITIES,
    VERSION,
    load_opendsr,
    on_domain,
    processor_url,
)  # fmt: skip
from steelthread.rights.opendsr.signing import Signer
from steelthread.rights.subject_access import access
from steelthread.thread import Space
from steelthread.vault import seal, unseal

Connection = psycopg.Connection[Any]
Kind = Literal["erasure", "access", "portability"]
_CONTEXT = b"opendsr request"
_PACK = msgspec.msgpack.Encoder().encode
_JSON = msgspec.json.Encoder().encode
_KEPT = timedelta(days=7)
"""For how long the results of access can be fetched."""
_LONGEST = 12
"""Tries of a callback: 1, 2, 4, ... minutes apart, over three days in all."""
_TIMEOUT = 15.0


class Identity(msgspec.Struct):
    """An identity as the specification has it."""

    identity_type: str
    identity_value: str
    identity_format: str = "raw"


class Asked(msgspec.Struct):
    """A request as the specification has it."""

    subject_request_id: UUID
    subject_request_type: Kind
    submitted_time: datetime
    subject_identities: list[Identity] = []
    regulation: Literal["gdpr", "ccpa"] = "gdpr"
    status_callback_urls: list[str] = []


class _Kept(msgspec.Struct):
    refs: list[str]
    callbacks: list[str]


class Processor:
    """Takes and does requests of controllers, for one space."""

    def __init__(self, space: Space) -> None:
        self._space = space
        own = load_opendsr(space.project.folder).processor
        self.own = own
        self.signer = Signer(space.project.folder, own) if own else None
        self._jurisdictions = load_jurisdictions(space.project.folder)
        self._auditor = Auditor(space)

    # -- what is answered ----------------------------------------------------------------------------------------

    def discovery(self) -> dict[str, Any]:
        """Return what we support."""
        signer, own = self._sides()
        kinds = [name for name, ours in IDENTITIES.items() if ours in self._space.rules.kinds]
        return {
            "api_version": VERSION,
            "supported_identities": [{"identity_type": one, "identity_format": "raw"} for one in kinds],
            "supported_subject_request_types": ["access", "portability", "erasure"],
            "processor_certificate": f"{processor_url(own)}/certificate.pem", "processor_domain": signer.domain,
        }  # fmt: skip

    def _sides(self) -> tuple[Signer, Any]:
        if self.signer is None or self.own is None:
            raise NotFound("This company is no OpenDSR processor: opendsr.yaml names no certificate.")
        return self.signer, self.own

    def signed(self, content: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
        """Return a body and its headers, under the present name of the specification and its former ones."""
        signer, _ = self._sides()
        body = _JSON(content)
        signature, headers = signer.sign(body), {"content-type": "application/json"}
        for name in ("OpenDSR", "OpenCompliance", "OpenGDPR"):
            headers[HEADER_DOMAIN.replace("OpenDSR", name)] = signer.domain
            headers[HEADER_SIGNATURE.replace("OpenDSR", name)] = signature
        return body, headers

    # -- coming in -----------------------------------------------------------------------------------------------

    def receive(self, conn: Connection, controller: str, body: bytes) -> dict[str, Any]:
        """Take a request in the caller's transaction; Invalid, without a word of who it is about, for what it is not."""
        self._sides()
        try:
            asked = msgspec.json.decode(body, type=Asked)
        except msgspec.MsgspecError as error:
            raise Invalid(f"The request is not what OpenDSR says: {error}") from None
        kept = _Kept(self._refs(asked), self._callbacks(asked))
        moment = now()
        expected = self._expected(asked)
        ((subject, key),) = self._space.vault.new_subjects(1)
        done = conn.execute(
            "insert into privacy.opendsr_request (request_id, controller, kind, regulation, received_at, submitted_at, expected_at, "
            "subject, sealed) values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing",
            (
                asked.subject_request_id, controller, asked.subject_request_type, asked.regulation, moment, _aware(asked.submitted_time),
                expected, subject, seal(key, _PACK(kept), _CONTEXT),
            ),
        ).rowcount  # fmt: skip
        if not done:
            raise Conflict("There is a request of this subject_request_id already.")
        self._note(conn, controller, "opendsr received", asked.subject_request_id, asked.subject_request_type)
        return {
            "controller_id": controller, "expected_completion_time": iso(expected), "received_time": iso(moment),
            "encoded_request": base64.b64encode(body).decode(), "subject_request_id": str(asked.subject_request_id),
            "api_version": VERSION,
        }  # fmt: skip

    def _refs(self, asked: Asked) -> list[str]:
        refs = []
        for one in asked.subject_identities:
            ours = IDENTITIES.get(one.identity_type, "")
            if ours not in self._space.rules.kinds or one.identity_format != "raw" or not one.identity_value.strip():
                raise Invalid("An identity has a type or a format that /discovery does not name, or no value.")
            refs.append(f"{ours}:{one.identity_value}")
        if not refs:
            raise Invalid("subject_identities is required: one at least.")
        return refs

    def _callbacks(self, asked: Asked) -> list[str]:
        allowed = self.own.callbacks if self.own else ()
        for url in asked.status_callback_urls:
            host = urlsplit(url).hostname or ""
            if host not in allowed or not on_domain(url, host):
                raise Invalid("A callback goes to https on a domain that opendsr.yaml allows (callbacks).")
        return asked.status_callback_urls

    def _expected(self, asked: Asked) -> datetime:
        place = "US-CA" if asked.regulation == "ccpa" else self._space.project.settings.project.place
        zone = self._space.project.settings.project.time_zone
        day = local_day(_aware(asked.submitted_time), zone)
        clock = self._jurisdictions.law(place, day).edition.right(asked.subject_request_type)[1]
        return datetime.combine(answer_due(clock, day, place), time(), UTC)

    def status(self, conn: Connection, controller: str, request: UUID) -> dict[str, Any]:
        """Return how a request stands; NotFound for one that is not this controller's."""
        _, own = self._sides()
        row = conn.execute(
            "select status, kind, expected_at, results_count, sealed is not null from privacy.opendsr_request "
            "where request_id = %s and controller = %s",
            (request, controller),
        ).fetchone()
        if row is None:
            raise NotFound("There is no request of this subject_request_id.")
        status, kind, expected, count, there = row
        told = {
            "controller_id": controller, "expected_completion_time": iso(expected), "subject_request_id": str(request),
            "request_status": status, "api_version": VERSION,
        }  # fmt: skip
        if count is not None:
            told["results_count"] = count
        if status == "completed" and kind != "erasure" and count and there:
            told["results_url"] = f"{processor_url(own)}/results/{request}"
        return told

    def cancel(self, conn: Connection, controller: str, request: UUID) -> dict[str, Any]:
        """Cancel a request that nobody has begun, in the caller's transaction; Conflict for one that somebody has."""
        told = self.status(conn, controller, request)
        done = conn.execute(
            "update privacy.opendsr_request set status = 'cancelled' where request_id = %s and status = 'pending'",
            (request,),
        ).rowcount
        if not done:
            raise Conflict(f"This request is {told['request_status']}: only one that is pending can be cancelled.")
        self._call_back(conn, request, "cancelled")
        self._note(conn, controller, "opendsr cancelled", request, "")
        return {
            "controller_id": controller, "subject_request_id": str(request), "received_time": iso(now()), "api_version": VERSION
        }  # fmt: skip

    def results(self, controller: str, request: UUID, folder: Path) -> None:
        """Write the access packages of a request into a folder, one per identity that somebody answers to."""
        with self._space.database.connect() as conn:
            told = self.status(conn, controller, request)
            kept = self._kept(conn, request) if "results_url" in told else None
        if kept is None:
            raise NotFound("There are no results of this subject_request_id: it is not completed, or they were let go.")
        for number, ref in enumerate(kept.refs, 1):
            self._package(ref, folder / str(number), controller)

    def _package(self, ref: str, folder: Path, controller: str) -> int:
        try:
            return access(self._space, ref, folder, controller).rows
        except NotFound:
            return 0

    # -- doing ---------------------------------------------------------------------------------------------------

    def work(self, at: datetime | None = None) -> int:
        """Do what waits, let go of results that are old, send callbacks; return how many requests were done."""
        if self.signer is None:
            return 0
        count = 0
        while self._next():
            count += 1
        self._let_go(at or now())
        self._send_callbacks(at or now())
        return count

    def _next(self) -> bool:
        with self._space.database.connect() as conn:
            row = conn.execute(
                "update privacy.opendsr_request set status = 'in_progress' where request_id = (select request_id from "
                "privacy.opendsr_request where status in ('pending', 'in_progress') and sealed is not null order by received_at "
                "limit 1 for update skip locked) returning request_id, controller, kind"
            ).fetchone()
            if row is None:
                return False
            request, controller, kind = row
            self._call_back(conn, request, "in_progress")
            kept = self._kept(conn, request)
            conn.commit()
        count = sum(self._do(kind, ref, controller) for ref in kept.refs) if kept else 0
        with self._space.database.connect() as conn:
            conn.execute(
                "update privacy.opendsr_request set status = 'completed', results_count = %s where request_id = %s",
                (count, request),
            )
            self._call_back(conn, request, "completed")
            self._note(conn, controller, "opendsr completed", request, kind)
            gone = self._forget(conn, "request_id = %s", (request,)) if kind == "erasure" or not count else []
            conn.commit()
            self._space.vault.shred(gone)
        return True

    def _do(self, kind: str, ref: str, controller: str) -> int:
        if kind == "erasure":
            try:
                return erase(self._space, ref, controller).rows
            except NotFound:
                return 0
        self._space.project.temp.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._space.project.temp) as folder:
            return self._package(ref, Path(folder) / "package", controller)

    def _kept(self, conn: Connection, request: UUID) -> _Kept | None:
        row = conn.execute(
            "select subject, sealed from privacy.opendsr_request where request_id = %s", (request,)
        ).fetchone()
        key = self._space.vault.keys([row[0]]).get(row[0]) if row and row[1] else None
        return msgspec.msgpack.decode(unseal(key, row[1], _CONTEXT), type=_Kept) if row and key else None

    def _let_go(self, at: datetime) -> None:
        with self._space.database.connect() as conn:
            gone = self._forget(conn, "status in ('completed', 'cancelled') and received_at < %s", (at - _KEPT,))
            conn.commit()
        self._space.vault.shred(gone)

    @staticmethod
    def _forget(conn: Connection, where: str, values: tuple[Any, ...]) -> list[int]:
        rows = conn.execute(
            f"update privacy.opendsr_request set sealed = null where sealed is not null and {where} returning subject",
            values,
        )
        return [subject for (subject,) in rows]

    # -- callbacks -----------------------------------------------------------------------------------------------

    def _call_back(self, conn: Connection, request: UUID, status: str) -> None:
        kept = self._kept(conn, request)
        for url in kept.callbacks if kept else ():
            conn.execute(
                "insert into privacy.opendsr_callback (callback_id, request_id, url, status, next_at) values (%s, %s, %s, %s, %s)",
                (uuid4(), request, url, status, now()),
            )

    def _send_callbacks(self, at: datetime) -> None:
        with self._space.database.connect() as conn, httpx2.Client(timeout=_TIMEOUT, follow_redirects=False) as client:
            rows = conn.execute(
                "select callback_id, c.request_id, url, c.status, attempts, controller from privacy.opendsr_callback c "
                "join privacy.opendsr_request r using (request_id) where next_at <= %s order by next_at, received_at limit 100 "
                "for update of c skip locked",
                (at,),
            ).fetchall()
            for number, request, url, status, attempts, controller in rows:
                content = {
                    **self.status(conn, controller, request),
                    "request_status": status,
                    "status_callback_url": url,
                }
                if self._sent(client, url, content) or attempts + 1 >= _LONGEST:
                    conn.execute("delete from privacy.opendsr_callback where callback_id = %s", (number,))
                else:
                    conn.execute(
                        "update privacy.opendsr_callback set attempts = attempts + 1, next_at = %s where callback_id = %s",
                        (at + timedelta(minutes=2**attempts), number),
                    )
            conn.commit()

    def _sent(self, client: httpx2.Client, url: str, content: dict[str, Any]) -> bool:
        body, headers = self.signed(content)
        try:
            return 200 <= client.post(url, content=body, headers=headers).status_code < 300
        except httpx2.HTTPError:
            return False

    def _note(self, conn: Connection, controller: str, what: str, request: UUID, kind: str) -> None:
        details = {"request": str(request), **({"kind": kind} if kind else {})}
        self._auditor.note(conn, Entry("request", controller, what, details=details))


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
