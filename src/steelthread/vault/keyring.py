"""The vault: data keys by subject, blind indexes, keys of log partitions."""

import hashlib
import os
import secrets
import shutil
import sys
import threading
import time
from array import array
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from steelthread.kit import Invalid, NotFound, Unavailable
from steelthread.vault import shards
from steelthread.vault.shards import ENTRY, HEADER, Shard
from steelthread.vault.spare import Spare

_PER_SHARD = 512
_DESTROYED = "destroyed"
"""File that is written anew whenever keys were destroyed."""
_CACHE_BYTES = 192 << 20
"""Shard files kept in memory: those of 2.9 million subjects."""
_RENEWED_AT_ONCE = 4
_LOOKS_SECONDS = 1.0


class Shredded(NotFound):
    """The data key was destroyed: what it sealed cannot be opened by anyone."""


class VaultStatus(msgspec.Struct):
    """What a keyring holds."""

    folder: str
    shards: int
    subjects: int
    partitions: int
    bytes: int
    root_key: str


class Vault:
    """A keyring folder, opened."""

    def __init__(self, folder: Path, root: bytes, source: str) -> None:
        self._folder = folder
        self._shards = str(folder / "shards")
        self._root = AESGCM(root)
        self._source = source
        self._cache: OrderedDict[int, tuple[tuple[int, int], Shard]] = OrderedDict()
        self._cached = 0
        self._caching = threading.RLock()
        self._spare: Spare | None = None
        self._partitions: dict[str, bytes] = {}
        self._told = b""
        index = self._index_key()
        # HMAC (RFC 2104) with both keyed states made once: half the time of the module's own copies.
        block = index.ljust(64, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))
        digest_key = hashlib.blake2b(b"digest", key=index, digest_size=32).digest()
        self._digest = hashlib.blake2b(key=digest_key, digest_size=16)
        token_key = hashlib.blake2b(b"token", key=index, digest_size=32).digest()
        self._token = hashlib.blake2b(key=token_key, digest_size=8)

    # -- data keys -----------------------------------------------------------------------------------------------

    def new_subjects(self, count: int) -> list[tuple[int, bytes]]:
        """Make data keys for new subjects; they are on disk when this returns (one sync per shard file)."""
        return (self._spare and self._spare.take(count)) or self._made(count)

    @contextmanager
    def with_spare(self, most: int) -> Iterator[None]:
        """Make some data keys ahead meanwhile: who asks `new_subjects` for a few does not wait for the disk then."""
        self._spare = Spare(self._made, most)
        try:
            yield
        finally:
            spare, self._spare = self._spare, None
            spare.close()

    def _made(self, count: int) -> list[tuple[int, bytes]]:
        made: list[tuple[int, bytes]] = []
        with shards.locked(self._folder / "keyring.lock", shared=True):
            while len(made) < count:
                made += self._append(secrets.randbelow(shards.SHARDS), min(_PER_SHARD, count - len(made)))
        return made

    def _append(self, number: int, count: int) -> list[tuple[int, bytes]]:
        path = shards.shard_path(self._folder, number)
        with shards.locked(path.with_suffix(".lock")):
            shards.mend(path)
            if not path.exists():
                shards.write_synced(path, shards.fresh(self._root, number))
            shard = self._shard(number)
            assert shard is not None
            subjects: dict[int, None] = {}
            while len(subjects) < count:
                drawn = (shards.new_subject(number, chance) for chance in _random(count - len(subjects), 8))
                subjects.update((subject, None) for subject in drawn if not shard.holds(subject))
            made = dict(zip(subjects, _random(count, 32), strict=True))
            whole = HEADER + (len(shard.content) - HEADER) // ENTRY * ENTRY
            body = bytearray(ENTRY * count)
            for place, (subject, key, nonce) in enumerate(zip(made, made.values(), _random(count, 12), strict=True)):
                body[ENTRY * place : ENTRY * (place + 1)] = shard.wrap(subject, key, nonce)
            descriptor = os.open(path, os.O_WRONLY)
            try:
                os.ftruncate(descriptor, whole)
                os.pwrite(descriptor, body, whole)
                os.fsync(descriptor)
            except OSError as error:
                raise Unavailable(
                    f"The keyring cannot be written ({error.strerror}): free space, then go on."
                ) from None
            finally:
                os.close(descriptor)
                body[:] = bytes(len(body))  # no wrapped key outlasts its subject in memory that was given back
        return list(made.items())

    def key(self, subject: int) -> bytes:
        """Return a subject's data key; Shredded when it is gone."""
        shard = self._shard(shards.shard_of(subject))
        key = shard.find(subject) if shard else None
        if key is None:
            raise Shredded("The data key of this subject was destroyed.")
        return key

    def keys(self, subjects: Iterable[int]) -> dict[int, bytes]:
        """Return the data keys of many subjects; those that are gone are left out."""
        return Reading(self).keys(subjects)

    def reading(self) -> "Reading":
        """Return what opens many subjects bit by bit."""
        return Reading(self)

    def shard(self, number: int) -> Shard | None:
        """Return a shard as it is on disk, None when there is none."""
        return self._shard(number)

    def _shard(self, number: int) -> Shard | None:
        path = shards.shard_file(self._shards, number)
        try:
            stat = os.stat(path)  # noqa: PTH116  # for every reading: a Path would take longer than the question
        except FileNotFoundError:
            return None
        mark = (stat.st_ino, stat.st_size)
        cached = self._cache.get(number)
        if cached is not None and cached[0] == mark:
            with suppress(KeyError):  # another thread may have let it go
                self._cache.move_to_end(number)
            return cached[1]
        with self._caching:
            cached = self._cache.get(number)
            shard = shards.read(path, self._root, number)
            if cached is not None and cached[0][0] != mark[0]:  # another generation: somebody is gone
                cached[1].forget(cached[1].subjects() - shard.subjects())
            self._cached += len(shard.content) - (len(cached[1].content) if cached else 0)
            self._cache[number] = (mark, shard)
            self._cache.move_to_end(number)
            while self._cached > _CACHE_BYTES and len(self._cache) > 1:
                _, (_, gone) = self._cache.popitem(last=False)
                self._cached -= len(gone.content)
        return shard

    # -- forgetting ----------------------------------------------------------------------------------------------

    def shred(self, subjects: Iterable[int]) -> int:
        """Destroy data keys, shard by shard; return how many there were. Neighbours keep theirs, whatever happens."""
        grouped: dict[int, set[int]] = defaultdict(set)
        for subject in subjects:
            grouped[shards.shard_of(subject)].add(subject)
        with shards.locked(self._folder / "keyring.lock"):
            with ThreadPoolExecutor(_RENEWED_AT_ONCE, "shred") as beside:  # a shard waits for the disk mostly
                count = sum(beside.map(self._renew, grouped.keys(), grouped.values()))
            self._tell()
        return count

    def _tell(self) -> None:
        """Have all processes that have this keyring open forget what was destroyed."""
        (self._folder / _DESTROYED).write_bytes(os.urandom(8))

    def refresh(self) -> bool:
        """Forget what other processes destroyed; return whether there was anything. It costs one small reading."""
        try:
            told = (self._folder / _DESTROYED).read_bytes()
        except FileNotFoundError:
            return False
        if told == self._told:
            return False
        for number in list(self._cache):
            if self._shard(number) is None:
                self._forget(number)
        for name in list(self._partitions):
            if not (self._folder / "partitions" / f"{name}.key").exists():
                self._partitions.pop(name, None)
        self._told = told
        return True

    def _forget(self, number: int) -> None:
        known = self._cache.pop(number, None)
        if known is not None:
            self._cached -= len(known[1].content)

    def _renew(self, number: int, without: set[int], root: AESGCM | None = None) -> int:
        path = shards.shard_path(self._folder, number)
        with shards.locked(path.with_suffix(".lock")):
            shards.mend(path)
            with self._caching:
                shard = self._shard(number)
            if shard is None:
                return 0
            there = sum(shard.find(subject) is not None for subject in without)
            if there or not without:
                shards.replace_generation(path, shards.next_generation(shard, root or self._root, without))
                shard.forget({subject.to_bytes(8, "big") for subject in without})
            with self._caching:
                self._forget(number)
        return there

    def rotate(self) -> None:
        """Give every shard a new generation under a new shard key."""
        with shards.locked(self._folder / "keyring.lock"):
            for number in self._numbers():
                self._renew(number, set())

    def _numbers(self) -> list[int]:
        return sorted(int(path.stem, 16) for path in (self._folder / "shards").glob("*/*.ring"))

    # -- keyed hashes --------------------------------------------------------------------------------------------

    def blind(self, kind: str, value: str) -> bytes:
        """Return the blind index of a value: 16 bytes of HMAC-SHA-256."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(f"{kind}\x00{value}".encode())
        outer.update(inner.digest())
        return outer.digest()[:16]

    def digest(self, content: bytes) -> bytes:
        """Return 16 bytes of keyed BLAKE2b: tells content apart without telling what it is."""
        digest = self._digest.copy()
        digest.update(content)
        return digest.digest()

    def token(self, text: str) -> int:
        """Return a signed 64-bit keyed hash; never 0."""
        token = self._token.copy()
        token.update(text.encode())
        return int.from_bytes(token.digest(), "big", signed=True) or 1

    def tokens(self, start: str, texts: Iterable[str]) -> bytes:
        """Return the tokens of many texts that begin alike, one after the other as 64-bit numbers of this machine."""
        begun = self._token.copy()
        begun.update(start.encode())
        found = []
        for text in texts:
            token = begun.copy()
            token.update(text.encode())
            found.append(token.digest())
        told = array("q", b"".join(found))
        if sys.byteorder == "little":
            told.byteswap()
        while 0 in told:
            told[told.index(0)] = 1
        return told.tobytes()

    def _index_key(self) -> bytes:
        return self._named("index.key", create=True)

    # -- partitions ----------------------------------------------------------------------------------------------

    def partition_key(self, name: str, *, create: bool = True) -> bytes:
        """Return the key of a log partition; Shredded when it was destroyed (or never made, without `create`)."""
        path = self._folder / "partitions" / f"{name}.key"
        known = self._partitions.get(name)
        if known is None or not path.exists():
            self._partitions.pop(name, None)
            known = self._partitions[name] = self._named(f"partitions/{name}.key", create=create)
        return known

    def destroy_partition_key(self, name: str) -> None:
        """Destroy the key of a log partition."""
        path = self._folder / "partitions" / f"{name}.key"
        self._partitions.pop(name, None)
        if path.exists():
            shards.zero(path)
            self._tell()

    def secret(self, name: str) -> bytes:
        """Return a secret of this keyring, 32 bytes, made on first use: a pepper, a signing key."""
        return self._named(f"{name}.key", create=True)

    def _named(self, name: str, *, create: bool) -> bytes:
        path = self._folder / name
        if not path.exists():
            if not create:
                raise Shredded("The key of this partition was destroyed.")
            with shards.locked(self._folder / "keyring.lock"):
                if not path.exists():
                    nonce = os.urandom(12)
                    wrapped = self._root.encrypt(nonce, os.urandom(32), name.encode())
                    shards.write_synced(path, nonce + wrapped)
        content = path.read_bytes()
        try:
            return self._root.decrypt(content[:12], content[12:], name.encode())
        except InvalidTag:
            raise Unavailable(
                "The root key does not fit this keyring: give the right one in STEELTHREAD_KEYRING_ROOT_KEY or root.key."
            ) from None

    def status(self) -> VaultStatus:
        """Say what the keyring holds."""
        sizes = [path.stat().st_size for path in (self._folder / "shards").glob("*/*.ring")]
        return VaultStatus(
            folder=str(self._folder),
            shards=len(sizes),
            subjects=sum((size - HEADER) // ENTRY for size in sizes),
            partitions=len(list((self._folder / "partitions").glob("*.key"))),
            bytes=sum(sizes),
            root_key=self._source,
        )


class Reading:
    """Reads the keys of many subjects, some at a time, as one who reads them all at once does.

    A shard is looked at again when a second has passed; what is destroyed in between may be read once more.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._looked: dict[int, Shard | None] = {}
        self._until = 0.0

    def keys(self, subjects: Iterable[int]) -> dict[int, bytes]:
        """Return the data keys of subjects; those that are gone are left out."""
        if time.monotonic() > self._until:
            self._looked, self._until = {}, time.monotonic() + _LOOKS_SECONDS
        looked, found = self._looked, {}
        for subject in set(subjects):
            number = shards.shard_of(subject)
            if number not in looked:
                looked[number] = self._vault.shard(number)
            shard = looked[number]
            key = shard.find(subject) if shard else None
            if key is not None:
                found[subject] = key
        return found


