"""`model diff | release | versions | migrate`: letting the model grow without breaking what uses it."""

from steelthread.cli.models import model
from steelthread.cli.shell import DEFAULT, Common, emit, note, out
from steelthread.model import Change, Touched, compare, needs, open_model, release, released, touched
from steelthread.thread import migrate


@model.command(name="diff")
def model_diff(old: str, new: str, /, *, common: Common = DEFAULT) -> None:
    """Tell what changed between two models, what of it breaks something, and which files use it.

    Parameters
    ----------
    old
        A released version, `built-in`, `now`, a version's file or a project's folder.
    new
        The same.
    """
    folder = common.project / "model"
    changes = compare(open_model(folder, old).entities, open_model(folder, new).entities)
    found = touched(common.project, changes)
    if common.json:
        emit({
            "compatible": not any(one.breaking for one in changes), "needs": needs(changes),
            "changes": [{**_told(change), "touches": places} for change, places in found],
        })  # fmt: skip
        return
    for change, places in found:
        _print(change, places)
    note(f"{len(changes)} changes, {sum(one.breaking for one in changes)} of them breaking; needs: {needs(changes)}.")


@model.command(name="release")
def model_release(version: str = "", /, *, common: Common = DEFAULT) -> None:
    """Keep the project's model as a version, to compare later ones with.

    Parameters
    ----------
    version
        Such as 1.2.0; left out, the next one that fits what changed. One that promises too much is refused.
    """
    made, changes = release(common.project / "model", version)
    if common.json:
        emit({"version": made, "changes": [_told(one) for one in changes]})
    else:
        note(
            f"Version {made} is in model/versions/{made}.json ({len(changes)} changes). Keep it under version control."
        )


@model.command(name="versions")
def model_versions(*, common: Common = DEFAULT) -> None:
    """List the released versions, oldest first."""
    found = released(common.project / "model")
    if common.json:
        emit({"versions": found})
    else:
        out.print("\n".join(found) or "none; `steelthread model release` makes one")


@model.command(name="migrate")
def model_migrate(*, common: Common = DEFAULT) -> None:
    """Let stored profiles follow the model: former names and types are read as the present ones. Nothing is loaded."""
    with common.space() as space:
        told = space.model.adaptation.told()
        count = migrate(space)
    if common.json:
        emit({"reads": told, "profiles": count})
        return
    for name, now in told.items():
        note(f"{name} is read as {now}")
    note(f"{count:,} profiles were folded anew.")


def _told(change: Change) -> dict[str, object]:
    return {
        "kind": change.kind, "entity": change.entity, "attribute": change.attribute, "was": change.was, "now": change.now,
        "breaking": change.breaking, "reason": change.reason, "heirs": change.heirs,
    }  # fmt: skip


def _print(change: Change, places: list[Touched]) -> None:
    """Print a change in a line or two, and what uses it below."""
    kind = change.kind.replace("_", " ")
    of = ".".join(filter(None, (change.entity, change.attribute)))
    out.print("breaking  " if change.breaking else "compatible", style="red" if change.breaking else "green", end="  ")
    values = "" if change.was is None or change.now is None else f" ({_shown(change.was)} -> {_shown(change.now)})"
    out.print(f"{kind}: {of}{values}: {change.reason}", markup=False)
    if change.heirs:
        out.print(f"            also in {', '.join(change.heirs)}", style="dim", markup=False)
    for one in places:
        out.print(f"            {one.what}: {one.where}", style="dim", markup=False)


def _shown(value: object) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
