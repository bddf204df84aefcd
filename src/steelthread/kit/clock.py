"""Time: always UTC, always aware."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache


def now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@lru_cache(16_384)  # those of a batch, each asked for several times
def microseconds(moment: datetime) -> int:
    """Return a moment as microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment_of(micros: int) -> datetime:
    """Return microseconds since 1970 as a moment."""
    return _EPOCH + timedelta(microseconds=micros)


def iso_micros(micros: int) -> str:
    """Write microseconds since 1970 as `iso` writes their moment: of many different ones, in a fraction of the time."""
    minute, rest = divmod(micros, 60_000_000)
    second, fraction = divmod(rest, 1_000_000)
    return f"{_minute(minute)}:{second:02}.{fraction:06}Z" if fraction else f"{_minute(minute)}:{second:02}Z"


@lru_cache(10_000)
def _minute(number: int) -> str:
    return (_EPOCH + timedelta(minutes=number)).isoformat()[:16]


def iso(moment: datetime | None) -> str | None:
    """Write a moment as ISO 8601 in UTC with a `Z`; None stays None."""
    return None if moment is None else _written(moment)


@lru_cache(10_000)  # one profile shows the same few moments many times
def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
