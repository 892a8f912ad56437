"""The `report` dataset: what each site was due to report for each month, and did.

Written by the hub from the network's agreement and the bundles, never sent: a site that
falls silent cannot say so itself.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

import polars as pl

from etl.contract.reporting import BATCH_LEVEL
from etl.contract.schemas import SCHEMAS
from etl.network import Network, Site
from etl.store import Warehouse

# What puts a row into a month. The other datasets have no date that says when a row
# was due: a criterion stands for years, a lot has only an expiry.
DATED: Final[Mapping[str, str]] = {
    "demand": "ordered",
    "batch": "started",
    "result": "coalesce(sampled, reported)",
    "release": "decided",
    "capacity": "week",
    "loss": "week",
    "deviation": "opened",
}
_QUIET_STAGES: Final = ("suspended", "closed")
_KEY: Final = ["site", "dataset", "period"]
_MONTH: Final = "%Y-%m"


def report(warehouse: Warehouse, network: Network) -> pl.DataFrame:
    """One row a member, dataset and finished month, in the columns of `Report`.

    A month counts as due from the month in which the site joined (or first said
    anything) up to the last finished one; a suspended or closed site owes nothing
    more. `expected_rows` is null where the site declared no count. `received_at` is
    null where nothing came, and where the month was already due before the network
    first asked the site: history brought in later was neither on time nor late.
    """
    members = [s for s in network.sites.values() if s.info.kind != "published"]
    received, declared = _received(warehouse), _declared(warehouse)
    said = pl.concat([received.select(_KEY), declared.select(_KEY)])
    owed = _owed(members, said, network.today())
    rows = (
        pl.concat([owed, said])
        .unique()
        .filter(
            pl.col("site").is_in([s.slug for s in members]),
            pl.col("period") < network.today().strftime(_MONTH),
        )
        .join(received, on=_KEY, how="left")
        .join(declared, on=_KEY, how="left")
        .join(_first_asked(warehouse), on="site", how="left")
        .with_columns(
            _due(network.reporting.days), pl.col("received_rows").fill_null(0)
        )
    )
    history = pl.col("due") < pl.col("first_asked").dt.date()
    return (
        rows.with_columns(received_at=pl.when(~history).then(pl.col("received_at")))
        .select(SCHEMAS["report"].column_names())
        .sort(_KEY)
    )


def _due(days: int) -> pl.Expr:
    first = (pl.col("period") + "-01").str.to_date("%Y-%m-%d")
    return (first.dt.month_end() + pl.duration(days=days)).alias("due")


def _owed(members: list[Site], said: pl.DataFrame, today: date) -> pl.DataFrame:
    first = dict(said.group_by("site").agg(pl.col("period").min()).iter_rows())
    rows = [
        (site.slug, dataset, period)
        for site in members
        if site.info.stage not in _QUIET_STAGES
        for dataset in sorted(_promised(site, said) & set(DATED))
        for period in _months(_start(site, first.get(site.slug)), today)
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(_KEY, pl.String), orient="row")


def _promised(site: Site, said: pl.DataFrame) -> set[str]:
    """The datasets that a site owes: those of its file, of which counts hold some.

    The hub's copy of the file of a site that sends for itself need not say: then those
    that it has sent.
    """
    named = {rules.name for rules in site.datasets}
    if site.agent and not named:
        named = set(said.filter(pl.col("site") == site.slug)["dataset"])
    counts_only = site.agent is not None and site.agent.rules.share == "aggregates"
    return named - ({*BATCH_LEVEL} - {"batch"} if counts_only else set())


def _start(site: Site, first_said: str | None) -> str | None:
    return site.info.joined.strftime(_MONTH) if site.info.joined else first_said


def _months(start: str | None, today: date) -> Iterator[str]:
    """The months from `start` to the last one that is over."""
    if start is None:
        return
    year, month = map(int, start.split("-"))
    while (year, month) < (today.year, today.month):
        yield f"{year:04}-{month:02}"
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def _received(warehouse: Warehouse) -> pl.DataFrame:
    """Rows that stand, and when the first of that month came.

    A result counts for the site that made the batch, which declares it, and for the
    laboratory that sent it, which would otherwise seem silent.
    """
    counts = [
        f"select r.{whose} as site, '{dataset}' as dataset, "
        f"strftime({day}, '{_MONTH}') as period, "
        "count(*) filter (where r.closed_run is null) as received_rows, "
        "min(b.extracted_at) as received_at "
        f"from {warehouse.table(dataset)} as r "
        f"inner join {warehouse.table('bundle')} as b on r.bundle = b.bundle "
        f"where {day} is not null and {held} group by all"
        for dataset, day in DATED.items()
        for whose, held in (("site", "true"), ("sender", "r.sender <> r.site"))
    ]
    # A site that sends counts has reported the batches that it has counted.
    counts.append(
        "select r.site, 'batch' as dataset, r.period, "
        "coalesce(sum(r.started) filter (where r.closed_run is null), 0)::bigint "
        "as received_rows, min(b.extracted_at) as received_at "
        f"from {warehouse.table('stratum')} as r "
        f"inner join {warehouse.table('bundle')} as b on r.bundle = b.bundle "
        "group by all"
    )
    received = warehouse.query(" union all ".join(counts)).group_by(_KEY)
    return received.agg(pl.sum("received_rows"), pl.min("received_at"))


def _declared(warehouse: Warehouse) -> pl.DataFrame:
    return warehouse.current("declared").select(*_KEY, "expected_rows")


def _first_asked(warehouse: Warehouse) -> pl.DataFrame:
    return warehouse.query(
        "select site, min(extracted_at) as first_asked "
        f"from {warehouse.table('bundle')} group by site"
    )
