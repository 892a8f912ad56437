"""What a person sees in the terminal of a site that sends, and of a hub that takes."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from dashboard.console import FAILED, PARTIAL, bars
from etl.agent import Sending
from etl.agent import send as send_what_is_new
from etl.collect import Window
from etl.preview import Preview, previews
from etl.receipt import Receipt
from etl.reception import Answer, Reception, packages_in
from etl.site_folder import SiteFolder

_BESIDE = (
    "Beside the rows go: how many there were, each row's number, the names and places "
    "of the sources, how each column is written, and for every row that is refused its "
    "place, the column, the rule, and what was read if it passes the gate."
)


def send(site: SiteFolder, window: Window, as_json: bool) -> int:
    """Let a site send, print what the hub answered, and give the exit code."""
    with bars() as progress:
        sending = send_what_is_new(site, window, progress)
    if as_json:
        click.echo(_as_object(sending))
    else:
        for receipt in sending.receipts:
            click.echo(receipt.in_words())
        if sending.waiting:
            click.echo(f"{len(sending.waiting)} bundles wait for the hub's answer.")
    for note in sending.notes:
        click.echo(note, err=True)
    for failure in sending.failures:
        place = f"site {failure.site}, source {failure.source}"
        click.echo(f"Problem: {place}: {failure.message}", err=True)
    refused = not all(receipt.accepted for receipt in sending.receipts)
    if not (sending.failures or refused):
        return 0
    return PARTIAL if any(r.accepted for r in sending.receipts) else FAILED


def _as_object(sending: Sending) -> str:
    said = {
        "site": sending.site,
        "receipts": [receipt.model_dump() for receipt in sending.receipts],
        "waiting": [manifest.name for manifest in sending.waiting],
        "failures": [asdict(failure) for failure in sending.failures],
    }
    return json.dumps(said, indent=1)


def preview(site: SiteFolder, as_json: bool) -> int:
    """Print every field that would leave the site, with three rows; nothing leaves."""
    found = [*previews(site)]
    if as_json:
        click.echo(json.dumps([_preview_object(each) for each in found], indent=1))
    else:
        for each in found:
            _print_preview(each)
        to = site.agent.rules.send
        click.echo(_BESIDE)
        click.echo(f"Nothing was written or sent. In earnest it would go to {to}.")
    return FAILED if any(each.problem for each in found) else 0


def _preview_object(preview: Preview) -> dict[str, object]:
    fields = [asdict(field) for field in preview.fields]
    rows = preview.rows.to_dicts()
    return {**vars(preview), "fields": fields, "rows": rows}


def _print_preview(preview: Preview) -> None:
    console = Console()
    fields = Table(
        "our column",
        "where it comes from",
        "how it leaves",
        title=f"{preview.dataset} from {preview.location}",
        title_justify="left",
    )
    for field in preview.fields:
        fields.add_row(field.column, field.origin, field.treatment)
    console.print(fields, markup=False)
    if preview.problem:
        click.echo(f"Problem: {preview.problem}", err=True)
        return
    for number, row in enumerate(preview.rows.iter_rows(named=True), start=1):
        said = {name: cell for name, cell in row.items() if cell is not None}
        click.echo(f"  row {number}: {json.dumps(said, ensure_ascii=False)}")
    if preview.stopped:
        click.echo(f"  {preview.stopped} rows of the first page would be stopped.")
    if preview.staying:
        click.echo(f"  stays here, not mapped: {', '.join(preview.staying)}")


def receive(folder: Path, places: Sequence[Path], as_json: bool) -> int:
    """Take in packages, print what each was answered, and give the exit code."""
    desk = Reception(folder)
    answers = [*_answers(desk, places)]
    if as_json:
        said = [_answer_object(answer) for answer in answers]
        click.echo(json.dumps(said, indent=1))
    for answer in answers:
        if answer.refused and not answer.receipt:
            click.echo(f"Problem: {answer.package}: {answer.refused}", err=True)
        elif answer.receipt and not as_json:
            click.echo(answer.receipt.in_words())
    good = [answer for answer in answers if not answer.refused]
    if len(good) == len(answers):
        click.echo("`pocnet pull` builds it in." if good else "Nothing new.", err=True)
        return 0
    return PARTIAL if good else FAILED


def _answers(desk: Reception, places: Sequence[Path]) -> Iterator[Answer]:
    for place in places:
        if place.is_dir():
            yield from (desk.collect(package) for package in packages_in(place))
        else:
            yield desk.answer(place)


def _answer_object(answer: Answer) -> dict[str, object]:
    receipt: Receipt | None = answer.receipt
    return {
        "package": str(answer.package),
        "refused": str(answer.refused) if answer.refused else None,
        "receipt": receipt.model_dump() if receipt else None,
    }
