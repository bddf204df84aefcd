"""The needle scan: is a value anywhere, in any form? Files as they lie and decoded, tables as PostgreSQL gives them out.

A search of raw bytes alone proves nothing: compressed values (TOAST, Parquet, gzip, Excel) do not show.
"""

import base64
import gzip
import hashlib
import mmap
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import phonenumbers
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from ahocorasick_rs import BytesAhoCorasick

Connection = psycopg.Connection[Any]
_CHUNK = 8 << 20
_OVERLAP = 4096
_SMALL = 8
_EXACT = ("base64", "binary")
"""Forms that are compared as they are; the others in lower case."""
_SYSTEM = ("pg_catalog", "information_schema")


class Hit(msgspec.Struct, frozen=True, rename="camel"):
    """A place where a needle was found; needles are numbered from 0, so that a report holds none."""

    where: str
    format: str
    needle: int
    form: str


class Needles:
    """What is looked for: each value in any case, and with `derived` in the forms in which values hide."""

    def __init__(self, values: Iterable[str], *, derived: bool = False) -> None:
        patterns: dict[bytes, tuple[int, str]] = {}
        for number, value in enumerate(values):
            for form, pattern in _derived(value) if derived else [("text", value.lower().encode())]:
                if pattern:
                    patterns.setdefault(pattern, (number, form))
        self._lower = _Finder({one: told for one, told in patterns.items() if not told[1].startswith(_EXACT)})
        self._exact = _Finder({one: told for one, told in patterns.items() if told[1].startswith(_EXACT)})

    def found(self, content: bytes) -> set[tuple[int, str]]:
        """Return (needle, form) of all that is in these bytes; text is compared in lower case."""
        return self._lower.found(content.lower()) | self._exact.found(content)


class _Finder:
    """Finds any number of patterns in one pass (Aho and Corasick, 1975)."""

    def __init__(self, patterns: Mapping[bytes, tuple[int, str]]) -> None:
        self._told = list(patterns.values())
        self._automaton = BytesAhoCorasick(list(patterns)) if patterns else None

    def found(self, content: bytes) -> set[tuple[int, str]]:
        if self._automaton is None:
            return set()
        matches = self._automaton.find_matches_as_indexes(content, overlapping=True)
        return {self._told[number] for number in {number for number, _, _ in matches}}


