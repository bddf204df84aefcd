"""Time: always UTC, always aware."""

from datetime import UTC, datetime
from functools import lru_cache


def now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


def iso(moment: datetime | None) -> str | None:
    """Write a moment as ISO 8601 in UTC with a `Z`; None stays None."""
    return None if moment is None else _written(moment)


@lru_cache(10_000)  # one profile shows the same few moments many times
def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
