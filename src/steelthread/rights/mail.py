"""Mails that the program writes by itself: the link that confirms a yes, the link into the preference centre. By SMTP.

What is to be sent lies sealed under a key of its own until it has gone; the row stays for a day without it, so that who asks
too often is told. An address that nobody has is treated alike in all but the sending.
"""

import smtplib
import ssl
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from functools import lru_cache
from importlib import resources
from typing import Any, Literal

import msgspec
import psycopg
import structlog
import yaml

from steelthread.kit import Invalid, MailSettings, now, uuid7
from steelthread.thread import Space
from steelthread.vault import seal, unseal

Connection = psycopg.Connection[Any]
Kind = Literal["confirm", "link"]
_LOG = structlog.get_logger()
_CONTEXT = b"mail"
_PACK = msgspec.msgpack.Encoder().encode
_PAUSES = (60, 300, 1800, 7200, 21_600)
"""Seconds before each further attempt."""
_TIMEOUT = 20.0
_AT_ONCE = 50
_A_DAY = 3
"""Mails that one address is sent in a day."""
_DEFAULT = "en"


class Written(msgspec.Struct, array_like=True):
    """A mail, opened."""

    to: str
    title: str
    text: str


@lru_cache(maxsize=1)
def _texts() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    text = (resources.files("steelthread.rights") / "mails.yaml").read_text("utf-8")
    return msgspec.convert(yaml.safe_load(text), dict[str, dict[str, dict[str, str]]])


class Mails:
    """The mails of one space."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._how: MailSettings = space.project.settings.mail
        if self._how.host and "@" not in self._how.sender:
            raise Invalid("sender under [mail] is the address from which mails come, such as privacy@example.com.")

    @property
    def ready(self) -> bool:
        """Whether the project says by which server mails go, and from whom."""
        return bool(self._how.host)

    def put(
        self, conn: Connection, kind: Kind, address: str, node: bytes, language: str, *, brand: str, url: str,
        what: str = "", known: bool = True,
    ) -> bool:  # fmt: skip
        """Write a mail, to be sent after the caller's commit; False for an address that was sent enough today.

        With `known` false all is the same, and nothing is sent.
        """
        moment = now()
        row = conn.execute(
            "select count(*) from privacy.mail where node_hash = %s and made_at > %s",
            (node, moment - timedelta(days=1)),
        ).fetchone()
        if row is not None and row[0] >= _A_DAY:
            return False
        words = _texts().get(language.partition("-")[0].lower(), _texts()[_DEFAULT])[kind]
        facts = {"brand": " ".join(brand.split()), "what": what, "url": url}
        letter = Written(address, words["title"].format(**facts), words["text"].format(**facts))
        ((subject, key),) = self._space.vault.new_subjects(1)
        conn.execute(
            "insert into privacy.mail (mail_id, node_hash, kind, made_at, next_at, subject, sealed) values (%s, %s, %s, %s, %s, %s, %s)",
            (uuid7(), node, kind, moment, moment if known else None, subject, seal(key, _PACK(letter), _CONTEXT)),
        )
        return True

    def send(self) -> int:
        """Send what is due, and forget what went more than a day ago; return how many mails went."""
        count = 0
        with self._space.database.connect() as conn:
            gone = conn.execute(
                "delete from privacy.mail where next_at is null and made_at < %s returning subject",
                (now() - timedelta(days=1),),
            ).fetchall()
            conn.commit()
            self._space.vault.shred([subject for (subject,) in gone if subject is not None])
            while self.ready and count < _AT_ONCE and (went := self._next(conn)) is not None:
                count += went
        return count

    def _next(self, conn: Connection) -> bool | None:
        """Send the next mail that is due; None when there is none. Nobody else takes it meanwhile."""
        row = conn.execute(
            "select mail_id, attempts, subject, sealed from privacy.mail where next_at <= now() "
            "order by next_at limit 1 for update skip locked"
        ).fetchone()
        if row is None:
            conn.rollback()
            return None
        number, attempts, subject, sealed = row
        key = self._space.vault.keys([subject]).get(subject)
        trouble = "the key has gone"
        if key is not None:
            trouble = self._deliver(msgspec.msgpack.decode(unseal(key, sealed, _CONTEXT), type=Written))
        later: datetime | None = None
        if trouble and not trouble.startswith("5") and key is not None and attempts < len(_PAUSES):
            later = now() + timedelta(seconds=_PAUSES[attempts])
        conn.execute(
            "update privacy.mail set attempts = attempts + 1, last = %(last)s, next_at = %(later)s, "
            "sealed = case when %(later)s::timestamptz is null then null else sealed end, "
            "subject = case when %(later)s::timestamptz is null then null else subject end where mail_id = %(id)s",
            {"last": trouble, "later": later, "id": number},
        )
        conn.commit()
        if later is None:
            self._space.vault.shred([subject])
        if trouble:
            _LOG.warning("a mail did not go", error=trouble, again=later is not None)
        return not trouble

    def _deliver(self, written: Written) -> str:
        """Hand a mail to the server; return what went wrong, a code of SMTP or the kind of the error."""
        try:
            with self._server() as server:
                server.send_message(self._message(written))
        except smtplib.SMTPRecipientsRefused as error:
            return str(next(iter(error.recipients.values()))[0])
        except smtplib.SMTPResponseException as error:
            return str(error.smtp_code)
        except (smtplib.SMTPException, OSError) as error:
            return type(error).__name__
        except ValueError:
            return "501"  # an address that no mail can be written to
        return ""

    def _server(self) -> smtplib.SMTP:
        how, context = self._how, ssl.create_default_context()
        if how.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(how.host, how.port, timeout=_TIMEOUT, context=context)
        else:
            server = smtplib.SMTP(how.host, how.port, timeout=_TIMEOUT)
        if how.security == "starttls":
            server.starttls(context=context)
        if how.user:
            server.login(how.user, how.password)
        return server

    def _message(self, written: Written) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._how.sender, written.to, written.title
        message["Date"] = format_datetime(now())
        message["Message-ID"] = make_msgid(domain=self._how.sender.rpartition("@")[2].strip("> ") or None)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no machine answers it
        message.set_content(written.text)
        return message
