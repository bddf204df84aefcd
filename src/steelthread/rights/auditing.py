"""Writing to the audit log what is done with a space: reads for a purpose, operators' actions, changes of configuration."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from steelthread import identity
from steelthread.kit import SteelthreadError
from steelthread.privacy import Audit, Entry
from steelthread.thread import Space

Connection = psycopg.Connection[Any]
_CONFIGURATION = (
    "steelthread.toml", "identity.yaml", "profile.yaml", "purposes.yaml", "brands.yaml", "opendsr.yaml",
)  # fmt: skip
_FOLDERS = ("sources/*.yaml", "model/*.yaml", "access/*.yaml", "access/*.cedar")


class Auditor:
    """Writes the audit log of one space."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self.audit = Audit(space.vault)
        self._tokens: dict[str, tuple[tuple[int, int, int], str]] = {}

    def tokens(self, conn: Connection, refs: Sequence[str]) -> list[str]:
        """Return the tokens of whoever these references name; a reference that names nobody gives none."""
        reader = self._space.reader(conn)
        found = []
        for ref in refs:
            try:
                members = reader.members(ref)
            except SteelthreadError:
                continue
            if members:
                individual = identity.present(conn, members[0].node_id)[1]
                found.append(self.audit.token(individual.bytes))
        return found

    def note(self, conn: Connection, *entries: Entry, pause: float = 0.0) -> None:
        """Append in the caller's transaction, after a change of the configuration since the last entry.

        `pause`: seconds for which the other threads of the process come first after each entry.
        """
        self.audit.append(conn, [*self._changed(conn), *entries], pause)

    def read(self, actor: str, what: str, purpose: str, refs: Sequence[str] = ()) -> None:
        """Note that somebody reads about people for a purpose; it is durable before they see anything."""
        with self._space.database.connect() as conn:
            self.note(conn, Entry("read", actor, what, self.tokens(conn, refs), purpose))
            conn.commit()

    def act(self, actor: str, what: str, refs: Sequence[str] = (), **details: Any) -> None:
        """Note what an operator does."""
        with self._space.database.connect() as conn:
            self.note(conn, Entry("action", actor, what, self.tokens(conn, refs), details=details))
            conn.commit()

    def _changed(self, conn: Connection) -> list[Entry]:
        """Return an entry with the keyed digests of the configuration, when it is not the one that was noted last."""
        present = self._configuration()
        row = conn.execute(
            "select body from privacy.audit where number = (select number from privacy.audit_configuration)"
        ).fetchone()
        former = msgspec.json.decode(bytes(row[0]))["details"] if row else None
        if former == present:
            return []
        size = conn.execute("select size from privacy.audit_tree for update").fetchone()
        assert size is not None
        conn.execute(
            "insert into privacy.audit_configuration (number) values (%s) on conflict (one) do update set number = excluded.number",
            (size[0],),
        )
        return [Entry("configuration", "steelthread", "the configuration changed", details=present)]

    def _configuration(self) -> dict[str, str]:
        """Return path -> keyed digest of its content; a file that has not changed since is not read again."""
        folder = self._space.project.folder
        paths = list(_CONFIGURATION)
        for pattern in _FOLDERS:
            paths += sorted(f"{one.parent.name}/{one.name}" for one in folder.glob(pattern))
        return {path: token for path in paths if (token := self._token_of(folder, path))}

    def _token_of(self, folder: Path, path: str) -> str:
        try:
            stat = (folder / path).stat()
            mark = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            known = self._tokens.get(path)
            if known is None or known[0] != mark:
                known = self._tokens[path] = (mark, self.audit.token((folder / path).read_bytes()))
        except FileNotFoundError:
            return ""
        return known[1]
