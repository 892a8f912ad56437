"""What a person sees of a site's examination: each entry, its rows, what to do."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table

from dashboard.console import FAILED
from etl.doctor import Examined, Reached, examine_entries, examine_sources
from etl.doctor_advice import MOST_AHEAD, advice
from etl.network import Network, Site

_NEXT = "What to do next:"
_NOTHING = "Nothing to do: it can be pulled."


def examine(network: Network, site: Site, as_json: bool) -> int:
    """Examine the site, print what was found, and give the exit code."""
    reached = list(examine_sources(site))
    examined = list(examine_entries(network, site))
    told = advice(reached, examined)
    if as_json:
        click.echo(json.dumps(_as_data(site, reached, examined, told)))
    else:
        for line in _lines(reached, examined):
            click.echo(line)
        click.echo(f"\n{_NEXT if told else _NOTHING}")
        for number, text in enumerate(told, start=1):
            click.echo(f"{number}. {text}")
    return 0 if examined and all(each.fine for each in examined) else FAILED


def _as_data(
    site: Site,
    reached: Sequence[Reached],
    examined: Sequence[Examined],
    told: Sequence[str],
) -> dict[str, object]:
    return {
        "site": site.slug,
        "sources": [asdict(each) for each in reached],
        "datasets": [_entry_data(each) for each in examined],
        "advice": list(told),
    }


def _entry_data(each: Examined) -> dict[str, object]:
    return {
        "dataset": each.dataset,
        "source": each.source,
        "from": each.location,
        "problem": each.problem,
        "records": each.records,
        "read": each.read,
        "good": each.read - each.rejected,
        "rejected": each.rejected,
        "rejects": [asdict(reject) for reject in each.rejects],
        "rows": each.rows.to_dicts(),
        "unmapped": dict(each.unmapped),
        "gone": list(each.gone),
    }


def _lines(reached: Sequence[Reached], examined: Sequence[Examined]) -> Iterator[str]:
    for source in reached:
        yield f'Source "{source.source}" ({source.kind}): {_clock(source.ahead)}.'
    for each in examined:
        yield from _entry_lines(each)


def _clock(ahead: float | None) -> str:
    if ahead is None:
        return "its clock is not told"
    if abs(ahead) <= MOST_AHEAD:
        return "its clock agrees with this machine's"
    return f"its clock is {ahead:+.0f} seconds from this machine's"


def _entry_lines(each: Examined) -> Iterator[str]:
    yield f"\n{each.dataset} from {each.location} ({each.source})"
    if each.problem:
        yield f"  Cannot be read: {each.problem}"
    else:
        good = each.read - each.rejected
        yield (
            f"  {each.records} records on the first page make {each.read} rows: "
            f"{good} good, {each.rejected} rejected."
        )
    if each.rows.height:
        yield _sample(each)
    for reject in each.rejects:
        read = f', read "{reject.read}"' if reject.read else ""
        yield (
            f"  {reject.rows} × {reject.column}: {reject.rule}{read} "
            f"({reject.place}); expected: {reject.expected}"
        )
    if each.gone:
        yield "  Mapped, but not there: " + ", ".join(each.gone)
    if each.unmapped:
        left = (f"{name} ({shape})" if shape else name for name, shape in each.unmapped)
        yield "  Not mapped, never read: " + ", ".join(left)


def _sample(each: Examined) -> str:
    """The first rows as they would leave, a column a line: a batch has many columns."""
    table = Table("as it would leave", *(str(n + 1) for n in range(each.rows.height)))
    for name in each.rows.columns:
        table.add_row(name, *(text or "" for text in each.rows[name]))
    console = Console(width=110)
    with console.capture() as shown:
        console.print(table)
    return shown.get().rstrip("\n")
