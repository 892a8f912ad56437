"""What a person sees of an archive that is verified, kept aside, or built from."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.progress import Progress

from connectors import ConfigError
from etl.bundle import Archive
from etl.network import NETWORK_FILE
from etl.run import data_folder
from etl.verification import Verified, applied
from etl.verification import verify as read_again

FAILED: Final = 1
_WHAT_NEXT: Final = (
    "Bring the files named missing or altered back from a backup, and move stray ones "
    "out of the archive. What no backup has, the site can send again: move its "
    "manifest away, `pocnet pull --full --site SITE`, then `pocnet build`."
)


def verify(folder: Path, as_json: bool) -> int:
    """Verify a network folder's archive, say what was found, and give the exit code."""
    data = _data(folder)
    known = applied(data / "warehouse.duckdb")
    with counted("Reading the archive") as progress:
        verified = read_again(Archive(data / "archive"), known, progress)
    _print(verified, as_json)
    if not known:
        said = "There is no warehouse to ask which bundles there should be."
        click.echo(said, err=True)
    if verified.whole:
        return 0
    click.echo(_WHAT_NEXT, err=True)
    return FAILED


@contextmanager
def counted(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr; give it how many are done, and of how many."""
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _print(verified: Verified, as_json: bool) -> None:
    if as_json:
        said = {**asdict(verified), "whole": verified.whole}
        click.echo(json.dumps(said, indent=1))
        return
    for finding in verified.findings:
        click.echo(f"{finding.kind}: {finding.path}: {finding.said}")
    read = f"{verified.manifests:,} manifests and {verified.objects:,} objects"
    click.echo(f"{read} read: {'whole' if verified.whole else 'NOT whole'}.")


def _data(folder: Path) -> Path:
    if not (folder / NETWORK_FILE).is_file():
        raise ConfigError(
            f"{folder} has no {NETWORK_FILE}. Name the network's folder, as in "
            "`pocnet archive verify DIR`."
        )
    return data_folder(folder)
