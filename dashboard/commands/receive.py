"""`pocnet receive`: what sites have sent by SFTP or by hand, let in or turned away."""

from pathlib import Path

import click

from dashboard.commands import EXIT_CODES, FOLDER, json_option


@click.command(epilog=EXIT_CODES)
@click.argument(
    "packages",
    metavar="FILE|FOLDER...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
)
@click.option("--dir", "folder", type=FOLDER, default=".", help="The network's folder.")
@json_option
def command(packages: tuple[Path, ...], folder: Path, as_json: bool) -> int:
    """Verify packages of `pocnet agent` and keep the good ones for the next pull.

    The answer to a package of a FOLDER is left beside it for the site to fetch, and
    the package is taken away; a single FILE stays where it is.
    """
    from dashboard import agent_console

    return agent_console.receive(folder, packages, as_json)
