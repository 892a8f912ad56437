"""`pocnet config`: a network folder checked, and its settings explained."""

import json
import os
from pathlib import Path

import click

from dashboard.commands import EXIT_CODES, WRONG, folder_argument


@click.group()
def command() -> None:
    """Check a network folder, or print what may stand in its files."""


@command.command(epilog=EXIT_CODES)
@folder_argument
def check(folder: Path) -> int:
    """Name every mistake in the folder, with its file, line and key."""
    from etl.network import check_network

    problems = check_network(folder, os.environ)
    for problem in problems:
        click.echo(problem)
    found = f"{len(problems)} to mend." if problems else "No mistake found."
    click.echo(found, err=True)
    return WRONG if problems else 0


@command.command(epilog=EXIT_CODES)
@click.argument("which", type=click.Choice(["network", "site"]), default="site")
def schema(which: str) -> None:
    """Print the JSON Schema of network.toml or of a site's file, for an editor."""
    from etl.settings_schema import network_schema, site_schema

    made = network_schema() if which == "network" else site_schema()
    click.echo(json.dumps(made, indent=2))
