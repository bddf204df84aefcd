"""Columns that no drafter knew: matched with the model's own names, aliases and descriptions, their values looked at.

Only entities that the draft has already get more attributes, and a few that hang on a person may be added. Nothing is
ever drafted into a special attribute, whatever the project allows, nor into one that identifies somebody.
"""

import re
from collections.abc import Iterator, Sequence
from zoneinfo import available_timezones

import msgspec

from steelthread.intake.draft.sheet import EMAILS, Column, Sheet, quoted
from steelthread.model import Attribute, Model, find, words

_SURE = 0.8
"""A name in another order still counts; a similar spelling does not."""
_ADDED = ("PartyWebAddress", "ContactPointSocial", "LoyaltyMember")
_HOLDERS = ("Individual", "Organization")
_DESCRIBED = 0.8
"""All words of a column stand in the name, aliases and description of one attribute and of no other."""
_HEAD = 0.85
"""The last words of a column name it, and its values are of that kind."""
_LITTLE = frozenset(
    [
        "a",
        "an",
        "and",
        "at",
        "by",
        "for",
        "from",
        "in",
        "is",
        "it",
        "of",
        "on",
        "or",
        "the",
        "to",
        "with",
        "value",
        "name",
        "number",
        "id",
    ]
)
_LANGUAGE = re.compile(r"[a-z]{2,3}([-_][a-z]{2,4})?\Z", re.IGNORECASE)
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
    there = [*blocks, *_addable(blocks)]
    for ways in (_named, _guessed):
        found: list[tuple[float, int, Block, Attribute]] = []
        known = False
        for place, block in enumerate(there):
            for score, attribute in ways(column, block.entity, model):
                known = known or score >= _SURE
                if attribute.name not in block.taken and _fits(sheet, column, attribute):
                    found.append((-score, place, block, attribute))
        found.sort(key=lambda one: one[:2])
        yield from ((block, attribute) for score, _, block, attribute in found if -score >= _SURE)
        if known:
            return


def _addable(blocks: list[Block]) -> list[Block]:
    if not any(block.entity in _HOLDERS for block in blocks):
        return []
    there = {block.entity for block in blocks}
    return [Block(name, [f"  - entity: {name}"], set()) for name in _ADDED if name not in there]


def _named(column: Column, entity: str, model: Model) -> Iterator[tuple[float, Attribute]]:
    """Yield what the column may mean in this entity: by its name, shortened, and with the entity's name before it."""
    whole, *shorter = dict.fromkeys((column.name, *column.names))
    if entity not in _HOLDERS and model.entity(entity).parent != "ContactPoint":
        shorter = [one for one in shorter if one in (column.plain, column.bare)]
        shorter += _of_order(column) if entity == "SalesOrder" else []
    spellings = [(whole, 1.0), *((one, 0.95) for one in shorter), (f"{entity} {column.name}", 0.9)]
    for spelling, weight in spellings:
        for holder, name, score in find(model, spelling):
            if holder == entity:
                attribute = model.entity(entity).attributes[name]
                if _open(attribute):
                    yield score * weight, attribute


def _of_order(column: Column) -> list[str]:
    """Return what an order's column is called without what every amount of an order may say: `Order Tax Amount`."""
    bare = [word for word in column.words if word not in ("order", "cart")]
    return ["".join(bare), "".join(word for word in bare if word not in ("amount", "total"))]


def _guessed(column: Column, entity: str, model: Model) -> Iterator[tuple[float, Attribute]]:
    """Yield what it may mean where no name is known: by its last words, by a description."""
    if column.other:
        return
    yield from _by_head(column, entity, model)
    described = list(_described(column, entity, model))
    if len(described) == 1:
        yield _DESCRIBED, described[0]


def _open(attribute: Attribute) -> bool:
    """Tell whether a column may be drafted into it by its words alone: nothing special, no key, nothing that identifies."""
    free = attribute.privacy != "special" and attribute.identity is None and not attribute.inverse_of
    return free and attribute.name != "id"


def _by_head(column: Column, entity: str, model: Model) -> Iterator[tuple[float, Attribute]]:
    """Yield what the last words name, where the values say so too: a language, a time zone, a link; any list of labels."""
    for start in (-1, -2):
        if len(column.words) + start < 1:
            return
        for holder, name, score in find(model, " ".join(column.words[start:])):
            if holder == entity:
                attribute = model.entity(entity).attributes[name]
                labels = attribute.many and column.words[-1].endswith("s")
                if _open(attribute) and (labels or _looks(column, attribute.logical)):
                    yield score * _HEAD, attribute


def _looks(column: Column, logical: str | None) -> bool:
    """Tell whether the values have the pattern of a logical type; types without one do not look like anything."""
    if not column.filled:
        return False
    if logical == "language":
        return all(_LANGUAGE.match(value) for value in column.filled)
    if logical == "timezone":
        return all(value in available_timezones() for value in set(column.filled))
    return logical == "url" and all(value.startswith(("http://", "https://", "www.")) for value in column.filled)


def _described(column: Column, entity: str, model: Model) -> Iterator[Attribute]:
    """Yield the attributes whose words hold all of the column's; what is said of a contact point says little of it."""
    said = {_singular(word) for word in column.words if word not in _LITTLE and not word.isdigit()}
    if len(said) < 2 or column.is_id or model.entity(entity).parent == "ContactPoint":
        return
    for attribute in model.entity(entity).attributes.values():
        told = (attribute.name, attribute.description)
        if _open(attribute) and said <= {_singular(word) for text in told for word in words(text)}:
            yield attribute


def _singular(word: str) -> str:
    return word.removesuffix("s") if len(word) > 3 else word


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
