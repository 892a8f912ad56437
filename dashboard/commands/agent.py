"""`pocnet agent`: one site behind its own firewall, which sends for itself."""

from datetime import datetime
from pathlib import Path

import click

from dashboard.commands import EXIT_CODES, folder_argument, json_option


@click.command(epilog=EXIT_CODES)
@folder_argument
@click.option("--site", "slug", required=True, help="The site that this folder is of.")
@click.option(
    "--dry-run", is_flag=True, help="Show every field that would leave; send nothing."
)
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="Only what changed since then (UTC), where a source can tell.",
)
@click.option("--full", is_flag=True, help="Everything, not only what changed.")
@json_option
def command(
    folder: Path,
    slug: str,
    dry_run: bool,
    since: datetime | None,
    full: bool,
    as_json: bool,
) -> int:
    """Read what is new at this site, and send it to the hub, signed.

    DIR holds a copy of network.toml and this site's own file in sites/.
    """
    if since and full:
        raise click.UsageError("--since and --full exclude each other.")
    import os

    from dashboard import agent_console
    from etl.collect import Window
    from etl.site_folder import load_site

    site = load_site(folder, slug, os.environ)
    if dry_run:
        return agent_console.preview(site, as_json)
    window = Window(f"{since.isoformat()}Z" if since else None, full)
    return agent_console.send(site, window, as_json)
