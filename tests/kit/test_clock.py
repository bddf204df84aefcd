"""Moments as text."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from steelthread.kit import iso, iso_micros


@given(st.integers(-(10**16), 10**17) | st.integers(-(10**10), 10**11).map(lambda seconds: seconds * 1_000_000))
def test_microseconds_are_written_as_their_moment_is(micros):
    assert iso_micros(micros) == iso(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros))
