"""Risks from a logistic model of categories, by reweighted least squares."""

from collections.abc import Sequence

import numpy as np

from dashboard.analysis.cells import Floats

FURTHEST = 30.0


def fitted(labels: Sequence[Sequence[str]], events: Floats, n: Floats) -> Floats:
    """The modelled risk of each cell, from main effects of its labels.

    `labels` holds one sequence a factor, each with one value a cell. Maximum
    likelihood (McCullagh and Nelder 1989), as R's glm with family binomial. A factor
    value without any event drives its coefficient towards minus infinity: its risk
    then comes out as 0 to twelve digits instead of failing. Cells without batches get
    a risk but no say. NaN everywhere where no cell has batches.
    """
    design = _design(labels, len(n))
    if not n.sum() > 0:
        return np.full(len(n), np.nan)
    total = (events.sum() + 0.5) / (n.sum() + 1)
    beta = np.zeros(design.shape[1])
    beta[0] = np.log(total / (1 - total))
    for _ in range(60):
        step = _step(design, beta, events, n)
        beta = beta + step
        if np.abs(design @ step).max() < 1e-10:
            break
    return _risk(design @ beta)


def _design(labels: Sequence[Sequence[str]], cells: int) -> Floats:
    """An intercept and, for each factor, a column for each value but the first."""
    columns = [np.ones(cells)]
    for factor in labels:
        values = np.asarray(factor, dtype=object)
        columns += [(values == v).astype(np.float64) for v in sorted(set(factor))[1:]]
    return np.column_stack(columns)


def _risk(linear: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(linear, -FURTHEST, FURTHEST))))


def _step(design: Floats, beta: Floats, events: Floats, n: Floats) -> Floats:
    """One Newton step, no longer than 5 on the linear scale of any cell."""
    risk = _risk(design @ beta)
    weight = np.sqrt(n * risk * (1 - risk))
    score = np.where(
        weight > 0, (events - n * risk) / np.where(weight > 0, weight, 1), 0
    )
    step = np.linalg.lstsq(design * weight[:, None], score, rcond=1e-12)[0]
    reach = np.abs(design @ step).max()
    return np.asarray(step * min(1.0, 5.0 / reach) if reach > 0 else step)
