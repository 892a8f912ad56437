"""Steps of the chain summed up: percentiles that keep hidden groups hidden."""

from collections.abc import Mapping, Sequence

import polars as pl

from dashboard.analysis import survival
from dashboard.analysis.cells import HIDDEN

DAYS = ("q50", "q50_lower", "q50_upper", "q90", "q90_lower", "q90_upper")


def percentiles(frame: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Median and 90th percentile of each group of a histogram of days.

    A group that was held back keeps its state and reason and has no numbers: to the
    estimate it would look like a group without batches.

    Where `known` tells three histograms apart, a percentile is a span, `q50_from` to
    `q50_to`: what it is when each duration is as short, and as long, as its weeks
    allow. Its limits are then the lower one of the former and the upper one of the
    latter. Elsewhere both ends are `q50`. `q50_words` writes either.
    """
    if "known" not in frame.columns:
        return _spanned(_recorded(frame, by))
    parts = frame.partition_by("known", as_dict=True, include_key=False)
    each = {str(k): _recorded(part, by) for (k,), part in parts.items()}
    if len(each) < 2:
        return _spanned(each.get("recorded", _recorded(frame.drop("known"), by)))
    return _spanned(_between(each, by))


def _between(each: Mapping[str, pl.DataFrame], by: Sequence[str]) -> pl.DataFrame:
    """The percentiles as recorded, with the spans and limits of the two extremes."""
    found = each["recorded"]
    ends = (("shortest", "from", "lower"), ("longest", "to", "upper"))
    for known, end, limit in ends:
        other = each[known].select(
            *by,
            *(pl.col(q).alias(f"{q}_{end}") for q in ("q50", "q90")),
            *(pl.col(f"{q}_{limit}") for q in ("q50", "q90")),
        )
        found = found.drop(f"{q}_{limit}" for q in ("q50", "q90")).join(
            other, on=[*by], how="left", nulls_equal=True, maintain_order="left"
        )
    return found


def _spanned(found: pl.DataFrame) -> pl.DataFrame:
    """The frame with both ends of each percentile, and the percentile in words."""
    ends = [f"{q}_{end}" for q in ("q50", "q90") for end in ("from", "to")]
    whole = found.with_columns(
        pl.col(e[:3]).alias(e) for e in ends if e not in found.columns
    )
    return whole.with_columns(
        pl.when(pl.col(f"{q}_from") == pl.col(f"{q}_to"))
        .then(pl.col(q).cast(pl.String))
        .when(pl.col(q).is_not_null())
        .then(pl.format("{} to {}", f"{q}_from", pl.col(f"{q}_to").fill_null("open")))
        .alias(f"{q}_words")
        for q in ("q50", "q90")
    )


def _recorded(frame: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    hidden = pl.col("state").is_in(HIDDEN)
    seen = _complete(frame.filter(~hidden))
    found = _closed(survival.durations(seen, by), survival.durations(seen, by, (1.0,)))
    marks = frame.filter(hidden).select(*by, "state", "reason").unique()
    marks = marks.join(found, on=[*by], how="anti")
    return pl.concat([found, marks], how="diagonal")


def _closed(found: pl.DataFrame, last: pl.DataFrame) -> pl.DataFrame:
    """Open upper limits closed on the day by which all of a group had ended.

    The curve's own limit stops before its last step, where nobody is left to vary; but
    a percentile cannot lie past the day on which the last one got there.
    """
    end = last["q100"]
    return found.with_columns(
        pl.when(pl.col(q).is_not_null())
        .then(pl.coalesce(f"{q}_upper", end))
        .alias(f"{q}_upper")
        for q in ("q50", "q90")
    )


def curves(frame: pl.DataFrame, by: str, order: Sequence[str]) -> pl.DataFrame:
    """Cumulative curves to draw: x, value, low, high, series, state, reason.

    Each begins at 0 on day 0; `order` is the order of the series. Where `known` tells
    three histograms apart, a band runs from the lower limit of the longest durations to
    the upper limit of the shortest.
    """
    if "known" not in frame.columns:
        return _curves(frame, by, order)
    parts = frame.partition_by("known", as_dict=True, include_key=False)
    each = {str(k): _curves(part, by, order) for (k,), part in parts.items()}
    if len(each) < 2:
        return each.get("recorded", _curves(frame.drop("known"), by, order))
    places = pl.Enum(each["recorded"]["series"].unique(maintain_order=True))
    days = pl.concat(part.select("series", "x") for part in each.values()).unique()
    whole = days.sort("x")
    for known, column in (("recorded", "value"), ("longest", "low"),
                          ("shortest", "high")):  # fmt: skip
        part = each[known].select("series", "x", column).sort("x")
        whole = whole.join_asof(part, on="x", by="series", check_sortedness=False)
    return whole.sort(pl.col("series").cast(places), "x").with_columns(
        pl.lit("data").alias("state"), pl.lit(None, pl.String).alias("reason")
    )


def _curves(frame: pl.DataFrame, by: str, order: Sequence[str]) -> pl.DataFrame:
    seen = _complete(frame.filter(~pl.col("state").is_in(HIDDEN)))
    steps = survival.curves(seen, (by,))
    start = steps.select(by).unique().filter(pl.col(by).is_in(order))
    zero = start.with_columns(
        pl.lit(0, pl.Int64).alias("day"),
        *(pl.lit(0.0).alias(c) for c in ("share", "lower", "upper")),
    )
    begun = steps.filter(pl.col("day") == 0).select(by)
    whole = pl.concat(
        [zero.join(begun, on=by, how="anti"), steps.drop("at_risk")],
        how="diagonal_relaxed",
    )
    place = pl.col(by).replace_strict({name: i for i, name in enumerate(order)},
                                      default=len(order))  # fmt: skip
    return whole.sort(place, "day").select(
        pl.col("day").alias("x"), pl.col("share").alias("value"),
        pl.col("lower").alias("low"), pl.col("upper").alias("high"),
        pl.col(by).alias("series"), pl.lit("data").alias("state"),
        pl.lit(None, pl.String).alias("reason"),
    )  # fmt: skip


def halves(frame: pl.DataFrame, medians: Mapping[str, int], whole: int) -> pl.DataFrame:
    """The histogram with sites pooled by their median: at most `whole`, or longer.

    Adds `half`: faster or slower. Sites without a median take no part.
    """
    faster = [site for site, days in medians.items() if days <= whole]
    slower = [site for site, days in medians.items() if days > whole]
    return frame.with_columns(
        pl.when(pl.col("site").is_in(faster))
        .then(pl.lit("faster sites"))
        .when(pl.col("site").is_in(slower))
        .then(pl.lit("slower sites"))
        .alias("half")
    ).drop_nulls("half")


def _complete(frame: pl.DataFrame) -> pl.DataFrame:
    """A histogram of one ending has nothing that competes with it."""
    if "competing" in frame.columns:
        return frame
    return frame.with_columns(pl.lit(0, pl.Int64).alias("competing"))
