"""Signals of consent managers as they stand in an event's context."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steelthread.privacy import SIGNAL_FIELDS, found_in
from steelthread.privacy.signals.hearing import _found

WORDS = ["categoryPreferences", "tcString", "IABTCF_TCString", "gppString", "uspString", "gcs", "gcd", "consentMode",
         "gdprApplies", "ad_storage", "Statistics", "allowedConsentIds"]  # fmt: skip
LEAVES = (
    st.none() | st.booleans() | st.integers(0, 2) | st.floats() | st.text(max_size=4) | st.sampled_from(["G111", "0"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*SIGNAL_FIELDS, "page"]), VALUES, max_size=4))
@settings(deadline=None, database=None, max_examples=300)
def test_what_is_remembered_of_a_context_is_what_is_read_of_it(context):
    assert found_in(context) == found_in(context) == _found(context)


@pytest.mark.parametrize(
    "said", ["\udcff", {1, 2}, object(), 1 << 70, "x" * 5000], ids=["half", "set", "thing", "much", "long"]
)
def test_what_cannot_be_packed_is_read_all_the_same(said):
    ((signal, _),) = found_in({"consent": {"categoryPreferences": {"Statistics": said}}})
    assert signal == "categories"
