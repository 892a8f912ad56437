"""The model against the last twelve months: can a scenario be believed?"""

from typing import Final

import numpy as np
import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries, whatif
from dashboard.analysis import chain
from dashboard.analysis.cells import HIDDEN, series
from dashboard.card import Card
from dashboard.components import Column
from dashboard.filters import Filters
from dashboard.names import site_name, some
from dashboard.pages._what_if import METRIC
from dashboard.pages._what_if_patients import years
from dashboard.simulation.scenario import Scenario
from dashboard.simulation.summary import spread
from dashboard.viewer import Viewer

_STEP: Final = "ordered_infused"
_NUMBERS: Final = (
    *("recorded", "starts", "starts_low", "starts_high"),
    *("median", "median_low", "median_high"),
)


def against(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a site: recorded starts and median days, and what the base makes of them.

    The record is held against the range of the simulated years; `agrees` says whether
    both lie in it. Starts of a site with weeks missing are those of 52 such weeks.
    """
    study = whatif.study(viewer, Scenario())
    model, medians = study.model, whatif.base_medians(viewer)
    rows = []
    for at, site in enumerate(model.sites):
        rows.append(
            {
                "site": site,
                "recorded": float(model.starts[at]),
                **_ends("starts", study.base.starts[:, at].astype(np.float64)),
                **_ends("median", medians[:, at]),
                "lacking": [*model.lacking[site]],
            }
        )
    frame = pl.DataFrame(
        rows,
        schema={
            "site": pl.String,
            **dict.fromkeys(_NUMBERS, pl.Float64),
            "lacking": pl.List(pl.String),
        },
    )
    whole = frame.join(_medians(viewer), on="site", how="left")
    left_out = pl.DataFrame(
        {"site": [*model.left_out], "reason": [*model.left_out.values()]},
        schema={"site": pl.String, "reason": pl.String},
    ).with_columns(state=pl.lit("not_applicable"))
    return pl.concat([_judged(whole), left_out], how="diagonal_relaxed").with_columns(
        pl.lit(study.replications).alias("years")
    )


def _ends(name: str, values: np.ndarray) -> dict[str, float]:
    middle, low, high = spread(values)
    return {name: middle, f"{name}_low": low, f"{name}_high": high}


def _medians(viewer: Viewer) -> pl.DataFrame:
    """The recorded medians of orders of the last twelve full months, by heading."""
    days = queries.durations(viewer, queries.last_year(viewer))
    found = chain.percentiles(days.filter(pl.col("step") == _STEP), ("site",))
    return found.filter(~pl.col("state").is_in(HIDDEN)).select(
        "site", pl.col("q50").cast(pl.Float64).alias("recorded_median")
    )


def _judged(frame: pl.DataFrame) -> pl.DataFrame:
    def within(value: str, name: str) -> pl.Expr:
        return pl.col(value).is_between(f"{name}_low", f"{name}_high")

    numbers = [c for c, kind in frame.schema.items() if kind == pl.Float64]
    return frame.with_columns(
        agrees=within("recorded", "starts")
        & within("recorded_median", "median").fill_null(True),
        state=pl.lit("data"),
        reason=pl.lit(None, pl.String),
    ).with_columns(series(c, frame[c].to_numpy()) for c in numbers)


def _said(frame: pl.DataFrame) -> str:
    seen = frame.filter(~pl.col("state").is_in(HIDDEN))
    if seen.is_empty():
        return "No site can be simulated: none that you see reported slots and starts."
    off = [site_name(s) for s in seen.filter(~pl.col("agrees"))["site"]]
    good = seen.height - len(off)
    not_in = f" Outside: {'; '.join(off)}." if off else ""
    left = frame.height - seen.height
    out = f" Left out: {some(left, 'site')}." if left else ""
    return (
        f"Unchanged, the model makes the last twelve months again: at {good} of"
        f" {some(seen.height, 'site')} the recorded starts and median days lie within"
        f" 95 % of the simulated years.{not_in}{out} More is better; by chance alone"
        " one figure in twenty lies outside."
    )


def _drawn(frame: pl.DataFrame) -> list[go.Figure]:
    seen = frame.filter(~pl.col("state").is_in(HIDDEN))
    if seen.is_empty():
        return [figures.empty("No site can be simulated.")]
    names = pl.Series("label", map(site_name, seen["site"]), pl.String)
    return [
        figures.caterpillar(
            seen.select(
                names,
                pl.col(value).alias("value"),
                pl.col(f"{value}_low").alias("low"),
                pl.col(f"{value}_high").alias("high"),
                pl.col(recorded).alias("reference"),
                "state",
                "reason",
            ).drop_nulls("value"),
            words,
            reference="recorded",
        )
        for value, recorded, words in (
            ("starts", "recorded", "starts a year"),
            ("median", "recorded_median", "median days, order to infusion"),
        )
    ]


CARD: Final = Card(
    "what-if-check",
    "The model against the last twelve months",
    against,
    _said,
    _drawn,
    (
        Column("site", "Site", "site"),
        Column("recorded", "Starts recorded", "number"),
        Column("starts", "Simulated", "number"),
        Column("starts_low", "95 % from", "number"),
        Column("starts_high", "to", "number"),
        Column("recorded_median", "Median days recorded", "number"),
        Column("median", "Simulated", "number"),
        Column("median_low", "95 % from", "number"),
        Column("median_high", "to", "number"),
        Column("agrees", "Both within"),
        Column("lacking", "Lacking"),
    ),
    count=years,
    metric=METRIC,
    note="Medians count every order, also those that end without an infusion, as on the"
    " Turnaround page. The network as recorded, whatever the scenario above changes.",
)
