"""What a person at the command line is told of the audit trail."""

import getpass
import json
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import click

from connectors import ConfigError, PocnetError
from dashboard import audit
from dashboard.audit import Checkpoint, Trail, Verdict, key_of
from dashboard.journal import Journal
from etl.access import read_recording
from etl.network import NETWORK_FILE
from etl.run import data_folder

FAILED = 1


def verify(folder: Path, kept: Path | None, as_json: bool) -> int:
    """Verify a network's trail, say what was found, and give the exit code."""
    journal, trail = data_of(folder) / "journal.sqlite", trail_of(folder)
    try:
        known = _checkpoints(kept or trail.checkpoints)
        verdict = audit.verify(journal, trail.key, known)
    except (sqlite3.DatabaseError, ValueError) as error:
        raise PocnetError(
            f"{journal} cannot be verified: {error}. Where nobody has looked or "
            "written yet there is nothing on record; otherwise bring it back from a "
            "backup."
        ) from error
    _print(verdict, as_json)
    return 0 if verdict.whole else FAILED


def checkpoint(folder: Path) -> None:
    """Print the newest checkpoint; PocnetError while there is no trail."""
    journal, trail = data_of(folder) / "journal.sqlite", trail_of(folder)
    last = audit.verify(journal, trail.key).last
    if last is None:
        raise PocnetError("Nothing is on record yet.")
    click.echo(str(last))


def journal_of(folder: Path) -> Journal:
    """The journal of a network folder, with its trail."""
    return Journal(data_of(folder) / "journal.sqlite", trail_of(folder))


def trail_of(folder: Path, environ: Mapping[str, str] = os.environ) -> Trail:
    """What a network folder's deeds are sealed with."""
    recording = read_recording(folder, environ)
    key = (recording.key or "").encode() or key_of(data_folder(folder))
    return Trail(key, recording.checkpoints)


def operator() -> str:
    """The account of this machine that gives commands, for the record."""
    try:
        return f"operator {getpass.getuser()}"
    except (KeyError, OSError):
        # A container's account may have a number and no name.
        return f"operator {os.getuid()}"


def data_of(folder: Path) -> Path:
    """Where a network keeps what it makes; ConfigError where there is no network."""
    if not (folder / NETWORK_FILE).is_file():
        raise ConfigError(
            f"{folder} holds no {NETWORK_FILE}. Name the network's folder."
        )
    return data_folder(folder)


def _checkpoints(path: Path | None) -> tuple[Checkpoint, ...]:
    if path is None or not path.exists():
        return ()
    return audit.read_checkpoints(path)


def _print(verdict: Verdict, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**asdict(verdict), "whole": verdict.whole}, indent=1))
        return
    for fault in verdict.faults:
        click.echo(fault)
    if verdict.whole:
        click.echo(f"{verdict.deeds} deeds, each as it was written.")
    if not verdict.checkpoints:
        click.echo(
            "Without a checkpoint nobody can say whether the end was cut off: keep the "
            "line of `pocnet audit checkpoint` elsewhere, and give it with "
            "--checkpoints.",
            err=True,
        )
