"""The command line: `steelthread ...`, one file per verb group.

Exit codes: 0 the work was done (rejects included), 1 it failed, 2 wrong usage. `--json` prints one line on stdout;
everything else goes to stderr. Nothing prompts.
"""

import errno
import sys

import psycopg
from cyclopts import CycloptsError

from steelthread.cli import (  # noqa: F401  # each registers its commands
    access,
    alerting,
    auditing,
    canon,
    classifying,
    contracts,
    decisions,
    demo,
    erasing,
    growth,
    jurisdictions,
    knowing,
    loading,
    models,
    opendsr,
    operating,
    planning,
    preferences,
    privacy,
    project,
    quality,
    reading,
    requests,
    retention,
    reviews,
    rulesets,
    serving,
    sql,
    tables,
    tongues,
    traits,
    watching,
    webhooks,
)
from steelthread.cli.shell import app, complain
from steelthread.kit import DISK_FULL, Misused, SteelthreadError, keep_values_out


def main() -> None:
    """Run the command line and exit with its code."""
    keep_values_out()
    try:
        app(exit_on_error=False)
    except CycloptsError:
        sys.exit(2)
    except SteelthreadError as error:
        complain(str(error))
        sys.exit(2 if isinstance(error, Misused) else 1)
    except BrokenPipeError:
        sys.exit(0)
    except (psycopg.Error, OSError) as error:
        complain(_told(error))
        sys.exit(1)
    except KeyboardInterrupt:
        complain("Stopped. What was committed stays; run the same command again to go on.")
        sys.exit(1)


def _told(error: psycopg.Error | OSError) -> str:
    """Say what happened and what to do, without the values that such errors like to quote."""
    again = "What was committed stays: run the same command again to go on."
    if isinstance(error, psycopg.errors.DiskFull) or getattr(error, "errno", None) == errno.ENOSPC:
        return DISK_FULL
    if isinstance(error, psycopg.OperationalError):
        return (
            f"The database went away ({type(error).__name__}): a full disk is the usual reason, its log says more "
            f"(`steelthread status` shows where). {again}"
        )
    if isinstance(error, OSError):
        return f"A file cannot be read or written: {error.strerror or type(error).__name__}. {again}"
    return (
        f"The database refused what it was asked ({type(error).__name__}). Please report this, with this word. {again}"
    )
