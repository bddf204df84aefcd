"""`model import-cim | enable | disable | export`: the published model in, ours out."""

from pathlib import Path

from rich.table import Table

from steelthread.cli.models import loaded, model
from steelthread.cli.shell import DEFAULT, Common, emit, err, note
from steelthread.model import (
    Imported,
    change_enabled,
    export_model,
    import_published,
    load_imported,
    version_of,
    write_whole,
)


@model.command(name="import-cim")
def model_import_cim(file: Path, /, *, take_missing: bool = False, common: Common = DEFAULT) -> None:
    """Take in the published Cloud Information Model 1.0.0, repaired; nothing is used before it is enabled.

    Parameters
    ----------
    file
        dist/model.jsonld of CIM 1.0.0.
    take_missing
        Take in also the attributes that the file declares without giving them a type, as text.
    """
    imported = import_published(common.project / "model", file, take_missing=take_missing)
    if common.json:
        emit({
            "entities": len(imported.entities), "attributes": imported.attributes, "references": imported.references,
            "polymorphic": imported.polymorphic, "collections": imported.collections,
            "missing": [f"{entity}.{name}" for entity, name in imported.missing], "repairs": imported.repairs,
        })  # fmt: skip
        return
    _tell(imported, took=take_missing)


def _tell(imported: Imported, *, took: bool) -> None:
    table = Table(title="Repairs")
    for column in ("rule", "attributes", "places", "reason"):
        table.add_column(column, overflow="fold", justify="right" if column in ("attributes", "places") else "left")
    for rule in dict.fromkeys(one.rule for one in imported.repairs):
        of = [one for one in imported.repairs if one.rule == rule]
        table.add_row(rule, str(len(of)), str(sum(len(one.entities) for one in of)), of[0].reason)
    err.print(table)
    note(
        f"{len(imported.entities)} entities with {imported.attributes} attributes, {imported.references} references "
        f"({imported.polymorphic} to one of several entities) and {imported.collections} collections."
    )
    what = "taken in as text" if took else "left out (--take-missing takes them in)"
    note(f"{len(imported.missing)} attributes are declared without a type: {what}. --json lists them and each repair.")
    note("None is used yet: steelthread model enable ENTITY ... (or all).")


@model.command(name="enable")
def model_enable(*names: str, common: Common = DEFAULT) -> None:
    """Use entities of the imported model in this project.

    Parameters
    ----------
    names
        Entities; `all` for all. One that is built in gains the attributes it lacks.
    """
    _changed(change_enabled(common.project / "model", names, enable=True), common)


@model.command(name="disable")
def model_disable(*names: str, common: Common = DEFAULT) -> None:
    """Use entities of the imported model no longer.

    Parameters
    ----------
    names
        Entities; `all` for all.
    """
    _changed(change_enabled(common.project / "model", names, enable=False), common)


def _changed(now: tuple[str, ...], common: Common) -> None:
    if common.json:
        emit({"enabled": now})
    else:
        note("Enabled: " + (", ".join(now) or "none") + ".")


@model.command(name="export")
def model_export(
    *, format: str, area: str = "", entity: str = "", imported: bool = False, out: Path | None = None,
    common: Common = DEFAULT,
) -> None:  # fmt: skip
    """Write the model in the words of another system.

    Parameters
    ----------
    format
        jsonschema, openapi, sql, graphql, jsonld, raml, avro, protobuf, dbml, mermaid, linkml or odcs.
    area
        Only this area.
    entity
        Only this entity with its ancestors and the entities it refers to.
    imported
        The imported model whole, as repaired, instead of the project's.
    out
        File to write; without it the text goes to stdout.
    """
    folder = common.project / "model"
    chosen = load_imported(folder) if imported else loaded(common)
    if not imported:
        chosen.version = version_of(folder, chosen)
    text = export_model(chosen, format, area=area, entity=entity)
    if out is not None:
        write_whole(out, text)
    if common.json:
        emit(
            {
                "format": format,
                "bytes": len(text.encode()),
                "out": str(out) if out else None,
                "text": None if out else text,
            }
        )
    elif out is None:
        print(text, end="")  # noqa: T201  # the export is what was asked for
    else:
        note(f"{out}: {len(text.encode()):,} bytes of {format}.")
