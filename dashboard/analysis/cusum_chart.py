"""One site's failures as a CUSUM: a point a failure, the sum just after it.

The sum can only rise, and so only signal, at a failure; good batches between two of
them bring it down. Its limit is the one with `RUN_LENGTH` batches between two false
alarms on average, were the expected risks the true ones.
"""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Literal

import polars as pl

from dashboard.analysis import over_time
from dashboard.analysis.cells import numbers
from dashboard.analysis.cusum import cusum, threshold_for

Against = Literal["cusum", "adjusted"]

ODDS_RATIO = 2.0
RUN_LENGTH = 2000
REACHED = "the sum reached its limit"
_FEW = f"fewer than {over_time.FEWEST} gaps between failures: no limit yet"
_CERTAIN = "every batch failed or none could: no risk to expect"
_UNKNOWN = "no rate is known for what it was"


def summed(
    batches: pl.DataFrame,
    against: Against,
    steps: Sequence[date] = (),
    silent: Sequence[date] = (),
) -> pl.DataFrame:
    """The points of a CUSUM chart, with the columns of `over_time.charted`.

    Reads one row a batch, in order: `date`, `failed` and, for `adjusted`, `expected`,
    the network's risk for its kind. `cusum` takes the site's own risk, that of the
    first twenty gaps of a phase, as its g chart does. `steps` are the days on which a
    person has begun a new phase: the sum begins anew there.
    """
    phase = pl.sum_horizontal(
        pl.lit(0), *((pl.col("date") >= step).cast(pl.Int64) for step in set(steps))
    )
    placed = batches.with_columns(phase.alias("phase"))
    if against == "cusum":
        own = _own_risk(batches, steps, silent)
        placed = placed.drop("expected", strict=False)
        placed = placed.join(own, on="phase", how="left", maintain_order="left")
    else:
        placed = placed.with_columns(pl.lit("fixed").alias("limits"))
    parts = [_points(part) for part in placed.partition_by("phase")]
    empty = _points(placed.clear().with_columns(pl.lit(None).alias("expected")))
    return pl.concat([empty, *parts], how="vertical_relaxed")


def _own_risk(
    batches: pl.DataFrame, steps: Sequence[date], silent: Sequence[date]
) -> pl.DataFrame:
    """What each phase expects of a batch: phase, expected, limits."""
    between = over_time.between(batches, "g", silent)
    gaps = over_time.charted(between, "g", "nelson", steps)
    return (
        gaps.group_by("phase")
        .agg(pl.col("centre", "limits").first())
        .select("phase", expected=1 / (pl.col("centre") + 1), limits="limits")
    )


def _points(part: pl.DataFrame) -> pl.DataFrame:
    """The failures of one phase: value, limit, signal, state and reason."""
    risk = numbers(part, "expected")
    limit = _limit(tuple(risk[(risk > 0) & (risk < 1)]))
    drawn = cusum(part, limit or 1.0, ODDS_RATIO).with_row_index("at")
    known = pl.col("score").is_not_null() & pl.lit(limit is not None)
    none = pl.col("limits").fill_null("none") == "none"
    failures = drawn.filter(pl.col("failed").cast(pl.Boolean))
    reached = known & pl.col("signal")
    return failures.select(
        pl.col("date").alias("x"),
        pl.lit(1, pl.Int64).alias("events"),
        pl.col("at").cast(pl.Int64).diff().fill_null(pl.col("at") + 1).alias("n"),
        pl.when(known).then("cusum").alias("value"),
        *(pl.when(known).then(0.0).alias(c) for c in ("centre", "lower")),
        pl.when(known).then(pl.lit(limit, pl.Float64)).alias("upper"),
        pl.lit(None, pl.Float64).alias("z"),
        "phase",
        pl.when(known).then("limits").otherwise(pl.lit("none")).alias("limits"),
        _listed(reached, REACHED).alias("signals"),
        _listed(reached, "worse").alias("sides"),
        pl.when(known).then(pl.lit("data")).otherwise(pl.lit("not_applicable"))
        .alias("state"),
        pl.when(~known)
        .then(
            pl.when(none).then(pl.lit(_FEW))
            .when(pl.col("expected").is_null()).then(pl.lit(_UNKNOWN))
            .otherwise(pl.lit(_CERTAIN))
        )
        .alias("reason"),
    )  # fmt: skip


def _listed(condition: pl.Expr, words: str) -> pl.Expr:
    none = pl.lit([], pl.List(pl.String))
    return pl.when(condition).then(pl.lit([words], pl.List(pl.String))).otherwise(none)


@lru_cache(maxsize=1024)
def _limit(risks: tuple[float, ...]) -> float | None:
    """The limit for batches of these risks; None where no risk says anything."""
    return threshold_for(risks, ODDS_RATIO, RUN_LENGTH) if risks else None
