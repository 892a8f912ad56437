"""`pocnet init`: a network folder to begin with."""

from pathlib import Path

import click

from dashboard.commands import EXIT_CODES, FOLDER


@click.command(epilog=EXIT_CODES)
@click.argument("folder", metavar="DIR", type=FOLDER)
def command(folder: Path) -> None:
    """Write a network folder to begin with, explained by its comments."""
    from etl.new_network import KEY_VARIABLE, write_network

    for path in write_network(folder, folder.resolve().name):
        click.echo(path)
    click.echo(
        f"Edit these files, set {KEY_VARIABLE} to a secret of your own, "
        f"then run `pocnet config check {folder}`.",
        err=True,
    )
