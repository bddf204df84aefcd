"""TC strings of the IAB Europe Transparency and Consent Framework, version 2.3 of the format and before. Pure.

"Transparency and Consent String with Global Vendor & CMP List Formats", IAB Tech Lab. Core, then in any order the
segments of vendors disclosed and allowed and of the publisher's own purposes. A string is read bit by bit or not at all,
and what was read can be written again letter by letter.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec

from steelthread.kit import Invalid
from steelthread.privacy.signals.bits import BitReader, BitWriter, Span, read_spans, spans_of, within, write_spans

VERSION = 2
PURPOSES = 24
FEATURES = 12
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = int((datetime(9999, 1, 1, tzinfo=UTC) - _EPOCH) / timedelta(milliseconds=100))


class Vendors(msgspec.Struct, frozen=True):
    """A set of vendors by their numbers in the Global Vendor List, as it was written: bits or ranges."""

    most: int = 0
    """The highest number that the string speaks of."""
    field: str = ""
    """One bit for each vendor from 1 on, when it was written so."""
    spans: tuple[Span, ...] | None = None
    """The ranges, when it was written so."""

    @classmethod
    def of(cls, numbers: Iterable[int]) -> "Vendors":
        """Return a set in the shorter of the two ways."""
        told = set(numbers)
        most, spans = max(told, default=0), spans_of(told)
        if 12 + sum(33 if last else 17 for _, last in spans) < most:
            return cls(most, "", spans)
        return cls(most, "".join("1" if number in told else "0" for number in range(1, most + 1)))

    def has(self, vendor: int) -> bool:
        """Whether a vendor is in it."""
        if self.spans is not None:
            return within(self.spans, vendor)
        return 1 <= vendor <= self.most and self.field[vendor - 1] == "1"


class Restriction(msgspec.Struct, frozen=True):
    """What a publisher forbids vendors: type 0 the purpose altogether, 1 all but consent, 2 all but legitimate interest."""

    purpose: int
    type: int
    vendors: tuple[Span, ...]


class Own(msgspec.Struct, frozen=True):
    """The publisher's own purposes."""

    consents: str = "0" * PURPOSES
    interests: str = "0" * PURPOSES
    custom_consents: str = ""
    custom_interests: str = ""


class TcString(msgspec.Struct, frozen=True, kw_only=True):
    """What a TC string says. Bits stand as text of 0 and 1, the first for number 1."""

    created: int = 0
    """Tenths of a second since 1970."""
    updated: int = 0
    cmp_id: int = 0
    cmp_version: int = 0
    screen: int = 0
    language: str = "EN"
    list_version: int = 0
    policy_version: int = 5
    service_specific: bool = True
    own_texts: bool = False
    features: str = "0" * FEATURES
    consents: str = "0" * PURPOSES
    interests: str = "0" * PURPOSES
    one_not_disclosed: bool = False
    """PurposeOneTreatment."""
    publisher_country: str = "AA"
    vendor_consents: Vendors = Vendors()
    vendor_interests: Vendors = Vendors()
    restrictions: tuple[Restriction, ...] = ()
    disclosed: Vendors | None = None
    allowed: Vendors | None = None
    own: Own | None = None
    order: tuple[int, ...] = ()
    """Types of the segments behind the core, in their order: 1 disclosed, 2 allowed, 3 publisher."""
    tails: tuple[int, ...] = ()
    """Zero bits at the end of each segment; empty for what an encoder would write."""

    @property
    def updated_at(self) -> datetime:
        """When the person chose; from 2.2 on a day."""
        return _EPOCH + timedelta(milliseconds=100 * self.updated)

    def feature(self, number: int) -> bool:
        """Whether the person opted in to a special feature."""
        return _bit(self.features, number)

    def purpose(self, number: int) -> bool:
        """Whether the person consented to a purpose."""
        return _bit(self.consents, number)

    def interest(self, number: int) -> bool:
        """Whether legitimate interest was told for a purpose and not objected to."""
        return _bit(self.interests, number)

    def vendor(self, vendor: int, purposes: Iterable[int]) -> str:
        """Return why a vendor may not process for these purposes; empty when it may.

        Version 2.3 wants the vendor disclosed to the person; a string that does not say which were is none for vendors.
        """
        if self.disclosed is None:
            return "the TC string does not say which vendors were disclosed (TCF 2.3)"
        if not self.disclosed.has(vendor):
            return f"vendor {vendor} was not disclosed"
        consent, interest = self.vendor_consents.has(vendor), self.vendor_interests.has(vendor)
        for number in purposes:
            types = {
                one.type for one in self.restrictions if one.purpose == number and within(one.vendors, vendor)
            }  # fmt: skip
            by_consent = consent and self.purpose(number) and not types & {0, 2}
            by_interest = interest and self.interest(number) and not types & {0, 1}
            if not (by_consent or by_interest):
                return f"vendor {vendor} has no ground for purpose {number}"
        return "" if consent or interest else f"vendor {vendor} has no ground"


