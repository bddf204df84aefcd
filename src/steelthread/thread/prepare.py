"""From a mapped row to what is kept: split by privacy class, hashed, ready to be sealed. No I/O beyond the keyring.

`direct` values, identifiers of any kind (and columns that nobody mapped) go into the envelope; `indirect` and `none`
values stay clear; a sealed value leaves its keyed token and its length behind, which is all that folding needs.
"""

from collections.abc import Mapping as Dict
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import msgspec

from steelthread.identity import (
    NODES_OF,
    Identifiers,
    homes_of,
    name_evidence,
    name_words,
    organisation_evidence,
    organisation_name,
)
from steelthread.intake import MappedPart, MappedRecord, MappedRow, RecordRow, Source, key_hash
from steelthread.kit import remembered
from steelthread.model import PARTIES, Model
from steelthread.vault import Vault

_JSON = msgspec.json.Encoder(order="sorted").encode
_PACK = msgspec.msgpack.Encoder(order="sorted").encode
_NAMES = (
    "firstName", "lastName", "middleName", "secondLastName", "personName", "preferredName", "name", "businessName", "legalName",
)  # fmt: skip
_AMOUNTS = ("grandTotalAmount", "totalLineAmount", "paymentAmount")
_PRICES = ("unitPriceAmount", "listPriceAmount")
_MEASURED = frozenset((*_AMOUNTS, *_PRICES, "orderedQuantity"))
_WHOLE_NAMES = frozenset(("firstName", "lastName", "personName", "nameSuffix"))
APART = "apart"
_NOTHING = (None, None, None, None)


class Ident(msgspec.Struct, array_like=True, frozen=True):
    """An identifier of a record, as the graph needs it."""

    kind: int
    name: str
    hash: bytes
    exclusive: int = 0
    """A group of identifiers of which a person has one, where its namespace or the event itself says so; 0 for what the kind says."""
    first: int = 0
    """When it was told first, in microseconds since 1970, where that is known; 0: when the record was first observed."""


class _Who(NamedTuple):
    """What identifies a record, and what its names tell."""

    idents: list[Ident]
    shown: list[tuple[str, str]]
    names: list[str]
    """First name and suffix, and the mark of a visitor apart."""
    first_token: int
    blocked: int


class Prepared(msgspec.Struct, array_like=True):
    """A record on its way into the database; it may come from another process."""

    entity: str
    key: str
    key_hash: bytes
    digest: bytes
    row_digest: bytes
    changed_at: int | None
    is_party: bool
    plain: bytes
    """What is sealed: MessagePack of [key, values, part values, identifiers, extras, [first name, suffix]].

    The last has a mark (`APART`) more where the record tells of a visitor whom the project keeps apart.
    """
    has_direct: bool
    clear: bytes
    """JSON: {"v": values, "p": [[entity, values]], "f": {direct: [token, length]}}."""
    idents: list[Ident]
    first_name: str
    first_token: int
    suffix: str
    name_tokens: list[int]
    party: bytes | None
    parent: bytes | None
    at: str | None
    amount: Decimal | None
    currency: str | None
    quantity: Decimal | None
    subject: int = 0
    sealed: bytes = b""
    """The envelope under the new subject `subject`, when it was sealed ahead; 0 and empty otherwise."""

    homes: list[int] = []
    """Keyed tokens of surname and address, for households."""
    uncounted: bool = False
    """Whether it makes no count, sum or trait of its owner."""


def as_they_were(winners: dict[bytes, Prepared], stored: Dict[bytes, RecordRow]) -> None:
    """Leave records that a former version took for no party (`Organization`) what they are: they have no node to be one."""
    for name, row in stored.items():
        if winners[name].is_party and not row.is_party:
            winners[name] = msgspec.structs.replace(winners[name], is_party=False)


