"""What a person at the command line does with accounts and tokens; all on record."""

import json
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from connectors import ConfigError
from dashboard.access.accounts import Accounts
from dashboard.access.store import Store
from dashboard.access.tokens import Token, Tokens
from dashboard.audit import Deed
from dashboard.audit_console import data_of, journal_of, operator
from dashboard.viewer import Viewer

Row = dict[str, object]
_HINT: Final = "Password (empty: one is made up)"


def viewer(role: str, scope: str | None) -> Viewer:
    """The viewer of `--role` and `--of`; ConfigError where they do not fit."""
    try:
        return Viewer.parse(f"{role}:{scope}" if scope else role)
    except ValueError:
        raise ConfigError(
            "A role of authority needs --of REGION, one of site --of SLUG; the others "
            "take none."
        ) from None


def add_user(folder: Path, name: str, as_whom: Viewer) -> None:
    """Make an account, asking for its password."""
    accounts, journal = Accounts(_store(folder)), journal_of(folder)
    accounts.add(name, as_whom, _password())
    journal.record(Deed(operator(), "account", name, "", str(as_whom)))
    click.echo(f"{name} can sign in: {as_whom.title}.", err=True)


def change_user(
    folder: Path, name: str, as_whom: Viewer | None, *, password: bool
) -> None:
    """Give an account another role, another password, or both."""
    if as_whom is None and not password:
        raise ConfigError("Nothing to change: give --role, --password or both.")
    accounts, journal = Accounts(_store(folder)), journal_of(folder)
    before = accounts.change(name, as_whom, _password() if password else None)
    if as_whom is not None:
        deed = Deed(operator(), "role", name, str(before.viewer), str(as_whom))
        journal.record(deed)
    if password:
        journal.record(Deed(operator(), "account", name, "", "another password"))
    click.echo(f"{name} is changed, and signed out everywhere.", err=True)


def remove_user(folder: Path, name: str) -> None:
    """Remove an account."""
    journal = journal_of(folder)
    before = Accounts(_store(folder)).remove(name)
    journal.record(Deed(operator(), "account", name, str(before.viewer), "removed"))
    click.echo(f"{name} is removed, and signed out everywhere.", err=True)


def list_users(folder: Path, as_json: bool) -> None:
    """Print the accounts."""
    found = [*Accounts(_store(folder)).every()]
    rows: list[Row] = [{"name": a.name, "viewer": str(a.viewer)} for a in found]
    _print(rows, as_json, "users")


def add_token(
    folder: Path,
    label: str,
    as_whom: Viewer,
    scope: Sequence[str],
    days: int,
    as_json: bool,
) -> None:
    """Make a token; its secret is the only thing on standard output."""
    journal = journal_of(folder)
    secret, token = Tokens(_store(folder)).add(label, as_whom, tuple(scope), days)
    journal.record(Deed(operator(), "token", label, "", _said(token)))
    if as_json:
        click.echo(json.dumps({"token": secret, **_row(token)}, indent=1))
        return
    click.echo(secret)
    click.echo(f"It is shown this once. {_said(token)}.", err=True)


def remove_token(folder: Path, label: str) -> None:
    """Remove a token."""
    journal = journal_of(folder)
    before = Tokens(_store(folder)).remove(label)
    journal.record(Deed(operator(), "token", label, _said(before), "removed"))
    click.echo(f"{label} opens nothing any more.", err=True)


def list_tokens(folder: Path, as_json: bool) -> None:
    """Print the tokens."""
    rows = [_row(token) for token in Tokens(_store(folder)).every()]
    _print(rows, as_json, "tokens")


def _store(folder: Path) -> Store:
    return Store(data_of(folder) / "access.sqlite")


def _password() -> str:
    """A password that is typed, or the line that a program writes; else a new one."""
    if sys.stdin.isatty():
        typed: str = click.prompt(
            _HINT,
            default="",
            hide_input=True,
            show_default=False,
            confirmation_prompt="Once more",
            err=True,
        )
    else:
        typed = sys.stdin.readline().rstrip("\r\n")
    if typed:
        return typed
    made = secrets.token_urlsafe(15)
    click.echo(made)
    return made


def _row(token: Token) -> Row:
    return {
        "label": token.label,
        "viewer": str(token.viewer),
        "scope": " ".join(token.scope),
        "ends": token.ends.isoformat(timespec="seconds"),
    }


def _said(token: Token) -> str:
    scope = " and ".join(token.scope)
    return f"Opens {scope} as {token.viewer} until {token.ends:%Y-%m-%d}"


def _print(rows: Sequence[Row], as_json: bool, what: str) -> None:
    if as_json:
        click.echo(json.dumps({what: rows}, indent=1))
        return
    for row in rows:
        click.echo("\t".join(map(str, row.values())))
    if not rows:
        click.echo(f"There are no {what} yet.", err=True)
