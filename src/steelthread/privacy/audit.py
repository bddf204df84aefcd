"""The audit log: who did what with personal data, for which purpose, in an order that nobody can change unseen.

Entries are leaves of a Merkle tree; each is stored with the signed head of the tree that it completes, so a verifier
names the first entry that was flipped, dropped, put elsewhere or slipped in. Entries are pseudonymous: a person is a
token under a key of the keyring, so the log outlives erasure.
"""

import hashlib
import hmac
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from steelthread.kit import Conflict, iso, now
from steelthread.privacy import checker
from steelthread.privacy.checker import Edge
from steelthread.privacy.proofs import Grown
from steelthread.store import Byteas, Int8s
from steelthread.vault import Vault

Connection = psycopg.Connection[Any]
Kind = Literal[
    "read", "decision", "delivery", "consent", "action", "configuration", "erasure", "request", "certificate"
]
_JSON = msgspec.json.Encoder(order="sorted").encode
_PEAK = 32
HEADS = "audit.heads"
"""File of the data folder with the heads that were seen: a log that was cut short, or forked, no longer fits them."""


class Entry(msgspec.Struct, frozen=True):
    """What is written of an event."""

    kind: Kind
    actor: str
    what: str
    subjects: Sequence[str] = ()
    """Tokens of the people concerned."""
    purpose: str = ""
    details: dict[str, Any] = {}
    certificate: str = ""


class Head(msgspec.Struct, frozen=True, rename="camel"):
    """A signed head of the log."""

    size: int
    root: str
    signature: str
    public_key: str
    at: datetime


class Checked(msgspec.Struct, rename="camel"):
    """What a verification found."""

    entries: int
    root: str
    good: bool
    first_bad: int | None = None
    why: str = ""


