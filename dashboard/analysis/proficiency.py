"""Ring trials: what a specimen holds, and how far each laboratory reads from it.

ISO 13528:2015, the standard for proficiency testing by interlaboratory comparison. No
zeta score is made: it needs each laboratory's own measurement uncertainty, which the
contract does not carry.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from dashboard.analysis.cells import Floats

# Beyond 2 a score asks for a look, beyond 3 for action (9.4.2).
WARNING: Final = 2.0
ACTION: Final = 3.0
# An assigned value less sure than this share of the spread must not be taken as sure.
_SURE: Final = 0.3
# Of the whole range: no reading has as many digits.
_ROUNDING: Final = 1e-9
_SPECIMEN: Final = ("round", "specimen", "parameter")


@dataclass(frozen=True)
class Robust:
    """A mean and standard deviation that a few wild values do not move."""

    mean: float
    sd: float
    n: int

    @property
    def uncertainty(self) -> float:
        """The standard uncertainty of the mean, 1.25 s*/√p (7.7.3)."""
        return float(1.25 * self.sd / np.sqrt(self.n))


def algorithm_a(values: Floats) -> Robust:
    """Robust mean and standard deviation by algorithm A (annex C.3.1).

    From the median and the scaled median deviation, values beyond 1.5 standard
    deviations are drawn in to there and both estimates made anew, until they rest.
    Where more than half of the values are equal, the plain standard deviation begins;
    what differs by the rounding of a number alone is equal.
    """
    centre = float(np.median(values))
    spread = 1.483 * float(np.median(np.abs(values - centre)))
    if len(values) > 1 and spread <= _ROUNDING * np.ptp(values):
        spread = float(np.std(values, ddof=1))
    for _ in range(200):
        if spread == 0:
            break
        drawn = np.clip(values, centre - 1.5 * spread, centre + 1.5 * spread)
        before, centre = (centre, spread), float(drawn.mean())
        spread = 1.134 * float(np.std(drawn, ddof=1))
        if max(abs(centre - before[0]), abs(spread - before[1])) < 1e-10 * spread:
            break
    return Robust(centre, spread, len(values))


def scores(trials: pl.DataFrame) -> pl.DataFrame:
    """One row a specimen, laboratory and method: its reading beside what is assigned.

    `trials`: the contract's rows. Replicates are averaged; `reference` is the assigned
    value, or algorithm A's over all laboratories where none was assigned, and `spread`
    the assigned standard deviation, or algorithm A's. `score` is z, or z' where the
    reference itself is less sure than 0.3 of the spread (9.2.1): `kind` says which, and
    `p` from how many readings. Rows that are no figure (`<0.3`) take no part. Score,
    null where nothing spreads.
    """
    figures = trials.filter(
        pl.col("value").is_not_null(), pl.col("comparator").fill_null("=") == "="
    )
    readings = figures.group_by(
        *_SPECIMEN, "unit", "laboratory", "method", maintain_order=True
    ).agg(
        pl.col("value").mean(),
        pl.col("assigned_value").first(),
        pl.col("assigned_sd").first(),
        pl.len().alias("replicates"),
    )
    parts = [
        _scored(part)
        for _, part in readings.group_by(*_SPECIMEN, "unit", maintain_order=True)
    ]
    return pl.concat([_EMPTY, *parts], how="diagonal_relaxed")


_EMPTY: Final = pl.DataFrame(
    schema={
        **dict.fromkeys((*_SPECIMEN, "unit", "laboratory", "method"), pl.String),
        **dict.fromkeys(("value", "reference", "spread", "score"), pl.Float64),
        "kind": pl.String,
        "assigned": pl.Boolean,
        "p": pl.Int64,
    }
)


def _scored(readings: pl.DataFrame) -> pl.DataFrame:
    """The readings of one specimen with reference, spread and score."""
    robust = algorithm_a(readings["value"].to_numpy())
    given, sd = readings["assigned_value"][0], readings["assigned_sd"][0]
    reference = robust.mean if given is None else given
    unsure = robust.uncertainty if given is None else 0.0
    spread = sd or robust.sd
    prime = unsure > _SURE * spread
    width = float(np.hypot(spread, unsure)) if prime else spread
    score = (pl.col("value") - reference) / width if width else pl.lit(None, pl.Float64)
    return readings.select(
        *_SPECIMEN, "unit", "laboratory", "method", "value", "replicates",
        pl.lit(reference).alias("reference"), pl.lit(spread).alias("spread"),
        score.alias("score"), pl.lit("z'" if prime else "z").alias("kind"),
        pl.lit(given is not None).alias("assigned"),
        pl.lit(robust.n, pl.Int64).alias("p"),
    )  # fmt: skip
