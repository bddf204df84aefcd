"""The verbs that the edges share: make a project, draft and load a source, export, keys.

The command line and the HTTP API call these; they own no rules, only the order of calls.
"""

import os
import re
import shlex
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from steelthread import __version__, identity, intake
from steelthread.intake import Source
from steelthread.kit import FILE, Conflict, Invalid, Misused, NotFound, Project, now
from steelthread.model import load_model
from steelthread.privacy import DEFAULT_POLICIES, load_purposes
from steelthread.profiles import Opener
from steelthread.thread import Loader, LoadResult, Progress, Space, kept_events, replay_live_rejects, verify

_TOML = """# Settings of this project; each also by environment: STEELTHREAD_<SECTION>_<NAME>. See docs/settings.md.
[project]
name = {name}
country = {country}            # default country of phone numbers that have no prefix, such as "GB"
default_purpose = "operations"

[database]
url = ""                # empty: an embedded PostgreSQL in .steelthread/; else a PostgreSQL >= 15

[server]
host = "127.0.0.1"
port = 8360
"""
_PROFILE = """# Which value a profile shows when sources differ; what is not said here goes by the model.
# Rules: last_updated, most_frequent, source_priority, first, longest, union.
attributes: {}
"""
_PURPOSES = """# What customer data is used for. The command line reads under `default_purpose` of steelthread.toml.
# See docs/privacy.md. A purpose without a legal basis needs consent.
purposes:
  operations: {description: Running the business with the customer, legalBasis: contract}
  analytics:
    description: Understanding customers as a whole
    legalBasis: legitimate_interests
    effect: profiling
    alsoKnownAs: ["iab:8", "google:analytics_storage", "category:Analytics", "fides:analytics.reporting"]
  marketing:
    description: Telling people of what we offer
    legalBasis: consent
    channels: [email, sms, phone, post, push]
    covers: [direct_marketing]
    alsoKnownAs: ["fides:marketing.communications", "salesforce:Marketing"]
  marketing.newsletter: {description: The newsletter, legalBasis: consent, channels: [email]}
  advertising:
    description: Advertising elsewhere, by what customers do here
    legalBasis: consent
    covers: [sharing, targeted_advertising]
    alsoKnownAs: ["iab:3", "iab:4", "google:ad_user_data", "google:ad_personalization", "category:Advertising"]
"""
_PEOPLE = """# Who is who

Any file of people: CSV, JSON, Excel, Parquet. One record per row; people may stand in it many times, and in several files.

    steelthread source new NAME FILE     # drafts sources/NAME.yaml: check which column is what
    steelthread load NAME
    steelthread resolve                  # finds who is who by evidence in sum
    steelthread review                   # asks about those in doubt
    steelthread clusters > clusters.csv  # source, entity, key, individual_id of every record
    steelthread explain record:NAME/Individual/KEY record:NAME/Individual/KEY

How sure it must be before it joins two records stands in identity.yaml (`matching`).
"""
_IGNORE = "# Data, keys and logs never belong under version control.\n/.steelthread/\n"


