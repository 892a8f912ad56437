"""Several sites tested at once: p-values adjusted for how many were looked at."""

import numpy as np
import numpy.typing as npt
import polars as pl

from dashboard.analysis.cells import Floats, numbers, series


def benjamini_hochberg(p_values: npt.ArrayLike) -> Floats:
    """The smallest false discovery rate at which each test would count as a finding.

    Benjamini and Hochberg 1995 (J R Stat Soc B 57:289), as R's p.adjust with "BH".
    NaN means not tested: it stays NaN and does not count among the tests.
    """
    p = np.asarray(p_values, dtype=np.float64)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(-p[tested], kind="stable")]
    rank = np.arange(len(order), 0, -1)
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum.accumulate(np.minimum(p[order] * len(order) / rank, 1))
    return adjusted


def adjusted(frame: pl.DataFrame, column: str = "p_value") -> pl.DataFrame:
    """The frame with `<column>_adjusted` beside the unadjusted p-values."""
    values = benjamini_hochberg(numbers(frame, column))
    return frame.with_columns(series(f"{column}_adjusted", values))
