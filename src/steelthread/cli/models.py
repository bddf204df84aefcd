"""`model list | show`."""

from cyclopts import App
from rich.table import Table

from steelthread.cli.shell import DEFAULT, Common, app, emit, out
from steelthread.model import Attribute, Entity, Model, load_model

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
            attribute.description,
        )  # fmt: skip
    out.print(table)


def _brief(one: Entity) -> dict[str, object]:
    return {
        "entity": one.name, "label": one.label, "area": one.area, "category": one.category, "key": one.key,
        "eventTime": one.event_time, "parent": one.parent, "origin": one.origin, "description": one.description,
    }  # fmt: skip


def _type(attribute: Attribute) -> str:
    name = "->" + "|".join(attribute.references) if attribute.references else attribute.logical or attribute.type
    return name + "[]" if attribute.many else name
