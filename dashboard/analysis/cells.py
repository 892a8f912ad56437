"""The border between polars frames and numpy: nothing that is not a number passes.

Inside the statistics a value that cannot be computed is NaN or infinite; in a frame it
is null, beside a `state` and a `reason` in words. Every function of this package
crosses this border with these four functions, so the promise is kept in one place.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]

HIDDEN = ("not_reported", "suppressed", "not_applicable")


def numbers(frame: pl.DataFrame, column: str) -> Floats:
    """Values of a column as floats, with NaN where the frame has null."""
    return frame[column].cast(pl.Float64).to_numpy().astype(np.float64)


def series(name: str, values: npt.ArrayLike) -> pl.Series:
    """A Float64 column in which everything that is not a finite number is null."""
    array = np.asarray(values, dtype=np.float64)
    return pl.Series(
        name, np.where(np.isfinite(array), array, np.nan), nan_to_null=True
    )


def whole(name: str, values: npt.ArrayLike) -> pl.Series:
    """An Int64 column (counts, ranks) in which everything not finite is null."""
    return series(name, values).round().cast(pl.Int64)


def stated(frame: pl.DataFrame, proportion: bool = True) -> pl.DataFrame:
    """The frame with `state`, `reason` and `compared` for each row of `events` and `n`.

    A row is compared when its counts can be (n above 0, no more events than n where
    the rate is a proportion) and nobody gave a `reason` against it, such as a
    completeness below the agreed share. A state that hides the counts is kept as it
    came. Rows are never dropped.
    """
    frame = _with_missing(frame, ("state", "reason"))
    counts = [pl.col(c).cast(pl.Float64).fill_nan(None) for c in ("events", "n")]
    events, n = counts
    wrong = (events < 0) | (n < 0) | ((events > n) if proportion else pl.lit(False))
    state = (
        pl.when(pl.col("state").is_in(HIDDEN))
        .then("state")
        .when(events.is_null() | n.is_null())
        .then(pl.lit("not_reported"))
        .when(wrong | (n <= 0))
        .then(pl.lit("not_applicable"))
        .when(events == 0)
        .then(pl.lit("zero"))
        .otherwise(pl.lit("data"))
    )
    why = (
        pl.when(events.is_null() | n.is_null())
        .then(pl.lit("no counts"))
        .when(wrong)
        .then(pl.lit("the counts contradict each other"))
        .when(n == 0)
        .then(pl.lit("nothing to count: 0 of 0"))
    )
    return frame.with_columns(
        state=state, reason=pl.coalesce("reason", why)
    ).with_columns(
        compared=pl.col("state").is_in(("data", "zero")) & pl.col("reason").is_null()
    )


def _with_missing(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    absent = [c for c in columns if c not in frame.columns]
    return frame.with_columns(pl.lit(None, pl.String).alias(c) for c in absent)


def visible(frame: pl.DataFrame) -> npt.NDArray[np.bool_]:
    """Which rows hold counts that may be computed with, compared or not."""
    return frame["state"].is_in(("data", "zero")).to_numpy()
