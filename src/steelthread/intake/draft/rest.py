"""Columns that no drafter knew: matched with the model's own names, aliases and descriptions, their values looked at.

Only entities that the draft has already get more attributes, and a few that hang on a person may be added. Nothing is
ever drafted into a special attribute, whatever the project allows, nor into one that identifies somebody.
"""

from collections.abc import Iterator, Sequence

import msgspec

from steelthread.intake.draft.sheet import EMAILS, Column, Sheet, quoted
from steelthread.model import Attribute, Model, find

_SURE = 0.8
"""A name in another order still counts; a similar spelling does not."""
_ADDED = ("PartyWebAddress", "ContactPointSocial")
_HOLDERS = ("Individual", "Organization")
_FLAGS = frozenset({"true", "false", "yes", "no", "y", "n", "0", "1", "t", "f"})


class Block(msgspec.Struct):
    """One entity of the draft with its lines."""

    entity: str
    lines: list[str]
    taken: set[str]

    def add(self, line: str) -> None:
        """Put an attribute at the end."""
        if "    attributes:" not in self.lines:
            self.lines.append("    attributes:")
        self.lines.append(f"      {line}")


def settle(sheet: Sheet, body: Sequence[str], model: Model) -> list[str]:
    """Return the lines of the draft with a home for each column that the model knows."""
    head, blocks, tail = _taken_apart(body)
    for column in sheet.columns:
        if column.name in sheet.used:
            continue
        home = next(_homes(sheet, column, blocks, model), None)
        if home is None:
            continue
        block, attribute = home
        sheet.use(column)
        block.taken.add(attribute.name)
        block.add(f"{attribute.name}: {_how(sheet, column, attribute)}   # medium, by the model's words")
        if block not in blocks:
            blocks.append(block)
    return [*head, *(line for block in blocks for line in block.lines), *tail]


def with_parts(body: Sequence[str], parts: Sequence[str]) -> list[str]:
    """Return the draft with more entities behind those it has."""
    head, blocks, tail = _taken_apart(body)
    return [*head, *(line for block in blocks for line in block.lines), *parts, *tail]


def _taken_apart(body: Sequence[str]) -> tuple[list[str], list[Block], list[str]]:
    """Split the draft into what is before the entities, the entities, and what is after."""
    head: list[str] = []
    tail: list[str] = []
    blocks: list[Block] = []
    for line in body:
        if line.startswith("  - entity: "):
            blocks.append(Block(line.removeprefix("  - entity: ").strip(), [line], set()))
        elif blocks and line.startswith("    ") and not tail:
            blocks[-1].lines.append(line)
            if line.startswith("      "):
                blocks[-1].taken.add(line.strip().partition(":")[0])
        else:
            (tail if blocks else head).append(line)
    return head, blocks, tail


def _homes(sheet: Sheet, column: Column, blocks: list[Block], model: Model) -> Iterator[tuple[Block, Attribute]]:
    """Yield the homes that fit by name and values, the best first."""
    found: list[tuple[float, int, Block, Attribute]] = []
    for place, block in enumerate([*blocks, *_addable(blocks)]):
        for score, attribute in _named(column, block.entity, model):
            if attribute.name not in block.taken and _fits(sheet, column, attribute):
                found.append((-score, place, block, attribute))
    found.sort(key=lambda one: one[:2])
    yield from ((block, attribute) for score, _, block, attribute in found if -score >= _SURE)


def _addable(blocks: list[Block]) -> list[Block]:
    if not any(block.entity in _HOLDERS for block in blocks):
        return []
    there = {block.entity for block in blocks}
    return [Block(name, [f"  - entity: {name}"], set()) for name in _ADDED if name not in there]


def _named(column: Column, entity: str, model: Model) -> Iterator[tuple[float, Attribute]]:
    """Yield what the column may mean in this entity: by its name, shortened, and with the entity's name before it."""
    whole, *shorter = dict.fromkeys((column.name, *column.names))
    spellings = [(whole, 1.0), *((one, 0.95) for one in shorter), (f"{entity} {column.name}", 0.9)]
    for spelling, weight in spellings:
        for holder, name, score in find(model, spelling):
            if holder == entity:
                attribute = model.entity(entity).attributes[name]
                if attribute.privacy != "special" and attribute.identity is None and not attribute.inverse_of:
                    yield score * weight, attribute


def _fits(sheet: Sheet, column: Column, attribute: Attribute) -> bool:
    """Tell whether the values may be of the attribute; a column without values goes by its name alone."""
    if not column.filled:
        return attribute.type not in ("boolean", "json")
    if attribute.type in ("date", "datetime"):
        return sheet.may_be_date(column)
    if attribute.type == "boolean":
        return all(value.casefold() in _FLAGS for value in column.filled)
    if attribute.type in ("integer", "decimal"):
        return all(_is_number(value, whole=attribute.type == "integer") for value in column.filled)
    if attribute.logical == "email":
        return column.share(EMAILS) > 0.5
    if attribute.logical == "url":
        return all("." in value for value in column.filled)
    return attribute.type == "string"


def _is_number(value: str, *, whole: bool) -> bool:
    digits = value.lstrip("+-").replace(" ", "")
    return digits.isdigit() if whole else digits.replace(",", "").replace(".", "").isdigit()


def _how(sheet: Sheet, column: Column, attribute: Attribute) -> str:
    if attribute.many:
        mark = "|" if any("|" in value for value in column.filled) else ","  # lists of JSON and Parquet come with |
        return f'{{column: {quoted(column.name)}, split: "{mark}"}}'
    if attribute.type in ("date", "datetime"):
        return sheet.dated(column)
    return sheet.number(column) if attribute.type in ("integer", "decimal") else quoted(column.name)
