"""The one error family.

Each message says what was wrong, where, and what to do; none holds a personal value. HTTP maps the classes once
(`api/problems.py`), the command line turns them into exit code 1, `Misused` into 2.
"""

DISK_FULL = "The disk is full: free some space. What was committed stays: run the same command again to go on."
"""What is told where there is no room for more."""


class SteelthreadError(Exception):
    """Something went wrong that the user can understand."""

    status = 500
    title = "Internal error"


class NotFound(SteelthreadError):
    """What was asked for is not there."""

    status = 404
    title = "Not found"


class Conflict(SteelthreadError):
    """It clashes with what is there already."""

    status = 409
    title = "Conflict"


class Unauthorized(SteelthreadError):
    """The caller does not show who it is: no key, a wrong one, a signature that does not fit."""

    status = 401
    title = "Unauthorized"


class Forbidden(SteelthreadError):
    """The caller may not do this."""

    status = 403
    title = "Forbidden"


class Invalid(SteelthreadError):
    """The input is wrong: a file, a mapping, a value, an argument."""

    status = 400
    title = "Invalid"


class Misused(Invalid):
    """What was asked is no question: a reference of no form, a word that there is not. Exit code 2, HTTP 400."""


class TooLarge(Invalid):
    """What was sent is larger than we take (HTTP 413)."""

    status = 413
    title = "Too large"


class Unavailable(SteelthreadError):
    """Something outside (database, disk, keyring) is not reachable now."""

    status = 503
    title = "Unavailable"


class Overloaded(SteelthreadError):
    """Too much waits already: the client is to come again later (HTTP 429 with Retry-After)."""

    status = 429
    title = "Too many requests"
