"""Strata of batches, in which the network's rate is what a site's are expected at."""

import polars as pl

from dashboard import queries
from dashboard.analysis.standardisation import NOT_STATED, stratum_rates
from dashboard.filters import Filters
from dashboard.metrics import DEFINITIONS
from dashboard.rates import all_sites, incomplete
from dashboard.viewer import Viewer

STRATA = ("product", "pathway", "starting_material", "process")


def cells_of(
    viewer: Viewer, filters: Filters, columns: tuple[str, str] | None = None
) -> tuple[pl.DataFrame, int]:
    """Counts by site and stratum, and how many strata are hidden and left out.

    By the definition in force unless `columns` of the counts are named. A stratum in
    which any count is hidden from the viewer is left out for everybody: its network
    rate cannot be had.
    """
    definition = DEFINITIONS[filters.definition]
    events, of = columns or (definition.column, definition.of)
    everyone = all_sites(filters)
    counts = queries.counts(viewer, everyone, (events, of), by=("site", *STRATA))
    counts = counts.rename({events: "events", of: "n"})
    hidden = counts.filter(pl.col("state") == "suppressed").select(STRATA).unique()
    seen = counts.join(hidden, on=STRATA, how="anti", nulls_equal=True)
    late = incomplete(viewer, everyone).rename({"why": "reason"})
    cells = seen.drop("state", "reason").join(late, on="site", how="left")
    return cells, hidden.height


def expecting(viewer: Viewer, filters: Filters, batches: pl.DataFrame) -> pl.DataFrame:
    """The batches with `expected`: the network's rate in each one's stratum.

    Null where that rate is hidden from the viewer or no compared site has one.
    """
    cells, _ = cells_of(viewer, filters)
    rates = stratum_rates(cells, STRATA).select(
        *STRATA, pl.col("risk").fill_nan(None).alias("expected")
    )
    named = batches.with_columns(
        pl.col(s).cast(pl.String).fill_null(NOT_STATED) for s in STRATA
    )
    return named.join(rates, on=STRATA, how="left", maintain_order="left")
