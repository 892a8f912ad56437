"""Failure rates: which sites differ from the network by more than chance."""

import plotly.graph_objects as go
import polars as pl
from dash import ClientsideFunction, Input, clientside_callback, html
from dash.development.base_component import Component

from dashboard import figures, queries
from dashboard.card import Card
from dashboard.components import Column, notice, written
from dashboard.filter_bar import switch
from dashboard.filters import Filters
from dashboard.metrics import DEFINITIONS
from dashboard.names import site_name, site_names, some
from dashboard.pages import (
    _behind,
    _blinded,
    _cohorts,
    _definitions,
    _fairness,
    _parameters,
    _shrunken,
    _standardised,
    _strata,
    _usual,
)
from dashboard.rates import (
    BEHIND,
    all_sites,
    allowance,
    behind,
    compared,
    curve,
    plotted,
)
from dashboard.shell import Page, register
from dashboard.viewer import Viewer

PATH = "/failures"
_SELDOM = 0.5

_POINTS = (
    Column("site", "Site", "site"),
    Column("events", "Failures", "count"),
    Column("n", "Batches", "count"),
    Column("rate", "Rate", "percent"),
    Column("lower", "95 % from", "percent"),
    Column("upper", "to", "percent"),
    Column("undetermined", "Undetermined", "count"),
    Column("in_process", "In process", "count"),
    Column("flag_at998", "Flagged at", "count"),
    Column("power_double", "Chance to see a doubling", "percent"),
    Column("p_value", "p", "number"),
    Column("p_value_adjusted", "p, adjusted", "number"),
    Column("verdict", "Compared with the network"),
    BEHIND,
)