def _random(count: int, size: int) -> list[bytes]:
    """Return so many pieces of random bytes, asked for once: each question costs more than what it gives."""
    whole = os.urandom(count * size)
    return [whole[start : start + size] for start in range(0, len(whole), size)]


def open_vault(folder: Path, root_key: str = "") -> Vault:
    """Open a keyring, making it on first use; `root_key` is 64 hexadecimal digits, else the file `root.key` serves."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    if root_key:
        try:
            root = bytes.fromhex(root_key)
        except ValueError:
            root = b""
        if len(root) != 32:
            raise Invalid("The root key must be 64 hexadecimal digits (STEELTHREAD_KEYRING_ROOT_KEY).")
        return Vault(folder, root, "setting")
    path = folder / "root.key"
    if not path.exists():
        with shards.locked(folder / "keyring.lock"):
            if not path.exists() and (folder / "index.key").exists():
                raise Unavailable(
                    f"{path} is missing: put it back, or give the root key in STEELTHREAD_KEYRING_ROOT_KEY."
                )
            if not path.exists():
                shards.write_synced(path, os.urandom(32))
    return Vault(folder, path.read_bytes(), "file root.key")


def snapshot(folder: Path, target: Path) -> None:
    """Copy a keyring while it is in use; no shred runs meanwhile."""
    with shards.locked(folder / "keyring.lock"):
        shutil.copytree(folder, target, ignore=shutil.ignore_patterns("*.lock", "*.next", "*.gone"))
