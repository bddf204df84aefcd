"""The needle scan's files: as they lie, and decoded where they are of a format that packs.

A search of raw bytes alone proves nothing: compressed values (Parquet, gzip, Excel) do not show. Large files are searched
in pieces, so that several processes can share the work (scan_beside.py).
"""

import gzip
import mmap
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from steelthread.privacy.needles import Needles

CHUNK = 8 << 20
OVERLAP = 4096
_PIECE = 256 << 20


class Hit(msgspec.Struct, frozen=True, rename="camel"):
    """A place where a needle was found; needles are numbered from 0, so that a report holds none."""

    where: str
    format: str
    needle: int
    form: str


class Piece(msgspec.Struct, array_like=True, frozen=True, tag="file"):
    """A part of a file; the first one of a file stands for what is packed in it, too."""

    path: str
    start: int
    end: int
    """0 for the end of the file, wherever it is when it is searched."""
    size: int


def scan_files(folders: Iterable[Path], needles: Needles, *, inside: bool = True) -> tuple[int, list[Hit]]:
    """Search every file below these folders; return how many there were, and the hits."""
    pieces = pieces_of(folders)
    return count_files(pieces), distinct(hit for piece in pieces for hit in search(piece, needles, inside=inside))


def pieces_of(folders: Iterable[Path]) -> list[Piece]:
    """Return all files below these folders, large ones in pieces."""
    found = []
    for folder in folders:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
            if path.is_file() and not path.is_symlink():
                try:
                    size = path.stat().st_size
                except FileNotFoundError:
                    size = 0
                starts = range(0, max(size, 1), _PIECE)
                found += [
                    Piece(str(path), start, 0 if start == starts[-1] else start + _PIECE, min(_PIECE, size - start))
                    for start in starts
                ]
    return found


def count_files(pieces: Iterable[Piece]) -> int:
    """Return of how many files there are pieces."""
    return sum(piece.start == 0 for piece in pieces)


def distinct(hits: Iterable[Hit]) -> list[Hit]:
    """Return each hit once."""
    return list(dict.fromkeys(hits))


def search(piece: Piece, needles: Needles, *, inside: bool = True) -> Iterator[Hit]:
    """Search a part of a file; one that has gone meanwhile has nothing."""
    try:
        for form, content in _contents(piece, inside=inside):
            for number, how in sorted(needles.found(content)):
                yield Hit(piece.path, form, number, how)
    except (FileNotFoundError, PermissionError):
        return


def _contents(piece: Piece, *, inside: bool) -> Iterator[tuple[str, bytes]]:
    """Yield (format, bytes): as it lies, and decoded where the file is of a format that packs."""
    path = Path(piece.path)
    with path.open("rb") as stream:
        size = path.stat().st_size
        if size <= piece.start:
            return
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            for start in range(piece.start, piece.end or len(content), CHUNK):
                yield "raw", content[max(0, start - OVERLAP) : start + CHUNK]
            head, mark = content[:4], content[257:262]
            tail = content[-4:]
    if not inside or piece.start:
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
            while chunk := stream.read(CHUNK):
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


def told(hits: Collection[Hit]) -> list[Mapping[str, Any]]:
    """Return hits as they are shown."""
    return [msgspec.to_builtins(hit) for hit in hits]
