"""Failures against those that each site's own mix of work would expect."""

from collections.abc import Mapping

import plotly.graph_objects as go
import polars as pl
from dash.development.base_component import Component

from dashboard import figures, queries
from dashboard.analysis import funnel, multiple
from dashboard.analysis.funnel import Scheme
from dashboard.analysis.overdispersion import Overdispersion, overdispersion
from dashboard.analysis.standardisation import (
    standardise,
    standardise_by_model,
)
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filter_bar import switch
from dashboard.filters import Filters
from dashboard.metrics import DEFINITIONS
from dashboard.names import site_name, some
from dashboard.rates import (
    BEHIND,
    VERDICTS,
    all_sites,
    allowance,
    behind,
    drawable,
    scheme_of,
)
from dashboard.rates import widening as widened
from dashboard.strata import STRATA, cells_of
from dashboard.viewer import Viewer

EXPECTED = "expected"
_WAYS = (
    ("strata", "Expected at each stratum's rate"),
    ("model", "at a logistic model's"),
)


@queries.remembered
def standardised(
    viewer: Viewer, filters: Filters, columns: tuple[str, str] | None = None
) -> pl.DataFrame:
    """One row a site: failures, those its mix of strata would expect, limits, flag.

    By the definition in force unless `columns` of the counts are named. Expected at
    each stratum's own rate, or, where the reader asks for it, at that of a logistic
    model with a term for each product, pathway, starting material and process: the
    second choice, for strata too thin to have rates of their own. A stratum in
    which any count is hidden from the viewer is left out for everybody: its network
    rate cannot be had. `strata` and `hidden` say how many there are and are left out.
    """
    cells, hidden = cells_of(viewer, filters, columns)
    by_model = filters.extra.get(EXPECTED) == "model"
    against = standardise_by_model if by_model else standardise
    frame = against(cells, STRATA)
    test = spread(frame)
    scheme = Scheme(law="poisson", widening=widened(viewer, filters, test))
    if scheme.widening:
        frame = against(cells, STRATA, scheme)
    frame = multiple.adjusted(_with_everybody(viewer, filters, frame))
    verdict = pl.col("flagged").replace_strict(VERDICTS, default="not compared")
    return frame.with_columns(
        verdict.alias("verdict"),
        pl.lit(scheme.widening and scheme.widening.kind, pl.String).alias("widened"),
        pl.lit(scheme.widening and scheme.widening.value, pl.Float64).alias("width"),
        pl.lit(cells.select(STRATA).n_unique() if cells.height else 0).alias("strata"),
        pl.lit(hidden).alias("hidden"),
        pl.lit(by_model).alias("by_model"),
    ).filter(pl.col("site").is_in(queries.headings(viewer, filters)))


def ways(filters: Filters, path: str) -> Component:
    """The reader's choice of what a site's mix is expected to fail at."""
    return switch("What is expected of a mix", filters, path, EXPECTED, _WAYS)


def spread(frame: pl.DataFrame) -> Overdispersion:
    """Whether the ratios differ by more than chance.

    About their common ratio, which is 1 by construction: it costs a degree of freedom.
    """
    counts = frame.select("site", "state", "reason", events="observed", n="expected")
    return overdispersion(counts, law="poisson")


def _with_everybody(
    viewer: Viewer, filters: Filters, frame: pl.DataFrame
) -> pl.DataFrame:
    """The sites without a visible stratum too, each with what stands against it."""
    definition = DEFINITIONS[filters.definition]
    counts = queries.counts(viewer, all_sites(filters), (definition.of,))
    told = pl.col("state").is_in(("data", "zero"))
    none = pl.col("state") == "zero"
    missing = counts.join(frame, on="site", how="anti").select(
        "site",
        pl.when(none)
        .then(pl.lit("not_applicable"))
        .when(told)
        .then(pl.lit("suppressed"))
        .otherwise("state")
        .alias("state"),
        pl.when(none)
        .then(pl.lit("no batches in this selection"))
        .when(told)
        .then(pl.lit("every stratum it works in has a hidden count"))
        .otherwise("reason")
        .alias("reason"),
        pl.lit(False).alias("compared"),
    )
    return pl.concat([frame, missing], how="diagonal").sort("site")


