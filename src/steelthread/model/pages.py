"""The model as pages of Markdown: one per area with a diagram, a table per entity, and links between all of them."""

from collections.abc import Iterator
from importlib import resources
from typing import Any

import yaml

from steelthread.model.entities import Attribute, Entity
from steelthread.model.formats import Selection, mermaid, select
from steelthread.model.formats.selecting import currency_of
from steelthread.model.registry import Model

_MADE = "<!-- Made by `steelthread model reference`; edit the model, not this page. -->"


def reference(model: Model) -> dict[str, str]:
    """Return file name -> text: README.md with all entities, and one page per area."""
    areas = sorted({one.area for one in model.entities.values()})
    pages = {f"{area}.md": "\n".join(_page(model, area)) + "\n" for area in areas}
    return {"README.md": "\n".join(_contents(model, areas)) + "\n", **pages}


def _contents(model: Model, areas: list[str]) -> Iterator[str]:
    yield from (_MADE, "# Reference of the model", "")
    yield f"{len(model.entities)} entities in {len(areas)} areas. What the columns mean: [the model](../model.md)."
    for area in areas:
        found = _of(model, area)
        yield from ("", f"## [{_title(area)}]({area}.md)", "", "| entity | what it is |", "|---|---|")
        yield from (f"| {_link(model, one.name, '')} | {_cell(one.description)} |" for one in found)
    yield from _differences()


def _differences() -> Iterator[str]:
    """List where the curated entities differ from the Cloud Information Model as published."""
    text = (resources.files("steelthread.model") / "cim" / "differences.yaml").read_text("utf-8")
    yield from ("", "## Where the entities of the Cloud Information Model differ from the published ones", "")
    yield from ("| difference | of | attributes | why |", "|---|---|---|---|")
    for one in yaml.safe_load(text):
        entities = ", ".join(one.get("entities", ["all"]))
        attributes = ", ".join(f"`{name}`" for name in one["attributes"] if name)
        yield f"| {one['difference'].replace('_', ' ')} | {entities} | {attributes} | {_cell(one['reason'])} |"


def _page(model: Model, area: str) -> Iterator[str]:
    yield from (_MADE, f"# {_title(area)}", "", "[All areas](README.md) · [what the columns mean](../model.md)", "")
    chosen = select(model, area=area)
    yield from ("```mermaid", mermaid(chosen, attributes=False).rstrip(), "```")
    for one in _of(model, area):
        yield from ("", f"## {one.name}", "", *_entity(model, chosen, one))


def _entity(model: Model, chosen: Selection, one: Entity) -> Iterator[str]:
    yield one.description
    if one.deprecated:
        yield from ("", f"**Deprecated:** {one.deprecated}")
    yield from ("", "; ".join(_facts(model, one)) + ".", "")
    own = [each for each in chosen.own(one) if each.name != one.key or not one.parent]
    if own:
        yield from ("| attribute | type | privacy | notes | what it is |", "|---|---|---|---|---|")
        yield from (_row(model, one, each) for each in own)
    used = sorted({
        holder.name for holder in model.entities.values() for each in holder.attributes.values()
        if one.name in each.references and not each.inverse_of
    })  # fmt: skip
    if used:
        yield from ("", "Referred to by " + ", ".join(_link(model, name, one.area) for name in used) + ".")


def _facts(model: Model, one: Entity) -> Iterator[str]:
    yield f"{'abstract ' if one.abstract else ''}{one.category}, origin `{one.origin}`, key `{one.key}`"
    if one.parent:
        yield f"a kind of {_link(model, one.parent, one.area)}, whose attributes it has too"
    heirs = [each.name for each in model.entities.values() if each.parent == one.name]
    if heirs:
        yield "kinds: " + ", ".join(_link(model, name, one.area) for name in heirs)
    if one.owner:
        yield f"belongs to what `{one.owner}` names"
    if one.event_time:
        yield f"happened at `{one.event_time}`"
    if one.aliases:
        yield "also called " + ", ".join(one.aliases)


def _row(model: Model, entity: Entity, one: Attribute) -> str:
    kind = " or ".join(_link(model, name, entity.area) for name in one.references) or one.logical or one.type
    return f"| `{one.name}` | {kind}{' (several)' if one.many else ''} | {one.privacy} | {'; '.join(_notes(entity, one))} | {_cell(one.description)} |"


def _notes(entity: Entity, one: Attribute) -> Iterator[str]:
    if one.identity:
        yield f"identifier: {one.identity}"
    currency = currency_of(entity, one)
    if currency:
        yield f"currency in `{currency}`"
    if one.reconciliation not in ("last_updated", "union"):
        yield one.reconciliation
    if one.inverse_of:
        yield f"filled by `{one.inverse_of}`"
    if one.deprecated:
        yield f"deprecated: {one.deprecated}"


def _of(model: Model, area: str) -> list[Entity]:
    return sorted((one for one in model.entities.values() if one.area == area), key=lambda one: one.name)


def _link(model: Model, name: str, here: str) -> str:
    one: Any = model.entities.get(name)
    if one is None:
        return name
    return f"[{name}](#{name.lower()})" if one.area == here else f"[{name}]({one.area}.md#{name.lower()})"


def _title(area: str) -> str:
    return area.replace("_", " ").capitalize()


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
