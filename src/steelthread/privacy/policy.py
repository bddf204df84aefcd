"""purposes.yaml and the packs of jurisdictions as they are at this moment, for programs that run for long."""

from pathlib import Path

import structlog

from steelthread.kit import SteelthreadError
from steelthread.privacy.decide import Decider
from steelthread.privacy.jurisdictions import load_jurisdictions
from steelthread.privacy.purposes import load_purposes

_LOG = structlog.get_logger()


class Policy:
    """What the files of a project say; what they said last while they cannot be read. Invalid when they never could."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._marks = self._seen()
        self._read()

    def _read(self) -> None:
        self.purposes = load_purposes(self._folder / "purposes.yaml")
        self.jurisdictions = load_jurisdictions(self._folder)
        self.decider = Decider(self.purposes, self.jurisdictions)

    def refresh(self) -> bool:
        """Read the files again if they have changed; return whether anything is another now."""
        marks = self._seen()
        if marks == self._marks:
            return False
        self._marks = marks
        try:
            self._read()
        except SteelthreadError as error:
            _LOG.warning("the rules of consent stay as they were", reason=str(error))
            return False
        return True

    def _seen(self) -> tuple[tuple[str, int, int], ...]:
        paths = [self._folder / "purposes.yaml", *sorted((self._folder / "jurisdictions").glob("*.yaml"))]
        stats = [(one.name, one.stat()) for one in paths if one.exists()]
        return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)
