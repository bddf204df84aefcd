"""How a model is kept, and what it saw of records: sealed, to be opened for those who may be meant."""

import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from steelthread.identity import ModelRow, Seen, load_match
from steelthread.kit import now
from steelthread.thread.people import Person
from steelthread.thread.space import Space
from steelthread.vault import seal, unseal

_PAGE = 4000


def homely_contacts(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the kinds of a prepared record's contacts that all stand in a home, if it has any of the kind."""
    free = set(row["open"] or ())
    kinds = (("mails", ("email", "email_provider")), ("phones", ("phone",)))
    return tuple(kind for column, names in kinds if row[column] and free.issuperset(row[column]) for kind in names)


def seen_of(space: Space, rows: Iterable[tuple[Person, Mapping[str, Any]]], party: Any) -> Iterator[Seen]:
    """Yield records of a kind with the keyed hashes by which each is found, and what is compared of it, sealed."""
    match = load_match()
    rows = iter(rows)
    while page := list(islice(rows, _PAGE)):
        keys = space.vault.keys({one.subject for one, _ in page})
        for one, row in page:
            key = keys.get(one.subject)  # None: destroyed meanwhile, and the record goes with it
            sealed = seal(key, match.packed(row, party.columns), context_of(one.record)) if key else b""
            yield Seen(one.record, one.digest, array("q", keys_of(space, row, party)), one.subject, sealed)


def context_of(record: int) -> bytes:
    """Return what the sealed values of a record, as a model sees it, are bound to."""
    return b"judged " + record.to_bytes(8, "big")


def keys_of(space: Space, row: Mapping[str, Any], party: Any = None) -> list[int]:
    """Return the keyed hashes by which a prepared record is found; one of a person where no kind is given."""
    match = load_match()
    party = party or match.PEOPLE
    return sorted({*array("q", space.vault.tokens("match|", match.keys_of(row, party.words, party.mark)))})


def sealed_model(space: Space, model: Any) -> ModelRow:
    """Return a model as it is kept: what it knows of names and contacts is sealed under a subject of its own."""
    ((subject, key),) = space.vault.new_subjects(1)
    thresholds = model.thresholds
    comparisons = [*model.comparisons, *(model.organisations.comparisons if model.organisations else ())]
    labels = [(one.name, [level.label for level in one.levels]) for one in comparisons]
    sealed = seal(key, zlib.compress(model.encode(), 6), b"model " + model.version.encode())
    return ModelRow(
        model.version, subject, sealed, labels, thresholds.exact, thresholds.strict, thresholds.loose, space.rules.confidence,
        now(),
    )  # fmt: skip


def opened_model(space: Space, row: ModelRow) -> Any:
    """Return the model of a row; the last one is kept open."""
    if row.version not in space.matching:
        text = zlib.decompress(unseal(space.vault.key(row.subject), row.sealed, b"model " + row.version.encode()))
        space.matching = {row.version: load_match().decode(text)}
    return space.matching[row.version]


def knows_organisations(row: ModelRow) -> bool:
    """Whether a model has a part for organisations."""
    return any(question.startswith("firm") for question, _ in row.labels)
