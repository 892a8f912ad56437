"""CUSUM charts of failures, batch by batch: quick to see a rate that has changed.

Each batch adds the log-likelihood ratio of "the odds of failing are multiplied by R"
against "they are as expected", and the sum never falls below zero. With one expected
risk for all batches it is the Bernoulli CUSUM (Reynolds and Stoumbos 1999, J Qual
Technol 31:87); with each batch's own, the risk-adjusted one (Steiner 2000,
Biostatistics 1:441).
"""

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import optimize

from dashboard.analysis.cells import Floats, numbers, series

# A risk under which an event is not to be waited for.
_NEVER = 1e-9
STATES, MOST_STATES = 300, 1000
NARROW, HIGHEST = 0.001, 15.0


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
    expected: npt.ArrayLike,
    threshold: float,
    odds_ratio: float,
    true_risk: npt.ArrayLike | None = None,
) -> float | None:
    """The mean number of batches to a signal: between two false alarms, or until found.

    `expected` is one risk (the Bernoulli CUSUM), or that of each batch of a mix (the
    risk-adjusted one); `true_risk` what they really are, left out where nothing has
    changed. From the Markov chain of the sum (Brook and Evans 1972, Biometrika
    59:539). A step that ends between two cells is shared by both, so that the drift is
    exact; where one risk's step up is a whole number of its steps down, so is all.
    None where no signal can come: a true risk of 0 (or of less than one in a billion
    batches, which floats do not tell from 0), an odds ratio of 1 or less.
    """
    risk = np.atleast_1d(np.asarray(expected, dtype=np.float64))
    true = np.broadcast_to(risk if true_risk is None else true_risk, risk.shape)
    mix, count = np.unique(np.stack((risk, true)), axis=1, return_counts=True)
    share = count / count.sum()
    good, bad = (scores(np.full(len(share), k), mix[0], odds_ratio) for k in (0.0, 1.0))
    if (
        not (good < 0).all()
        or not (bad > 0).all()
        or not (share * mix[1]).sum() > _NEVER
    ):
        return None
    steps = np.concatenate((bad, good))
    chance = np.concatenate((share * mix[1], share * (1 - mix[1])))
    cell = _cell(float(-good.max()), threshold)
    return _steps_to(int(np.ceil(threshold / cell - 1e-9)), steps / cell, chance)


def _cell(least: float, threshold: float) -> float:
    """The width of a cell: about STATES of them, and a whole number to a step down.

    Where that number would be too small to be one, precision is given up before time.
    """
    even = least / np.ceil(least * STATES / threshold)
    return float(even if even * MOST_STATES > threshold else threshold / STATES)


def _steps_to(states: int, moves: Floats, chance: Floats) -> float:
    """Mean steps of a walk from 0 up to `states`, held at 0 below; moves in cells."""
    now, walk = np.arange(states), np.zeros((states, states))
    for move, part in zip(moves, chance, strict=True):
        under = int(np.floor(move + 1e-9))
        over = max(move - under, 0.0)
        for step, weight in ((under, part * (1 - over)), (under + 1, part * over)):
            to = np.maximum(now + step, 0)
            inside = to < states
            np.add.at(walk, (now[inside], to[inside]), weight)
    return float(np.linalg.solve(np.eye(states) - walk, np.ones(states))[0])


def threshold_for(
    expected: npt.ArrayLike, odds_ratio: float, run_length: float
) -> float | None:
    """The lowest threshold with `run_length` batches or more between false alarms.

    To two thousandths. `expected` as in `average_run_length`. The run length grows in
    jumps, since the sum can only take certain values: the average is then a little
    above the one asked for. None where no alarm can come.
    """
    if average_run_length(expected, 1.0, odds_ratio) is None:
        return None

    def short(threshold: float) -> float:
        length = average_run_length(expected, threshold, odds_ratio)
        return float(np.log(length or np.nan) - np.log(run_length))

    if short(NARROW) > 0:
        return NARROW
    found = optimize.brentq(short, NARROW, HIGHEST, xtol=NARROW)
    return float(found + NARROW)
