"""`pocnet restore`: a network's folder, made again from a backup."""

from pathlib import Path

import click

from dashboard.commands import EXIT_CODES, FOLDER


@click.command(epilog=EXIT_CODES)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("folder", metavar="DIR", type=FOLDER)
def command(file: Path, folder: Path) -> None:
    """Make DIR, which must be new or empty, from a FILE of `pocnet backup`."""
    from dashboard import archive_console

    archive_console.restore(file, folder)