def points(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a site as `compared`, with the batches that its rate leaves out.

    `undetermined` have ended, but whether they failed cannot be told, as a criterion
    is not judged; for a late failure, which asks about other batches, it is null.
    `in_process` have not ended. Both are null where their counts are hidden.
    """
    frame = compared(viewer, filters)
    whole = queries.counts(viewer, all_sites(filters), ("ended", "in_process"))
    joined = frame.join(
        whole.select("site", "ended", "in_process"), on="site", how="left"
    )
    left = (pl.col("ended") - pl.col("n")).clip(0)
    told = pl.lit(filters.definition != "late_failure")
    return joined.with_columns(undetermined=pl.when(told).then(left)).drop("ended")


def said(frame: pl.DataFrame) -> str:
    """What the funnel shows in one sentence; low is good."""
    judged = frame.filter("compared")
    if judged.is_empty():
        none = "No site can be compared in this selection; lower is better."
        return f"{none}{_total(frame)}"
    high = judged.filter(pl.col("flagged") == "high998")["site"].to_list()
    rate = judged["centre"][0]
    named = f": {site_names(high)}" if high else ""
    are = "are" if len(high) > 1 else "is"
    return (
        f"{len(high) or 'Not one'} of {some(judged.height, 'compared site')} {are}"
        " above the 99.8 % limit around the network's"
        f" {written(rate, 'percent')}{named}."
        " Lower is better; points inside the limits differ no more than chance would."
        f"{_left_out(frame)}{allowance(frame)}"
    )


def _total(frame: pl.DataFrame) -> str:
    """The one total that is shown, where that is all; otherwise nothing."""
    whole = frame.drop_nulls("rate")
    if whole.height != 1 or whole["site"][0] not in queries.POOLS:
        return ""
    row = whole.row(0, named=True)
    return (
        f" You see the network as one total: {written(row['events'], 'count')} of"
        f" {written(row['n'], 'count')} batches ({written(row['rate'], 'percent')})."
    )


def _left_out(frame: pl.DataFrame) -> str:
    """What the rates cannot count yet; nothing where nothing is left out."""
    told = {
        "undetermined": "with a criterion that nobody judged",
        "in_process": "still in process",
    }
    counts = {c: int(frame[c].sum()) for c in told if c in frame.columns}
    words = [f"{n} {told[c]}" for c, n in counts.items() if n]
    return f" Not counted: {' and '.join(words)}." if words else ""


def _drawn(frame: pl.DataFrame) -> go.Figure:
    marks = plotted(frame).with_columns(
        pl.Series("hover", [_hover(row) for row in frame.to_dicts()], pl.String),
        behind(frame),
    )
    if frame.filter("compared").is_empty():
        return figures.empty("No site can be compared in this selection.")
    return figures.funnel(marks, curve(frame))


def _hover(row: dict[str, object]) -> str:
    """What stands beside a point: counts, the limit in batches, what could be seen."""
    lines = [
        f"<b>{site_name(str(row['site']))}</b>",
        f"{row['events']} of {row['n']} batches failed",
        str(row["verdict"]),
    ]
    if row["flag_at95"] is not None:
        lines.append(f"above the 95 % limit at {row['flag_at95']} failures or more")
    if row["flag_at998"] is not None:
        lines.append(f"above the 99.8 % limit at {row['flag_at998']} or more")
    if row["low_at95"] is not None:
        lines.append(f"below the 95 % limit at {row['low_at95']} or fewer")
    if row["low_at998"] is not None:
        lines.append(f"below the 99.8 % limit at {row['low_at998']} or fewer")
    if row["power_double"] is not None:
        lines.append(_power(float(str(row["power_double"])), row["n"]))
    for column, words in (("undetermined", "undetermined"), ("in_process", "running")):
        if row.get(column):
            lines.append(f"{row[column]} more {words}")
    if row["reason"]:
        lines.append(str(row["reason"]))
    return "<br>".join(lines)


def _power(chance: float, n: object) -> str:
    """What a site of this size could have shown, in words."""
    if chance < _SELDOM:
        return f"{n} batches are too few: a doubled rate would mostly go unseen"
    return f"a doubled rate would be above the 99.8 % limit {chance:.0%} of the time"


def network_causes(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Batches without a product by stage and category, over the sites asked for."""
    return causes(queries.failures(viewer, filters, by=("stage", "category")))


def causes(frame: pl.DataFrame) -> pl.DataFrame:
    """Counts by stage and category as labelled bars, the largest first."""
    label = pl.format("{} ({})", *(_words(c) for c in ("category", "stage")))
    return frame.select(
        label.alias("label"),
        "stage",
        "category",
        pl.col("n").alias("count"),
        "state",
        "reason",
    ).sort("count", descending=True, nulls_last=True)


def _words(column: str) -> pl.Expr:
    return pl.col(column).str.replace_all("_", " ")


def _causes_said(frame: pl.DataFrame) -> str:
    total = int(frame["count"].sum() or 0)
    if not total:
        return "No batch was lost in this selection, or its counts are hidden."
    top = frame.row(0, named=True)
    return (
        f"Of {some(total, 'batch', 'batches')} without a product, {top['count']}"
        f" ({written(top['count'] / total, 'percent')}) were lost to {top['label']}."
        " Fewer are better; the dark bars make up four fifths, so work on them helps"
        " most."
    )


def _top(viewer: Viewer, filters: Filters) -> Component:
    options = [(name, d.title) for name, d in DEFINITIONS.items()]
    definition = DEFINITIONS[filters.definition]
    sentence = (
        f"In force: {definition.title.lower()}. {definition.meaning}"
        f" Out of {definition.denominator}."
    )
    links = switch("What counts as failure", filters, PATH, "definition", options)
    return html.Div(
        [
            links,
            notice(sentence),
            _fairness.widths(viewer, filters, PATH),
            _standardised.ways(filters, PATH),
        ]
    )


for _funnel in ("failure-funnel", "failure-usual", "failure-standardised"):
    clientside_callback(
        ClientsideFunction("pocnet", "behind"),
        Input(f"{_funnel}-figure", "clickData"),
        prevent_initial_call=True,
    )

register(
    __name__,
    Page(
        PATH,
        "Failure rates",
        "Is a site different, or is it chance? Limits widen as a site's numbers"
        " shrink; there is no ranking.",
        order=30,
        top=_top,
        cards=(
            Card(
                "failure-funnel",
                "Failures by size of site",
                points,
                said,
                _drawn,
                _POINTS,
                metric="no_product",
                note="Flagged by the exact count rule: more failures than the 99.9 %"
                " quantile of the binomial, or fewer than the 0.1 % one. The curves"
                " are interpolated between counts and only guide the eye. A click on a"
                " point lists its batches, where you may see them.",
                height=460,
            ),
            _blinded.CARD,
            *_fairness.CARDS,
            _usual.CARD,
            _standardised.CARD,
            _strata.CARD,
            _shrunken.CARD,
            _definitions.CARD,
            Card(
                "failure-causes",
                "Where batches are lost",
                network_causes,
                _causes_said,
                figures.pareto,
                metric="failure_cause",
                count=lambda f: (
                    f"n = {written(int(f['count'].sum() or 0), 'count')}"
                    " batches without a product"
                ),
                width="half",
            ),
            _parameters.CARD,
            _cohorts.CARD,
            _behind.CARD,
        ),
    ),
)
