"""`vault ...`, `backup`, `restore`, `key create`, `verify`."""

from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from steelthread.app import create_key, list_keys, revoke_key, verify_space
from steelthread.cli.shell import DEFAULT, Common, app, emit, out
from steelthread.kit import Misused
from steelthread.rights import replay_erasures
from steelthread.store import backup as write_backup
from steelthread.store import restore as read_backup
from steelthread.vault import open_vault

vault = App(name="vault", help="The keyring: data keys, outside the database.")
key = App(name="key", help="Keys for the HTTP API.")
app.command(vault)
app.command(key)


@vault.command(name="status")
def vault_status(*, common: Common = DEFAULT) -> None:
    """Show what the keyring holds."""
    project = common.open()
    status = msgspec.to_builtins(open_vault(project.keyring, project.settings.keyring.root_key).status(), str_keys=True)
    _show(status, common)


@vault.command(name="rotate")
def vault_rotate(*, common: Common = DEFAULT) -> None:
    """Give every shard a new key, and rewrap the data keys; safe to interrupt."""
    project = common.open()
    keyring = open_vault(project.keyring, project.settings.keyring.root_key)
    keyring.rotate()
    _show(msgspec.to_builtins(keyring.status(), str_keys=True), common)


@app.command
def backup(file: Path, /, *, common: Common = DEFAULT) -> None:
    """Write database and keyring into one file, while everything goes on.

    Parameters
    ----------
    file
        The file to write; keep it as safe as the keyring.
    """
    with common.acting("backup") as space:
        write_backup(space.project, space.database, file)
    _show({"file": str(file), "bytes": file.stat().st_size}, common)


@app.command
def restore(file: Path, /, *, force: bool = False, common: Common = DEFAULT) -> None:
    """Bring database and keyring back from a backup.

    Parameters
    ----------
    file
        A file that `backup` wrote.
    force
        Replace what the project holds.
    """
    read_backup(common.open(), file, force=force)
    with common.acting("restore") as space:
        replay_erasures(space)
    _show({"restored": str(file)}, common)


@key.command(name="create")
def key_create(
    *,
    scope: Annotated[list[str], Parameter(name="--scope")],
    purpose: Annotated[list[str] | None, Parameter(name="--purpose")] = None,
    role: Annotated[list[str] | None, Parameter(name="--role")] = None,
    attribute: Annotated[list[str] | None, Parameter(name="--attribute")] = None,
    name: str = "",
    common: Common = DEFAULT,
) -> None:
    """Make a bearer key for the API; it is shown once.

    Parameters
    ----------
    scope
        What it may do, such as profiles:read; repeat for several.
    purpose
        For which purpose of purposes.yaml it may read about people; repeat for several; the default one by default.
    role
        A role that the access policies speak of; repeat for several.
    attribute
        NAME=VALUE that the access policies speak of; repeat for several.
    name
        What `key list` calls it.
    """
    told = dict(_attribute(one) for one in attribute or ())
    details = {"scopes": scope, "purposes": purpose or [], "roles": role or [], "attributes": told}
    with common.acting("key create", **details) as space:
        secret = create_key(space, scope, purpose, name=name, roles=role or (), attributes=told)
    if common.json:
        emit({"key": secret, "scopes": scope})
    else:
        out.print(secret, markup=False)


def _attribute(text: str) -> tuple[str, str]:
    name, is_one, value = text.partition("=")
    if not is_one or not name:
        raise Misused("--attribute is NAME=VALUE, such as region=EU.")
    return name, value


@key.command(name="list")
def key_list(*, common: Common = DEFAULT) -> None:
    """List the API keys in force, without their secrets."""
    with common.space() as space:
        found = list_keys(space)
    if common.json:
        emit(found)
        return
    for one in found:
        roles = f" as {', '.join(one['roles'])}" if one["roles"] else ""
        purposes = f" for {', '.join(one['purposes'])}" if one["purposes"] else ""
        what = f"{' '.join(one['scopes'])}{purposes}{roles}"
        out.print(f"{one['number']:>4}  {one['createdAt'][:16]}  {one['name']:<16} {what}", markup=False)


@key.command(name="revoke")
def key_revoke(number: int, /, *, common: Common = DEFAULT) -> None:
    """Let an API key in no longer; make the next one first, and there is no gap.

    Parameters
    ----------
    number
        As `key list` shows it.
    """
    with common.space() as space:
        revoke_key(space, number)
    _show({"revoked": number}, common)


@app.command
def verify(*, common: Common = DEFAULT) -> None:
    """Compute clusters and profiles anew from the records and compare them with what is stored."""
    with common.space() as space:
        told = verify_space(space)
    _show(told, common)


def _show(content: dict[str, object], common: Common) -> None:
    if common.json:
        emit(content)
        return
    for name, value in content.items():
        out.print(f"{name}: {value}", markup=False)
