"""GPP strings of the IAB's Global Privacy Platform: the header, and the sections one can read. Pure.

"Global Privacy Platform String", IAB Tech Lab: a header in Fibonacci coding names the sections, which follow in that
order. The United States' sections are fields of two bits each; their layouts are those of the specifications for the
nation and the states. Of Maryland, Indiana, Kentucky and Rhode Island the specifications (October 2025) put a header before
the fields, with a number that its coding cannot write; what consent managers send is read, as the IAB's own encoder
(@iabgpp/cmpapi 3.2) writes it: without. A section that is not known here is kept as it came and says nothing.
"""

from collections.abc import Mapping, Sequence

import msgspec

from steelthread.kit import Invalid
from steelthread.privacy.signals.bits import BitReader, BitWriter, Span
from steelthread.privacy.signals.tcf import TcString, read_tcf, write_tcf

TCF_EU, US_PRIVACY, US_NATIONAL = 2, 6, 7
_HEADER, _VERSION = 3, 1
_NOTICES = ("SaleOptOutNotice", "TargetedAdvertisingOptOutNotice")
_OPT_OUTS = ("SaleOptOut", "TargetedAdvertisingOptOut")
_MSPA = ("MspaCoveredTransaction", "MspaOptOutOptionMode", "MspaServiceProviderMode")
_MSPA_LATE = ("MspaCoveredTransaction", "MspaMode")
_SENSITIVE, _CHILD = "SensitiveDataProcessing", "KnownChildSensitiveDataConsents"
Layout = tuple[tuple[str, int], ...]
"""Fields after the version: name, and how many values of two bits."""


def _layout(front: Sequence[str], sensitive: int, children: int, more: Sequence[str] = ()) -> Layout:
    listed = ((_SENSITIVE, sensitive), (_CHILD, children))
    return (*((name, 1) for name in front), *listed, *((name, 1) for name in (*more, *_MSPA)))


def _state(notice: str, sensitive: int, children: int, more: Sequence[str] = ()) -> Layout:
    return _layout((notice, *_NOTICES, *_OPT_OUTS), sensitive, children, more)


def _late(*child: str) -> Layout:
    """The states of 2025 begin with the MSPA, and leave sensitive data to a part of its own."""
    fields = (*_MSPA_LATE, _PROCESSED, *_NOTICES, *_OPT_OUTS, *child, *_MORE)
    return tuple((name, 1) for name in fields)


_SHARED, _PROCESSED, _MORE = "SharingNotice", "ProcessingNotice", ("AdditionalDataProcessingConsent",)
_NATION = (
    "SharingNotice", "SaleOptOutNotice", "SharingOptOutNotice", "TargetedAdvertisingOptOutNotice",
    "SensitiveDataProcessingOptOutNotice", "SensitiveDataLimitUseNotice", "SaleOptOut", "SharingOptOut",
    "TargetedAdvertisingOptOut",
)  # fmt: skip
_CALIFORNIA = (
    "SaleOptOutNotice", "SharingOptOutNotice", "SensitiveDataLimitUseNotice", "SaleOptOut", "SharingOptOut",
)  # fmt: skip
LAYOUTS: Mapping[tuple[int, int], tuple[str, Layout]] = {
    (7, 1): ("usnat", _layout(_NATION, 12, 2, ("PersonalDataConsents",))),
    (7, 2): ("usnat", _layout(_NATION, 16, 3, ("PersonalDataConsents",))),
    (8, 1): ("usca", _layout(_CALIFORNIA, 9, 2, ("PersonalDataConsents",))),
    (9, 1): ("usva", _state(_SHARED, 8, 1)),
    (10, 1): ("usco", _state(_SHARED, 7, 1)),
    (11, 1): ("usut", _layout((_SHARED, *_NOTICES, "SensitiveDataProcessingOptOutNotice", *_OPT_OUTS), 8, 1)),
    (12, 1): ("usct", _state(_SHARED, 8, 3)),
    (13, 1): ("usfl", _state(_PROCESSED, 8, 3, _MORE)),
    (14, 1): ("usmt", _state(_SHARED, 8, 3, _MORE)),
    (15, 1): ("usor", _state(_PROCESSED, 11, 3, _MORE)),
    (16, 1): ("ustx", _state(_PROCESSED, 8, 1, _MORE)),
    (17, 1): ("usde", _state(_PROCESSED, 9, 5, _MORE)),
    (18, 1): ("usia", _layout((_PROCESSED, *_NOTICES, "SensitiveDataOptOutNotice", *_OPT_OUTS), 8, 1)),
    (19, 1): ("usne", _state(_PROCESSED, 8, 1, _MORE)),
    (20, 1): ("usnh", _state(_PROCESSED, 8, 3, _MORE)),
    (21, 1): ("usnj", _state(_PROCESSED, 10, 5, _MORE)),
    (22, 1): ("ustn", _state(_PROCESSED, 8, 1, _MORE)),
    (23, 1): ("usmn", _state(_PROCESSED, 8, 1, _MORE)),
    (24, 1): ("usmd", _late()),
    (25, 1): ("usin", _late(_CHILD)),
    (26, 1): ("usky", _late(_CHILD)),
    (27, 1): ("usri", _late(_CHILD)),
}
"""Section and version (of the MSPA, from Maryland on) -> its name in the CMP API, its layout."""
_SENSITIVE_APART: Mapping[int, int] = {25: 8, 26: 8, 27: 8}
"""Sections whose second part, where there is one, is no Global Privacy Control but consents to so many sensitive kinds."""


