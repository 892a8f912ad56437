"""`pocnet pull`: what is new at the sites, checked and published."""

from datetime import datetime
from pathlib import Path

import click

from dashboard.commands import EXIT_CODES, folder_argument, json_option


@click.command(epilog=EXIT_CODES)
@folder_argument
@click.option("--site", "sites", multiple=True, help="Only this site; may be repeated.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="Only what changed since then (UTC), where a source can tell.",
)
@click.option("--full", is_flag=True, help="Everything, not only what changed.")
@json_option
def command(
    folder: Path,
    sites: tuple[str, ...],
    since: datetime | None,
    full: bool,
    as_json: bool,
) -> int:
    """Ask the sites for what is new, check it, and publish it."""
    if since and full:
        raise click.UsageError("--since and --full exclude each other.")
    from dashboard import console
    from etl.collect import Window

    window = Window(f"{since.isoformat()}Z" if since else None, full)
    return console.show(console.pull(folder, sites, window), as_json)
