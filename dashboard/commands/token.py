"""`pocnet token`: keys with which programs read the API."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from dashboard.commands import EXIT_CODES, folder_argument, json_option
from etl.roles import ROLES


def viewer_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--role` and `--of`: as whom somebody looks."""
    role = click.option(
        "--role",
        type=click.Choice(ROLES),
        required=function.__name__ == "add",
        help="As whom they look.",
    )
    scope = click.option(
        "--of", "scope", help="An authority's region, or a site's slug."
    )
    return role(scope(function))


@click.group()
def command() -> None:
    """Keys with which programs read the API."""


@command.command(epilog=EXIT_CODES)
@click.argument("label")
@folder_argument
@viewer_options
@click.option(
    "--scope",
    "opens",
    type=click.Choice(("figures", "proposals")),
    multiple=True,
    default=("figures",),
    show_default=True,
    help="What it opens; more than one may be given.",
)
@click.option("--days", type=click.IntRange(1, 366), default=90, show_default=True)
@json_option
def add(
    *, label: str, folder: Path, role: str, scope: str | None, as_json: bool, **to: Any
) -> None:
    """Make a token and print it, this once; it is sent as `Authorization: Bearer`."""
    from dashboard import access_console

    viewer = access_console.viewer(role, scope)
    access_console.add_token(folder, label, viewer, to["opens"], to["days"], as_json)


@command.command(epilog=EXIT_CODES)
@click.argument("label")
@folder_argument
def remove(label: str, folder: Path) -> None:
    """Remove a token; it opens nothing from now on."""
    from dashboard import access_console

    access_console.remove_token(folder, label)


@command.command(name="list", epilog=EXIT_CODES)
@folder_argument
@json_option
def list_(folder: Path, as_json: bool) -> None:
    """Print the tokens, what each opens, and until when."""
    from dashboard import access_console

    access_console.list_tokens(folder, as_json)
