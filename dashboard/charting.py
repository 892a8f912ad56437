"""Each site's failures over time with limits and signals: what several pages show.

A chart is made from all that ever happened: the period of the filters chooses which
points are shown, never what the limits are made of.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import polars as pl

from dashboard import queries
from dashboard.analysis import over_time, periods
from dashboard.analysis.cusum_chart import Against, summed
from dashboard.analysis.over_time import Chart
from dashboard.analysis.rules import RuleSet
from dashboard.decisions import decided, in_force
from dashboard.filters import Filters
from dashboard.metrics import DEFINITIONS
from dashboard.strata import expecting
from dashboard.viewer import Viewer, current_request

CHARTS: dict[str, str] = {
    "rule": "By the rule",
    "p": "p",
    "laney": "Laney's p'",
    "g": "g (batches between)",
    "t": "t (days between)",
    "cusum": "CUSUM",
    "adjusted": "CUSUM, risk-adjusted",
}
RULE_SETS: dict[RuleSet, str] = {
    "western_electric": "Western Electric",
    "nelson": "Nelson",
    "making_data_count": "Making Data Count",
}
PLAIN = ("p", "laney")
SUMS = ("cusum", "adjusted")
_NONE = pl.DataFrame(
    schema={
        "site": pl.String,
        "chart": pl.String,
        "x": pl.Date,
        **dict.fromkeys(("events", "n", "phase"), pl.Int64),
        **dict.fromkeys(("value", "centre", "lower", "upper", "z"), pl.Float64),
        **dict.fromkeys(("signals", "sides"), pl.List(pl.String)),
        **dict.fromkeys(("limits", "state", "reason"), pl.String),
    }
)
_NO_GAP = "fewer than two failures: no gap between two"
_NO_FAILURE = "no failure: the sum never left zero"


def asked_rules(filters: Filters) -> RuleSet:
    """The rule set that the page's option names; Western Electric where none."""
    asked = filters.extra.get("rules", "")
    return next((r for r in RULE_SETS if r == asked), "western_electric")


def asked_chart(filters: Filters) -> str:
    """The chart that the page's option names; `rule` where each site's is chosen."""
    asked = filters.extra.get("chart", "")
    return asked if asked in CHARTS else "rule"


