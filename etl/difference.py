"""What changed between two runs, for whom and in which columns; never a value.

Each row of the warehouse knows the runs that opened and closed it, so the state after
any run is there still, and two of them can be laid side by side.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from connectors import PocnetError
from etl.contract.schemas import KEYS, SCHEMAS
from etl.history import OWNER, equal, names, same
from etl.store import Warehouse

# Whom a row is about where no column says so: what the settings say of all sites.
NETWORK: Final = "-"
_FIGURES: Final = ("opened", "closed", "changed")


@dataclass(frozen=True)
class Change:
    """How many rows of one site and dataset stand in one of the runs only, or differ.

    A row that is `changed` was closed and opened under the same key; it counts in
    `columns` once for each column that says something else. `opened` and `closed` are
    the others.
    """

    site: str
    dataset: str
    opened: int
    closed: int
    changed: int
    columns: Mapping[str, int]


def differences(path: Path, earlier: int, later: int) -> tuple[Change, ...]:
    """What is different after the run `later`, by site and dataset, if anything is.

    `path` is the warehouse. PocnetError where it does not know one of the runs.
    """
    if not path.is_file():
        raise PocnetError(
            f"{path} is not there, so no run is known. `pocnet pull` makes the first."
        )
    with Warehouse(path) as warehouse:
        _assert_known(warehouse, earlier, later)
        runs = {"earlier": earlier, "later": later}
        found = [c for name in SCHEMAS for c in _changes(warehouse, name, runs)]
    return tuple(sorted(found, key=lambda each: (each.site, each.dataset)))


def _assert_known(warehouse: Warehouse, *asked: int) -> None:
    runs = sorted(warehouse.query("select run from run")["run"])
    for run in asked:
        if run not in runs:
            known = f"{runs[0]} to {runs[-1]}" if runs else "none"
            raise PocnetError(
                f"The warehouse does not know run {run}. It knows {known}: name two "
                "of them."
            )


def _changes(
    warehouse: Warehouse, dataset: str, runs: Mapping[str, int]
) -> Iterator[Change]:
    rest = [c for c in SCHEMAS[dataset].column_names() if c not in KEYS[dataset]]
    rows = warehouse.query(_statement(warehouse.table(dataset), dataset, rest), runs)
    for row in rows.iter_rows(named=True):
        figures = {name: row.pop(f"_{name}") for name in _FIGURES}
        site = row.pop("_site")
        if any(figures.values()):
            columns = {column: n for column, n in row.items() if n}
            yield Change(site, dataset, **figures, columns=columns)


def _statement(table: str, dataset: str, rest: list[str]) -> str:
    """Counts a site's rows that stand after one run only, by what became of them."""
    before, after = _stands("earlier"), _stands("later")
    columns = names((*SCHEMAS[dataset].column_names(), "sender"))
    both = "o.sender is not null and n.sender is not null"
    differs = f"{both} and not ({same(rest, 'o', 'n')})" if rest else "false"
    changed = [
        f'count(*) filter ({both} and o."{c}" is distinct from n."{c}") as "{c}"'
        for c in rest
    ]
    counts = [
        "count(*) filter (o.sender is null) as _opened",
        "count(*) filter (n.sender is null) as _closed",
        f"count(*) filter ({differs}) as _changed",
        *changed,
    ]
    return (
        f"with o as (select {columns} from {table} where {before} and not {after}), "
        f"n as (select {columns} from {table} where {after} and not {before}) "
        f"select {_about(dataset)} as _site, {', '.join(counts)} "
        f"from o full join n on {equal((*KEYS[dataset], 'sender'), 'o', 'n')} "
        "group by _site"
    )


def _stands(run: str) -> str:
    return f"(opened_run <= ${run} and coalesce(closed_run > ${run}, true))"


def _about(dataset: str) -> str:
    """Whose row it is, which may be another than who sent it."""
    owner = OWNER.get(dataset, "site")
    if owner not in SCHEMAS[dataset].column_names():
        return f"'{NETWORK}'"
    return f'coalesce(n."{owner}", o."{owner}")'
