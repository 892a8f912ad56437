"""`pocnet`: the command line, answering at once because it imports late.

Data goes to stdout, progress and messages to stderr. Nobody is shown a stack trace for
what happens outside pocnet's own code: a PocnetError is one message that says what to
do next.
"""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import click

from connectors import ConfigError, PocnetError
from dashboard import log
from dashboard.commands import EXIT_CODES, FAILED, INTERRUPTED, WRONG, Commands


def main() -> NoReturn:
    """Run the command line and leave with the exit code that it documents."""
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        code = cli(standalone_mode=False)
    except (KeyboardInterrupt, click.Abort):
        log.say("Interrupted: nothing half-done is left.")
        code = INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except PocnetError as error:
        log.say(f"Error: {error}")
        code = WRONG if isinstance(error, ConfigError) else FAILED
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        log.say(f"Error: {place}{error.strerror or error}.")
        code = FAILED
    _leave(code or 0)


def _leave(code: int) -> NoReturn:
    """End at once: a site that is slow to answer keeps no finished command waiting."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _interrupted(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


@click.group(
    cls=Commands,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="pocnet")
def cli() -> None:
    """Compare academic sites that make cell therapies.

    A network is a folder: network.toml says what the sites agreed, sites/*.toml where
    each keeps its data and what its words mean.
    """
