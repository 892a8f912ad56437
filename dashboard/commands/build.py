"""`pocnet build`: the warehouse and its snapshot, made again from the archive."""

from pathlib import Path

import click

from dashboard.commands import EXIT_CODES, folder_argument


@click.command(epilog=EXIT_CODES)
@folder_argument
@click.option(
    "--as-of",
    metavar="RUN",
    type=click.IntRange(1),
    help="As it was after this run, in a folder of its own: data/as-of/RUN.",
)
def command(folder: Path, as_of: int | None) -> int:
    """Make the warehouse again from the archive, and publish; no site is asked."""
    from dashboard import archive_console

    return archive_console.build(folder, as_of)
