"""One site's steps in days beside the network's, and which site that is."""

from dataclasses import replace

import polars as pl

from dashboard import queries
from dashboard.analysis import chain
from dashboard.card import Card
from dashboard.components import Column
from dashboard.filters import Filters
from dashboard.metrics import METRICS
from dashboard.names import some
from dashboard.viewer import Viewer

STEPS = (
    "ordered_collected",
    "collected_received",
    "received_started",
    "started_harvested",
    "harvested_released",
    "released_infused",
    "provisional_final",
    "ordered_infused",
)
NOT_CHOSEN = "Choose one site above to see it beside the network."


def chosen(viewer: Viewer, filters: Filters) -> str | None:
    """The slug of the site that this page is about: the viewer's own, or the filter's.

    None where no single site that the viewer sees by name is chosen.
    """
    if len(filters.site) == 1:
        return filters.site[0]
    return viewer.site


def only(viewer: Viewer, filters: Filters) -> Filters | None:
    """The filters for the chosen site alone, or None where none is chosen."""
    site = chosen(viewer, filters)
    return None if site is None else replace(filters, site=(site,), region=())


def turnaround(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Median and 90th percentile of each step: the site beside all sites together."""
    own = only(viewer, filters)
    if own is None:
        return pl.DataFrame()
    mine = _days(queries.durations(viewer, own, by=("site", "step"), between=True)
                 .filter(site=own.site[0]))  # fmt: skip
    everyone = replace(filters, site=(), region=())
    all_ = _days(queries.durations(viewer, everyone, by=("step",), between=True))
    columns = ["step", "n", "q50_words", "q50_lower", "q50_upper", "q90_words"]
    network = ["q50", "q50_words", "q90_words"]
    whole = mine.select(*columns, "q50", "state", "reason").join(
        all_.select("step", pl.col(network).name.prefix("network_")),
        on="step",
        how="left",
    )
    titles = {s: METRICS[s].title if s in METRICS else s for s in whole["step"]}
    order = pl.Enum(STEPS)
    return whole.sort(pl.col("step").cast(order)).with_columns(
        pl.col("step").replace(titles)
    )


def _days(frame: pl.DataFrame) -> pl.DataFrame:
    return chain.percentiles(frame, ("step",))


def _said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return NOT_CHOSEN
    slower = frame.filter(pl.col("q50_lower") > pl.col("network_q50"))
    if slower.is_empty():
        return (
            "No step is surely slower here than in the network: every interval of a"
            " median reaches the network's. Fewer days are better."
        )
    names = ", ".join(slower["step"].str.to_lowercase())
    return f"Surely slower than the network's median: {names}. Fewer days are better."


CARD = Card(
    "site-turnaround",
    "Days for each step",
    turnaround,
    _said,
    columns=(
        Column("step", "Step"),
        Column("n", "n", "count"),
        Column("q50_words", "Median", "days"),
        Column("q50_lower", "95 % from", "days"),
        Column("q50_upper", "to", "days"),
        Column("q90_words", "90th percentile", "days"),
        Column("network_q50_words", "Network median", "days"),
        Column("network_q90_words", "Network 90th", "days"),
    ),
    count=lambda f: some(f.height, "step"),
)
