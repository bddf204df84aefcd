"""Versions of a project's model: `model/versions/1.2.0.json`, each the whole model as it was when it was released.

A version is major.minor.patch (semver.org). What changed since the last one decides which number must rise; a release
that promises less than it changes is refused.
"""

import re
from pathlib import Path

from steelthread.kit import Conflict, Invalid, NotFound
from steelthread.model.cim import read_entities, write_entities
from steelthread.model.comparing import Change, Need, compare, needs
from steelthread.model.registry import UNRELEASED, Model, builtin, load_model

FOLDER = "versions"
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_PLACES: tuple[Need, ...] = ("major", "minor", "patch")


def released(folder: Path) -> list[str]:
    """Return the versions of a model folder, oldest first."""
    found = [one.stem for one in (folder / FOLDER).glob("*.json") if _VERSION.fullmatch(one.stem)]
    return sorted(found, key=_numbers)


def release(folder: Path, version: str = "") -> tuple[str, list[Change]]:
    """Keep the project's model as a version; return (version, what changed since the last one).

    Without a version the next fitting one is taken. Conflict when it exists, Invalid when it rises too little.
    """
    model = load_model(folder, special=True)
    before = released(folder)
    if version and not _VERSION.fullmatch(version):
        raise Invalid(f"`{version}` is no version. Write major.minor.patch, for example 1.2.0.")
    if version in before:
        raise Conflict(f"Version {version} exists. A released version never changes; choose a higher one.")
    changes = compare(read_entities(_path(folder, before[-1]))[1], model.entities) if before else []
    if before and not changes:
        raise Conflict(f"Nothing changed since version {before[-1]}.")
    least = _next(before[-1], needs(changes)) if before else "1.0.0"
    if version and before and _numbers(version) < _numbers(least):
        worst = next((one for one in changes if one.breaking), changes[0])
        what = f"{worst.entity}.{worst.attribute}" if worst.attribute else worst.entity
        raise Invalid(
            f"Since {before[-1]} something changed that needs version {least} or higher: {worst.kind} of {what} "
            f"({worst.reason}). `steelthread model diff {before[-1]} now` tells all."
        )
    write_entities(_path(folder, version or least), model.entities, version or least)
    return version or least, changes


def version_of(folder: Path, model: Model) -> str:
    """Return the version of a model: the last released one, with `+changed` when the model has moved on since."""
    before = released(folder)
    if not before:
        return UNRELEASED
    same = read_entities(_path(folder, before[-1]))[1] == dict(model.entities)
    return before[-1] if same else f"{before[-1]}+changed"


def open_model(folder: Path, name: str) -> Model:
    """Give a model by name: `now` (the project's), `built-in`, a released version, a version's file, a project's folder."""
    if name == "now":
        return load_model(folder, special=True)
    if name == "built-in":
        return Model(builtin(), special_allowed=True)
    path = _path(folder, name) if _VERSION.fullmatch(name) else Path(name)
    if path.is_dir():
        return load_model(path / "model" if (path / "model").is_dir() else path, special=True)
    if not path.is_file():
        known = ", ".join(["now", "built-in", *released(folder)])
        raise NotFound(f"There is no model `{name}`. Known: {known}; or name a version's file or a project's folder.")
    version, entities = read_entities(path)
    return Model(entities, special_allowed=True, version=version)


def _path(folder: Path, version: str) -> Path:
    return folder / FOLDER / f"{version}.json"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _next(version: str, need: Need) -> str:
    numbers = list(_numbers(version))
    place = _PLACES.index(need)
    return ".".join(map(str, [*numbers[:place], numbers[place] + 1, *[0] * (2 - place)]))
