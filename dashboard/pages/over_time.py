"""Over time: has a site's failure rate changed, and since when?"""

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard.analysis import alarms, over_time
from dashboard.analysis.cusum_chart import RUN_LENGTH
from dashboard.card import Card
from dashboard.charting import (
    CHARTS,
    RULE_SETS,
    SUMS,
    asked_chart,
    marks,
    site_charts,
)
from dashboard.components import Column, notice, written
from dashboard.decisions import form
from dashboard.filter_bar import switch
from dashboard.filters import Filters
from dashboard.metrics import DEFINITIONS
from dashboard.names import some
from dashboard.pages._strips import SIDES, charts, drawn, said
from dashboard.shell import Page, register
from dashboard.viewer import Viewer

PATH = "/over-time"

_NAMES = {
    "p": "p",
    "laney": "Laney's p'",
    "u": "u",
    "g": "g",
    "t": "t",
    "xmr": "XmR",
    "cusum": "CUSUM",
    "adjusted": "CUSUM, risk-adjusted",
}


def found(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Every signal: site, chart, rule, side, date, value and limits, latest first."""
    points = site_charts(viewer, filters)
    parts = [
        over_time.signal_rows(mine).select(
            pl.lit(str(site)).alias("site"),
            pl.lit(_NAMES[str(chart)]).alias("chart"),
            pl.all(),
        )
        for (site, chart), mine in points.group_by("site", "chart", maintain_order=True)
        if chart is not None and mine["centre"].count()
    ]
    if not parts:
        return pl.DataFrame(schema=_FOUND)
    return (
        pl.concat(parts)
        .sort(["x", "site"], descending=[True, False])
        .with_columns(**_TOLD)
    )


# A row of these tables tells something that is known: none of it can be hidden.
_TOLD = {"state": pl.lit("data"), "reason": pl.lit(None, pl.String)}
_FOUND = {
    **dict.fromkeys(("site", "chart", "rule", "side"), pl.String),
    **dict.fromkeys(("x", "until"), pl.Date),
    **dict.fromkeys(("value", "centre", "lower", "upper"), pl.Float64),
    **dict.fromkeys(("limits", "state", "reason"), pl.String),
}


def _found_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "There is no signal by these rules in this selection."
    sides = [f"{frame.filter(side=s).height} {s}" for s in SIDES
             if frame.filter(side=s).height]  # fmt: skip
    return (
        f"{some(frame.height, 'signal')} at"
        f" {some(frame['site'].n_unique(), 'site or pool', 'sites or pools')}, the"
        " latest first:"
        f" {', '.join(sides)}. A signal says that something may have changed, not why;"
        " its date is the first day on which it could be known."
    )


def _marked(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    return marks(viewer, filters).sort("x", descending=True).with_columns(**_TOLD)


def _marked_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return (
            "No change of process or medium, no note and no new limits are known here."
        )
    steps = frame.filter(pl.col("what") == "new limits").height
    return (
        f"{some(frame.height, 'entry', 'entries')} of changes, notes and decisions, the"
        f" latest first, {some(steps, 'decision')} among them to set limits anew: each"
        " by a person, for the reason given. Limits never move by themselves."
    )


def _alarms(_viewer: Viewer, _filters: Filters) -> pl.DataFrame:
    return alarms.table().with_columns(
        pl.col("chart").replace_strict(_NAMES),
        pl.col("rule_set").replace_strict({**RULE_SETS, alarms.LIMIT: "its limit"}),
        **_TOLD,
    )


def _alarms_said(frame: pl.DataFrame) -> str:
    low, high = frame["short"].min(), frame["short"].max()
    return (
        f"Of charts on which nothing has changed, {written(low, 'percent')} to"
        f" {written(high, 'percent')} give a signal within 24 points, depending on"
        " chart and rules: look into a signal before believing it. Fewer is better,"
        " but rules with fewer false alarms also find a true change later."
    )


_BATCHES = ("g", "t", *SUMS)
_BY_RULE = (
    "The rule: good batches between failures (g) where fewer than three failures"
    " are expected a quarter, since a rate that is mostly zero shows little; else"
    " the share by quarter (p), or Laney's p' where quarters differ more than"
    " chance (p under 5 %). Who may not see single batches sees quarters only."
)
_LIMITS = (
    "Limits come from the first 20 points and then stay (provisional until there"
    " are 20, none before 6). They are set anew only by a person who says why."
)
_SUM = (
    "A CUSUM adds up, batch by batch, how much more likely the outcome is at doubled"
    " odds of failing than at those expected: a failure lifts the sum, a good batch"
    " lowers it, never below zero. Each point is a failure, with the sum after it. At"
    f" its limit the sum gives a signal and begins again; were the odds as expected,"
    f" it would do so once in {RUN_LENGTH} batches on average."
)
_EXPECTED = {
    "cusum": "Expected is what the first 20 gaps between the site's failures say"
    " (provisional until there are 20, nothing before 6), until a person who says why"
    " begins anew.",
    "adjusted": "Expected is the network's rate for each batch's product, pathway,"
    " starting material and process: the site is set against the network here, its mix"
    " allowed for. A person who says why may begin a sum anew.",
}


def _top(viewer: Viewer, filters: Filters) -> Component:
    definition = DEFINITIONS[filters.definition]
    asked, sees = asked_chart(filters), viewer.role in ("lead", "site")
    rule, limits = _BY_RULE, _LIMITS
    if asked in SUMS and sees:
        rule, limits = _SUM, _EXPECTED[asked]
    if asked in _BATCHES and not sees:
        limits += " The chart asked for needs dates of single batches: p instead."
    rules = switch("Rules", filters, PATH, "rules", [*RULE_SETS.items()])
    return html.Div(
        [
            switch("Chart", filters, PATH, "chart", [*CHARTS.items()]),
            None if asked in SUMS and viewer.role == "lead" else rules,
            notice(f"Failure means: {definition.title.lower()}. {rule}", limits),
        ]
    )


CARDS = (
    Card(
        "over-time-charts",
        "Each site's chart",
        charts,
        said,
        drawn,
        (
            Column("site", "Site", "site"),
            Column("what", "What"),
            Column("chart", "Chart"),
            Column("x", "Date", "date"),
            Column("events", "Failures", "count"),
            Column("n", "Batches", "count"),
            Column("value", "Value (share, batches, days or sum)", "number"),
            Column("centre", "Centre", "number"),
            Column("lower", "Lower limit", "number"),
            Column("upper", "Upper limit", "number"),
            Column("limits", "Limits are"),
            Column("signal", "Signal"),
            Column("side", "Towards"),
            Column("words", "Note"),
        ),
        metric="no_product",
        note="Each strip has its own scale; counts and days between failures"
        " are on a square-root scale. Quarters are those of the batches'"
        " start, dates those of the failures. The running quarter, and the"
        " gap since the last failure, are no points yet. ○ is silence and a"
        " break in the line, not zero.",
    ),
    Card(
        "over-time-signals",
        "Every signal",
        found,
        _found_said,
        columns=(
            Column("site", "Site", "site"),
            Column("chart", "Chart"),
            Column("rule", "Rule"),
            Column("side", "Towards"),
            Column("x", "Known since", "date"),
            Column("until", "Until", "date"),
            Column("value", "Value", "number"),
            Column("centre", "Centre", "number"),
            Column("lower", "Lower", "number"),
            Column("upper", "Upper", "number"),
            Column("limits", "Limits"),
        ),
        count=lambda f: some(f.height, "signal"),
    ),
    Card(
        "over-time-marks",
        "Changes, notes and new limits",
        _marked,
        _marked_said,
        columns=(
            Column("site", "Site", "site"),
            Column("x", "Date", "date"),
            Column("what", "What"),
            Column("words", "Why, or what for"),
            Column("who", "Who"),
            Column("at", "Written (UTC)", "date"),
        ),
    ),
    Card(
        "over-time-alarms",
        "How often a signal is false",
        _alarms,
        _alarms_said,
        columns=(
            Column("chart", "Chart"),
            Column("rule_set", "Rules"),
            Column("short", "Within 24 points", "percent"),
            Column("long", "Within 60 points", "percent"),
        ),
        count=lambda _f: "n = 10 000 simulated series a row",
        note="Limits from the first 20 points, then fixed, as on this page."
        " p and Laney's p': 50 batches a point, 10 % failing; u: 5 failures"
        " expected a point; XmR: normal values; g and CUSUM: every batch fails"
        " with 10 %; t: exponential days; risk-adjusted: 5, 10 or 20 %, known."
        " A CUSUM's points are failures.",
    ),
)

register(
    __name__,
    Page(
        PATH,
        "Over time",
        "Has a site changed, and since when? A chart a site, in the order of their"
        " names.",
        order=35,
        top=_top,
        foot=lambda viewer, _filters: form(viewer),
        cards=CARDS,
    ),
)
