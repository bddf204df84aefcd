"""What is told of an error that nobody foresaw: where and of which kind, never its message, for messages quote values."""

import sys
import threading
import traceback
from types import TracebackType

_MOST = 12


def place_of(error: BaseException) -> str:
    """Return where an error was raised, the innermost frames last: `read.py:120 profile > queries.py:60 node`."""
    frames = traceback.extract_tb(error.__traceback__)[-_MOST:]
    return " > ".join(f"{one.filename.rpartition('/')[2]}:{one.lineno} {one.name}" for one in frames)


def keep_values_out() -> None:
    """Have errors that end the process or a thread told without their messages: stderr of a server is a log."""

    def ended(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        _tell(kind, error.with_traceback(trace))

    def thread_ended(told: threading.ExceptHookArgs) -> None:
        if told.exc_value is not None and told.exc_type is not SystemExit:
            _tell(told.exc_type, told.exc_value)

    sys.excepthook = ended
    threading.excepthook = thread_ended


def _tell(kind: type[BaseException], error: BaseException) -> None:
    sys.stderr.write(f"{kind.__name__} at {place_of(error)}. This is a defect: please report this line.\n")
