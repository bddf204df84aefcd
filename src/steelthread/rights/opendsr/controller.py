"""As controller: destinations are told, followed, and asked afterwards whether they still know anybody.

What a destination says counts only when it is signed under a certificate of its own domain, which opendsr.yaml allows.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import msgspec
import psycopg
from cryptography import x509

from steelthread.kit import Forbidden, Invalid, SteelthreadError, iso, now
from steelthread.rights.auditing import Auditor
from steelthread.rights.certificates import certify
from steelthread.rights.opendsr.configuration import (
    HEADER_DOMAIN,
    HEADER_SIGNATURE,
    PATH,
    VERSION,
    Destination,
    load_opendsr,
    on_domain,
    token_of,
)
from steelthread.rights.opendsr.notices import Notice, Notices, standing, still_open
from steelthread.rights.opendsr.signing import check, trusted
from steelthread.thread import Space

Connection = psycopg.Connection[Any]
_TIMEOUT = 15.0
_MOST = 1_000_000
_AGAIN = timedelta(minutes=10)
_DAY = timedelta(days=1)
_CACHED = timedelta(hours=1)
_FRESH = timedelta(minutes=1)
_STATUSES = ("pending", "in_progress", "completed", "cancelled")


class Answer(msgspec.Struct):
    """What a processor says of a request."""

    subject_request_id: UUID
    request_status: str = ""
    status_callback_url: str = ""
    expected_completion_time: datetime | None = None
    results_count: int | None = None


class Callback(msgspec.Struct):
    """What a destination called back with, checked."""

    destinations: list[str]
    answer: Answer
    receipt: bytes


class Controller:
    """Tells the destinations of one space, and follows them."""

    def __init__(self, space: Space, settled: Callable[[Connection, UUID], None] | None = None) -> None:
        """`settled` is told, in the transaction, which request of the rights desk waits for no destination any more."""
        self._space = space
        self._settled = settled
        self.configuration = load_opendsr(space.project.folder)
        self.notices = Notices(space)
        self._certificates: dict[str, tuple[datetime, datetime, x509.Certificate]] = {}

    @property
    def callback_url(self) -> str:
        """Where destinations call back; empty when opendsr.yaml does not say who we are."""
        own = self.configuration.processor
        return (own.url.rstrip("/") or f"https://{own.domain}") + f"{PATH}/callbacks" if own else ""

    # -- sending and asking --------------------------------------------------------------------------------------

    def follow(self, at: datetime | None = None) -> int:
        """Send what waits, and ask how the rest stands; return how many notices were worked on."""
        moment, count = at or now(), 0
        with self._space.database.connect() as conn, httpx2.Client(timeout=_TIMEOUT, follow_redirects=False) as client:
            while due := self.notices.due(conn, moment):
                conn.commit()
                for one in due:
                    self._one(conn, client, one, moment)
                count += len(due)
        return count

    def _one(self, conn: Connection, client: httpx2.Client, one: Notice, at: datetime) -> None:
        destination = self.configuration.destinations.get(one.destination)
        gone: list[int] = []
        try:
            if destination is None:
                self.notices.put_off(conn, one, "opendsr.yaml does not name it any more", at)
            elif one.state in ("contradicted", "cancelled"):
                gone = self._again(conn, one, at)
            elif one.state == "waiting":
                self._send(conn, client, destination, one, at)
            else:
                gone = self._ask(conn, client, destination, one, at)
        except httpx2.HTTPError as error:
            self.notices.put_off(conn, one, f"no answer ({type(error).__name__})", at)
        except SteelthreadError as error:
            self.notices.put_off(conn, one, str(error)[:300], at)
        conn.commit()
        self._space.vault.shred(gone)

    def _again(self, conn: Connection, one: Notice, at: datetime) -> list[int]:
        """Ask anew for what a destination said that it did, and did not, or gave up."""
        identities = self.notices.identities(conn, one.notice_id)
        self.notices.add(conn, one.erasure_id, one.destination, one.kind, identities, at, one.case_id)
        return self.notices.settle(conn, one, "replaced")

    def _send(self, conn: Connection, client: httpx2.Client, to: Destination, one: Notice, at: datetime) -> None:
        body: dict[str, Any] = {
            "regulation": self.configuration.regulation, "subject_request_id": str(one.notice_id),
            "subject_request_type": one.kind, "submitted_time": iso(one.made_at), "api_version": VERSION,
            "subject_identities": self.notices.identities(conn, one.notice_id),
        }  # fmt: skip
        if self.callback_url:
            body["status_callback_urls"] = [self.callback_url]
        token = token_of(to)
        headers = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
        got = client.post(f"{to.url.rstrip('/')}/requests", content=msgspec.json.encode(body), headers=headers)
        if got.status_code != 201:
            raise Invalid(f"It answered {got.status_code} to the request, not 201.")
        answer = self._read(client, one.destination, to, got.headers, got.content)
        if answer.subject_request_id != one.notice_id:
            raise Forbidden("It answered for another request.")
        one.state, one.attempts, one.told = "pending", 0, ""
        one.expected_at, one.next_at = answer.expected_completion_time, at + _AGAIN
        self.notices.keep(conn, one, _digest(got.content))

    def _ask(self, conn: Connection, client: httpx2.Client, to: Destination, one: Notice, at: datetime) -> list[int]:
        token = token_of(to)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        got = client.get(f"{to.url.rstrip('/')}/requests/{one.notice_id}", headers=headers)
        if got.status_code != 200:
            raise Invalid(f"It answered {got.status_code} to the question how it stands, not 200.")
        answer = self._read(client, one.destination, to, got.headers, got.content)
        if answer.subject_request_id != one.notice_id or answer.request_status not in _STATUSES:
            raise Forbidden("It answered for another request, or with a status that there is not.")
        return self._heard(conn, one, answer, _digest(got.content), at)

    # -- what is heard -------------------------------------------------------------------------------------------

    def callback(self, headers: Mapping[str, str], body: bytes) -> "Callback":
        """Check a callback, without the database; Forbidden for a domain that is not on the list, or a wrong signature."""
        domain = headers.get(HEADER_DOMAIN.lower(), "").strip().lower()
        names = [name for name, one in self.configuration.destinations.items() if one.domain == domain]
        if not names:
            raise Forbidden("This domain is not one of opendsr.yaml: nothing of it was taken.")
        with httpx2.Client(timeout=_TIMEOUT, follow_redirects=False) as client:
            try:
                answer = self._read(client, names[0], self.configuration.destinations[names[0]], headers, body)
            except httpx2.HTTPError:
                raise Forbidden("The certificate of this domain cannot be had now: call back later.") from None
        if answer.status_callback_url != self.callback_url or answer.request_status not in _STATUSES:
            raise Forbidden("This callback is for another address, or has a status that there is not.")
        return Callback(names, answer, _digest(body))

    def take(self, conn: Connection, callback: "Callback") -> list[int]:
        """Take a callback that was checked, in the caller's transaction; return keys to destroy after it.

        Forbidden for a request that is not the domain's.
        """
        one = self.notices.get(conn, callback.answer.subject_request_id)
        if one is None or one.destination not in callback.destinations:
            raise Forbidden("This domain has no request of this number.")
        return self._heard(conn, one, callback.answer, callback.receipt, now())

    def _heard(self, conn: Connection, one: Notice, answer: Answer, receipt: bytes, at: datetime) -> list[int]:
        if one.state not in ("waiting", "pending", "in_progress"):
            return []  # said before
        one.attempts, one.told, one.expected_at = 0, "", answer.expected_completion_time or one.expected_at
        one.next_at = at + _AGAIN
        if answer.request_status == "cancelled":
            one.state, one.told, one.next_at = "cancelled", "it cancelled the request", at + _DAY
        elif answer.request_status != "completed":
            one.state = "in_progress" if answer.request_status == "in_progress" else "pending"
        elif one.kind == "erasure":
            return self._said_erased(conn, one, receipt, at)
        else:
            return self._probed(conn, one, answer.results_count, receipt, at)
        self.notices.keep(conn, one, receipt)
        return []

    def _said_erased(self, conn: Connection, one: Notice, receipt: bytes, at: datetime) -> list[int]:
        """It says that it erased: believe it when it knows nobody any more."""
        destination = self.configuration.destinations.get(one.destination)
        if destination is None or not destination.probe:
            return self._close(conn, one, "unproven", receipt)
        one.state, one.next_at = "completed", at + 30 * _DAY
        self.notices.keep(conn, one, receipt)
        identities = self.notices.identities(conn, one.notice_id)
        self.notices.add(conn, one.erasure_id, one.destination, "access", identities, at, one.case_id)
        return []

    def _probed(self, conn: Connection, probe: Notice, count: int | None, receipt: bytes, at: datetime) -> list[int]:
        probe.results_count = count
        gone = self.notices.settle(conn, probe, "contradicted" if count else "confirmed", receipt)
        for one in self.notices.of(conn, probe.erasure_id):
            if (one.destination, one.kind, one.state) != (probe.destination, "erasure", "completed"):
                continue
            if count:
                one.state, one.next_at = "contradicted", at + _DAY
                one.told = "it said that it erased, and still returns something when asked"
                self.notices.keep(conn, one)
            else:
                gone += self._close(conn, one, "confirmed" if count == 0 else "unproven", None)
        return gone

    def _close(self, conn: Connection, one: Notice, state: Any, receipt: bytes | None) -> list[int]:
        gone = self.notices.settle(conn, one, state, receipt)
        if not still_open(self.notices.of(conn, one.erasure_id)) and one.case_id and self._settled:
            self._settled(conn, one.case_id)
        return gone

    # -- signatures ----------------------------------------------------------------------------------------------

    def _read(
        self, client: httpx2.Client, name: str, to: Destination, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """Return what a destination says, once its signature was checked: nothing is parsed before."""
        if len(body) > _MOST or headers.get(HEADER_DOMAIN.lower(), "").strip().lower() != to.domain:
            raise Forbidden(f"The answer is not one of {to.domain}: nothing of it was taken.")
        signature = headers.get(HEADER_SIGNATURE.lower(), "")
        leaf = self._certificate(client, name, to)
        try:
            check(leaf, signature, body)
        except Forbidden:
            if now() - self._certificates[name][0] < _FRESH:
                raise  # a stranger's wrong signatures do not make us ask again and again
            del self._certificates[name]
            check(self._certificate(client, name, to), signature, body)  # it may have a new one
        try:
            return msgspec.json.decode(body, type=Answer)
        except msgspec.MsgspecError as error:
            raise Invalid(f"The answer is not what OpenDSR says: {error}") from None

    def _certificate(self, client: httpx2.Client, name: str, to: Destination) -> x509.Certificate:
        if name in self._certificates and self._certificates[name][1] > now():
            return self._certificates[name][2]
        try:
            found = msgspec.json.decode(client.get(f"{to.url.rstrip('/')}/discovery").content, type=dict[str, Any])
        except msgspec.MsgspecError:
            raise Forbidden(f"{to.domain} does not tell its certificate.") from None
        url = str(found.get("processor_certificate", ""))
        if not on_domain(url, to.domain):
            raise Forbidden(f"{to.domain} names a certificate that is not on its domain.")
        leaf = trusted(
            client.get(url).content,
            self._file(to, to.authorities),
            to.domain,
            self._file(to, to.revoked) if to.revoked else b"",
        )
        self._certificates[name] = (now(), min(now() + _CACHED, leaf.not_valid_after_utc), leaf)
        return leaf

    def _file(self, to: Destination, name: str) -> bytes:
        try:
            return (self._space.project.folder / name).read_bytes()
        except OSError:
            raise Invalid(f"{name} cannot be read: opendsr.yaml names it for {to.domain}.") from None

    # -- proof ---------------------------------------------------------------------------------------------------

    def certificate(self, conn: Connection, erasure: UUID, actor: str) -> dict[str, Any]:
        """Certify how an erasure stands at its destinations, in the caller's transaction; one that nobody was told of is closed."""
        notices = self.notices.of(conn, erasure)
        receipts = conn.execute(
            "select notice_id, receipt from privacy.destination_notice where erasure_id = %s and receipt is not null",
            (erasure,),
        )
        body = {
            "requestId": str(erasure), "at": iso(now()),
            "destinations": [{"destination": name, **one} for name, one in standing(notices).items()],
            "receipts": {str(number): bytes(digest).hex() for number, digest in receipts},
            "closed": not still_open(notices),
        }  # fmt: skip
        return certify(Auditor(self._space), conn, body, "destinations", actor)


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()
