"""`pocnet user`: the accounts of people who sign in with a password."""

from pathlib import Path

import click

from dashboard.commands import EXIT_CODES, folder_argument, json_option
from dashboard.commands.token import viewer_options

name_argument = click.argument("name")


@click.group()
def command() -> None:
    """Accounts of people who sign in with a password."""


@command.command(epilog=EXIT_CODES)
@name_argument
@folder_argument
@viewer_options
def add(name: str, folder: Path, role: str, scope: str | None) -> None:
    """Make an account. Asks for the password; left empty, one is made and printed."""
    from dashboard import access_console

    access_console.add_user(folder, name, access_console.viewer(role, scope))


@command.command(epilog=EXIT_CODES)
@name_argument
@folder_argument
@viewer_options
@click.option("--password", is_flag=True, help="Ask for another password.")
def change(
    name: str, folder: Path, role: str | None, scope: str | None, *, password: bool
) -> None:
    """Give an account another role or password; who is signed in is signed out."""
    from dashboard import access_console

    viewer = access_console.viewer(role, scope) if role else None
    access_console.change_user(folder, name, viewer, password=password)


@command.command(epilog=EXIT_CODES)
@name_argument
@folder_argument
def remove(name: str, folder: Path) -> None:
    """Remove an account; who is signed in to it is signed out."""
    from dashboard import access_console

    access_console.remove_user(folder, name)


@command.command(name="list", epilog=EXIT_CODES)
@folder_argument
@json_option
def list_(folder: Path, as_json: bool) -> None:
    """Print the accounts and what each may see."""
    from dashboard import access_console

    access_console.list_users(folder, as_json)
