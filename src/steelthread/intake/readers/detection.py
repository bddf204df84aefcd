"""Finding out how to read a file."""

import codecs
import csv
import io
import re
from itertools import islice
from pathlib import Path

import msgspec

from steelthread.intake.readers.streams import peek
from steelthread.intake.readers.types import Format
from steelthread.kit import Invalid

_TYPES = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".tab": "csv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".parquet": "parquet", ".pq": "parquet", ".xlsx": "excel", ".xlsm": "excel",
}  # fmt: skip
_GZIP = b"\x1f\x8b\x08"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_DATA_LIKE = re.compile(r"[^@\s]+@[^@\s]+\.\w+|[+\-]?\d[\d.,:/ +()-]*|\d{4}-\d\d-\d\d.*")


def detect(path: Path, hint: Format | None = None) -> Format:
    """Fill in what the hint leaves open by extension and content."""
    fmt = msgspec.structs.replace(hint) if hint else Format()
    suffixes = [suffix.casefold() for suffix in path.suffixes]
    if not fmt.compression:
        fmt.compression = {".gz": "gz", ".zip": "zip"}.get(suffixes[-1] if suffixes else "", "none")
    if fmt.compression != "none" and suffixes:
        suffixes = suffixes[:-1]
    start = peek(path, fmt)
    if fmt.compression == "none" and start.startswith(_GZIP):
        fmt.compression = "gz"  # whatever its name says
        start = peek(path, fmt)
    if not start:
        raise Invalid(f"{path} is empty.")
    known = _by_mark(start)
    if known and known != fmt.type:
        fmt.type, fmt.encoding, fmt.delimiter = known, "", ""  # whatever the mapping says of its usual file
    if not fmt.type:
        fmt.type = _type(suffixes[-1] if suffixes else "", start)
    if fmt.type in ("csv", "json", "jsonl"):
        _refuse_binary(path, fmt, start)
    if fmt.type == "csv":
        _csv(fmt, start)
    elif not fmt.encoding:
        fmt.encoding = _encoding(start)
    return fmt


def _refuse_binary(path: Path, fmt: Format, start: bytes) -> None:
    if start.startswith(_OLD_EXCEL):
        raise Invalid(f"{path} is a workbook of an old Excel: save it as .xlsx or CSV.")
    wide = fmt.encoding.casefold().startswith(("utf-16", "utf-32", "utf_16", "utf_32"))
    if b"\x00" in start and not wide and not _encoding(start).startswith("utf-16"):
        raise Invalid(
            f"{path} is no text. Files are CSV, JSON, JSON Lines, Parquet or Excel, each of them also as .gz or .zip; "
            "if it is text of two bytes a letter, say `format: {encoding: utf-16-le}`."
        )


def _by_mark(start: bytes) -> str:
    """Return the type that the first bytes give away."""
    return "parquet" if start.startswith(b"PAR1") else "excel" if start.startswith(b"PK\x03\x04") else ""


def _type(suffix: str, start: bytes) -> str:
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    if suffix in _TYPES and suffix != ".txt":
        return "jsonl" if suffix == ".json" and _lines_of_objects(text) else _TYPES[suffix]
    if text.startswith(b"["):
        return "json"
    return "jsonl" if text.startswith(b"{") else "csv"


def _lines_of_objects(text: bytes) -> bool:
    lines = text.split(b"\n", 2)
    return text.startswith(b"{") and len(lines) > 1 and lines[0].rstrip().endswith(b"}") and lines[1].startswith(b"{")


def _encoding(start: bytes) -> str:
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if start.startswith(mark):
            return name
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _csv(fmt: Format, start: bytes) -> None:
    if not fmt.encoding:
        fmt.encoding = _encoding(start)
    try:
        text = codecs.getincrementaldecoder(fmt.encoding)(errors="replace").decode(start)
    except LookupError:
        raise Invalid(f"{fmt.encoding} is no encoding that is known here (`format: {{encoding: ...}}`).") from None
    if not fmt.delimiter:
        fmt.delimiter = _delimiter(text, fmt.quote)
    if fmt.header is None:
        rows = cells(list(islice(io.StringIO(text, newline=""), 20)), fmt)
        fmt.header = _has_header(rows)


def cells(lines: list[str], fmt: Format) -> list[list[str]]:
    """Return the cells of some lines, for looking at."""
    if fmt.delimiter == " ":
        return [line.split() for line in lines if line.strip()]
    return [row for row in csv.reader(lines, delimiter=fmt.delimiter, quotechar=fmt.quote or None) if row]


def _delimiter(text: str, quote: str) -> str:
    lines = list(islice(io.StringIO(text, newline=""), 60))
    if len(lines) > 1 and not text.endswith("\n"):
        lines = lines[:-1]
    best, score = ",", 0.0
    for candidate in (",", ";", "\t", "|", "^"):
        widths = [len(row) for row in csv.reader(lines, delimiter=candidate, quotechar=quote or None)]
        wide = [width for width in widths if width > 1]
        if wide:
            common = max(set(wide), key=wide.count)
            value = widths.count(common) / len(widths) + min(common, 20) / 1000
            if value > score:
                best, score = candidate, value
    if score < 0.5:
        widths = [len(line.split()) for line in lines if line.strip()]
        if widths and min(widths) > 1 and len(set(widths)) == 1 and not re.search(r"[a-zA-Z]", lines[0]):
            return " "
    return best


def _has_header(rows: list[list[str]]) -> bool:
    if not rows:
        return True
    first = [cell.strip() for cell in rows[0]]
    if any(_DATA_LIKE.fullmatch(cell) for cell in first):
        return False
    named = [cell for cell in first if cell]
    # A name that stands twice is still a name where there is data below it.
    return len(set(named)) == len(named) or any(_DATA_LIKE.fullmatch(cell.strip()) for row in rows[1:] for cell in row)
