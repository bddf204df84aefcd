"""One file that checks an audit log or an erasure certificate offline: `python checker.py FILE [PUBLIC KEY]`.

It needs Python and the package `cryptography`, nothing of Steelthread. The tree is that of RFC 9162, section 2.1: a leaf
is SHA-256(0x00 || entry), a node SHA-256(0x01 || left || right). A head is signed with Ed25519 (RFC 8032) over its
size and root; a certificate is a JSON Web Signature (RFC 7515, RFC 8037) whose digest is an entry of the log.
"""

import base64
import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

HEAD = b"steelthread tree head 1\n"
EMPTY = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def join(left: bytes, right: bytes) -> bytes:
    """Return the node above two nodes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Edge:
    """The right edge of a growing tree: the roots of its complete parts, largest first."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)

    def add(self, leaf: bytes) -> None:
        """Append a leaf."""
        node, size = leaf, self.size
        while size & 1:
            node = join(self.peaks.pop(), node)
            size >>= 1
        self.peaks.append(node)
        self.size += 1

    @property
    def root(self) -> bytes:
        """Root of the tree."""
        if not self.peaks:
            return EMPTY
        node = self.peaks[-1]
        for left in reversed(self.peaks[:-1]):
            node = join(left, node)
        return node


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes."""
    edge = Edge()
    for leaf in leaves:
        edge.add(leaf)
    return edge.root


def inclusion(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the proof that a leaf is in the tree (RFC 9162, 2.1.3.1)."""
    if len(leaves) == 1:
        return []
    middle = _split(len(leaves))
    if index < middle:
        return [*inclusion(leaves[:middle], index), root_of(leaves[middle:])]
    return [*inclusion(leaves[middle:], index - middle), root_of(leaves[:middle])]


def consistency(leaves: Sequence[bytes], former: int) -> list[bytes]:
    """Return the proof that a tree grew out of its first `former` leaves (RFC 9162, 2.1.4.1)."""
    return [] if former in (0, len(leaves)) else _subproof(leaves, former, whole=True)


def _subproof(leaves: Sequence[bytes], former: int, *, whole: bool) -> list[bytes]:
    if former == len(leaves):
        return [] if whole else [root_of(leaves)]
    middle = _split(len(leaves))
    if former <= middle:
        return [*_subproof(leaves[:middle], former, whole=whole), root_of(leaves[middle:])]
    return [*_subproof(leaves[middle:], former - middle, whole=False), root_of(leaves[:middle])]


def _split(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)


def is_included(leaf: bytes, index: int, size: int, proof: Iterable[bytes], root: bytes) -> bool:
    """Whether a proof shows that a leaf is at this place of the tree (RFC 9162, 2.1.3.2)."""
    if index >= size:
        return False
    place, last, node = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            node = join(step, node)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            node = join(node, step)
        place, last = place >> 1, last >> 1
    return last == 0 and node == root


def is_consistent(former: int, former_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether a proof shows that one tree grew out of another (RFC 9162, 2.1.4.2)."""
    if former == size:
        return former_root == root and not proof
    if former == 0 or former > size:
        return former == 0 and not proof
    steps = list(proof)
    if former & (former - 1) == 0:
        steps.insert(0, former_root)
    place, last = former - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    if not steps:
        return False
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = join(step, old), join(step, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = join(new, step)
        place, last = place >> 1, last >> 1
    return old == former_root and new == root and last == 0


def signed_head(size: int, root: bytes) -> bytes:
    """Return what is signed of a tree."""
    return HEAD + size.to_bytes(8, "big") + root


def is_signed(key: bytes, signature: bytes, content: bytes) -> bool:
    """Whether a signature is that of this key."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True


def first_bad(entries: Iterable[tuple[int, bytes, bytes]], key: bytes) -> tuple[int, str] | tuple[Edge, str]:
    """Return (number, why) of the first bad (number, entry, signature), or (edge of the whole tree, "")."""
    edge = Edge()
    for number, entry, signature in entries:
        if number != edge.size:
            return edge.size, f"entry {edge.size} is missing: {number} follows"
        try:
            told = json.loads(entry).get("n")
        except (ValueError, AttributeError):
            told = None
        if told != number:
            return number, "the entry is not the one that was written at this place"
        edge.add(leaf_hash(entry))
        if not is_signed(key, signature, signed_head(edge.size, edge.root)):
            return number, "the entry, or one before it, is not what was signed"
    return edge, ""


def from_text(text: str) -> bytes:
    """Read base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def check_certificate(content: dict[str, Any], key: bytes) -> str:
    """Return what is wrong with a certificate; empty when nothing is."""
    jws, audit = content["certificate"], content["audit"]
    signing, _, signature = jws.rpartition(".")
    if not is_signed(key, from_text(signature), signing.encode()):
        return "the certificate is not signed by this key, or was changed"
    root = bytes.fromhex(audit["root"])
    if not is_signed(key, bytes.fromhex(audit["signature"]), signed_head(audit["size"], root)):
        return "the head of the audit log is not signed by this key, or was changed"
    entry = audit["entry"].encode()
    if json.loads(entry).get("certificate") != hashlib.sha256(jws.encode()).hexdigest():
        return "the entry of the audit log is of another certificate"
    proof = [bytes.fromhex(step) for step in audit["proof"]]
    if not is_included(leaf_hash(entry), audit["index"], audit["size"], proof, root):
        return "the audit log does not contain the certificate"
    return ""


def _check_log(lines: list[str], key: bytes) -> str:
    entries = (json.loads(line) for line in lines)
    rows = ((one["number"], one["entry"].encode(), bytes.fromhex(one["signature"])) for one in entries)
    bad, why = first_bad(rows, key)
    return f"entry {bad}: {why}" if why else ""


def main(arguments: Sequence[str]) -> int:
    """Check a file; the key is the operator's published one, else that which the file names."""
    text = Path(arguments[0]).read_text("utf-8")
    first = json.loads(text.partition("\n")[0])
    key = bytes.fromhex(arguments[1] if len(arguments) > 1 else first["publicKey"])
    if "certificate" in first:
        wrong = check_certificate(first, key)
        told = json.dumps(json.loads(from_text(first["certificate"].split(".")[1])), indent=2)
    else:
        lines = text.splitlines()[1:]
        wrong, told = _check_log(lines, key), f"{len(lines)} entries"
    sys.stdout.write(f"{wrong or told}\n{'BAD' if wrong else 'GOOD'}, key {key.hex()}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
