"""One site's failures over time: which chart, whose limits, and what is a signal.

Limits are set by the first twenty points of a phase and stay as they are; a new phase
begins only with a recorded step, never by itself. The chart is chosen from the same
twenty periods, so that later failures do not change how they are looked at.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Literal

import polars as pl

from dashboard.analysis.cells import HIDDEN
from dashboard.analysis.charts import laney_chart, p_chart
from dashboard.analysis.overdispersion import overdispersion
from dashboard.analysis.rare import g_chart, gaps, t_chart
from dashboard.analysis.rules import RuleSet, signals

Chart = Literal["p", "laney", "g", "t"]
Side = Literal["worse", "better", "pattern"]

SETTING = 20
FEWEST = 6
RARE = 3.0
UNEVEN = 0.05
PATTERNS = (
    "14 in a row up and down in turn",
    "15 in a row within 1 sigma",
    "8 in a row beyond 1 sigma on both sides",
)
_TREND = "rising or falling"
_CHARTS: Mapping[Chart, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "p": p_chart,
    "laney": laney_chart,
    "g": g_chart,
    "t": t_chart,
}
_COLUMNS = ("x", "events", "n", "value", "centre", "lower", "upper", "z", "phase",
            "limits", "signals", "sides", "state", "reason")  # fmt: skip


def chosen(periods: pl.DataFrame) -> Chart:
    """The chart that suits `events` of `n` by period: g, p or Laney's p'.

    With fewer than three failures expected a period, more than one period in twenty
    has none (exp(-3) = 5 %) and a p chart shows little: Montgomery, Introduction to
    Statistical Quality Control, ch. 7, asks for three, and else counts between
    failures. Laney's where the periods differ by more than chance (p under 5 %).
    """
    first = periods.filter(_counted()).sort("x").head(SETTING)
    if first.is_empty() or float(first["events"].sum()) < RARE * first.height:
        return "g"
    test = overdispersion(first.select("events", "n"), scale="pearson")
    uneven = test.p_value is not None and test.p_value < UNEVEN
    return "laney" if uneven else "p"


def between(
    batches: pl.DataFrame, chart: Chart, silent: Sequence[date] = ()
) -> pl.DataFrame:
    """The points of a g or t chart: x (the later failure's date), n, events, value.

    Reads one row a batch with `date` and `failed`, in order, and the first days of
    the months for which the site was silent: a gap that reaches into one is unknown,
    since nobody knows what happened there. The first failure ends no known gap.
    """
    found = gaps(batches).with_columns(since=pl.col("date").shift(1)).slice(1)
    unknown = [
        any(month <= end and _month_end(month) >= start for month in silent)
        for start, end in found.select("since", "date").iter_rows()
    ]
    known = ~pl.Series("unknown", unknown, pl.Boolean)
    value = found["between" if chart == "g" else "days"]
    return found.select(
        pl.col("date").alias("x"),
        pl.lit(1).alias("events"),
        (pl.col("between") + 1).alias("n"),
        value.alias("value"),
    ).with_columns(
        pl.when(known).then(pl.col("value", "n", "events")),
        pl.when(~known)
        .then(pl.lit("a month without a report lies in this gap"))
        .otherwise(pl.lit(None, pl.String))
        .alias("why"),
    )


def charted(
    points: pl.DataFrame,
    chart: Chart,
    rule_set: RuleSet,
    steps: Sequence[date] = (),
) -> pl.DataFrame:
    """The points with centre, limits, signals and the side each signal speaks for.

    `steps` are the days from which a person has set the limits anew. `limits` says
    whether they are fixed, still provisional (fewer than 20 points) or none (fewer
    than 6, too few to draw any). `sides` stands beside `signals`, name by name.
    """
    placed = _placed(points.sort("x"), steps)
    drawn = _enough(_CHARTS[chart](placed))
    drawn = drawn.with_columns(reason=pl.coalesce("why", "reason"))
    return _sided(signals(drawn, rule_set), chart).select(_COLUMNS)


def signal_rows(points: pl.DataFrame) -> pl.DataFrame:
    """One row a signal: rule, side, x (when it could be known), until, value, limits.

    The same rule on the same side at consecutive points is one signal that lasts
    until the last of them: eight in a row stays one finding at the ninth.
    """
    rows: list[dict[str, object]] = []
    last: dict[tuple[object, ...], dict[str, object]] = {}
    for point in points.filter(pl.col("value").is_not_null()).to_dicts():
        now: dict[tuple[object, ...], dict[str, object]] = {}
        for rule, side in zip(point["signals"], point["sides"], strict=True):
            key = (rule, side, point["phase"])
            row = last.get(key)
            if row is None:
                row = {"rule": rule, "side": side, **{c: point[c] for c in _KEPT}}
                rows.append(row)
            row["until"] = point["x"]
            now[key] = row
        last = now
    return pl.DataFrame(rows, schema=_SIGNAL, orient="row")


_KEPT = ("x", "value", "centre", "lower", "upper", "limits")
_SIGNAL: Mapping[str, type[pl.DataType]] = {
    "rule": pl.String,
    "side": pl.String,
    "x": pl.Date,
    "until": pl.Date,
    "value": pl.Float64,
    "centre": pl.Float64,
    "lower": pl.Float64,
    "upper": pl.Float64,
    "limits": pl.String,
}


def _month_end(first: date) -> date:
    return (first.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(1)


def _counted() -> pl.Expr:
    hidden = pl.col("state").is_in(HIDDEN).fill_null(False)
    return ~hidden & (pl.col("n") > 0) & pl.col("events").is_not_null()


def _placed(points: pl.DataFrame, steps: Sequence[date]) -> pl.DataFrame:
    """Which phase each point is of, and whether it is one of those that set limits."""
    missing = [c for c in ("state", "reason", "why") if c not in points.columns]
    points = points.with_columns(pl.lit(None, pl.String).alias(c) for c in missing)
    known = pl.col("value").is_not_null() if "value" in points.columns else _counted()
    phase = pl.sum_horizontal(
        pl.lit(0), *((pl.col("x") >= step).cast(pl.Int64) for step in set(steps))
    )
    order = pl.col("known").cast(pl.Int64).cum_sum().over("phase")
    return points.with_columns(phase=phase, known=known).with_columns(
        baseline=(order <= SETTING).cast(pl.Int64),
        points=pl.col("known").sum().over("phase"),
    )


def _enough(drawn: pl.DataFrame) -> pl.DataFrame:
    """The chart without limits where a phase has too few points to set any."""
    few = pl.col("points") < FEWEST
    return drawn.with_columns(
        *(
            pl.when(~few).then(pl.col(c))
            for c in ("centre", "lower", "upper", "z")
        ),
        pl.when(few)
        .then(pl.lit("none"))
        .when(pl.col("points") < SETTING)
        .then(pl.lit("provisional"))
        .otherwise(pl.lit("fixed"))
        .alias("limits"),
        pl.when(few & pl.col("value").is_not_null())
        .then(pl.lit(f"fewer than {FEWEST} points: no limits yet"))
        .otherwise("reason")
        .alias("reason"),
    )  # fmt: skip


def _sided(frame: pl.DataFrame, chart: Chart) -> pl.DataFrame:
    before: dict[int, float] = {}
    sides: list[list[str]] = []
    for phase, z, names in frame.select("phase", "z", "signals").iter_rows():
        sides.append([_side(name, z, before.get(phase), chart) for name in names])
        if z is not None:
            before[phase] = z
    return frame.with_columns(pl.Series("sides", sides, pl.List(pl.String)))


def _side(rule: str, z: float, before: float | None, chart: Chart) -> Side:
    if rule in PATTERNS:
        return "pattern"
    up = z > (before or 0.0) if _TREND in rule else z > 0
    return "worse" if up == (chart in ("p", "laney")) else "better"
