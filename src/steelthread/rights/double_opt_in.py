"""Double opt-in: a yes that counts only when whoever reads the mailbox confirms it, by a button, not by a link.

The token in the mail holds no identifier: the number of the statement, until when it may be used, and a keyed hash.
"""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from steelthread import privacy
from steelthread.kit import Conflict, Forbidden, now
from steelthread.privacy import Statement
from steelthread.rights.auditing import Auditor
from steelthread.rights.consent import Consents
from steelthread.thread import Space

Connection = psycopg.Connection[Any]
_DAYS = 7
_MAC = 32


class DoubleOptIn:
    """Tokens of one space."""

    def __init__(self, space: Space, consents: Consents) -> None:
        self._vault = space.vault
        self._consents = consents
        self._auditor = Auditor(space)

    def token(self, statement: Statement) -> str:
        """Return what the mail's link carries; empty for a statement that needs no confirmation."""
        known = self._consents.purposes.find(statement.purpose)
        if statement.said != "given" or known is None or not known.double_opt_in:
            return ""
        until = int((now() + timedelta(days=_DAYS)).timestamp())
        return f"{statement.event_id.hex}.{until:x}.{self._mac(statement.event_id, until)}"

    def _mac(self, event: UUID, until: int) -> str:
        return self._vault.blind("double opt-in", f"{event} {until}").hex()[:_MAC]

    def check(self, conn: Connection, token: str) -> Statement:
        """Return the yes that a token would confirm; Forbidden for a wrong one, Conflict for one that is late or used."""
        try:
            event, until, mac = token.split(".")
            number, last = UUID(hex=event), int(until, 16)
        except ValueError:
            raise Forbidden("This link is not one of ours: open it as it stands in the mail.") from None
        if not hmac.compare_digest(mac, self._mac(number, last)):
            raise Forbidden("This link is not one of ours: open it as it stands in the mail.")
        if datetime.fromtimestamp(last, UTC) < now():
            raise Conflict("This link is too old: ask for a new one.")
        row = conn.execute("select node_hash from privacy.consent_event where event_id = %s", (number,)).fetchone()
        said = privacy.statements_of(conn, [bytes(row[0])]) if row else []
        given = next((one for one in said if one.event_id == number), None)
        if given is None:
            raise Conflict("What this link would confirm is not there any more.")
        later = [one for one in said if (one.purpose, one.channel) == (given.purpose, given.channel)]
        if later[-1].event_id != number:
            raise Conflict("This link was used, or something else was said since.")
        return given

    def confirm(self, conn: Connection, token: str) -> Statement:
        """Confirm, once, in the caller's transaction."""
        given = self.check(conn, token)
        privacy.lock_nodes(conn, [given.node])
        self.check(conn, token)  # an erasure, or another word of the person, may have ended meanwhile
        moment = now()
        proof = UUID(bytes=self._vault.blind("double opt-in, used", str(given.event_id))[:16])
        statement = Statement(
            event_id=proof, node=given.node, scope=given.scope, purpose=given.purpose, said="double_confirmed",
            occurred_at=moment, recorded_at=moment, channel=given.channel, source=given.source, method="double opt-in",
            brand=given.brand, jurisdiction=given.jurisdiction, notice=given.notice, notice_sha256=given.notice_sha256,
            language=given.language,
            evidence={**given.evidence, "confirms": str(given.event_id), "nonceSha256": hashlib.sha256(token.encode()).hexdigest()},
        )  # fmt: skip
        if not privacy.append(conn, [statement]):
            raise Conflict("This link was used, or something else was said since.")
        details = {"event": str(proof), "said": "double_confirmed"}
        self._auditor.note(conn, privacy.Entry("consent", "the person", "double opt-in", (), given.purpose, details))
        return statement
