"""`model list | show | search | reference`."""

from pathlib import Path

from cyclopts import App
from rich.table import Table

from steelthread.cli.shell import DEFAULT, Common, app, emit, note, out
from steelthread.model import Attribute, Entity, Model, load_imported, load_model, reference, search, write_whole

model = App(name="model", help="The canonical model: what everything is called.")
app.command(model)


def loaded(common: Common) -> Model:
    """Load the project's model."""
    return load_model(common.project / "model")


@model.command(name="list")
def model_list(*, area: str = "", common: Common = DEFAULT) -> None:
    """List the entities.

    Parameters
    ----------
    area
        Only this area.
    """
    entities = [one for one in loaded(common).entities.values() if not area or one.area.casefold() == area.casefold()]
    if common.json:
        emit([_brief(one) for one in entities])
        return
    table = Table()
    for column in ("entity", "area", "category", "attributes", "description"):
        table.add_column(column)
    for one in sorted(entities, key=lambda one: (one.area, one.name)):
        table.add_row(one.name, one.area, one.category, str(len(one.attributes)), one.description)
    out.print(table)


@model.command(name="show")
def model_show(entity: str, /, *, common: Common = DEFAULT) -> None:
    """Show an entity with its attributes.

    Parameters
    ----------
    entity
        Name of the entity, such as Individual.
    """
    one = loaded(common).entity(entity)
    if common.json:
        emit({**_brief(one), "attributes": list(one.attributes.values())})
        return
    out.print(one.name, style="bold", end="  ")
    out.print(f"{one.label}; {one.area}, {one.category}, {one.origin}", style="dim", markup=False)
    out.print(one.description, markup=False)
    table = Table()
    for column in ("attribute", "type", "privacy", "identity", "reconciliation", "description"):
        table.add_column(column, overflow="fold")
    for attribute in one.attributes.values():
        table.add_row(
            attribute.name, _type(attribute), attribute.privacy, attribute.identity or "", attribute.reconciliation,
            _described(attribute),
        )  # fmt: skip
    out.print(table)


@model.command(name="search")
def model_search(*question: str, limit: int = 20, imported: bool = False, common: Common = DEFAULT) -> None:
    """Find entities and attributes by what they are called, also called, and said to be.

    Parameters
    ----------
    question
        Words, such as "loyalty points".
    limit
        How many answers.
    imported
        Search the imported model, whatever of it is enabled.
    """
    chosen = load_imported(common.project / "model") if imported else loaded(common)
    found = search(chosen, " ".join(question), limit)
    if common.json:
        emit(found)
        return
    if not found:
        note("Nothing fits. Try other words, or steelthread model list.")
        return
    table = Table()
    for column in ("entity", "attribute", "type", "privacy", "description"):
        table.add_column(column, overflow="fold")
    for one in found:
        table.add_row(one.entity, one.attribute or "", one.type, one.privacy or "", one.description)
    out.print(table)


@model.command(name="reference")
def model_reference(*, out: Path, common: Common = DEFAULT) -> None:
    """Write the model as pages of Markdown: one per area, with a diagram, tables and links.

    Parameters
    ----------
    out
        Folder for the pages.
    """
    pages = reference(loaded(common))
    for name, text in pages.items():
        write_whole(out / name, text)
    if common.json:
        emit({"pages": sorted(pages)})
    else:
        note(f"{len(pages)} pages in {out}.")


def _brief(one: Entity) -> dict[str, object]:
    return {
        "entity": one.name, "label": one.label, "area": one.area, "category": one.category, "key": one.key,
        "eventTime": one.event_time, "parent": one.parent, "origin": one.origin, "description": one.description,
    }  # fmt: skip


def _described(attribute: Attribute) -> str:
    parts = [attribute.description]
    if attribute.formerly:
        parts.append(f"Formerly {', '.join(attribute.formerly)}.")
    if attribute.deprecated:
        parts.append(f"Deprecated: {attribute.deprecated}")
    return " ".join(filter(None, parts))


def _type(attribute: Attribute) -> str:
    name = "->" + "|".join(attribute.references) if attribute.references else attribute.logical or attribute.type
    return name + "[]" if attribute.many else name
