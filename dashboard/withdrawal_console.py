"""What a person sees of a batch that its site withdraws: what goes, what remains."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from dashboard.archive_console import counted
from etl.archive_place import archive_of
from etl.forgetting import Held, survey
from etl.network import Network
from etl.run import data_folder
from etl.sound import load_known
from etl.withdrawing import Named, named_by
from etl.withdrawing import lift as lift_again
from etl.withdrawing import withdraw as carry_out


@dataclass(frozen=True)
class Asked:
    """What is to be withdrawn and why; `sure` is the confirmation."""

    site: str
    pseudonym: str
    reason: str
    sure: bool


def withdraw(folder: Path, asked: Asked, as_json: bool) -> int:
    """Show what a withdrawal takes away, or do it; gives the exit code."""
    sound = load_known(folder)
    what = named_by(sound.network, asked.site, asked.pseudonym)
    remains = [*_remains(sound.network, what)]
    if not asked.sure:
        with counted("Reading the archive") as progress:
            held = survey(archive_of(sound.network), what.marks, progress)
        _say(held, remains, as_json, done=False)
        click.echo("Nothing was changed. The same with --yes does it.", err=True)
        return 0
    with counted("Writing bundles anew") as progress:
        kept = bool(sound.problems)
        outcome = carry_out(sound.network, what, asked.reason, progress, kept=kept)
    _say(outcome.held, remains, as_json, done=True)
    if outcome.rebuilt:
        click.echo(f"Published without it: {outcome.rebuilt.snapshot}", err=True)
    return 0


def lift(folder: Path, of: tuple[str, str], reason: str, as_json: bool) -> int:
    """Lift a withdrawal, say what has to be done then, and give the exit code."""
    network = load_known(folder).network
    lifted = lift_again(network, named_by(network, *of), reason)
    if as_json:
        click.echo(json.dumps({"lifted": lifted}))
    elif lifted:
        click.echo(f"Lifted: what {of[0]} sends of it is taken in again.")
        click.echo(f"`pocnet pull --site {of[0]} --full` asks for it.", err=True)
    else:
        click.echo("That is not withdrawn, so there is nothing to lift.")
    return 0


def _say(held: Sequence[Held], remains: list[str], as_json: bool, done: bool) -> None:
    if as_json:
        said = {"done": done, "removed": [asdict(e) for e in held], "remains": remains}
        click.echo(json.dumps(said, indent=1))
        return
    if held:
        title = "Removed" if done else "Would be removed"
        table = Table("sent by", "dataset", title=title)
        for column in ("bundles", "rows in them"):
            table.add_column(column, justify="right")
        for each in held:
            figures = (f"{each.bundles:,}", f"{each.rows:,}")
            table.add_row(each.site, each.dataset, *figures)
        Console().print(table)
    else:
        click.echo("No bundle in the archive names it.")
    for line in remains:
        click.echo(line)


def _remains(network: Network, what: Named) -> Iterator[str]:
    """What a withdrawal does not reach, in sentences."""
    if what.shared_orders:
        yield (
            "Its order stays, because other batches were made for it. To withdraw all "
            "of them, withdraw the order."
        )
    yield (
        "The archive keeps a hash of the pseudonym, by which it is known if it is sent "
        "again, the day and the reason; and for each row that went the file and the "
        "number of the row."
    )
    yield (
        "Backups made before hold it still: destroy them, or withdraw again after "
        "restoring one. A bucket that keeps versions keeps the old ones; and a disk "
        "keeps bytes until they are written over."
    )
    journal = data_folder(network.folder) / "journal.sqlite"
    written = journal.read_bytes() if journal.is_file() else b""
    if any(each.encode() in written for each in what.pseudonyms):
        yield "Somebody has written its pseudonym into the journal, which is kept."
    yield "What was counted before (months received, rows read) is not counted again."
