"""Slots to shares: utilisation, staffing, and what is too old to stand for today."""

import polars as pl

from dashboard.analysis.cells import HIDDEN
from dashboard.analysis.intervals import proportions

STANDS_OUT = 0.9
FAINTEST = 0.3
_FIGURES = ("theoretical", "staffed", "booked", "used")


def fresh(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame without the figures of groups whose every site has fallen silent.

    An old figure in a table of today's would be read as today's. The row stays, with
    its last week and age, and says so.
    """
    silent = (pl.col("silent") == pl.col("sites")) & ~pl.col("state").is_in(HIDDEN)
    why = pl.format(
        "no current figure: last report for the week of {}, {} days old",
        "last_week",
        "age",
    )
    figures = (*_FIGURES, "waiting", "starts", "narrowest", "told")
    counts = [c for c in figures if c in frame.columns]
    unheard = (pl.col("silent") == pl.col("sites")) & (
        pl.col("state") == "not_reported"
    )
    late = silent | unheard
    return frame.with_columns(
        *(pl.when(~late).then(pl.col(c)).alias(c) for c in counts),
        pl.when(late).then(why).otherwise("reason").alias("reason"),
        pl.when(late).then(pl.lit("not_reported")).otherwise("state").alias("state"),
    )


def fading(agreed: int) -> pl.Expr:
    """How strongly a figure of `age` days is drawn: 1 in its first week, then less.

    FAINTEST on the last of the `agreed` days, after which there is no figure at all.
    """
    late = (pl.col("age").cast(pl.Float64) - 7) / max(agreed - 7, 1)
    return (1 - (1 - FAINTEST) * late.clip(0, 1)).alias("fade")


def covered(share: float) -> pl.Expr:
    """Whether `reported` of `expected` weeks are as many as was agreed to be enough."""
    return pl.col("reported") >= share * pl.col("expected")


def shares(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds `utilisation` (used / staffed) with exact limits, and `staffing`.

    `staffing` is staffed / theoretical. Used may exceed staffed where a site worked
    beyond its plan; such a row has the share and no limits.
    """
    plan = frame.with_columns(
        pl.col("used").alias("events"),
        pl.col("staffed").alias("n"),
        pl.col("reason").alias("why"),
        pl.col("state").alias("was"),
    )
    found = proportions(plan.with_columns(reason=pl.lit(None, pl.String)))
    known = ~pl.col("was").is_in(HIDDEN) & (pl.col("staffed") > 0)
    none = ~pl.col("was").is_in(HIDDEN) & (pl.col("staffed") == 0)
    return found.with_columns(
        pl.when(known).then(pl.col("used") / pl.col("staffed")).alias("utilisation"),
        pl.when(pl.col("theoretical") > 0)
        .then(pl.col("staffed") / pl.col("theoretical"))
        .alias("staffing"),
        pl.when(none)
        .then(pl.lit("no slot was staffed"))
        .otherwise("why")
        .alias("reason"),
        pl.when(none).then(pl.lit("not_applicable")).otherwise("was").alias("state"),
    ).drop("events", "n", "why", "was", "rate", "compared")


def surely(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds how often a resource was the narrowest: `often`, `often_lower`, `_upper`.

    Reads `narrowest` of `told` weeks. The limits are Clopper and Pearson's at 95 %, as
    if weeks were independent: a shortage that lasts makes them narrower than they are.
    """
    found = proportions(
        frame.select(
            pl.col("narrowest").fill_null(0).alias("events"),
            pl.col("told").fill_null(0).alias("n"),
            pl.lit("data").alias("state"),
            pl.lit(None, pl.String).alias("reason"),
        )
    )
    return frame.with_columns(
        found["rate"].alias("often"),
        found["lower"].alias("often_lower"),
        found["upper"].alias("often_upper"),
    )


def bottlenecks(frame: pl.DataFrame) -> pl.DataFrame:
    """Of each site, the resource that can carry the fewest batch starts.

    `frame`: site, resource, staffed, used, state. Adds `carries` (its staffed starts),
    `next_carries` and `stands_out`: it carries less than nine tenths of the next one.
    Below that two resources are short together, and naming one would mislead.
    """
    seen = frame.filter(
        ~pl.col("state").is_in(HIDDEN), pl.col("resource") != "slot"
    ).drop_nulls("staffed")
    ranked = seen.sort("site", "staffed", "resource").group_by(
        "site", maintain_order=True
    ).agg(
        pl.col("resource").first(),
        pl.col("staffed").first().alias("carries"),
        pl.col("staffed").get(1, null_on_oob=True).alias("next_carries"),
        pl.col("resource").get(1, null_on_oob=True).alias("next_resource"),
        pl.col("used").first(),
    )  # fmt: skip
    limit = STANDS_OUT * pl.col("next_carries")
    return ranked.with_columns(
        (pl.col("carries") < limit).fill_null(False).alias("stands_out")
    )
