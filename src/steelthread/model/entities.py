"""What the model is made of: attributes and entities.

The structs are frozen and complete: an entity lists its inherited attributes too, so nobody walks the inheritance at
run time. References may name several entities (polymorphic); a collection is an attribute with `many` and
`inverse_of` (the attribute at the other end). Together they are enough to take in the Cloud Information Model as
published.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

Type = Literal["string", "integer", "decimal", "boolean", "date", "datetime", "time", "json"]
Privacy = Literal["direct", "indirect", "special", "none"]
Reconciliation = Literal["last_updated", "most_frequent", "source_priority", "first", "longest", "union"]
Category = Literal["profile", "engagement", "related", "lookup"]

TYPES = ("string", "integer", "decimal", "boolean", "date", "datetime", "time", "json")
PRIVACIES = ("direct", "indirect", "special", "none")
RECONCILIATIONS = ("last_updated", "most_frequent", "source_priority", "first", "longest", "union")
CATEGORIES = ("profile", "engagement", "related", "lookup")
IDENTITIES = ("email", "phone", "user_id", "anonymous_id", "device_id", "cookie", "loyalty_number", "party_id")
LOGICALS = (
    "code", "country", "currency", "email", "ip", "language", "money", "name", "percentage", "phone", "postcode",
    "street", "text", "timezone", "url",
)  # fmt: skip


class Attribute(msgspec.Struct, frozen=True):
    """One attribute of an entity: what a value means, how it is protected and how several values become one.

    `privacy`: direct (names somebody: sealed in the vault), indirect (narrows down), special (GDPR articles 9 and 10:
    blocked unless the project allows it), none. `identity`: the kind of identifier the value is, if any.
    `iri` names the term in the vocabulary of the origin. `required` is enforced by nobody at intake; `published_required`
    says that the origin asks for it, which is not even told to exports. `formerly` holds names it had before: mappings
    and stored records that use them mean this attribute; `formerly_type` is the type it had, whose stored values are
    read as the present one. `deprecated` says what to use instead.
    """

    name: str
    type: Type
    logical: str | None
    required: bool
    many: bool
    references: tuple[str, ...]
    inverse_of: str | None
    privacy: Privacy
    identity: str | None
    reconciliation: Reconciliation
    description: str
    origin: str
    iri: str | None
    aliases: tuple[str, ...]
    published_required: bool = False
    formerly: tuple[str, ...] = ()
    formerly_type: Type | None = None
    deprecated: str = ""


class Entity(msgspec.Struct, frozen=True):
    """One kind of record, with its own and its inherited attributes.

    `owner` is the attribute that refers to whom or what a record belongs; `event_time` says when it happened.
    """

    name: str
    label: str
    area: str
    category: Category
    key: str
    event_time: str | None
    parent: str | None
    owner: str | None
    abstract: bool
    attributes: Mapping[str, Attribute]
    description: str
    origin: str
    aliases: tuple[str, ...]
    deprecated: str = ""
