"""Bodies of calls: unpacking, and JSON that is read as far as it can be. Pure."""

import json
import sys
import zlib
from collections.abc import Callable
from typing import Any

import msgspec

from steelthread.kit import Invalid, TooLarge

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BODY_LIMIT = 4_000_000
"""Bytes of a body, unpacked: RudderStack's limit, which is above Segment's 500 kB."""
_JSON = msgspec.json.Decoder().decode
_PACK = msgspec.msgpack.Encoder().encode
_WINDOW_LOG: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 23}
"""8 MB, which every decoder must have (RFC 8878, section 3.1.1.1.2); more would let a client take our memory."""
_MEMBERS = 1000
"""Streams in a row: each costs a copy of what follows it."""
_UNKNOWN = frozenset(("br", "compress", "dcb", "dcz"))
"""Packings of HTTP that are not unpacked; what else stands in the header may be any client's slip."""
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
Unpack = Callable[[bytes, int], tuple[bytes, bool, bytes]]
"""(packed, most) -> (unpacked, whether the stream ended, what follows it)."""


def unpacked(body: bytes, encoding: str) -> bytes:
    """Return a body unpacked: gzip, deflate and zstd, also several in a row, and gzip or zstd that nobody announced.

    Invalid when it is broken, TooLarge when it is larger than the limit. JSON that is announced as packed and is not is
    taken as it is.
    """
    named = [one.strip().casefold() for one in encoding.split(",")]
    packings = [one for one in reversed(named) if one in _UNPACKERS]
    if not packings:
        if _UNKNOWN.intersection(named) and body.lstrip()[:1] not in (b"{", b"["):
            raise Invalid("The body may be packed with gzip, deflate or zstd, and with nothing else.")
        packings = ["gzip"] if body.startswith(_GZIP) else ["zstd"] if body.startswith(_ZSTD) else []
    for packing in packings:
        found = next((content for unpack in _UNPACKERS[packing] if (content := _whole(unpack, body)) is not None), None)
        if found is None:
            if body.lstrip()[:1] in (b"{", b"["):
                return body
            raise Invalid("The body does not unpack as its Content-Encoding says: it is broken or cut off.")
        body = found
    return body


def _whole(unpack: Unpack, body: bytes) -> bytes | None:
    """Unpack all members of a body, one after another; None when one is broken or cut off."""
    parts: list[bytes] = []
    left = BODY_LIMIT + 1
    for _ in range(_MEMBERS):
        if not body:
            return b"".join(parts)
        try:
            content, ended, body = unpack(body, left)
        except (zlib.error, zstd.ZstdError):
            return None
        left -= len(content)
        if left <= 0:
            raise TooLarge("The body is larger than 4000 kB when unpacked: send smaller batches.")
        if not ended:
            return None
        parts.append(content)
    return None


def _inflate(window: int) -> Unpack:
    def unpack(body: bytes, most: int) -> tuple[bytes, bool, bytes]:
        stream = zlib.decompressobj(window)
        return stream.decompress(body, most), stream.eof, stream.unused_data

    return unpack


def _unzstd(body: bytes, most: int) -> tuple[bytes, bool, bytes]:
    stream = zstd.ZstdDecompressor(options=_WINDOW_LOG)
    return stream.decompress(body, most), stream.eof, stream.unused_data


_ZLIB = (_inflate(47), _inflate(-15))  # gzip or zlib by its head; else bare deflate
_UNPACKERS: dict[str, tuple[Unpack, ...]] = {"gzip": _ZLIB, "x-gzip": _ZLIB, "deflate": _ZLIB, "zstd": (_unzstd,)}


def document(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body; Invalid when it is none. Characters that no text may hold are replaced.

    Integers beyond 64 bits, which can be kept in no other way, become text.
    """
    try:
        found = _JSON(body.replace(b"\\u0000", b""))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = _tolerant(body)
    if isinstance(found, list):
        found = {"batch": found}
    if not isinstance(found, dict):
        raise Invalid("The body is not a JSON object.")
    try:
        _PACK(found)
    except OverflowError:
        mended: dict[str, Any] = _small(found)
        return mended
    except RecursionError:
        raise Invalid("The body is nested too deeply.") from None
    return found


def _tolerant(body: bytes) -> Any:
    """Read JSON that has broken characters in it, so that one bad event does not lose its neighbours."""
    try:
        return _mended(json.loads(body.decode("utf-8", "replace")))
    except (ValueError, RecursionError):
        raise Invalid("The body is not JSON.") from None


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_mended(one) for one in value]
    if isinstance(value, dict):
        return {_mended(name): _mended(one) for name, one in value.items()}
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124  # NaN


def _small(value: Any) -> Any:
    """Return a value with text in place of integers beyond 64 bits."""
    if isinstance(value, list):
        return [_small(one) for one in value]
    if isinstance(value, dict):
        return {name: _small(one) for name, one in value.items()}
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
        return str(value)
    return value
