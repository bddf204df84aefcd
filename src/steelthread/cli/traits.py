"""`trait ...`: computed traits."""

from collections.abc import Mapping
from typing import Any

import msgspec
from cyclopts import App
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from steelthread.cli.shell import DEFAULT, Common, app, emit, err, out
from steelthread.profiles import Filling, filling
from steelthread.thread import OUTCOMES, Space, fill_traits, sync_traits

trait = App(name="trait", help="Computed traits of profile.yaml.")
app.command(trait)


@trait.command(name="fill")
def trait_fill(*, common: Common = DEFAULT) -> None:
    """Have the traits of profile.yaml in force, and fill new ones over all of history; events may come meanwhile."""
    with common.space() as space, space.database.connect() as conn:
        sync_traits(space, conn, OUTCOMES)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=err, disable=common.json) as progress:
            _fill(space, conn, progress)
        found = filling(conn)
    _show(found, common, {})


def _fill(space: Space, conn: Any, progress: Progress) -> None:
    owners = max((one.owners for one in filling(conn) if not one.filled), default=0)
    bar = progress.add_task("filling", total=owners)
    while count := fill_traits(space, conn, OUTCOMES):
        progress.advance(bar, count)


@trait.command(name="list")
def trait_list(*, common: Common = DEFAULT) -> None:
    """List the traits in force, and how far each is filled."""
    with common.space() as space, space.database.connect() as conn:
        found = filling(conn)
        defined = space.profile_rules.traits
    _show(found, common, {name: one.function for name, one in defined.items()})


def _show(found: list[Filling], common: Common, defined: Mapping[str, str]) -> None:
    if common.json:
        emit(msgspec.to_builtins(found))
        return
    for one in found:
        state = "filled" if one.filled else f"filling: {one.owners_done:,} of {one.owners:,}"
        out.print(f"{one.name}  {one.function}  {state}", markup=False)
    for name in sorted(defined.keys() - {one.name for one in found}):
        out.print(f"{name}  {defined[name]}  not in force yet: steelthread trait fill", markup=False)
    if not found and not defined:
        out.print("No traits: define some in profile.yaml (docs/traits.md), then run this again.")
