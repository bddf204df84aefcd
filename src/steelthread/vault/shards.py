"""Shard files of the keyring: append-only generations of wrapped data keys.

A file is `STK1`, the shard key wrapped by the root key (60 bytes), then entries of 68 bytes: subject (8), nonce (12),
wrapped data key (48). A new generation is written beside, synced, renamed over; the old bytes are zeroed.
"""

import fcntl
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from steelthread.kit import Unavailable

MAGIC = b"STK1"
HEADER = len(MAGIC) + 12 + 48
ENTRY = 8 + 12 + 48
SHARDS = 4096
_SHIFT = 50
_MARK = 7
"""Which byte of a subject tells where to look for its entry: the last one, which is random."""


def shard_of(subject: int) -> int:
    """Return the shard that holds a subject's key."""
    return subject >> _SHIFT


def new_subject(shard: int, chance: bytes) -> int:
    """Return a new subject number of a shard, of 8 random bytes."""
    return (shard << _SHIFT) | (int.from_bytes(chance, "big") >> (64 - _SHIFT))


def shard_path(folder: Path, shard: int) -> Path:
    """Return the file of a shard."""
    return Path(shard_file(str(folder / "shards"), shard))


def shard_file(folder: str, shard: int) -> str:
    """Return the file of a shard below the folder of all shards."""
    name = f"{shard:03x}"
    return f"{folder}/{name[:2]}/{name}.ring"


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold a file lock."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_synced(path: Path, content: bytes) -> None:
    """Write a new file beside, sync it, and rename it over."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    beside = path.with_name(path.name + ".next")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    beside.replace(path)
    sync_folder(path.parent)


def replace_generation(path: Path, content: bytes) -> None:
    """Put a new generation in place and zero the bytes of the old one; a crash in between is mended by `mend`."""
    gone = path.with_name(path.name + ".gone")
    gone.unlink(missing_ok=True)
    os.link(path, gone)
    write_synced(path, content)
    zero(gone)


def zero(path: Path) -> None:
    """Overwrite a file's bytes, then remove it."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        size = os.fstat(descriptor).st_size
        os.pwrite(descriptor, b"\x00" * size, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    path.unlink()
    sync_folder(path.parent)


def mend(path: Path) -> None:
    """Finish what a crash cut off: destroy an old generation that is no longer the current one."""
    gone = path.with_name(path.name + ".gone")
    if gone.exists():
        if path.exists() and gone.stat().st_ino == path.stat().st_ino:
            gone.unlink()
        else:
            zero(gone)
    path.with_name(path.name + ".next").unlink(missing_ok=True)


class Shard:
    """One shard's content, opened."""

    def __init__(self, content: bytearray, root: AESGCM, number: int) -> None:
        self.content = content
        self.number = number
        view = memoryview(content)
        if content[:4] != MAGIC:
            raise Unavailable(f"Shard {number:03x} of the keyring is damaged: restore the keyring from a backup.")
        try:
            key = root.decrypt(view[4:16], view[16:HEADER], _shard_context(number))
        except InvalidTag:
            raise Unavailable(
                "The root key does not fit this keyring: give the right one in STEELTHREAD_KEYRING_ROOT_KEY or root.key."
            ) from None
        self.key = AESGCM(key)
        whole = HEADER + (len(content) - HEADER) // ENTRY * ENTRY
        self._marks = content[HEADER + _MARK : whole : ENTRY]

    def find(self, subject: int) -> bytes | None:
        """Return the data key of a subject, None when there is none."""
        wanted = subject.to_bytes(8, "big")
        start = self._start(wanted)
        if start == -1:
            return None
        entry = memoryview(self.content)[start : start + ENTRY]  # no copy that would outlive the key
        try:
            return self.key.decrypt(entry[8:20], entry[20:], wanted)
        except InvalidTag:
            return None

    def holds(self, subject: int) -> bool:
        """Whether there is an entry of a subject."""
        return self._start(subject.to_bytes(8, "big")) != -1

    def _start(self, wanted: bytes) -> int:
        """Return where the entry of a subject begins, -1 when there is none.

        The last byte of each entry's subject tells where to look: to search the whole content takes time as it grows.
        """
        mark, place = wanted[_MARK:], self._marks.find(wanted[_MARK:])
        while place != -1:
            start = HEADER + place * ENTRY
            if self.content.startswith(wanted, start):
                return start
            place = self._marks.find(mark, place + 1)
        return -1

    def subjects(self) -> set[bytes]:
        """Return the subjects of all whole entries, as they are written."""
        ends = range(HEADER, len(self.content) - ENTRY + 1, ENTRY)
        return {bytes(self.content[start : start + 8]) for start in ends}

    def forget(self, subjects: Collection[bytes]) -> None:
        """Overwrite wrapped keys in memory: they were destroyed on disk. Whoever uses the others meanwhile is not disturbed."""
        for wanted in subjects:
            start = self._start(wanted)
            if start != -1:
                self.content[start : start + ENTRY] = bytes(ENTRY)

    def rewrapped(self, after: "Shard", without: Collection[int]) -> Iterator[bytes]:
        """Yield the entries of all subjects but these, wrapped by another shard's key."""
        content = memoryview(self.content)
        starts = range(HEADER, len(content) - ENTRY + 1, ENTRY)
        nonces = memoryview(os.urandom(12 * len(starts)))
        gone = {subject.to_bytes(8, "big") for subject in without}
        unwrap, wrap = self.key.decrypt, after.key.encrypt
        for number, start in enumerate(starts):
            name = bytes(content[start : start + 8])
            if name in gone:
                continue
            try:
                key = unwrap(content[start + 8 : start + 20], content[start + 20 : start + ENTRY], name)
            except InvalidTag:
                continue  # it was forgotten
            nonce = bytes(nonces[12 * number : 12 * number + 12])
            yield name + nonce + wrap(nonce, key, name)

    def wrap(self, subject: int, key: bytes, nonce: bytes) -> bytes:
        """Return the entry of a subject; a nonce of 12 random bytes serves once."""
        name = subject.to_bytes(8, "big")
        return name + nonce + self.key.encrypt(nonce, key, name)


def read(path: str, root: AESGCM, number: int) -> Shard:
    """Read a shard file."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123  # for every reading: no Path, and no copy in a buffer
        content = bytearray(os.fstat(file.fileno()).st_size)
        whole = file.readinto(content)
    return Shard(content[:whole] if whole < len(content) else content, root, number)


def _shard_context(number: int) -> bytes:
    return b"shard" + number.to_bytes(2, "big")


def fresh(root: AESGCM, number: int) -> bytes:
    """Return the header of a new generation, with a new shard key."""
    nonce = os.urandom(12)
    return MAGIC + nonce + root.encrypt(nonce, os.urandom(32), _shard_context(number))


def next_generation(shard: Shard, root: AESGCM, without: Collection[int]) -> bytes:
    """Return a shard's next generation: a new shard key, everyone rewrapped but those who go."""
    head = fresh(root, shard.number)
    after = Shard(bytearray(head), root, shard.number)
    return head + b"".join(shard.rewrapped(after, without))