class UsSection(msgspec.Struct, frozen=True):
    """A section of the nation or of a state. Of each value: 0 not applicable, 1 no (opted out), 2 yes (did not opt out)."""

    number: int
    version: int
    fields: dict[str, tuple[int, ...]]
    gpc: bool | None = None
    """Global Privacy Control, when the section has a part for it."""
    tails: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The name in the CMP API."""
        return LAYOUTS[(self.number, self.version)][0]

    def of(self, field: str) -> tuple[int, ...]:
        """Return the values of a field, none for one that the section does not have."""
        return self.fields.get(field, ())


class UspString(msgspec.Struct, frozen=True):
    """A US Privacy string (section 6, uspv1, and `us_privacy`): version 1, then Y, N or - three times."""

    notice: str
    opted_out: str
    lspa: str


class Unknown(msgspec.Struct, frozen=True):
    """A section, or the version of one, that cannot be read here."""

    text: str


Section = TcString | UspString | UsSection | Unknown


class GppString(msgspec.Struct, frozen=True):
    """What a GPP string says: its sections by their numbers, in the order of the string."""

    sections: dict[int, Section]
    spans: tuple[Span, ...] = ()
    """The header's range as it was written."""
    tail: int | None = None


def read_gpp(text: str) -> GppString:
    """Read a GPP string; Invalid says what is wrong with it."""
    header, *texts = text.split("~")
    reader = BitReader(header)
    if reader.number(6) != _HEADER or reader.number(6) != _VERSION:
        raise Invalid("not a GPP string of version 1")
    spans, last = [], 0
    for _ in range(reader.number(12)):
        grouped = reader.flag()
        first = last + reader.fibonacci()
        end = first + reader.fibonacci() if grouped else 0
        last = end or first
        if last > 1 << 12:
            raise Invalid("a section that there is not")
        spans.append((first, end))
    tail = reader.tail()
    numbers = [number for first, end in spans for number in range(first, (end or first) + 1)]
    if len(numbers) != len(texts) or not numbers:
        raise Invalid("the header and the sections do not fit")
    sections = {number: _section(number, part) for number, part in zip(numbers, texts, strict=True)}
    return GppString(sections, tuple(spans), tail)


def write_gpp(said: GppString) -> str:
    """Write a GPP string; what was read comes out letter by letter."""
    writer = BitWriter()
    writer.number(_HEADER, 6)
    writer.number(_VERSION, 6)
    spans = said.spans or tuple((number, 0) for number in said.sections)
    writer.number(len(spans), 12)
    last = 0
    for first, end in spans:
        writer.flag(bool(end))
        writer.fibonacci(first - last)
        if end:
            writer.fibonacci(end - first)
        last = end or first
    return "~".join((writer.text(said.tail), *map(_written, said.sections.values())))


def read_usp(text: str) -> UspString:
    """Read a US Privacy string; Invalid says what is wrong with it."""
    if len(text) != 4 or text[0] != "1" or set(text[1:].upper()) - set("YN-"):
        raise Invalid("not a US Privacy string of version 1")
    return UspString(text[1], text[2], text[3])


def _section(number: int, text: str) -> Section:
    if number == TCF_EU:
        return read_tcf(text)
    if number == US_PRIVACY:
        return read_usp(text)
    core, *parts = text.split(".")
    version = BitReader(core[:1]).number(6) if core and number in {known for known, _ in LAYOUTS} else 0
    layout = LAYOUTS.get((number, version))
    if layout is None:
        return Unknown(text)
    reader = BitReader(core)
    reader.number(6)
    fields = {name: tuple(_value(reader) for _ in range(count)) for name, count in layout[1]}
    tails, gpc = [reader.tail()], None
    apart = _SENSITIVE_APART.get(number)
    for part in parts:
        reader = BitReader(part)
        if len(tails) > 1 or (not apart and reader.number(2) != 1):
            raise Invalid("a part of a section twice, or of a type that there is not")
        if apart:
            fields[_SENSITIVE] = tuple(_value(reader) for _ in range(apart))
        else:
            gpc = reader.flag()
        tails.append(reader.tail())
    return UsSection(number, version, fields, gpc, tuple(tails))


def _value(reader: BitReader) -> int:
    value = reader.number(2)
    if value == 3:
        raise Invalid("a value that there is not")
    return value


def _written(section: Section) -> str:
    if isinstance(section, TcString):
        return write_tcf(section)
    if isinstance(section, UspString):
        return f"1{section.notice}{section.opted_out}{section.lspa}"
    if isinstance(section, Unknown):
        return section.text
    writer = BitWriter()
    writer.number(section.version, 6)
    for name, _ in LAYOUTS[(section.number, section.version)][1]:
        for value in section.fields[name]:
            writer.number(value, 2)
    tails: list[int | None] = list(section.tails) or [None, None]
    parts = [writer.text(tails[0])]
    if section.number in _SENSITIVE_APART and _SENSITIVE in section.fields:
        writer = BitWriter()
        for value in section.fields[_SENSITIVE]:
            writer.number(value, 2)
        parts.append(writer.text(tails[1]))
    elif section.gpc is not None:
        writer = BitWriter()
        writer.number(1, 2)
        writer.flag(section.gpc)
        parts.append(writer.text(tails[1]))
    return ".".join(parts)
