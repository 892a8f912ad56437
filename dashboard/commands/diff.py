"""`pocnet diff`: what changed between two runs."""

from pathlib import Path

import click

from dashboard.commands import EXIT_CODES, folder_argument, json_option


@click.command(epilog=EXIT_CODES)
@click.argument("earlier", metavar="RUN", type=click.IntRange(1))
@click.argument("later", metavar="RUN", type=click.IntRange(1))
@folder_argument
@json_option
def command(earlier: int, later: int, folder: Path, as_json: bool) -> None:
    """Count what the second RUN has otherwise than the first, by site and dataset.

    Names the columns that changed, and no value.
    """
    from dashboard import archive_console

    archive_console.diff(folder, (earlier, later), as_json)
