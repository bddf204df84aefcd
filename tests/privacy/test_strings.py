"""TC, GPP and US Privacy strings: what the IAB prints, round trips bit by bit, and strings that are broken (acceptance test 12)."""

import contextlib
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.privacy.strings import GPP, TCF, US, US_ALSO, US_LATE, mutations, us_values

from steelthread.kit import Invalid
from steelthread.privacy import Ears, Purpose, Purposes
from steelthread.privacy.signals import (
    GppString,
    TcString,
    Vendors,
    read_gpp,
    read_tcf,
    read_usp,
    write_gpp,
    write_tcf,
)
from steelthread.privacy.signals.bits import BitReader, BitWriter
from steelthread.privacy.signals.gpp import LAYOUTS, Unknown, UspString, UsSection
from steelthread.privacy.signals.tcf import Own, Restriction

_SENSITIVE, _CHILD = "SensitiveDataProcessing", "KnownChildSensitiveDataConsents"
_APART = (25, 26, 27)
EARS = Ears(
    Purposes(
        {
            "ads": Purpose(also_known_as=["iab:3", "iab:4"]),
            "partner": Purpose(also_known_as=["iab:4", "iab:vendor:8", "iab:feature:1"]),
            "insight": Purpose(legal_basis="legitimate_interests", also_known_as=["iab:8"]),
        }
    )
)


def _numbers(bits):
    return {place for place, bit in enumerate(bits, 1) if bit == "1"}


def _members(vendors, of):
    return {number for number in of if vendors.has(number)}


@pytest.mark.parametrize("text", TCF, ids=range(len(TCF)))
def test_12_tc_strings_that_the_iab_prints(text):
    said = read_tcf(text)
    assert write_tcf(said) == text
    expected = dict(TCF[text])
    assert _numbers(said.consents) == expected.pop("purposes")
    vendors = expected.pop("vendors")
    assert _members(said.vendor_consents, vendors) == vendors
    assert _members(said.disclosed or Vendors(), expected.get("disclosed", set())) == expected.pop("disclosed", set())
    for name, value in expected.items():
        assert getattr(said, name) == value, name


@pytest.mark.parametrize("text", GPP, ids=range(len(GPP)))
def test_12_gpp_strings_that_the_iab_prints(text):
    said = read_gpp(text)
    assert list(said.sections) == GPP[text]
    assert write_gpp(said) == text


@pytest.mark.parametrize(("key", "text"), [*US.items(), *((key, said[0]) for key, said in US_ALSO.items())])
def test_12_sections_of_the_united_states(key, text):
    expected = us_values(LAYOUTS[key][1])
    if key in US_ALSO:
        expected["SensitiveDataProcessing"], expected["KnownChildSensitiveDataConsents"] = US_ALSO[key][1:]
    whole = write_gpp(GppString({key[0]: Unknown(text)}))
    said = read_gpp(whole)
    section = said.sections[key[0]]
    assert section.fields == expected
    assert section.gpc is (True if "." in text else None)
    assert write_gpp(said) == whole
    fresh = UsSection(key[0], key[1], expected, section.gpc)
    assert write_gpp(GppString({key[0]: fresh})) == whole, "an encoder of our own writes the same"


@pytest.mark.parametrize("text", US_LATE)
def test_12_states_whose_sections_the_encoder_of_the_iab_writes(text):
    number, sensitive, children, gpc = US_LATE[text]
    said = read_gpp(text)
    section = said.sections[number]
    assert (section.of(_SENSITIVE), section.of(_CHILD)) == (sensitive, children)
    assert section.gpc is gpc
    left = {name: value for name, value in section.fields.items() if name not in (_SENSITIVE, _CHILD)}
    assert left == {name: (2,) if name == "MspaServiceProviderMode" else (1,) for name in left}
    assert left.keys() >= {"SaleOptOut", "TargetedAdvertisingOptOut", "AdditionalDataProcessingConsent"}
    assert write_gpp(said) == text
    fresh = UsSection(number, 1, section.fields, gpc)
    assert write_gpp(GppString({number: fresh})) == text, "an encoder of our own writes the same"