class Audit:
    """The audit log of one space."""

    def __init__(self, vault: Vault) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(vault.secret("signing"))
        self._people = vault.secret("audit-people")
        self.public_key = self._key.public_key().public_bytes_raw()

    def token(self, name: bytes) -> str:
        """Return what the log calls a person, or anything else that must not stand in it."""
        return hmac.new(self._people, name, hashlib.sha256).hexdigest()[:32]

    def sign(self, content: bytes) -> bytes:
        """Sign with the space's key."""
        return self._key.sign(content)

    def append(self, conn: Connection, entries: Sequence[Entry], pause: float = 0.0) -> int:
        """Append in the caller's transaction; return the number of the last entry.

        With a `pause` (seconds) the other threads come first after each entry: signing holds the interpreter.
        """
        before, bodies = self._append(conn, entries, pause)
        return before.size + len(bodies) - 1

    def append_proved(self, conn: Connection, entries: Sequence[Entry]) -> list[dict[str, Any]]:
        """Append in the caller's transaction; return each entry with the proof that the log, as it then is, contains it."""
        before, bodies = self._append(conn, entries)
        leaves = [checker.leaf_hash(body) for body in bodies]
        tree, edge = Grown(before, leaves), Edge(before.size, before.peaks)
        for leaf in leaves:
            edge.add(leaf)
        head = msgspec.to_builtins(self._head(edge))
        return [
            {"entry": body.decode(), "index": number, "proof": [step.hex() for step in tree.proof(number)], **head}
            for number, body in enumerate(bodies, before.size)
        ]

    def _append(self, conn: Connection, entries: Sequence[Entry], pause: float = 0.0) -> tuple[Edge, list[bytes]]:
        """Append; return the edge of the tree before, and what was written."""
        row = conn.execute("select size, peaks from privacy.audit_tree for update").fetchone()
        assert row is not None
        edge = Edge(row[0], [row[1][start : start + _PEAK] for start in range(0, len(row[1]), _PEAK)])
        before = Edge(edge.size, edge.peaks)
        moment = now()
        numbers, bodies, signatures = [], [], []
        for one in entries:
            number = edge.size
            body = _JSON({"n": number, "at": iso(moment), **_said(one)})
            edge.add(checker.leaf_hash(body))
            numbers.append(number)
            bodies.append(body)
            signatures.append(self.sign(checker.signed_head(edge.size, edge.root)))
            if pause:
                time.sleep(pause)
        conn.execute(
            "with grown as (update privacy.audit_tree set size = %s, peaks = %s) "
            "insert into privacy.audit select number, %s, body, signature "
            "from unnest(%s, %s, %s) as told (number, body, signature)",
            (edge.size, b"".join(edge.peaks), moment, Int8s(numbers), Byteas(bodies), Byteas(signatures)),
        )
        return before, bodies

    def entries(self, conn: Connection) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield (number, entry, signature) of all entries in order."""
        with conn.cursor(name="audit") as cursor:
            cursor.execute("select number, body, signature from privacy.audit order by number")
            for number, body, signature in cursor:
                yield number, bytes(body), bytes(signature)

    def head(self, conn: Connection) -> Head:
        """Return the signed head of the log as it is now."""
        row = conn.execute("select size, peaks from privacy.audit_tree").fetchone()
        assert row is not None
        edge = Edge(row[0], [row[1][start : start + _PEAK] for start in range(0, len(row[1]), _PEAK)])
        return self._head(edge)

    def _head(self, edge: Edge) -> Head:
        signature = self.sign(checker.signed_head(edge.size, edge.root))
        return Head(edge.size, edge.root.hex(), signature.hex(), self.public_key.hex(), now())

    def proof(self, conn: Connection, number: int) -> dict[str, Any]:
        """Return an entry with the proof that the log, as it is now, contains it."""
        entries = [entry for _, entry, _ in self.entries(conn)]
        leaves = [checker.leaf_hash(entry) for entry in entries]
        head = msgspec.to_builtins(self._head(_edge(leaves)))
        steps = [step.hex() for step in checker.inclusion(leaves, number)]
        return {"entry": entries[number].decode(), "index": number, "proof": steps, **head}

    def verify(self, conn: Connection, folder: Path | None = None) -> Checked:
        """Check every entry, and that the log grew out of all heads seen before; keep the present head beside them.

        In a transaction of its own: what the caller has not committed is rolled back.
        """
        conn.rollback()
        conn.execute("set transaction isolation level repeatable read")
        seen = _heads(folder)
        roots: dict[int, str] = {}
        wanted = {head.size for head in seen}

        def watched() -> Iterator[tuple[int, bytes, bytes]]:
            edge = Edge()
            for number, entry, signature in self.entries(conn):
                edge.add(checker.leaf_hash(entry))
                if edge.size in wanted:
                    roots[edge.size] = edge.root.hex()
                yield number, entry, signature

        found, why = checker.first_bad(watched(), self.public_key)
        row = conn.execute("select size from privacy.audit_tree").fetchone()
        conn.rollback()
        if isinstance(found, int):
            return Checked(found, "", good=False, first_bad=found, why=why)
        size = row[0] if row else 0
        missing = max([size, *wanted], default=0)
        if found.size < missing:
            return Checked(found.size, found.root.hex(), False, found.size, f"the log had {missing} entries")
        for head in seen:
            if head.size and roots[head.size] != head.root:
                return Checked(
                    found.size,
                    found.root.hex(),
                    False,
                    head.size - 1,
                    "the log was another one when it was seen before",
                )
        if folder is not None:
            with (folder / HEADS).open("ab") as stream:
                stream.write(_JSON(self._head(found)) + b"\n")
        return Checked(found.size, found.root.hex(), good=True)

    def export(self, conn: Connection, target: Path) -> int:
        """Write the log for the one-file checker, a line per entry; return how many there are."""
        if target.exists():
            raise Conflict(f"{target} is there already: choose another name.")
        count = 0
        with target.open("xb") as stream:
            stream.write(_JSON({"publicKey": self.public_key.hex(), "log": "steelthread audit 1"}) + b"\n")
            for number, entry, signature in self.entries(conn):
                stream.write(_JSON({"number": number, "entry": entry.decode(), "signature": signature.hex()}) + b"\n")
                count += 1
        return count


def _said(one: Entry) -> dict[str, Any]:
    content = {"kind": one.kind, "actor": one.actor, "what": one.what, "subjects": list(one.subjects), "purpose": one.purpose,
               "details": one.details, "certificate": one.certificate}  # fmt: skip
    return {name: value for name, value in content.items() if value}


def _edge(leaves: Sequence[bytes]) -> Edge:
    edge = Edge()
    for leaf in leaves:
        edge.add(leaf)
    return edge


def _heads(folder: Path | None) -> list[Head]:
    path = folder / HEADS if folder is not None else None
    if path is None or not path.exists():
        return []
    return [msgspec.json.decode(line, type=Head) for line in path.read_bytes().splitlines()]