def create_project(folder: Path, name: str, country: str = "", template: str = "company") -> Path:
    """Make a project folder, by a template: company or people; Conflict when there is one already."""
    if (folder / FILE).exists():
        raise Conflict(f"{folder} is a project already. Use it with --project {shlex.quote(str(folder))}.")
    if country and not re.fullmatch(r"[A-Za-z]{2}", country):
        raise Misused("country is two letters of ISO 3166, such as GB.")
    for sub in ("sources", "model", "access"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    quoted = msgspec.json.encode(name).decode()
    toml = _TOML.format(name=quoted, country=msgspec.json.encode(country.upper()).decode())
    _write(folder / FILE, toml)
    _write(
        folder / "identity.yaml", (resources.files("steelthread.identity") / "default_identity.yaml").read_text("utf-8")
    )
    _write(folder / "profile.yaml", _PROFILE)
    if template == "people":
        _write(folder / "README.md", _PEOPLE)
    _write(folder / "purposes.yaml", _PURPOSES)
    _write(folder / "access" / "default.cedar", DEFAULT_POLICIES)
    _write(folder / ".gitignore", _IGNORE)
    return folder.resolve()


def _write(path: Path, text: str) -> None:
    if not path.exists():
        path.write_text(text, encoding="utf-8")


def reading_purpose(project: Project, wanted: str = "") -> str:
    """Return the purpose for which the operator reads at the command line; Invalid when the project has no such purpose.

    It is the project's default one, unless another is wanted.
    """
    known = load_purposes(project.folder / "purposes.yaml")
    if wanted:
        return known.get(wanted).name
    purpose = project.settings.project.default_purpose
    if not purpose or purpose not in known:
        there = ", ".join(sorted(one.name for one in known)) or "none yet"
        raise Invalid(
            f"default_purpose under [project] in {FILE} names no purpose of purposes.yaml (there are: {there}). "
            "Customer data is read for a purpose: name one."
        )
    return purpose


def status_of(space: Space) -> dict[str, Any]:
    """Say where everything is and how much there is."""
    with space.database.connect() as conn:
        individuals = identity.count(conn)
        row = conn.execute("select count(*) from intake.record where closed_at is null").fetchone()
        alerts = sum(intake.open_alerts(conn).values())
    assert row is not None
    project = space.project
    return {
        "dataFolder": str(project.data),
        "keyring": str(project.keyring),
        "logs": str(project.logs),
        "temp": str(project.temp),
        "database": space.database.public,
        "version": __version__,
        "postgresql": space.database.version,
        "individuals": individuals,
        "records": int(row[0]),
        "alerts": alerts,
        "purpose": project.settings.project.default_purpose,
    }


def draft_source(
    project: Project, name: str, file: Path, *, force: bool = False, hint: intake.Format | None = None
) -> tuple[Path, str]:
    """Draft sources/NAME.yaml from a look at a file; return its path and text.

    `hint` says what looking does not: which sheet of a workbook, which file of an archive, which list of a document.
    """
    _check_name(name)
    target = project.sources / f"{name}.yaml"
    if target.exists() and not force:
        raise Conflict(f"{target} is there already. Edit it, or draft it anew with --force.")
    model = load_model(project.folder / "model", special=project.settings.project.special_attributes)
    path = file.resolve()
    shown = path.relative_to(project.folder) if path.is_relative_to(project.folder) else _relative(path, project.folder)
    fmt = intake.detect(path, hint)
    rows = intake.open_rows(path, fmt, batch=2000)
    first = next(iter(rows), None)
    if first is None:
        raise Invalid(" ".join([f"{file} has no rows to look at.", *rows.warnings]))
    others = [
        intake.load_source(project.folder, one, model)
        for one in intake.list_sources(project.folder)
        if one != name and not intake.is_live(project.folder, one)
    ]
    text = intake.draft(
        name, str(shown), fmt, rows.columns, first.rows, others=others, country=project.settings.project.country,
        model=model, warnings=rows.warnings,
    )  # fmt: skip
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    return target, text


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*", name):
        raise Misused("The name of a source has letters, digits, _ and - only.")


def _relative(path: Path, folder: Path) -> str:
    return os.path.relpath(path, folder)


def files_of(project: Project, source: Source, file: Path | None) -> list[Path]:
    """Return the files to load: the one named, else what the mapping names (a glob in order of names)."""
    if file is not None:
        if not file.exists():
            raise NotFound(f"{file} is not there.")
        return [file]
    if not source.file:
        raise Invalid(
            f"sources/{source.name}.yaml names no file: say `file:` there, or steelthread load {source.name} FILE."
        )
    if any(mark in source.file for mark in "*?["):
        found = sorted(project.folder.glob(source.file))
        if not found:
            raise NotFound(f"No file fits {source.file} (sources/{source.name}.yaml).")
        return found
    path = project.folder / source.file
    if not path.exists():
        raise NotFound(f"{path} is not there (`file:` in sources/{source.name}.yaml).")
    return [path]


def load_file(
    space: Space,
    name: str,
    file: Path | None = None,
    *,
    as_of: datetime | None = None,
    progress: Callable[[Progress], None] | None = None,
    allow_empty: bool = False,
) -> LoadResult:
    """Load a source: its own file or files, or the one given; `allow_empty` lets a snapshot close everybody."""
    source = intake.load_source(space.project.folder, name, space.model)
    loader = Loader(space, source)
    files = files_of(space.project, source, file)
    results = [loader.load(path, as_of=as_of, progress=progress, allow_empty=allow_empty) for path in files]
    total = results[0]
    for result in results[1:]:
        for field in ("read", "accepted", "unchanged", "updated", "closed", "rejected", "seconds", "set_aside"):
            setattr(total, field, getattr(total, field) + getattr(result, field))
        for key, value in result.individuals.items():
            total.individuals[key] += value
    return total


def preview_source(project: Project, name: str, count: int) -> dict[str, Any]:
    """Map the first rows of a source without storing them."""
    model = load_model(project.folder / "model", special=project.settings.project.special_attributes)
    source = intake.load_source(project.folder, name, model)
    path = files_of(project, source, None)[0]
    rows = intake.open_rows(path, intake.detect(path, source.format), batch=max(count, 1000))
    shown: list[dict[str, Any]] = []
    unmapped: list[str] = []
    warnings: list[str] = []
    batch = next(iter(rows), None)
    if batch is not None:
        mapping = intake.compile_mapping(source, model, rows.columns, project.settings.project.country)
        unmapped, warnings = mapping.unmapped, list(mapping.warnings)
        found = intake.classify(rows.columns, batch.rows, source, model)
        warnings += [f"{one.column}: {one.warning}" for one in found if one.attribute and one.warning]
        repeats = intake.Repeats()
        for index, cells in enumerate(batch.rows[:count]):
            if source.hashes_rows:
                repeats.mark(mapping.row_text, cells)
            line = batch.lines[index] if batch.lines else batch.first_line + index
            shown.append(
                {"line": line, "cells": dict(zip(rows.columns, cells, strict=False)), "mapped": _mapped(mapping, cells)}
            )
        repeats.close()
    rows.close()
    return {"source": name, "rows": shown, "unmapped": unmapped, "warnings": warnings}


def _mapped(mapping: intake.Mapping, cells: list[str]) -> list[str]:
    try:
        row = mapping.map(cells)
    except intake.RowRejected as error:
        return [f"rejected: {error.column}: {error.reason}"]
    lines = []
    for record in row.records:
        lines.append(f"{record.entity} (key {record.key})")
        lines += [f"  {name} = {value}" for name, value in record.values.items()]
        for part in record.parts:
            lines.append(f"  {part.entity}")
            lines += [f"    {name} = {value}" for name, value in part.values.items()]
        lines += [f"  {kind} = {value}" for kind, _, value in record.identifiers]
        if record.party:
            lines.append(f"  belongs to {record.party[1]} {record.party[2]} of {record.party[0]}")
    return lines + [f"set aside: {issue.column}: {issue.reason}" for issue in row.issues]


def replay_rejects(space: Space, name: str) -> dict[str, Any]:
    """Map refused rows, and rows of which a value was set aside, again; close the rejects whose reason has gone."""
    with space.database.connect() as conn:
        waiting = intake.waiting_sources(conn, name)
    replayed = 0
    for source, _ in waiting:
        if intake.is_live(space.project.folder, source):
            replayed += replay_live_rejects(space, source)
            continue
        replayed += Loader(space, intake.load_source(space.project.folder, source, space.model)).replay()
    return {"replayed": replayed, "left": sum(count for _, count in waiting) - replayed}


def source_number(conn: psycopg.Connection[Any], name: str) -> int:
    """Return a source's number; NotFound when nothing was ever received or loaded from a source of this name."""
    numbers = {known: number for number, (known, _) in intake.source_names(conn).items()}
    if name not in numbers:
        there = ", ".join(sorted(numbers)) or "none yet"
        raise NotFound(f"There is no source {name} in the database. There are: {there}.")
    return numbers[name]


def infer_contract(space: Space, name: str, *, force: bool = False) -> tuple[Path, str]:
    """Draft contracts/NAME.odcs.yaml from what a live source sent; return its path and text."""
    target = intake.plan_path(space.project.folder, name)
    with space.database.connect() as conn:
        number = source_number(conn, name)
        seen = intake.list_seen(conn, number)
        closed = intake.closed_sets(kept_events(space, conn, number), space.model, identity.has_first_name)
    if not seen:
        raise NotFound(f"{name} has sent nothing yet that a contract could be drafted from.")
    if target.exists() and not force:
        raise Conflict(f"{target} is there already. Edit it, or draft it anew with --force.")
    text = intake.draft_plan(name, seen, space.model, closed)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    return target, text


def watch_contract(space: Space, name: str, what: str) -> list[dict[str, Any]]:
    """List what a live source sent (`seen`), what broke its contract (`violations`), or jumps and drops (`alerts`)."""
    with space.database.connect() as conn:
        number = source_number(conn, name)
        if what == "violations":
            return intake.list_violations(conn, space.vault, number)
        if what == "alerts":
            return intake.volume_alerts(conn, number, now())
        plan = intake.load_plan(space.project.folder, name)
        seen = intake.list_seen(conn, number)
    for word in seen if plan else ():
        event = plan.events.get(word["event"]) if plan else None
        word["known"] = event is not None and (not word["property"] or word["property"] in event.properties)
    return seen


def cluster_rows(space: Space, conn: psycopg.Connection[Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yield (source, entity, key, universal ID) of every open record that maps an Individual, Organization or Account."""
    opener = Opener(conn, space.vault)
    with identity.clusters_csv(conn) as cursor:
        while rows := cursor.fetchmany(2000):
            names = opener.keys((row[1], row[2], row[3], bytes(row[4]), bytes(row[5])) for row in rows)
            for (source, entity, key), row in zip(names, rows, strict=True):
                yield source, entity, key, str(row[6])


_LIVE = """# A live source: SDKs send events to it over HTTP with its write key. See docs/live.md.
name: {name}
kind: live
{purpose}
# user_namespace: {name}   # when its user ids are not the company's logins, but its own
"""
_NO_PURPOSE = (
    "# purpose: analytics   # what its events are collected for: those of whoever does not allow it are dropped"
)


def add_live_source(space: Space, name: str, purpose: str = "") -> str:
    """Make a live source and its first write key, which is returned once. Conflict when there is one of this name.

    With a purpose its events are kept of those only who allow it.
    """
    _check_name(name)
    if purpose:
        purpose = load_purposes(space.project.folder / "purposes.yaml").get(purpose).name
    path = space.project.folder / "sources" / f"{name}.yaml"
    if path.exists():
        raise Conflict(f"{path} is there already: choose another name, or: steelthread source key {name}")
    with space.database.connect() as conn:
        number, _, _ = intake.source_row(conn, space.vault, name, 0, space.vault.digest(b"live"), unique=False)
        secret = intake.make_write_key(conn, number)
        _write(path, _LIVE.format(name=name, purpose=f"purpose: {purpose}" if purpose else _NO_PURPOSE))
        conn.commit()
    return secret


def add_write_key(space: Space, name: str, revoke: str = "") -> str:
    """Make one more write key of a live source, or revoke one; both work until the old one is revoked."""
    with space.database.connect() as conn:
        numbers = {known: number for number, (known, _) in intake.source_names(conn).items()}
        if name not in numbers:
            raise NotFound(f"There is no live source {name}: make it with steelthread source add {name} --kind live")
        secret = "" if revoke else intake.make_write_key(conn, numbers[name])
        if revoke:
            intake.revoke_write_key(conn, numbers[name], revoke)
        conn.commit()
    return secret


def create_key(space: Space, scopes: list[str], purposes: list[str] | None = None, **told: Any) -> str:
    """Make a bearer key; its secret is returned once and kept only as a hash. `told`: name, roles, attributes for policies."""
    from steelthread import api  # noqa: PLC0415  # FastAPI is half of the start of a command, and few need it

    return api.create_key(space, scopes, purposes, **told)


def list_keys(space: Space) -> list[dict[str, Any]]:
    """List the keys in force: number, scopes, when made."""
    from steelthread import api  # noqa: PLC0415

    return api.list_keys(space)


def revoke_key(space: Space, number: int) -> None:
    """Let a key in no longer; NotFound when no key in force has this number."""
    from steelthread import api  # noqa: PLC0415

    api.revoke_key(space, number)


def verify_space(space: Space) -> dict[str, Any]:
    """Compare what is stored with what the records give."""
    return verify(space)
