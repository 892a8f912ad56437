"""Laboratory turnaround, and the batches whose certification clock is running."""

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis import chain
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.viewer import Viewer

_OWN = pl.when("own").then(pl.lit("own")).otherwise(pl.lit("third party"))


def _words(column: str) -> pl.Expr:
    return pl.col(column).str.replace_all("_", " ")


def by_parameter(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Days from sample to report by parameter, own bench and third party apart."""
    days = queries.laboratory_days(
        viewer, filters, by=("parameter", "own"), between=True
    )
    days = days.with_columns(_OWN.alias("whose"))
    found = chain.percentiles(days, ("parameter", "whose")).sort("parameter", "whose")
    return found.with_columns(
        pl.format("{}, {}", _words("parameter"), "whose").alias("label")
    )


def _parameter_said(frame: pl.DataFrame) -> str:
    both = _pairs(frame)
    running = int(frame["censored"].sum() or 0)
    if both.is_empty():
        return (
            f"No parameter is tested both at home and by a third party here;"
            f" {running} results are outstanding. Shorter is better."
        )
    longer = both.filter(pl.col("q50_lower_away") > pl.col("q50_upper_own")).height
    return (
        f"Of {both.height} parameters tested at home and by a third party, {longer}"
        " take longer at the third party, their intervals apart."
        f" {written(running, 'count')} results are outstanding. Shorter is better."
    )


def _pairs(frame: pl.DataFrame) -> pl.DataFrame:
    seen = frame.drop_nulls(["q50", "q50_lower", "q50_upper"])
    own = seen.filter(pl.col("whose") == "own")
    away = seen.filter(pl.col("whose") == "third party")
    columns = ["parameter", "q50", "q50_lower", "q50_upper"]
    return own.select(columns).join(
        away.select(columns), on="parameter", suffix="_away"
    ).rename({"q50_upper": "q50_upper_own"})  # fmt: skip


def by_laboratory(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Days from sample to report by laboratory and parameter: a cell each."""
    days = queries.laboratory_days(
        viewer, filters, by=("site", "laboratory", "own", "parameter"), between=True
    ).with_columns(_OWN.alias("whose"))
    seen = days.filter(pl.col("state") != "suppressed")
    by = ("laboratory", "whose", "parameter")
    return chain.percentiles(seen, by).sort(by)


def _laboratory_said(frame: pl.DataFrame) -> str:
    seen = frame.drop_nulls("q50")
    if seen.is_empty():
        return "No laboratory's turnaround can be shown in this selection."
    away = seen.filter(pl.col("whose") == "third party")
    names = sorted(set(away["laboratory"]) - {*queries.POOLS})
    low, high = (written(d, "count") for d in (away["q50"].min(), away["q50"].max()))
    words = "no third party among them"
    if away.height:
        by_name = f" ({', '.join(names)})" if names else ""
        words = (
            f"the third party{by_name} takes a median of"
            f" {low} to {high} days by parameter"
        )
    return (
        f"{written(int(seen['n'].sum()), 'count')} results, laboratories in"
        f" alphabetical order; {words}. Shorter is better."
    )


def _laboratory_drawn(frame: pl.DataFrame) -> go.Figure:
    name = pl.when(pl.col("whose") == "own").then("laboratory")
    rows = frame.with_columns(
        name.otherwise(pl.format("{} (third party)", "laboratory")).alias("row")
    )
    order = rows.sort("parameter").select("parameter").unique(maintain_order=True)
    every = rows.select("row").unique().sort("row").join(order, how="cross")
    cells = every.join(
        rows, on=["row", "parameter"], how="left", maintain_order="left"
    ).select(
        "row",
        _words("parameter").alias("column"),
        pl.col("q50").cast(pl.Float64).alias("value"),
        pl.when(pl.col("q50").is_not_null())
        .then(pl.format("{} d", "q50_words"))
        .otherwise(pl.lit(""))
        .alias("text"),
        pl.col("state").fill_null("zero"),
        "reason",
    )
    return figures.matrix(cells)


def clock(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Batches released provisionally that await their final decision, by site."""
    frame = queries.awaiting_final(viewer, filters)
    spoke = queries.sites(viewer, filters).select("site", "last_day", "age")
    return frame.join(spoke, on="site", how="left").sort("site")


def _clock_said(frame: pl.DataFrame) -> str:
    seen = frame.drop_nulls("waiting")
    if seen.is_empty():
        return "No batch was released provisionally here, or the counts are hidden."
    total = int(seen["waiting"].sum())
    if not total:
        return "No batch awaits its final certificate. Fewer is better."
    return (
        f"{written(total, 'count')} batches are released provisionally and await their"
        f" final certificate{_oldest_said(seen.drop_nulls('oldest'))}. Fewer and"
        " younger is better: their patients may have been treated."
    )


def _oldest_said(told: pl.DataFrame) -> str:
    """How long the oldest has waited and where, of those of whom that is told."""
    if told.is_empty():
        return ""
    where = told.sort("oldest", descending=True).row(0, named=True)
    old = where["age"] is not None and where["age"] > where["oldest"] // 2
    heard = f", but nothing was heard from it for {where['age']} days" if old else ""
    pool = where["site"] in queries.POOLS
    place = "" if pool else f" ({where['site']}{heard})"
    return f"; the oldest for {where['oldest']} days{place}"


def _clock_drawn(frame: pl.DataFrame) -> go.Figure:
    rows = frame.select(
        pl.col("site").alias("x"), pl.lit("awaiting final").alias("part"),
        pl.col("waiting").alias("count"), "state", "reason",
    )  # fmt: skip
    return figures.site_bars(rows)


_DAYS = (
    Column("q50_words", "Median, days", "days"),
    Column("q50_lower", "95 % from", "count"),
    Column("q50_upper", "to", "count"),
    Column("q90_words", "90th percentile", "days"),
    Column("censored", "Outstanding", "count"),
    Column("n", "Results", "count"),
)

CARDS = (
    Card(
        "turnaround-parameters",
        "Laboratory turnaround, by parameter",
        by_parameter,
        _parameter_said,
        lambda f: figures.percentiles(f, "days to report"),
        (Column("parameter", "Parameter"), Column("whose", "Laboratory"), *_DAYS),
        metric="laboratory_turnaround",
        note="Kaplan-Meier: a sample without a report is censored on the network's"
        " day.",
        width="half",
    ),
    Card(
        "turnaround-clock",
        "Awaiting final certification",
        clock,
        _clock_said,
        _clock_drawn,
        (
            Column("site", "Site", "site"),
            Column("waiting", "Awaiting final", "count"),
            Column("oldest", "Oldest, days", "count"),
            Column("provisional", "Ever released provisionally", "count"),
            Column("last_day", "Last heard of", "date"),
        ),
        count=lambda f: (
            f"n = {written(int(f['provisional'].sum() or 0), 'count')}"
            " provisional releases"
        ),
        metric="awaiting_final",
        note="As of the network's day, whatever the period; results outstanding by"
        " laboratory stand in the other tables.",
        width="half",
        height=520,
    ),
    Card(
        "turnaround-laboratories",
        "Laboratory turnaround, by laboratory",
        by_laboratory,
        _laboratory_said,
        _laboratory_drawn,
        (
            Column("laboratory", "Laboratory", "site"),
            Column("whose", "Whose"),
            Column("parameter", "Parameter"),
            *_DAYS,
        ),
        metric="laboratory_turnaround",
        note="Median days from sample to report. A third party counts for the sites"
        " that you see; laboratories that you do not see by name are pooled.",
    ),
)
