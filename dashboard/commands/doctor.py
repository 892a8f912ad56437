"""`pocnet doctor`: a site examined before it is pulled."""

from pathlib import Path

import click

from dashboard.commands import EXIT_CODES, folder_argument, json_option


@click.command(epilog=EXIT_CODES)
@click.argument("site")
@folder_argument
@json_option
def command(site: str, folder: Path, as_json: bool) -> int:
    """Say what SITE would send, what would be refused, and what to ask its IT.

    Reads one page of each dataset and writes nothing. The rows shown are as they would
    leave. Ends with 1 if a dataset cannot be read or every row of one is refused.
    """
    from dashboard import connecting, doctor_console

    network, examined = connecting.known_site(folder, site)
    return doctor_console.examine(network, examined, as_json)
