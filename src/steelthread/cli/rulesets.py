"""`ruleset import | export`: match and reconciliation rules of Salesforce Data Cloud, identity settings of Segment."""

import json
from pathlib import Path
from typing import Any, Literal

import yaml
from cyclopts import App

from steelthread.cli.shell import DEFAULT, Common, app, emit, note, out
from steelthread.identity import (
    OwnRules,
    TakenRules,
    load_rules,
    read_salesforce,
    read_segment,
    replaced_section,
    write_salesforce,
    write_segment,
)
from steelthread.intake import list_sources
from steelthread.kit import Invalid, Project
from steelthread.model import Model, load_model
from steelthread.profiles import load_profile_rules

ruleset = App(name="ruleset", help="Bring rules along from Salesforce Data Cloud or Segment, or take them there.")
app.command(ruleset)
_CONTACTS = ("ContactPointEmail", "ContactPointPhone", "ContactPointAddress", "PartyIdentification")
_PEOPLE = ("Individual", *_CONTACTS)
_ORGANISATIONS = ("Account", "Organization", *_CONTACTS, "PartyWebAddress")


@ruleset.command(name="import")
def import_rules(file: Path, /, *, dry_run: bool = False, common: Common = DEFAULT) -> None:
    """Take rules into identity.yaml and profile.yaml, and say what differs here and what has no counterpart.

    Parameters
    ----------
    file
        A ruleset of Data Cloud (JSON of /ssot/identity-resolutions) or identity settings of Segment (docs/matching.md).
    dry_run
        Only say it; change nothing.
    """
    project = common.open()
    ours = _project(project)
    content = _read(file)
    segment = "externalIds" in content
    taken = read_segment(content, ours) if segment else read_salesforce(content, ours)
    changed = {} if dry_run else _write(project, ours, taken)
    if common.json:
        emit({"from": "segment" if segment else "salesforce", "taken": taken, "written": sorted(changed)})
        return
    for title, lines in (("same", taken.same), ("differs", taken.differs), ("missing", taken.missing)):
        for line in lines:
            out.print(f"{title:8} {line}", markup=False, soft_wrap=True)
    if dry_run:
        note("Nothing was changed.")
    elif changed:
        note(
            f"Changed {', '.join(sorted(changed))}. What is loaded already follows with: steelthread plan, then apply."
        )


@ruleset.command(name="export")
def export_rules(
    to: Literal["salesforce", "segment"],
    /,
    *,
    of: Literal["people", "organisations"] = "people",
    output: Path | None = None,
    common: Common = DEFAULT,
) -> None:
    """Write the project's rules for another system, and say what has no counterpart there.

    Parameters
    ----------
    to
        salesforce: a ruleset to POST to /ssot/identity-resolutions; segment: what to enter on its settings page.
    of
        salesforce: a ruleset is of people (INDIVIDUAL) or of organisations (ACCOUNT).
    output
        File to write; stdout by default.
    """
    if to == "segment" and of == "organisations":
        raise Invalid("Segment has identity settings of people only: leave --of out.")
    project = common.open()
    ours = _project(project)
    name = project.settings.project.name or project.folder.name
    made, missing = write_salesforce(ours, name, of=of) if to == "salesforce" else write_segment(ours)
    if output is not None:
        output.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    if common.json:
        emit({"to": to, "ruleset": made, "missing": missing})
        return
    if output is None:
        out.print_json(json.dumps(made))
    for line in missing:
        note(f"no counterpart: {line}")


def _read(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text("utf-8"))  # JSON is YAML
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise Invalid(f"{file} is neither JSON nor YAML.") from None
    if not isinstance(content, dict):
        raise Invalid(f"{file} holds no rules: it should be one object.")
    return content


def _project(project: Project) -> OwnRules:
    """Return what the project says, in the words of identity.yaml and profile.yaml."""
    model = load_model(project.folder / "model", special=project.settings.project.special_attributes)
    path = project.folder / "identity.yaml"
    load_rules(path)  # says what is wrong with it
    said = load_profile_rules(project.folder / "profile.yaml", model).attributes

    def reconciled(*entities: str) -> dict[str, str]:
        attributes = {name: one for entity in entities for name, one in model.entity(entity).attributes.items()}
        return {name: said.get(name, one.reconciliation) for name, one in attributes.items() if not one.many}

    return OwnRules(
        yaml.safe_load(path.read_text("utf-8")) or {} if path.exists() else {},
        reconciled("Individual"),
        _by_priority(project.folder),
        _entities(model, _PEOPLE),
        reconciled("Account", "Organization"),
        _entities(model, _ORGANISATIONS),
    )


def _entities(model: Model, names: tuple[str, ...]) -> dict[str, str]:
    """Return the first of these entities that has an attribute, of each attribute."""
    found: dict[str, str] = {}
    for entity in names:
        for name in model.entity(entity).attributes:
            found.setdefault(name, entity)
    return found


def _by_priority(folder: Path) -> list[str]:
    """Return the names of sources, the one with most priority first."""
    said = {
        name: yaml.safe_load((folder / "sources" / f"{name}.yaml").read_text("utf-8")) or {}
        for name in list_sources(folder)
    }
    return sorted(said, key=lambda name: (-int(said[name].get("priority") or 0), name))


def _write(project: Project, ours: OwnRules, taken: TakenRules) -> list[str]:
    """Change the sections that differ, each file whole or not at all; return the names of the files changed."""
    identity = project.folder / "identity.yaml"
    text = identity.read_text("utf-8") if identity.exists() else ""
    now = ours.identity
    names = {one["name"] for one in taken.rules}
    sections = {
        "rules": taken.rules and [*(one for one in now.get("rules") or [] if one["name"] not in names), *taken.rules],
        "kinds": taken.kinds and _merged(now.get("kinds") or {}, taken.kinds),
        "blocked": taken.blocked and _blocked(now.get("blocked") or {}, taken.blocked),
    }
    changed = []
    for name, content in sections.items():
        if content:
            text = replaced_section(text, name, content)
    if any(sections.values()):
        _replace(identity, text, load_rules)
        changed.append("identity.yaml")
    if taken.attributes:
        profile = project.folder / "profile.yaml"
        model = load_model(project.folder / "model", special=project.settings.project.special_attributes)
        said = load_profile_rules(profile, model).attributes
        before = profile.read_text("utf-8") if profile.exists() else ""
        _replace(
            profile,
            replaced_section(before, "attributes", {**said, **taken.attributes}),
            lambda path: load_profile_rules(path, model),
        )
        changed.append("profile.yaml")
    return changed


def _replace(path: Path, text: str, check: Any) -> None:
    """Put a text in place of a file once it was read as what it should be."""
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_text(text, encoding="utf-8")
        check(beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _merged(now: dict[str, Any], said: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {**now, **{name: {**now.get(name, {}), **one} for name, one in said.items()}}


def _blocked(now: dict[str, Any], said: dict[str, dict[str, list[str]]]) -> dict[str, Any]:
    found = dict(now)
    for kind, more in said.items():
        before = now.get(kind) or {}
        lists = {word: list(dict.fromkeys([*(before.get(word) or []), *more[word]])) for word in ("exact", "regex")}
        found[kind] = {word: values for word, values in lists.items() if values}
    return found
