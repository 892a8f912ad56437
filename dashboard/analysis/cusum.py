"""CUSUM charts of failures, batch by batch: quick to see a rate that has changed.

Each batch adds the log-likelihood ratio of "the odds of failing are multiplied by R"
against "they are as expected", and the sum never falls below zero. With one expected
risk for all batches it is the Bernoulli CUSUM (Reynolds and Stoumbos 1999, J Qual
Technol 31:87); with each batch's own, the risk-adjusted one (Steiner 2000,
Biostatistics 1:441).
"""

import numpy as np
import polars as pl
from scipy import sparse
from scipy.sparse import linalg

from dashboard.analysis.cells import Floats, numbers, series

CELLS = 40


def scores(failed: Floats, expected: Floats, odds_ratio: float) -> Floats:
    """The log-likelihood ratio each batch adds, positive where it failed.

    NaN for a batch without an outcome or with an expected risk that is not between 0
    and 1: it can neither be expected nor surprise.
    """
    risk = np.where((expected > 0) & (expected < 1), expected, np.nan)
    return np.asarray(failed * np.log(odds_ratio) - np.log1p(risk * (odds_ratio - 1)))


def cusum(
    frame: pl.DataFrame, threshold: float, odds_ratio: float = 2.0
) -> pl.DataFrame:
    """One row a batch, in order: score, cusum, signal, state and reason.

    Reads `failed` (0 or 1) and `expected` (the risk of failing). Starts again from 0
    after a signal, so that each signal is a new finding. A batch without a score
    leaves the sum as it was. An odds ratio below 1 looks for improvement.
    """
    if not threshold > 0 or not odds_ratio > 0 or odds_ratio == 1:
        raise ValueError("give a threshold above 0 and an odds ratio other than 1")
    score = scores(numbers(frame, "failed"), numbers(frame, "expected"), odds_ratio)
    path, signal, level = np.zeros(len(score)), np.zeros(len(score), dtype=bool), 0.0
    for at, step in enumerate(np.nan_to_num(score)):
        level = max(0.0, level + step)
        path[at], signal[at] = level, level >= threshold
        level = 0.0 if signal[at] else level
    unknown = pl.col("score").is_null()
    return frame.with_columns(
        series("score", score), series("cusum", path), pl.Series("signal", signal)
    ).with_columns(
        state=pl.when(unknown).then(pl.lit("not_applicable")).otherwise(pl.lit("data")),
        reason=pl.when(unknown).then(pl.lit("no outcome, or no expected risk")),
    )


def average_run_length(
    expected: float, threshold: float, odds_ratio: float, true_risk: float
) -> float | None:
    """The mean number of batches to a signal of the Bernoulli CUSUM.

    At true_risk = expected it is the time between two false alarms. From the Markov
    chain of the sum (Brook and Evans 1972, Biometrika 59:539) with the good batch's
    step cut into forty, so that rounding the failed batch's step hardly matters.
    None where no signal can come: a true risk of 0, an odds ratio of 1 or less.
    """
    bad, good = scores(np.array([1.0, 0.0]), np.full(2, expected), odds_ratio)
    if not bad > 0 > good or not 0 < true_risk <= 1:
        return None
    cell = -good / CELLS
    states = int(np.ceil(threshold / cell - 1e-9))
    now = np.arange(states)
    up, down = now + round(bad / cell), np.maximum(now - CELLS, 0)
    inside = up < states
    rows = np.concatenate((now[inside], now))
    columns = np.concatenate((up[inside], down))
    weights = np.concatenate(
        (np.full(inside.sum(), true_risk), np.full(states, 1 - true_risk))
    )
    moves = sparse.csc_matrix((weights, (rows, columns)), shape=(states, states))
    lengths = linalg.spsolve(
        sparse.identity(states, format="csc") - moves, np.ones(states)
    )
    return float(np.atleast_1d(lengths)[0])


def threshold_for(
    expected: float, odds_ratio: float, run_length: float
) -> float | None:
    """The lowest threshold with `run_length` batches or more between false alarms.

    The run length grows in jumps, since the sum can only take certain values: the
    average is then a little above the one asked for. None where no alarm can come.
    """
    if average_run_length(expected, 1.0, odds_ratio, expected) is None:
        return None
    low, high = 0.01, 15.0
    for _ in range(30):
        middle = (low + high) / 2
        length = average_run_length(expected, middle, odds_ratio, expected)
        low, high = (middle, high) if (length or 0.0) < run_length else (low, middle)
    return high
