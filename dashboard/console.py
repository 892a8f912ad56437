"""What a person sees of a pull in the terminal: a bar a site, then what came of it."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from connectors import PocnetError
from dashboard.audit_run import record_run
from etl.collect import Step, Window
from etl.network import Network
from etl.run import RunResult
from etl.run import pull as run
from etl.sound import load_sound

FAILED = 1
PARTIAL = 3
_COUNTED = ("records", "read", "good", "repeated", "rejected")


def pull(folder: Path, sites: Sequence[str], window: Window) -> RunResult:
    """What one pull of a network folder came to, with its progress on stderr.

    What it changed is put on record; whoever asked for it is told by e-mail when there
    is something new to look at.
    """
    sound = load_sound(folder, os.environ)
    sound.expect(sites)
    with bars() as progress:
        result = run(sound.network, sites, window, progress, sound.failures)
    record_run(folder, result.run)
    if sound.network.mail is not None:
        _tell_of_news(sound.network)
    return result


def _tell_of_news(network: Network) -> None:
    """A pull is good although an e-mail was not: its problem is said, nothing more."""
    from dashboard.notification import tell_of_news

    try:
        tell_of_news(network)
    except PocnetError as error:
        click.echo(f"Problem: {error}", err=True)


@contextmanager
def bars() -> Iterator[Callable[[Step], None]]:
    """A bar for each site, on stderr; give it each step as it happens."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks: dict[str, TaskID] = {}

        def show(step: Step) -> None:
            if step.site not in tasks:
                tasks[step.site] = progress.add_task(
                    step.site, total=step.total, rows=0
                )
            progress.update(tasks[step.site], completed=step.done, rows=step.rows)

        yield show


def show(result: RunResult, as_json: bool) -> int:
    """Print what a run came to, and give the exit code that says it in a number."""
    if as_json:
        click.echo(as_object(result))
    else:
        Console().print(_as_table(result))
        click.echo(f"Published: {result.snapshot}")
    for failure in result.failures:
        place = f"site {failure.site}, source {failure.source}"
        click.echo(f"Problem: {place}: {failure.message}", err=True)
    if not result.failures:
        return 0
    answered = {counts.site for counts in result.datasets} & set(result.sites)
    return PARTIAL if answered else FAILED


def as_object(result: RunResult) -> str:
    """The run as one JSON object: the snapshot, each dataset's counts, the failures."""
    said = {
        "snapshot": str(result.snapshot),
        "run": result.run,
        "datasets": [asdict(counts) for counts in result.datasets],
        "failures": [asdict(failure) for failure in result.failures],
    }
    return json.dumps(said, indent=1)


def _as_table(result: RunResult) -> Table:
    table = Table("site", "dataset", title=f"Run {result.run}")
    for column in _COUNTED:
        table.add_column(column, justify="right")
    for counts in result.datasets:
        figures = [f"{getattr(counts, column):,}" for column in _COUNTED]
        table.add_row(counts.site, counts.dataset, *figures)
    totals = [sum(getattr(c, column) for c in result.datasets) for column in _COUNTED]
    table.add_section()
    table.add_row("all sites", "", *(f"{total:,}" for total in totals))
    return table
