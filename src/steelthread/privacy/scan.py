"""The needle scan: is a value anywhere, in any form? Files as they lie and decoded, tables as PostgreSQL gives them out.

A search of raw bytes alone proves nothing: compressed values (TOAST, Parquet, gzip, Excel) do not show.
"""

import gzip
import mmap
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from psycopg import pq as protocol

from steelthread.kit import Unavailable
from steelthread.privacy.needles import Chance, Needles

Connection = psycopg.Connection[Any]
_CHUNK = 8 << 20
_OVERLAP = 4096
_WHOLE = ("bigint", "integer", "smallint")
_SYSTEM = ("pg_catalog", "information_schema")


class Hit(msgspec.Struct, frozen=True, rename="camel"):
    """A place where a needle was found; needles are numbered from 0, so that a report holds none."""

    where: str
    format: str
    needle: int
    form: str


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
    import pyarrow as pa  # noqa: PLC0415  # a seventh of the start of a command
    import pyarrow.parquet as pq  # noqa: PLC0415

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
        "select n.nspname || '.' || quote_ident(c.relname), array(select a.atttypid::regtype::text from pg_attribute a "
        "where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' order by a.attnum) "
        "from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where c.relkind in ('r', 'm') and n.nspname <> all(%s) and n.nspname !~ '^pg_(toast|temp)' order by 1",
        (list(_SYSTEM),),
    ).fetchall()
    hits: list[Hit] = []
    sources = [(table, f"copy {table} to stdout", _in_number(types)) for table, types in tables]
    for name, source, chance in [*sources, ("pg_stats", "copy (select * from pg_stats) to stdout", None)]:
        seen: set[tuple[int, str]] = set()
        before = b""
        for block in _blocks(_copied(conn, source)):
            seen |= needles.found(before + block, chance)
            before = block[-_OVERLAP:]
        hits += [Hit(name, "sql", number, form) for number, form in sorted(seen)]
    return len(tables) + 1, hits


def _in_number(types: Sequence[str]) -> Chance:
    """Return what tells that digits are a number of ours: the whole of a column that holds whole numbers."""
    columns = {place for place, one in enumerate(types) if one.removesuffix("[]") in _WHOLE}

    def chance(content: bytes, start: int, _end: int) -> bool:
        line = content.rfind(b"\n", 0, start) + 1
        return content.count(b"\t", line, start) in columns

    return chance


def _copied(conn: Connection, source: str) -> Iterator[bytes | memoryview]:
    """Yield the rows of a COPY as libpq gives them: through a cursor it takes five times as long."""
    wire = conn.pgconn
    result = wire.exec_(source.encode())
    if result.status != protocol.ExecStatus.COPY_OUT:
        raise Unavailable(f"A table cannot be searched: {source}. Ask again as the owner of the tables.")
    while True:
        size, row = wire.get_copy_data(0)
        if size < 0:
            break
        yield row
    while (left := wire.get_result()) is not None:
        if left.status not in (protocol.ExecStatus.COMMAND_OK, protocol.ExecStatus.COPY_OUT):
            raise Unavailable("A table could not be searched to its end: the database broke off. Search again.")


def _blocks(rows: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    block, size = [], 0
    for row in rows:
        block.append(row)
        size += len(row)
        if size > _CHUNK:
            yield b"".join(block)
            block, size = [], 0
    yield b"".join(block)


def told(hits: Collection[Hit]) -> list[Mapping[str, Any]]:
    """Return hits as they are shown."""
    return [msgspec.to_builtins(hit) for hit in hits]