@pytest.mark.parametrize("text", ["DBABUYA~BVVZ.kkk.kkk", "DBABUYA~BVVZ.YA", "DBABUYA~BVVZ.kk_", "DBABEYA~BVVU.kkk"])
def test_12_a_part_that_the_section_does_not_have(text):
    with pytest.raises(Invalid):
        read_gpp(text)


def test_every_section_that_can_be_read_was_printed_somewhere():
    assert set(LAYOUTS) == {*US, *US_ALSO, *((number, 1) for number, *_ in US_LATE.values())}
    assert {name for name, _ in LAYOUTS.values()} >= {"usnat", "usca", "usva", "usco", "usut", "usct"}


@pytest.mark.parametrize(
    ("number", "bits"), [(1, "11"), (2, "011"), (3, "0011"), (4, "1011"), (5, "00011"), (6, "10011"), (7, "01011")]
)
def test_fibonacci_coding_as_the_iab_tells_it(number, bits):
    writer = BitWriter()
    writer.fibonacci(number)
    filled = bits + "0" * (-len(bits) % 6)
    assert writer.text(len(filled) - len(bits)) == "".join(
        _letter(filled[at : at + 6]) for at in range(0, len(filled), 6)
    )


def _letter(bits):
    writer = BitWriter()
    writer.bits(bits)
    return writer.text(0)


@given(st.lists(st.integers(1, 50_000), max_size=20))
def test_numbers_come_back_from_fibonacci_coding(numbers):
    writer = BitWriter()
    for number in numbers:
        writer.fibonacci(number)
    reader = BitReader(writer.text())
    assert [reader.fibonacci() for _ in numbers] == numbers


BITS = {count: st.text("01", min_size=count, max_size=count) for count in (12, 24)}
IDS = st.frozensets(st.integers(1, 1500), max_size=60)
SPANS = st.tuples(st.integers(1, 900), st.integers(0, 200)).map(lambda one: (one[0], one[0] + one[1] if one[1] else 0))


@st.composite
def tc_strings(draw):
    """Any TC string that there can be."""
    custom = draw(st.integers(0, 63))
    own = st.builds(
        Own, BITS[24], BITS[24], st.text("01", min_size=custom, max_size=custom), st.text("01", min_size=custom, max_size=custom)
    )  # fmt: skip
    code = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=2)
    said = TcString(
        created=draw(st.integers(0, 2**34)), updated=draw(st.integers(0, 2**34)), cmp_id=draw(st.integers(0, 4095)),
        cmp_version=draw(st.integers(0, 4095)), screen=draw(st.integers(0, 63)), language=draw(code),
        list_version=draw(st.integers(0, 4095)), policy_version=draw(st.integers(0, 63)), service_specific=draw(st.booleans()),
        own_texts=draw(st.booleans()), features=draw(BITS[12]), consents=draw(BITS[24]), interests=draw(BITS[24]),
        one_not_disclosed=draw(st.booleans()), publisher_country=draw(code), vendor_consents=Vendors.of(draw(IDS)),
        vendor_interests=Vendors.of(draw(IDS)),
        restrictions=tuple(draw(st.lists(st.builds(
            Restriction, st.integers(1, 24), st.integers(0, 2), st.lists(SPANS, max_size=4).map(tuple)), max_size=4))),
        disclosed=draw(st.none() | IDS.map(Vendors.of)), allowed=draw(st.none() | IDS.map(Vendors.of)), own=draw(st.none() | own),
    )  # fmt: skip
    kinds = [kind for kind, name in ((1, "disclosed"), (2, "allowed"), (3, "own")) if getattr(said, name) is not None]
    return msgspec.structs.replace(said, order=tuple(draw(st.permutations(kinds))))


