"""Which run brought, and which run changed, each row that speaks of a batch.

A table of its own beside the datasets of a snapshot: figures are made without it, and
one batch's record is read with it. A row that stands needs no more than its key, its
sender and its run; of a row that was corrected or taken back stands what it said, since
nothing else in the snapshot says it. A batch that its site took back has no record.
"""

from collections.abc import Callable
from typing import Final

from etl import history
from etl.contract.schemas import KEYS, SCHEMAS

ABOUT: Final = ("batch", "deviation", "material", "release", "result")
_WHENCE: Final = ("sender", "opened_run", "closed_run")
_WHOSE: Final = ("site", "batch")


def key(dataset: str) -> str:
    """The SQL of what tells a row from the others of its batch and dataset, as text."""
    parts = [c for c in KEYS[dataset] if c not in _WHOSE]
    return f"concat_ws(' ', {history.names(parts)})" if parts else "''"


def values(dataset: str) -> str:
    """The SQL of what a row says outside of its key, as JSON."""
    rest = [c for c in SCHEMAS[dataset].column_names() if c not in KEYS[dataset]]
    pairs = ", ".join(f"'{column}': \"{column}\"" for column in rest)
    return f"to_json({{{pairs}}})"


def provenance(table: Callable[[str], str], among: str | None = None) -> str:
    """The query of the table: whose row, its key, who sent it, and both of its runs.

    `said` is null for a row that stands, else its values outside of its key as JSON.
    In the order of the batches, so that the rows of one lie together; only of the
    batches in the table `among`, where one is named.
    """
    rows = " union all ".join(
        part
        for dataset in ABOUT
        for part in (
            _standing(table(dataset), dataset, among),
            _earlier(table(dataset), dataset, among),
        )
    )
    return (
        f"select * from ({rows}) as r where exists (select 1 from {table('batch')} as b"
        " where b.site = r.site and b.batch = r.batch and b.closed_run is null)"
        ' order by site, batch, dataset, "key", opened_run, sender'
    )


def _standing(table: str, dataset: str, among: str | None) -> str:
    rows = history.current(table, dataset, _WHENCE)
    return _named(f"({rows})", dataset, "null", among)


def _earlier(table: str, dataset: str, among: str | None) -> str:
    closed = f"(select * from {table} where closed_run is not null)"
    return _named(closed, dataset, values(dataset), among)


def _named(rows: str, dataset: str, said: str, among: str | None) -> str:
    kept = f" semi join {among} as c on c.site = t.site and c.batch = t.batch"
    return (
        f"select t.site, t.batch, '{dataset}' as dataset, {key(dataset)} as \"key\","
        f" {history.names(_WHENCE)}, cast({said} as varchar) as said from {rows} as t"
        + kept
        * (among is not None)
    )
