"""`pocnet backup`: all of a network that could not be made again, in one file."""

from pathlib import Path

import click

from dashboard.commands import EXIT_CODES, folder_argument


@click.command(epilog=EXIT_CODES)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@folder_argument
def command(file: Path, folder: Path) -> None:
    """Write archive, journal and settings into one tar FILE; no secret is in it."""
    from dashboard import archive_console

    archive_console.backup(file, folder)