@settings(max_examples=300, deadline=None)
@given(tc_strings())
def test_12_any_tc_string_comes_back_bit_by_bit(said):
    text = write_tcf(said)
    again = read_tcf(text)
    assert msgspec.structs.replace(again, tails=()) == said
    assert write_tcf(again) == text


@settings(max_examples=300, deadline=None)
@given(IDS)
def test_vendors_are_the_same_in_bits_and_in_ranges(ids):
    vendors = Vendors.of(ids)
    bits = Vendors(
        max(ids, default=0), "".join("1" if number in ids else "0" for number in range(1, max(ids, default=0) + 1))
    )
    for number in {*ids, 1, 2, 1500, 1501, 65_535}:
        assert vendors.has(number) == bits.has(number) == (number in ids)


@st.composite
def gpp_strings(draw):
    """Any GPP string of sections that can be read, and of some that cannot."""
    sections = {}
    for number in sorted(draw(st.sets(st.integers(1, 40), min_size=1, max_size=6))):
        versions = [version for known, version in LAYOUTS if known == number]
        if number == 2:
            sections[number] = read_tcf(write_tcf(draw(tc_strings())))
        elif number == 6:
            sections[number] = UspString(*draw(st.text("YN-", min_size=3, max_size=3)))
        elif versions:
            version = draw(st.sampled_from(versions))
            fields = {
                name: tuple(draw(st.integers(0, 2)) for _ in range(count)) for name, count in LAYOUTS[(number, version)][1]
            }  # fmt: skip
            apart = number in _APART
            if apart and draw(st.booleans()):
                fields[_SENSITIVE] = tuple(draw(st.integers(0, 2)) for _ in range(8))
            sections[number] = UsSection(number, version, fields, None if apart else draw(st.none() | st.booleans()))
        else:
            sections[number] = Unknown(draw(st.text("ABCab019-_.", max_size=9)))
    return GppString(sections)


@settings(max_examples=200, deadline=None)
@given(gpp_strings())
def test_12_any_gpp_string_comes_back_bit_by_bit(said):
    text = write_gpp(said)
    again = read_gpp(text)
    assert write_gpp(again) == text
    plain = {number: _without_tails(one) for number, one in again.sections.items()}
    assert plain == {number: _without_tails(one) for number, one in said.sections.items()}


def _without_tails(section):
    return msgspec.structs.replace(section, tails=()) if isinstance(section, UsSection) else section


@pytest.mark.parametrize("text", ["", "1", "1YN", "1YNNN", "2YNN", "1YXN", "aYNN", "1ÿNN"])
def test_a_us_privacy_string_is_four_letters(text):
    with pytest.raises(Invalid):
        read_usp(text)
    assert read_usp("1ynN") == UspString("y", "n", "N")


def fuzz(count, seed):
    """Read mutated strings: each is refused, or is written again letter by letter; none that is refused opens anything."""
    read = 0
    for texts, reads, writes, signal in (
        (list(TCF), read_tcf, write_tcf, "tcf"),
        (
            [*GPP, *US_LATE, *(write_gpp(GppString({key[0]: Unknown(text)})) for key, text in US.items())],
            read_gpp,
            write_gpp,
            "gpp",
        ),
    ):
        for text in mutations(texts, count // 2, seed):
            heard = EARS.hear(signal, text)
            said = None
            with contextlib.suppress(Invalid):
                said = reads(text)
            if said is None:
                assert heard.problem
                assert not any(told.said == "given" for told in heard.told), text
            else:
                read += 1
                assert writes(said) == text
    return read


def test_12_100_000_mutated_strings():
    assert fuzz(100_000, 12) > 5_000, "some changes leave a string that can be read"


@pytest.mark.soak
def test_12_a_million_mutated_strings():
    assert fuzz(1_000_000, int(time.time())) > 50_000
