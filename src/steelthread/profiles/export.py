"""Every profile as one row of a table: CSV, Parquet, JSON Lines; in constant memory, the same columns whatever the order."""

import csv
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TextIO
from uuid import UUID

import msgspec
import psycopg

from steelthread.kit import Invalid
from steelthread.profiles.read import Reader

Form = Literal["csv", "parquet", "jsonl"]
_PAGE = 2000
"""Profiles held at once."""
_FIRST = ("individual_id", "first_seen", "last_seen")
_LISTS = ("emails", "phones")


Shown = Callable[[dict[str, Any]], dict[str, Any]]
"""What of a profile may be shown; the rest is left out."""


def export_profiles(
    conn: psycopg.Connection[Any],
    reader: Reader,
    form: Form,
    output: Path | None,
    stdout: TextIO,
    shown: Shown | None = None,
) -> int:
    """Write every profile, one row each, as of one moment; return how many.

    A file appears under its name when it is whole. Invalid for Parquet without a file. With `shown` each profile goes
    through it, and a column is empty of which nothing may be shown.
    """
    if form == "parquet" and output is None:
        raise Invalid("Parquet needs a file: --output profiles.parquet.")
    conn.rollback()
    conn.execute("set transaction isolation level repeatable read, read only")
    attributes = _attributes(conn)
    rows = _rows(reader, shown)
    try:
        if output is None:
            return _write(rows, form, attributes, stdout)
        with _whole(output) as beside:
            if form == "parquet":
                from steelthread.profiles.columns import write_parquet  # noqa: PLC0415  # a seventh of a command's start

                lists = [*filter(reader.is_list, attributes), *_LISTS]
                return write_parquet(rows, [*_FIRST, *attributes, *_LISTS], lists, beside, _PAGE)
            with beside.open("w", encoding="utf-8", newline="") as stream:
                return _write(rows, form, attributes, stream)
    finally:
        conn.rollback()


@contextmanager
def _whole(output: Path) -> Iterator[Path]:
    """Give a file beside that takes the place of the wanted one when all went well."""
    beside = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        yield beside
        beside.replace(output)
    except OSError as error:
        raise Invalid(
            f"{output} cannot be written ({error.strerror}): check the folder, its permissions and free space."
        ) from None
    finally:
        beside.unlink(missing_ok=True)


def _attributes(conn: psycopg.Connection[Any]) -> list[str]:
    """Return the attributes that any profile has."""
    rows = conn.execute("select distinct jsonb_object_keys(body->'attributes') from profiles.profile order by 1")
    return [name for (name,) in rows]


def _rows(reader: Reader, shown: Shown | None) -> Iterator[dict[str, Any]]:
    last: UUID | None = None
    while True:
        page = reader.page(last, _PAGE)
        for profile in page:
            yield _row(shown(profile) if shown else profile)
        if len(page) < _PAGE:
            return
        last = UUID(page[-1]["individualId"])


def _row(profile: dict[str, Any]) -> dict[str, Any]:
    points = profile["contactPoints"]
    return {
        "individual_id": profile["individualId"],
        "first_seen": profile["firstSeen"],
        "last_seen": profile["lastSeen"],
        **{name: one["value"] for name, one in profile["attributes"].items() if "custom" not in one},
        "emails": [one["value"] for one in points if one["kind"] == "email"],
        "phones": [one["value"] for one in points if one["kind"] == "phone"],
        "records": profile.get("counts", {}).get("records"),
    }


def _write(rows: Iterator[dict[str, Any]], form: Form, attributes: list[str], stream: TextIO) -> int:
    count = 0
    if form == "jsonl":
        for row in rows:
            stream.write(msgspec.json.encode(row).decode() + "\n")
            count += 1
        return count
    names = [*_FIRST, *attributes, *_LISTS, "records"]
    writer = csv.DictWriter(stream, names, restval="", lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: "|".join(map(str, one)) if isinstance(one, list) else one for name, one in row.items()})
        count += 1
    return count