def _bit(bits: str, number: int) -> bool:
    return 1 <= number <= len(bits) and bits[number - 1] == "1"


def read_tcf(text: str) -> TcString:
    """Read a TC string; Invalid says what is wrong with it."""
    core, *segments = text.split(".")
    if len(segments) > 3:
        raise Invalid("more segments than there are")
    said, tail = _core(BitReader(core))
    found: dict[int, Vendors | Own] = {}
    tails = [tail]
    for segment in segments:
        reader = BitReader(segment)
        kind = reader.number(3)
        if kind in found or kind not in (1, 2, 3):
            raise Invalid("a segment twice, or of a type that there is not")
        found[kind] = _own(reader) if kind == 3 else _vendors(reader)
        tails.append(reader.tail())
    content = {name: found.get(kind) for kind, name in _SEGMENTS.items()}
    return msgspec.structs.replace(said, **content, order=tuple(found), tails=tuple(tails))


_SEGMENTS = {1: "disclosed", 2: "allowed", 3: "own"}


def _core(reader: BitReader) -> tuple[TcString, int]:
    if reader.number(6) != VERSION:
        raise Invalid("not a TC string of version 2")
    created, updated = reader.number(36), reader.number(36)
    if max(created, updated) > _LAST:
        raise Invalid("a time that is none")
    said = TcString(
        created=created, updated=updated, cmp_id=reader.number(12), cmp_version=reader.number(12),
        screen=reader.number(6), language=reader.letters(), list_version=reader.number(12),
        policy_version=reader.number(6), service_specific=reader.flag(), own_texts=reader.flag(),
        features=reader.bits(FEATURES), consents=reader.bits(PURPOSES), interests=reader.bits(PURPOSES),
        one_not_disclosed=reader.flag(), publisher_country=reader.letters(), vendor_consents=_vendors(reader),
        vendor_interests=_vendors(reader), restrictions=_restrictions(reader),
    )  # fmt: skip
    return said, reader.tail()


def _vendors(reader: BitReader) -> Vendors:
    most = reader.number(16)
    return Vendors(most, "", read_spans(reader, most)) if reader.flag() else Vendors(most, reader.bits(most))


def _restrictions(reader: BitReader) -> tuple[Restriction, ...]:
    found = []
    for _ in range(reader.number(12)):
        purpose, kind = reader.number(6), reader.number(2)
        if not 1 <= purpose <= PURPOSES or kind == 3:
            raise Invalid("a restriction that is none")
        found.append(Restriction(purpose, kind, read_spans(reader)))
    return tuple(found)


def _own(reader: BitReader) -> Own:
    consents, interests = reader.bits(PURPOSES), reader.bits(PURPOSES)
    count = reader.number(6)
    return Own(consents, interests, reader.bits(count), reader.bits(count))


def write_tcf(said: TcString) -> str:
    """Write a TC string; what was read comes out letter by letter."""
    order = said.order or tuple(kind for kind, name in _SEGMENTS.items() if getattr(said, name) is not None)
    tails: list[int | None] = list(said.tails) or [None] * (1 + len(order))
    segments = [_written_core(said, tails[0])]
    for kind, tail in zip(order, tails[1:], strict=True):
        writer = BitWriter()
        writer.number(kind, 3)
        content = getattr(said, _SEGMENTS[kind])
        (_write_own if kind == 3 else _write_vendors)(writer, content)
        segments.append(writer.text(tail))
    return ".".join(segments)


def _written_core(said: TcString, tail: int | None) -> str:
    writer = BitWriter()
    for value, count in (
        (VERSION, 6), (said.created, 36), (said.updated, 36), (said.cmp_id, 12), (said.cmp_version, 12), (said.screen, 6),
    ):  # fmt: skip
        writer.number(value, count)
    writer.letters(said.language)
    writer.number(said.list_version, 12)
    writer.number(said.policy_version, 6)
    writer.flag(said.service_specific)
    writer.flag(said.own_texts)
    for bits in (said.features, said.consents, said.interests):
        writer.bits(bits)
    writer.flag(said.one_not_disclosed)
    writer.letters(said.publisher_country)
    _write_vendors(writer, said.vendor_consents)
    _write_vendors(writer, said.vendor_interests)
    writer.number(len(said.restrictions), 12)
    for one in said.restrictions:
        writer.number(one.purpose, 6)
        writer.number(one.type, 2)
        write_spans(writer, one.vendors)
    return writer.text(tail)


def _write_vendors(writer: BitWriter, vendors: Vendors) -> None:
    writer.number(vendors.most, 16)
    writer.flag(vendors.spans is not None)
    if vendors.spans is not None:
        write_spans(writer, vendors.spans)
    else:
        writer.bits(vendors.field)


def _write_own(writer: BitWriter, own: Own) -> None:
    writer.bits(own.consents)
    writer.bits(own.interests)
    writer.number(len(own.custom_consents), 6)
    writer.bits(own.custom_consents)
    writer.bits(own.custom_interests)
