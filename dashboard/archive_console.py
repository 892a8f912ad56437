"""What a person sees of an archive that is verified, and of the runs made of it."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from connectors import ConfigError
from etl import backup as safekeeping
from etl import rebuild
from etl.archive_place import archive_of
from etl.difference import Change, differences
from etl.network import NETWORK_FILE
from etl.run import data_folder
from etl.sound import Sound, load_known
from etl.spark.session import Cluster, assert_installed
from etl.verification import Verified, applied
from etl.verification import verify as read_again

FAILED: Final = 1
PARTIAL: Final = 3
_WHAT_NEXT: Final = (
    "Bring the files named missing or altered back from a backup, and move stray ones "
    "out of the archive. What no backup has, the site can send again: move its "
    "manifest away, `pocnet pull --full --site SITE`, then `pocnet build`."
)


def verify(folder: Path, as_json: bool) -> int:
    """Verify a network folder's archive, say what was found, and give the exit code."""
    known = applied(_data(folder) / "warehouse.duckdb")
    archive = archive_of(load_known(folder).network)
    with counted("Reading the archive") as progress:
        verified = read_again(archive, known, progress)
    _print(verified, as_json)
    if not known:
        said = "There is no warehouse to ask which bundles there should be."
        click.echo(said, err=True)
    if verified.whole:
        return 0
    click.echo(_WHAT_NEXT, err=True)
    return FAILED


def diff(folder: Path, runs: tuple[int, int], as_json: bool) -> None:
    """Say what changed between two runs of a network folder."""
    changes = differences(_data(folder) / "warehouse.duckdb", *runs)
    if as_json:
        said = [asdict(change) for change in changes]
        click.echo(json.dumps({"runs": runs, "changes": said}, indent=1))
    elif changes:
        Console().print(_as_table(changes, runs))
    else:
        click.echo(f"Nothing changed between run {runs[0]} and run {runs[1]}.")


def build(folder: Path, run: int | None, as_json: bool) -> int:
    """Build again from the archive, say where it is, and give the exit code."""
    sound = load_known(_data(folder).parent)
    with counted("Going through the runs") as progress:
        if run is None:
            kept = bool(sound.problems)
            result = rebuild.rebuild(sound.network, progress, kept=kept)
        else:
            result = rebuild.as_of(sound.network, run, progress)
    code = _print_built(sound, result, as_json)
    if run is not None:
        shown = result.snapshot.parents[2]
        click.echo(f"`pocnet serve {shown}` shows it.", err=True)
    return code


def build_on(
    master: str, settings: Mapping[str, str], folder: Path, as_json: bool
) -> int:
    """Build again on a Spark cluster, say where it is, and give the exit code."""
    cluster = Cluster(master, settings)
    assert_installed()
    # Only now: it needs what has just been found to be there.
    from etl.spark.build import build as build_on_cluster

    sound = load_known(_data(folder).parent)
    with Console(stderr=True).status("starting Spark") as status:
        kept = bool(sound.problems)
        result = build_on_cluster(sound.network, cluster, status.update, kept=kept)
    return _print_built(sound, result, as_json)


def _print_built(sound: Sound, result: rebuild.Rebuilt, as_json: bool) -> int:
    found = (*sound.failures, *result.failures)
    if as_json:
        said = {
            "snapshot": str(result.snapshot),
            "run": result.run,
            "failures": [asdict(each) for each in found],
        }
        click.echo(json.dumps(said, indent=1))
    else:
        click.echo(f"Published: {result.snapshot}")
    for each in found:
        place = f"site {each.site}, source {each.source}"
        click.echo(f"Problem: {place}: {each.message}", err=True)
    return PARTIAL if found else 0


def backup(file: Path, folder: Path) -> None:
    """Back a network folder up, and say what is in the file."""
    with counted("Copying the bundles") as progress:
        kept = safekeeping.backup(folder, file, progress)
    click.echo(f"{file}: {kept.bundles:,} bundles, {kept.files:,} files.")
    said = "Keys and passwords are not in it: keep those apart from it."
    click.echo(said, err=True)


def restore(file: Path, folder: Path) -> None:
    """Make a network folder from a backup, and say what is to be done then."""
    with counted("Comparing the files") as progress:
        kept = safekeeping.restore(file, folder, progress)
    click.echo(f"{folder}: {kept.bundles:,} bundles, {kept.files:,} files.")
    click.echo(f"`pocnet build {folder}` makes the figures of it.", err=True)


def _as_table(changes: Sequence[Change], runs: tuple[int, int]) -> Table:
    table = Table("site", "dataset", title=f"Run {runs[0]} to run {runs[1]}")
    for figure in ("opened", "closed", "changed"):
        table.add_column(figure, justify="right")
    table.add_column("columns changed")
    for each in changes:
        figures = (f"{n:,}" for n in (each.opened, each.closed, each.changed))
        columns = ", ".join(f"{name} {n:,}" for name, n in each.columns.items())
        table.add_row(each.site, each.dataset, *figures, columns)
    return table


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
            f"{folder} has no {NETWORK_FILE}, so it is no network's folder. Name the "
            "one that is, as DIR."
        )
    return data_folder(folder)
