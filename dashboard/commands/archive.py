"""`pocnet archive`: what the sites have sent, looked after."""

from pathlib import Path

import click

from dashboard.commands import EXIT_CODES, folder_argument, json_option


@click.group()
def command() -> None:
    """Look after what the sites have sent."""


@command.command(epilog=EXIT_CODES)
@folder_argument
@json_option
def verify(folder: Path, as_json: bool) -> int:
    """Read every byte of the archive again, and name what is not as it was kept.

    Missing, altered and stray files are wrong, and the exit code is 1; what a killed
    run left is named too and does no harm.
    """
    from dashboard import archive_console

    return archive_console.verify(folder, as_json)
