"""Time: always UTC, always aware."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache


def now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400_000_000


def iso_micros(micros: int) -> str:
    """Write microseconds since 1970 as `iso` writes their moment: of many different ones, in a third of the time."""
    day, rest = divmod(micros, _DAY)
    seconds, fraction = divmod(rest, 1_000_000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    written = f"{_date(day)}T{hour:02}:{minute:02}:{second:02}"
    return f"{written}.{fraction:06}Z" if fraction else f"{written}Z"


@lru_cache(1000)
def _date(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).date().isoformat()


def iso(moment: datetime | None) -> str | None:
    """Write a moment as ISO 8601 in UTC with a `Z`; None stays None."""
    return None if moment is None else _written(moment)


@lru_cache(10_000)  # one profile shows the same few moments many times
def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
