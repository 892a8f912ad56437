"""`pocnet verify`: a figure made again from its link."""

from pathlib import Path

import click

from dashboard.commands import EXIT_CODES, folder_argument, json_option


@click.command(epilog=EXIT_CODES)
@click.argument("link", metavar="LINK")
@folder_argument
@json_option
def command(link: str, folder: Path, as_json: bool) -> int:
    """Make the figure of a LINK again, and compare it with what was shown.

    LINK is the address of “Link to this figure”. Ends with 0 if all is equal, with 1
    if anything differs or the run cannot be shown again; says which part and why.
    """
    from dashboard import recomputing

    return recomputing.say(recomputing.verify(link, folder), as_json)
