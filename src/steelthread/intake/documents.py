"""Mapping of JSON documents: webhooks and CloudEvents, read as rows whose columns are the paths that the mapping names."""

from collections.abc import Iterator
from typing import Any

import msgspec

from steelthread.intake.live import cells
from steelthread.intake.mapping import Mapping
from steelthread.intake.source import Source
from steelthread.intake.types import MappedRow
from steelthread.model import Model

_MOST_EXTRAS = 200


class DocumentMapping:
    """Maps the documents of one source. What the mapping does not name is kept with the first record, as in files."""

    def __init__(self, source: Source, model: Model, country: str) -> None:
        named = {"entities": msgspec.to_builtins(source.entities), "key": msgspec.to_builtins(source.key)}
        named |= {"party": msgspec.to_builtins(source.party), "observed_at": msgspec.to_builtins(source.observed_at)}
        named["identifiers"] = msgspec.to_builtins(source.identifiers)
        self._columns = sorted(set(_columns(named)))
        self._ignored = frozenset(source.ignore).union(self._columns)
        self._mapping = Mapping(source, model, self._columns, country)

    def map(self, document: dict[str, Any]) -> MappedRow:
        """Map a document; RowRejected when it has no key."""
        found = cells(document)
        row = self._mapping.map([found.get(column, "") for column in self._columns])
        left = [(name, cell) for name, cell in found.items() if cell and name not in self._ignored]
        row.extras = dict(left[:_MOST_EXTRAS])
        return row


def _columns(part: Any) -> Iterator[str]:
    """Yield every column that a mapping names."""
    if isinstance(part, list):
        for one in part:
            yield from _columns(one)
    elif isinstance(part, dict):
        for word, value in part.items():
            if word in ("column", "key", "concat"):
                yield from [value] if isinstance(value, str) else [one for one in value or [] if one != "row_hash"]
            elif word == "attributes":
                yield from _columns(list(value.values()))
            elif word != "lookup":
                yield from _columns(value)
