"""`pocnet migrate`: what an earlier pocnet has left, brought to this one."""

from pathlib import Path

import click

from dashboard.commands import EXIT_CODES, folder_argument, json_option

_CODES = f"{EXIT_CODES.rstrip()}\n    4  --check: something is to be migrated\n"


@click.command(epilog=_CODES)
@folder_argument
@click.option("--check", is_flag=True, help="Only say what would be done.")
@json_option
def command(folder: Path, check: bool, as_json: bool) -> int:
    """Bring a folder along that an earlier version of pocnet has worked in.

    What the sites sent stays as it was sent; warehouse and snapshot are made again from
    it, and the old ones stand until the new ones are whole. What a newer version has
    made is refused, and nothing is changed.
    """
    from dashboard import migration_console

    return migration_console.migrate(folder, check, as_json)