def _said(frame: pl.DataFrame) -> str:
    judged = frame.filter("compared")
    if judged.is_empty():
        return (
            "No site can be compared with what its mix would expect in this selection;"
            f" lower is better.{_hidden(frame)}"
        )
    high = judged.filter(pl.col("flagged") == "high998")
    told = "; ".join(_told(row) for row in high.to_dicts())
    are = "are" if high.height > 1 else "is"
    named = f": {told}" if told else ""
    return (
        f"Allowing for each site's own mix of work, {high.height or 'not one'} of"
        f" {some(judged.height, 'compared site')} {are} above the 99.8 % limit{named}."
        f" 100 % is as many as expected; lower is better."
        f"{_modelled(frame)}{allowance(frame)}{_hidden(frame)}"
    )


def _modelled(frame: pl.DataFrame) -> str:
    if not frame["by_model"].any():
        return ""
    return " What is expected comes from a logistic model of the strata."


def _told(row: Mapping[str, object]) -> str:
    expected = written(round(float(str(row["expected"])), 1), "number")
    return (
        f"{site_name(str(row['site']))} with {row['observed']} failures where"
        f" {expected} were expected ({written(row['ratio_lower'], 'percent')} to"
        f" {written(row['ratio_upper'], 'percent')} of them, exact 95 % interval)"
    )


def _hidden(frame: pl.DataFrame) -> str:
    hidden = int(frame["hidden"][0]) if frame.height else 0
    if not hidden:
        return ""
    whole = hidden + int(frame["strata"][0])
    return (
        f" Left out, as a count in them is hidden from you: {hidden} of {whole} strata."
    )


def _drawn(frame: pl.DataFrame) -> go.Figure:
    judged = frame.filter("compared")
    if judged.is_empty():
        return figures.empty(
            "No site can be compared with what its mix would expect here."
        )
    flag = pl.when("compared").then("flagged").otherwise(pl.lit("not_compared"))
    points = frame.select(
        pl.Series("label", map(site_name, frame["site"]), pl.String),
        pl.col("expected").alias("n"),
        pl.col("ratio").alias("value"),
        flag.alias("flag"),
        # A site without a ratio has no place, whatever its state.
        pl.when(pl.col("ratio").is_null())
        .then(pl.lit("not_applicable"))
        .otherwise("state")
        .alias("state"),
        "reason",
        pl.Series("hover", map(_hover, frame.to_dicts()), pl.String),
        behind(frame),
    )
    return figures.ratios(points, _curve(frame))


def _curve(frame: pl.DataFrame) -> pl.DataFrame:
    sizes = frame["expected"].drop_nulls()
    low, high = float(sizes.min() or 1), float(sizes.max() or 1)  # type: ignore[arg-type]
    start = max(0.5, 0.9 * low)
    step = (1.05 * max(high, start) / start) ** (1 / 120)
    wide = pl.DataFrame({"n": [start * step**i for i in range(121)]})
    scheme = Scheme(law="poisson", widening=scheme_of(frame).widening)
    return drawable(funnel.curve(wide, 1.0, scheme), 1.0)


def _hover(row: Mapping[str, object]) -> str:
    lines = [f"<b>{site_name(str(row['site']))}</b>"]
    if row["expected"] is not None:
        lines += [
            f"{row['observed']} failed, {written(row['expected'], 'number')} expected",
            f"{written(row['ratio'], 'percent')} of those expected"
            f" ({written(row['ratio_lower'], 'percent')} to"
            f" {written(row['ratio_upper'], 'percent')})",
        ]
    if row["alone"]:
        lines.append(f"{row['alone']} of {row['n']} batches in strata of its own")
    lines.append(str(row["reason"] or row["verdict"]))
    return "<br>".join(lines)


RATIOS = (
    Column("site", "Site", "site"),
    Column("observed", "Failures", "count"),
    Column("expected", "Expected", "number"),
    Column("ratio", "Of those expected", "percent"),
    Column("ratio_lower", "95 % from", "percent"),
    Column("ratio_upper", "to", "percent"),
    Column("n", "Batches", "count"),
    Column("alone", "In strata of its own", "count"),
    Column("p_value", "p", "number"),
    Column("p_value_adjusted", "p, adjusted", "number"),
    Column("verdict", "Compared with what was expected"),
    BEHIND,
)
CARD = Card(
    "failure-standardised",
    "Failures against those its own mix would expect",
    standardised,
    _said,
    _drawn,
    RATIOS,
    count=lambda f: f"n = {written(int(f['n'].sum() or 0), 'count')} batches",
    metric="no_product",
    note="Indirect standardisation: what a site would have seen had each stratum of"
    " its batches (product, pathway, starting material, process) failed at the"
    " network's rate. Limits are exact Poisson; flagged by the count. A site that"
    " makes most of a stratum is there compared mostly with itself.",
    width="half",
    height=460,
)
