"""Backup and restore of database and keyring together: one tar file, written while everything goes on.

The database is dumped first (one snapshot), the keyring copied after it: the keyring only grows, so every envelope in
the dump has its key. What was shredded between the two is gone from both for good.
"""

import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import msgspec
import psycopg

from steelthread import __version__
from steelthread.kit import Conflict, Invalid, Project, Unavailable, iso, now
from steelthread.store.database import Database, open_database
from steelthread.store.embedded import binaries
from steelthread.store.migrations import PACKAGES, SQL_SCHEMAS, drop_views

_MANIFEST = "manifest.json"
_DUMP = "database.dump"
_KEYRING = "keyring"


def backup(project: Project, database: Database, target: Path) -> None:
    """Write a backup; the file is readable by its owner only."""
    if target.exists():
        raise Conflict(f"{target} is there already: choose another name.")
    project.temp.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=project.temp) as name:
        dump = Path(name) / _DUMP
        without = ["--no-owner", "--no-privileges", "--no-policies", f"--exclude-schema={SQL_SCHEMAS}*"]
        _run("pg_dump", database.conninfo, "--format=custom", *without, f"--file={dump}")
        manifest = Path(name) / _MANIFEST
        manifest.write_bytes(
            msgspec.json.encode({"version": __version__, "at": iso(now()), "postgresql": database.version})
        )
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream, tarfile.open(fileobj=stream, mode="w") as tar:
            tar.add(manifest, _MANIFEST)
            tar.add(dump, _DUMP)
            tar.add(project.keyring, _KEYRING, filter=_kept)


def _kept(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if member.name.endswith((".lock", ".next", ".gone")) else member


def restore(project: Project, source: Path, *, force: bool = False) -> None:
    """Bring a backup back into a project that is empty, or with `force` in place of what it holds."""
    try:
        tar = tarfile.open(source)  # noqa: SIM115  # closed below
    except (OSError, tarfile.TarError):
        raise Invalid(f"{source} is not a backup of Steelthread, or is damaged.") from None
    with tar, tempfile.TemporaryDirectory() as name:
        try:
            tar.extractall(name, filter="data")
        except tarfile.TarError:
            raise Invalid(f"{source} is damaged: use another backup.") from None
        if not (Path(name) / _DUMP).exists():
            raise Invalid(f"{source} is not a backup of Steelthread.")
        database = open_database(project, migrate=False)
        try:
            _check_alone(database)
            _check_empty(project, database, force=force)
            former = _keyring(Path(name) / _KEYRING, project)
            _run("pg_restore", database.conninfo, "--no-owner", "--no-privileges", str(Path(name) / _DUMP))
            if former is not None:
                _destroy(former)
        finally:
            database.close()


def _check_alone(database: Database) -> None:
    """A process that has the database open would serve people who are still to be erased again."""
    with database.connect() as conn:
        row = conn.execute(
            "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() "
            "and application_name = 'steelthread'"
        ).fetchone()
    if row and row[0]:
        raise Conflict("Another process has this database open: stop serve, its workers and senders first.")


def _check_empty(project: Project, database: Database, *, force: bool) -> None:
    schemas = ("store", *PACKAGES)
    with database.connect() as conn:
        there = conn.execute("select 1 from pg_namespace where nspname = any(%s)", (list(schemas),)).fetchone()
        if (there or (project.keyring / "shards").exists()) and not force:
            raise Conflict("This project holds data already: restore into a new one, or replace it with --force.")
        drop_views(conn)
        for schema in schemas:
            conn.execute(f"drop schema if exists {schema} cascade")
        conn.commit()


def _destroy(keyring: Path) -> None:
    """Destroy the keyring that was replaced: whoever is erased from now on would stay in it."""
    for path in keyring.rglob("*"):
        if path.is_file():
            with path.open("r+b") as file:
                file.write(bytes(path.stat().st_size))
                file.flush()
                os.fsync(file.fileno())
    shutil.rmtree(keyring)


def _keyring(content: Path, project: Project) -> Path | None:
    """Put a keyring in place; return where the former one is, if there was one."""
    former = None
    if project.keyring.exists():
        former = project.keyring.with_name(f"{project.keyring.name}.before-{now():%Y%m%d%H%M%S}")
        project.keyring.rename(former)
    project.keyring.mkdir(parents=True, mode=0o700)
    for path in sorted(content.rglob("*")):
        target = project.keyring / path.relative_to(content)
        if path.is_dir():
            target.mkdir(mode=0o700, exist_ok=True)
        else:
            target.write_bytes(path.read_bytes())
            target.chmod(0o600)
    return former


def _run(program: str, conninfo: str, *arguments: str) -> None:
    """Run a PostgreSQL program; the password goes by the environment, never by the arguments."""
    parts = psycopg.conninfo.conninfo_to_dict(conninfo)
    password = str(parts.pop("password", "") or "")
    environment = {**os.environ, "PGPASSWORD": password, "LC_ALL": "C"}
    public = psycopg.conninfo.make_conninfo("", **parts)
    done = subprocess.run(
        [str(binaries() / program), f"--dbname={public}", *arguments],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    if done.returncode != 0 and not _only_newer(done.stderr):
        raise Unavailable(f"{program} failed: {done.stderr.strip()[-300:]}")


def _only_newer(told: str) -> bool:
    """Whether all that an older server refused is a setting of our newer programs: it is set to its default, nothing else."""
    refused = [line for line in told.splitlines() if "error: " in line]
    return len(refused) == 1 and 'unrecognized configuration parameter "transaction_timeout"' in refused[0]
