"""`pocnet audit`: whether the trail of who did what is as it was written."""

from pathlib import Path

import click

from dashboard.commands import EXIT_CODES, folder_argument, json_option


@click.group()
def command() -> None:
    """The trail of who did what, when and why."""


@command.command(epilog=EXIT_CODES)
@folder_argument
@click.option(
    "--checkpoints",
    "kept",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of checkpoints kept elsewhere; else the one of network.toml.",
)
@json_option
def verify(folder: Path, kept: Path | None, as_json: bool) -> int:
    """Read the whole trail and say what was changed, taken out or cut off.

    Exit code 1 if anything was. Needs no server and no network, only the folder and
    its key.
    """
    from dashboard import audit_console

    return audit_console.verify(folder, kept, as_json)


@command.command(epilog=EXIT_CODES)
@folder_argument
def checkpoint(folder: Path) -> None:
    """Print one line that says how long the trail is now; keep it elsewhere."""
    from dashboard import audit_console

    audit_console.checkpoint(folder)
