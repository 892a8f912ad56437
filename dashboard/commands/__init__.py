"""The commands of `pocnet`, one file each, found by the file's name.

A module here holds one `command`, a click command or group of commands, and imports
what it works with only when it is run: `pocnet --help` reads every module and answers
at once.
"""

import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Final

import click

FAILED: Final = 1
WRONG: Final = 2
INTERRUPTED: Final = 130
PORT: Final = 8050
EXIT_CODES: Final = """\b
Exit codes:
    0  all went well
    1  failed
    2  wrong usage or configuration; nothing was run
    3  some sites failed; the others are published
  130  interrupted; nothing half-done is left
"""
FOLDER: Final = click.Path(file_okay=False, path_type=Path)
folder_argument = click.argument("folder", metavar="[DIR]", type=FOLDER, default=".")
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object.")
port_option = click.option(
    "--port", default=PORT, show_default=True, type=click.IntRange(1, 65535)
)

metrics_option = click.option(
    "--metrics",
    metavar="[HOST:]PORT",
    help="Show metrics for Prometheus there; on this machine only without HOST.",
)


class Commands(click.Group):
    """The commands of this package, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names: the modules of this package."""
        return sorted(module.name for module in pkgutil.iter_modules(__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name; None if there is none."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"{__name__}.{cmd_name}").command
        return command
