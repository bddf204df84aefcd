"""Bytes of a file as a stream, unpacked on the way, with the place in the stored file for the progress bar."""

import gzip
import zipfile
import zlib
from pathlib import Path
from typing import IO

from steelthread.intake.readers.types import Format
from steelthread.kit import Invalid, NotFound

BROKEN = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile)


class Opened:
    """An open file: `stream` gives its unpacked bytes, `position` how much of the stored file was used."""

    def __init__(self, path: Path, fmt: Format) -> None:
        self.path = path
        try:
            self._stored = path.open("rb")
            self.total = path.stat().st_size
        except FileNotFoundError:
            raise NotFound(f"{path} is not there.") from None
        except IsADirectoryError:
            raise Invalid(f"{path} is a folder: name a file in it.") from None
        except OSError as error:
            raise Invalid(f"{path} cannot be read: {error.strerror}.") from None
        try:
            self.stream: IO[bytes] = self._unpack(fmt)
        except BaseException:
            self._stored.close()
            raise

    def _unpack(self, fmt: Format) -> IO[bytes]:
        if fmt.compression == "gz":
            return gzip.GzipFile(fileobj=self._stored)  # type: ignore[return-value]  # it is a binary stream
        if fmt.compression == "zip":
            try:
                archive = zipfile.ZipFile(self._stored)
                return archive.open(_member(archive, fmt, self.path))
            except BROKEN:
                raise broken(self.path) from None
        return self._stored

    @property
    def position(self) -> int:
        """How many bytes of the stored file were used."""
        return self.total if self._stored.closed else self._stored.tell()

    def close(self) -> None:
        """Close the file."""
        if not self.stream.closed:
            self.stream.close()
        self._stored.close()


def _member(archive: zipfile.ZipFile, fmt: Format, path: Path) -> str:
    names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
    if fmt.member in names:
        return fmt.member
    if len(names) != 1:
        raise Invalid(
            f"{path} has {len(names)} files: say which with `format: {{member: ...}}` in the mapping, or "
            f"`source new ... --member NAME` ({', '.join(names[:5])})."
        )
    return names[0]


def broken(path: Path) -> Invalid:
    """Return the error for a file that ends too early or is damaged."""
    return Invalid(f"{path} is damaged or cut off: fetch it again. What was loaded before stays.")


def peek(path: Path, fmt: Format, size: int = 1 << 18) -> bytes:
    """Return the first unpacked bytes."""
    opened = Opened(path, fmt)
    try:
        return opened.stream.read(size)
    except BROKEN:
        raise broken(path) from None
    finally:
        opened.close()