def site_charts(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a point: site, chart, phase, value, limits, signals, state and reason.

    Sites without any point have one row that says why. Charts that count batches or
    days between failures, or sum them up, need dates of single batches: who may not
    see those gets a chart of disclosed counts by quarter instead.
    """
    always = replace(filters, start=None, end=None)
    absent, quarters = _quarters(viewer, always)
    flag = DEFINITIONS[filters.definition].column
    batches = queries.sequence(viewer, always, flag)
    if asked_chart(filters) == "adjusted":
        batches = expecting(viewer, always, batches)
    silent = queries.silent_months(viewer, always)
    written = decided(quarters["site"].unique().to_list())
    parts = [absent]
    for (name,), mine in quarters.sort("site", "x").group_by(
        "site", maintain_order=True
    ):
        site = str(name)
        told = _Told(
            mine,
            batches.filter(site=site),
            silent.filter(site=site)["month"].to_list(),
            [d.month for d in in_force(written, site)],
        )
        chart = _chart(filters, told)
        drawn = _drawn(told, chart, asked_rules(filters))
        parts.append(
            drawn.select(
                pl.lit(site).alias("site"), pl.lit(chart).alias("chart"), pl.all()
            )
        )
    whole = pl.concat([_NONE, *parts], how="diagonal_relaxed")
    return _window(whole, filters).sort("site", "x", maintain_order=True)


@dataclass(frozen=True)
class _Told:
    """What is known of one site: quarters, batches, silent months, recorded steps."""

    quarters: pl.DataFrame
    batches: pl.DataFrame
    silent: Sequence[date]
    steps: Sequence[date]


def _chart(filters: Filters, told: _Told) -> Chart | Against:
    asked = asked_chart(filters)
    best = over_time.chosen(told.quarters) if asked == "rule" else asked
    if best not in PLAIN and told.batches.is_empty():
        return "p"
    return best  # type: ignore[return-value]  # asked_chart gives known names only


def _drawn(told: _Told, chart: Chart | Against, rules: RuleSet) -> pl.DataFrame:
    if chart == "cusum" or chart == "adjusted":
        drawn = summed(told.batches, chart, told.steps, told.silent)
        return drawn if drawn.height else _nothing(_NO_FAILURE)
    points = (
        _filled(told.quarters, told.silent)
        if chart in PLAIN
        else over_time.between(told.batches, chart, told.silent)
    )
    if points.is_empty():
        return _nothing(_NO_GAP)
    return over_time.charted(points, chart, rules, told.steps)


def _nothing(why: str) -> pl.DataFrame:
    return pl.DataFrame({"state": ["not_applicable"], "reason": [why]})


def _quarters(viewer: Viewer, filters: Filters) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Sites that have no batch to chart, and the whole quarters of those that have."""
    definition = DEFINITIONS[filters.definition]
    columns = (definition.column, definition.of)
    sites = queries.counts(viewer, filters, columns)
    counts = queries.counts(viewer, filters, columns, by=("site", "quarter"))
    counts = counts.rename(
        {"quarter": "x", definition.column: "events", definition.of: "n"}
    )
    none = sites.filter(~pl.col("site").is_in(counts["site"].to_list()))
    absent = none.select("site", "state", "reason").with_columns(
        pl.lit(None, pl.Date).alias("x")
    )
    running = periods.running("quarter", _today())
    return absent, counts.filter(pl.col("x") < running).sort("site", "x")


def _filled(mine: pl.DataFrame, silent: Sequence[date]) -> pl.DataFrame:
    """Every quarter from the first to the last: silence and idleness are gaps."""
    last = periods.running("quarter", _today()) - timedelta(days=1)
    first = mine["x"].to_list()[0]
    days = pl.DataFrame({"x": pl.date_range(first, last, "1q", eager=True)})
    quiet = {periods.running("quarter", month) for month in silent}
    joined = days.join(mine.drop("site"), on="x", how="left").sort("x")
    absent = pl.col("state").is_null()
    heard = ~pl.col("x").is_in(sorted(quiet))
    return joined.with_columns(
        pl.when(absent & heard).then(0).otherwise(pl.col(c)).alias(c)
        for c in ("events", "n")
    ).with_columns(
        pl.when(absent & ~heard)
        .then(pl.lit("not_reported"))
        .otherwise("state")
        .alias("state"),
        pl.when(absent & ~heard)
        .then(pl.lit("the site sent nothing for this quarter"))
        .when(absent)
        .then(pl.lit("no batch of this quarter can be told"))
        .otherwise("reason")
        .alias("reason"),
    )


def _window(frame: pl.DataFrame, filters: Filters) -> pl.DataFrame:
    month = pl.col("x").dt.strftime("%Y-%m")
    kept = pl.lit(True)
    if filters.start:
        kept &= month >= filters.start
    if filters.end:
        kept &= month <= filters.end
    return frame.filter(pl.col("x").is_null() | kept)


def marks(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """What changed and what was written: site, x, what, words, who, at; oldest first.

    Changes of process or medium come from the sites' milestones, the rest from the
    journal. For sites seen by name only: a pool has no history of its own to tell.
    """
    named = queries.sites(viewer, filters)["site"].to_list()
    changes = queries.milestones(viewer, filters).filter(
        pl.col("kind").is_in(["process_changed", "medium_changed"]),
        pl.lit(not filters.product)
        | pl.col("product").is_in([*filters.product, "all"]),
    )
    told = changes.select(
        "site",
        pl.col("date").alias("x"),
        pl.col("kind").str.replace("_", " ").alias("what"),
        pl.col("product").alias("words"),
        pl.lit("the site's milestones").alias("who"),
        pl.lit(None, pl.Datetime("us", "UTC")).alias("at"),
    )
    rows = [
        (d.site, d.month, _WHAT[d.kind], d.why, d.who, d.at) for d in decided(named)
    ]
    said = pl.DataFrame(rows, schema=told.schema, orient="row")
    return _window(pl.concat([told, said]), filters).sort("site", "x", "at")


_WHAT = {"note": "note", "rebase": "new limits", "withdrawn": "new limits taken back"}


def _today() -> date:
    return current_request().about.as_of or date.max