def _derived(value: str) -> list[tuple[str, bytes]]:
    text = value.strip()
    raw = text.encode()
    forms = [("text", text.lower().encode()), ("url", quote(text.lower(), safe="").lower().encode())]
    forms += [
        ("utf-16", text.lower().encode("utf-16-le")[:-1]),
        ("hex", raw.hex().encode()),
    ]  # in either order of bytes
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw)
        forms.append((f"base64+{shift}", whole[(shift * 8 + 5) // 6 :].rstrip(b"=")[:-1]))
    digits = "".join(one for one in text if one.isdigit())
    is_phone = text.startswith("+") and len(digits) >= _SMALL
    for name in ("md5", "sha1", "sha256"):
        for of, told in (("", text.lower()), *((("digits ", digits),) if is_phone else ())):
            digest = hashlib.new(name, told.encode(), usedforsecurity=False)
            forms += [(f"{of}{name}", digest.hexdigest().encode()), (f"binary {of}{name}", digest.digest())]
    if is_phone:
        forms += [("digits", digits.encode()), ("national", digits[-9:].encode()), *_written(text)]
    return [(name, pattern) for name, pattern in forms if len(pattern) >= 3]


def _written(phone: str) -> list[tuple[str, bytes]]:
    """Return how people write a number of E.164: with blanks and dashes, with and without its country."""
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return []
    formats = phonenumbers.PhoneNumberFormat
    ways = {
        phonenumbers.format_number(number, one).lower()
        for one in (formats.INTERNATIONAL, formats.NATIONAL, formats.RFC3966)
    }
    return [("written", way.encode()) for way in sorted(ways | {way.replace(" ", "-") for way in ways})]


def scan_files(folders: Iterable[Path], needles: Needles, *, inside: bool = True) -> tuple[int, list[Hit]]:
    """Search every file below these folders; return how many there were, and the hits."""
    count = 0
    hits: list[Hit] = []
    for folder in folders:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
            if path.is_file() and not path.is_symlink():
                count += 1
                hits += _file(path, needles, inside=inside)
    return count, hits


def _file(path: Path, needles: Needles, *, inside: bool) -> Iterator[Hit]:
    seen: set[tuple[str, int, str]] = set()
    try:
        for form, content in _contents(path, inside=inside):
            for number, how in needles.found(content):
                if (form, number, how) not in seen:
                    seen.add((form, number, how))
                    yield Hit(str(path), form, number, how)
    except (FileNotFoundError, PermissionError):
        return


def _contents(path: Path, *, inside: bool) -> Iterator[tuple[str, bytes]]:
    """Yield (format, bytes) of a file: as it lies, and decoded where it is of a format that packs."""
    with path.open("rb") as stream:
        if path.stat().st_size == 0:
            return
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            for start in range(0, len(content), _CHUNK):
                yield "raw", content[max(0, start - _OVERLAP) : start + _CHUNK]
            head, mark = content[:4], content[257:262]
            tail = content[-4:]
    if not inside:
        return
    if head[:2] == b"\x1f\x8b":
        yield from _gzip(path)
    elif head == b"PK\x03\x04":
        yield from _zip(path)
    elif head == b"PAR1" and tail == b"PAR1":
        yield from _parquet(path)
    elif mark == b"ustar":
        yield from _tar(path)


def _gzip(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with gzip.open(path) as stream:
            while chunk := stream.read(_CHUNK):
                yield "gzip", chunk
    except (OSError, EOFError, zlib.error):
        return


def _zip(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield f"zip {name}", archive.read(name)
    except (zipfile.BadZipFile, zlib.error, RuntimeError):
        return


def _tar(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                stream = archive.extractfile(member)
                if stream is not None:
                    yield f"tar {member.name}", stream.read()
    except (tarfile.TarError, OSError, EOFError):
        return


def _parquet(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        file = pq.ParquetFile(path)
        yield "parquet metadata", str(file.metadata.to_dict()).encode()
        for batch in file.iter_batches():
            yield "parquet", "\n".join(str(value) for column in batch.columns for value in column.to_pylist()).encode()
    except (pa.ArrowException, OSError):
        return


def scan_database(conn: Connection, needles: Needles) -> tuple[int, list[Hit]]:
    """Search every table, and what the planner remembers of their values, as PostgreSQL gives them out (TOAST opened)."""
    tables = conn.execute(
        "select n.nspname || '.' || quote_ident(c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where c.relkind in ('r', 'm') and n.nspname <> all(%s) and n.nspname !~ '^pg_(toast|temp)' order by 1",
        (list(_SYSTEM),),
    ).fetchall()
    hits: list[Hit] = []
    for name, question in [*((table, f"table {table}") for (table,) in tables), ("pg_stats", "select * from pg_stats")]:
        source = f"copy {question[6:]} to stdout" if question.startswith("table") else f"copy ({question}) to stdout"
        seen: set[tuple[int, str]] = set()
        before = b""
        with conn.cursor() as cursor, cursor.copy(source) as copy:
            for block in _blocks(copy):
                seen |= needles.found(before + block)
                before = block[-_OVERLAP:]
        hits += [Hit(name, "sql", number, form) for number, form in sorted(seen)]
    return len(tables) + 1, hits


def _blocks(rows: Iterable[Any]) -> Iterator[bytes]:
    block, size = [], 0
    for row in rows:
        block.append(bytes(row))
        size += len(row)
        if size > _CHUNK:
            yield b"".join(block)
            block, size = [], 0
    yield b"".join(block)


def told(hits: Collection[Hit]) -> list[Mapping[str, Any]]:
    """Return hits as they are shown."""
    return [msgspec.to_builtins(hit) for hit in hits]
