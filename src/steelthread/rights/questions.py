"""What analysts ask by SQL, from the server's log into the audit log.

The gate of every view (sql.py) has the server write a line before the first row is seen: who, for which purpose, when. It
names nothing of the question itself, for questions hold values. The line stays when the question's transaction is rolled
back, and nobody without the server's own rights can have it not written. `collect` takes the lines in, each once.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from steelthread.kit import NotFound, iso
from steelthread.privacy import Entry
from steelthread.rights.auditing import Auditor
from steelthread.thread import Space

Connection = psycopg.Connection[Any]
MARK = "steelthread question: "
_LINE = re.compile(
    rb"^(?P<prefix>[^\t].*?) (?:LOG|WARNING):  steelthread question: (?P<role>[a-z0-9_]+) for (?P<purpose>\S+) at (?P<at>[0-9]+\.[0-9]+) "
    rb"in (?P<process>[0-9]+)$"
)
_ASKER = re.compile(rb"\[([0-9]+)\] (\S+)$")
"""What the embedded server begins its lines with: process and role; anybody may have a line written, of their own role only."""
_AT_ONCE = 1000
_MOST = 1 << 24
"""Bytes that are looked through in one transaction."""


def role_prefix(conn: Connection) -> str:
    """Return what the names of a database's analysts begin with: a server has many databases, and one log."""
    return f"st_{hashlib.sha256(conn.info.dbname.encode()).hexdigest()[:8]}_"


def embedded_log(space: Space) -> Path | None:
    """Return the log of the embedded server; None when the project has a server of its own."""
    return space.project.logs / "postgresql.log" if space.database.embedded else None


def collect_questions(space: Space, path: Path) -> int:
    """Take what a server's log tells of analysts' questions into the audit log, from where the last time ended.

    Return how many questions there were. NotFound without the file.
    """
    auditor, total = Auditor(space), 0
    with space.database.connect() as conn:
        while True:
            count, more = _step(conn, auditor, path)
            conn.commit()
            total += count
            if not more:
                return total


def _step(conn: Connection, auditor: Auditor, path: Path) -> tuple[int, bool]:
    """Look through some of a log; return how many questions it held, and whether there is more of it."""
    try:
        with path.open("rb") as stream:
            stat = os.fstat(stream.fileno())
            row = conn.execute(
                "select device, inode, place from privacy.questions_heard where log = %s for update", (path.name,)
            ).fetchone()
            known = row is not None and row[:2] == (stat.st_dev, stat.st_ino) and row[2] <= stat.st_size
            place = row[2] if row is not None and known else 0
            stream.seek(place)
            content = stream.read(_MOST)
    except FileNotFoundError:
        raise NotFound(f"{path} is not there: name the log of the database's server.") from None
    whole = content[: content.rfind(b"\n") + 1]
    prefix = role_prefix(conn)
    found = [one for one in dict.fromkeys(_questions(whole)) if one[0].startswith(prefix)]
    for start in range(0, len(found), _AT_ONCE):
        some = found[start : start + _AT_ONCE]
        auditor.note(
            conn,
            *(Entry("read", f"analyst {role}", "sql", (), purpose, {"asked": at}) for role, purpose, at, _ in some),
        )
    conn.execute(
        "insert into privacy.questions_heard values (%s, %s, %s, %s) on conflict (log) do update set "
        "device = excluded.device, inode = excluded.inode, place = excluded.place",
        (path.name, stat.st_dev, stat.st_ino, place + len(whole)),
    )
    return len(found), bool(whole) and len(content) == _MOST


def _questions(content: bytes) -> Iterator[tuple[str, str, str, str]]:
    """Yield (role, purpose, time, process) of each line; a question that went through several gates has several alike."""
    for line in content.splitlines():
        told = _LINE.match(line) if MARK.encode() in line else None
        asker = told and _ASKER.search(told["prefix"])
        if told is not None and (not asker or asker.groups() == (told["process"], told["role"])):
            at = datetime.fromtimestamp(float(told["at"]), UTC)
            yield (
                told["role"].decode(),
                told["purpose"].decode("utf-8", "replace"),
                str(iso(at)),
                told["process"].decode(),
            )