class Preparer:
    """Prepares the rows of one source."""

    def __init__(
        self, source: Source, model: Model, vault: Vault, identifiers: Identifiers, *, live: bool = False
    ) -> None:
        """`live`: the same people tell of themselves again and again, so what names a person is remembered."""
        self._live = live
        self._source = source
        self._model = model
        self._vault = vault
        self._identifiers = identifiers
        self._clear: dict[str, frozenset[str]] = {}
        self._parties: dict[str, bool] = {}
        self._telling: dict[str, frozenset[str]] = {}
        self.blocked = 0
        self._token = remembered(65_536)(vault.token)
        self._tokens_of = remembered(65_536)(self._tokens)
        self._ident = remembered(16_384)(self._named)
        self._again = remembered(16_384)(self._named_so)

    def row(self, row: MappedRow, row_digest: bytes) -> list[Prepared]:
        """Prepare all records of a row; the extras go with the first."""
        prepared = []
        for index, record in enumerate(row.records):
            prepared.append(self._record(record, row, row_digest, row.extras if index == 0 else {}))
        return prepared

    def is_party(self, entity: str) -> bool:
        """Whether records of this entity are nodes of the identity graph."""
        if entity not in self._parties:
            self._parties[entity] = any(self._model.is_a(entity, party) for party in PARTIES)
        return self._parties[entity]

    def _record(self, record: MappedRecord, row: MappedRow, row_digest: bytes, extras: dict[str, str]) -> Prepared:
        is_party = self.is_party(record.entity)
        who = self._called(record, is_party=is_party)
        self.blocked += who.blocked
        values, direct, facets = self._split(record.entity, record.values)
        parts, direct_parts = self._parts(record.parts)
        source = self._source.name
        plain = _PACK([record.key, direct, direct_parts, who.shown, extras, who.names])
        above = (record.parent, record.parent_source) if record.parent_source else record.parent
        content = _PACK([plain, values, parts, record.party, above, row.observed_at])
        at, amount, currency, quantity = _measures(record, self._model) if not is_party else _NOTHING
        return Prepared(
            entity=record.entity,
            key=record.key,
            key_hash=key_hash(self._vault, source, record.entity, record.key),
            digest=self._vault.digest(content),
            row_digest=row_digest,
            changed_at=row.observed_at,
            is_party=is_party,
            plain=plain,
            has_direct=bool(is_party or direct or any(direct_parts) or who.idents or extras),
            clear=_JSON({"v": values, "p": parts, "f": facets}),
            idents=who.idents,
            first_name=who.names[0],
            first_token=who.first_token,
            suffix=who.names[1],
            name_tokens=self._name_tokens(record) if is_party else [],
            party=key_hash(self._vault, *record.party) if record.party else None,
            parent=key_hash(self._vault, record.parent_source or source, *record.parent) if record.parent else None,
            at=at,
            amount=amount,
            currency=currency,
            quantity=quantity,
            homes=self._homes(record) if is_party else [],
        )

    def _called(self, record: MappedRecord, *, is_party: bool) -> _Who:
        """Return what identifies a record; of one that tells it by the identifiers alone that came with it as it was found before."""
        telling = self._telling.get(record.entity)
        if telling is None:
            telling = self._telling[record.entity] = self._identifiers.telling(record.entity) | _WHOLE_NAMES
        named, values = tuple(record.identifiers), record.values
        known = record.party is not None
        if not (is_party or record.parts or not telling.isdisjoint(values)):
            return self._again("Individual", named, known)
        if not self._live or self._identifiers.is_organisation(record.entity):
            return self._who(record)
        told = tuple((name, str(value)) for name, value in values.items() if value and name in telling)
        parts = tuple(
            (part.entity, *((name, str(value)) for name, value in part.values.items() if value))
            for part in record.parts
        )
        return self._again(record.entity, named, known, told, parts)

    def _named_so(
        self,
        entity: str,
        identifiers: tuple[Any, ...],
        known: bool,  # noqa: FBT001  # remembered by place
        told: Any = (),
        parts: Any = (),
    ) -> _Who:
        """Return what the identifiers say that came with a record, and those of its values and parts that tell of whom it is."""
        held = [MappedPart(name, dict(values)) for name, *values in parts]
        return self._who(MappedRecord(entity, "", dict(told), held, list(identifiers), ("", "", "") if known else None))

    def _who(self, record: MappedRecord) -> _Who:
        found, blocked = self._identifiers.of(record)
        names = (
            organisation_evidence(organisation_name(record.values))
            if self._identifiers.is_organisation(record.entity)
            else name_evidence(record, (value for _, name, value, _ in found if name == "email"))
        )
        told = [names.first, names.suffix]
        if self._identifiers.tells_of_a_visitor(found, known=record.party is not None):
            told.append(APART)  # with other rules it is another record
        return _Who(
            [self._ident(index, name, value) for index, name, value, _ in found],
            [(name, value) for _, name, _, value in found],
            told,
            self._token("first|" + names.first) if names.first else 0,
            len(blocked),
        )

    def _named(self, index: int, name: str, value: str) -> Ident:
        blind = self._vault.blind(NODES_OF.get(name, name), value)
        return Ident(index, name, blind, self._identifiers.group(name, value))

    def _homes(self, record: MappedRecord) -> list[int]:
        addresses = [part.values for part in record.parts if part.entity == "ContactPointAddress"]
        return [self._vault.token(home) for home in homes_of(record.values, addresses)] if addresses else []

    def _split(
        self, entity: str, values: Dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, tuple[int, int]]]:
        clears = self._clears(entity)
        clear, direct, facets = {}, {}, {}
        for name, value in values.items():
            if name in clears:
                clear[name] = value
            else:
                direct[name] = value
                text = str(value)
                facets[name] = (self._token(text), len(text))
        return clear, direct, facets

    def _parts(self, parts: list[MappedPart]) -> tuple[list[tuple[str, dict[str, Any]]], list[dict[str, Any]]]:
        clear, direct = [], []
        for part in parts:
            clears = self._clears(part.entity)
            plain: dict[str, Any] = {}
            sealed: dict[str, Any] = {}
            for name, value in part.values.items():
                (plain if name in clears else sealed)[name] = value
            clear.append((part.entity, plain))
            direct.append(sealed)
        return clear, direct

    def _clears(self, entity: str) -> frozenset[str]:
        """Return what may stay clear. A name that the model has no more is sealed: nobody knows what it was."""
        known = self._clear.get(entity)
        if known is None:
            attributes = self._model.entity(entity).attributes
            known = frozenset(
                name
                for name, one in attributes.items()
                if one.privacy not in ("direct", "special") and not one.identity
            )
            self._clear[entity] = known
        return known

    def _name_tokens(self, record: MappedRecord) -> list[int]:
        tokens: set[int] = set()
        for name in _NAMES:
            value = record.values.get(name)
            if value:
                tokens.update(self._tokens_of(str(value)))
        return sorted(tokens)

    def _tokens(self, name: str) -> list[int]:
        return [self._token("name|" + word) for word in name_words(name)]


def _measures(record: MappedRecord, model: Model) -> tuple[str | None, Decimal | None, str | None, Decimal | None]:
    """Return when it happened, how much money, in which currency, how many."""
    values = record.values
    event_time = model.entity(record.entity).event_time
    at = values.get(event_time) if event_time else None
    if _MEASURED.isdisjoint(values):  # as of most events
        return at, None, values.get("currencyCode"), None
    quantity = _decimal(values.get("orderedQuantity"))
    amount = next((_decimal(values[name]) for name in _AMOUNTS if name in values), None)
    price = next((_decimal(values[name]) for name in _PRICES if name in values), None)
    if amount is None and price is not None and quantity is not None:
        amount = price * quantity
    return at, amount, values.get("currencyCode"), quantity


def _decimal(value: Any) -> Decimal | None:
    try:
        return None if value is None else Decimal(str(value))
    except InvalidOperation:
        return None
