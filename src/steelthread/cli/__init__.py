"""The command line: `steelthread ...`, one file per verb group.

Exit codes: 0 the work was done (rejects included), 1 it failed, 2 wrong usage. `--json` prints one line on stdout;
everything else goes to stderr. Nothing prompts.
"""

import sys

from cyclopts import CycloptsError

from steelthread.cli import (  # noqa: F401  # each registers its commands
    auditing,
    canon,
    contracts,
    decisions,
    demo,
    growth,
    jurisdictions,
    loading,
    models,
    operating,
    planning,
    privacy,
    project,
    quality,
    reading,
    requests,
    retention,
    reviews,
    rulesets,
    serving,
    tongues,
    traits,
    watching,
    webhooks,
)
from steelthread.cli.shell import app, complain
from steelthread.kit import SteelthreadError


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        app(exit_on_error=False)
    except CycloptsError:
        sys.exit(2)
    except SteelthreadError as error:
        complain(str(error))
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(0)
    except KeyboardInterrupt:
        complain("Stopped. What was committed stays; run the same command again to go on.")
        sys.exit(1)
