"""What `network.toml` says of people: whom to tell, who may look, how it is recorded.

A pull needs the first and the dashboard the others, each with its own secrets alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from etl.settings_access import SignIn
from etl.settings_document import Document, NetworkError, Problem, read_document
from etl.settings_mistakes import Mistake, shape_mistakes, unsettled
from etl.settings_network import NetworkFile, Signals
from etl.settings_rules import Table, network_mistakes, table
from etl.settings_secrets import Resolver, plain_secrets


@dataclass(frozen=True)
class Mail:
    """Whom to tell of something new, and how; the account is never printed."""

    to: Signals
    account: tuple[str, str] | None = field(repr=False)


@dataclass(frozen=True)
class Access:
    """Who may look; None for `sign_in` where nobody signs in.

    The secret by which a provider knows pocnet is never printed.
    """

    sign_in: SignIn | None = None
    client_secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Recording:
    """What the audit trail is sealed with, never printed, and where checkpoints go.

    `key` is None where the trail makes its own.
    """

    key: str | None = field(default=None, repr=False)
    checkpoints: Path | None = None


def read_access(folder: Path, environ: Mapping[str, str]) -> Access:
    """What `[sign_in]` of a network folder says; NetworkError with all mistakes."""
    file, found = _read(folder, environ, "sign_in")
    provider = table(found.get("provider"))
    secret = str(provider["client_secret"]) if provider else None
    return Access(file.sign_in, secret)


def read_recording(folder: Path, environ: Mapping[str, str]) -> Recording:
    """What `[audit]` of a network folder says; NetworkError with all mistakes."""
    file, found = _read(folder, environ, "audit")
    kept = file.audit.checkpoints
    key = str(found["key"]) if file.audit.key else None
    return Recording(key, folder / kept if kept else None)


def _read(
    folder: Path, environ: Mapping[str, str], name: str
) -> tuple[NetworkFile, Table]:
    """`network.toml`, and one of its tables with its secrets alone filled in."""
    document, resolver = read_document(folder, "network.toml"), Resolver(environ)
    found = filled(document, resolver, (name,))
    if problems := network_problems(document, resolver.mistakes):
        raise NetworkError(problems)
    return NetworkFile.model_validate(document.data), found[name]


def filled(
    document: Document, resolver: Resolver, names: Iterable[str]
) -> dict[str, Table]:
    """These tables of a file with their secrets in the place of their names."""
    return {
        name: table(resolver.fill(document.data.get(name), (name,))) for name in names
    }


def network_problems(document: Document, unset: Iterable[Mistake]) -> list[Problem]:
    """Every mistake of `network.toml`, by line; `unset` are secrets not found."""
    if document.problem:
        return [document.problem]
    secrets = [*plain_secrets("network", document.data), *unset]
    mistakes = unsettled(secrets, shape_mistakes(NetworkFile, document.data))
    mistakes += network_mistakes(document.data)
    return sorted(map(document.locate, mistakes), key=lambda problem: problem.line)


def mail_of(found: Mapping[str, Table], file: NetworkFile) -> Mail | None:
    """Whom `[signals]` tells; None where nobody is."""
    to, said = file.signals, found["signals"]
    if to is None or to.user is None:
        return Mail(to, None) if to else None
    return Mail(to, (str(said["user"]), str(said["password"])))
