"""Whether sites differ by more than chance, and by how much.

With many batches almost any real difference between sites flags half of them. The
test says whether that is so; phi and tau² say how much wider the limits would be if
such differences are taken as a fact of life. All follow Spiegelhalter 2005 (Stat Med
24:1185) with the z-scores of FunnelPlotR, so that its figures can be reproduced.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from scipy import special

from dashboard.analysis.cells import Floats, numbers, stated
from dashboard.analysis.funnel import network_rate
from dashboard.analysis.limits import Law

Scale = Literal["arcsine", "square_root", "log", "pearson"]


@dataclass(frozen=True)
class Overdispersion:
    """What the z-scores of the sites say about their spread.

    statistic is the sum of squared z-scores, to be held against chi-squared with
    `freedom` degrees; phi is the mean of the squared winsorised z-scores; tau2 the
    variance between sites, on the z-scores' scale. All but `sites` are None, with the
    reason, where fewer than two sites can be compared.
    """

    sites: int
    statistic: float | None = None
    freedom: int | None = None
    p_value: float | None = None
    phi: float | None = None
    tau2: float | None = None
    reason: str | None = None


def overdispersion(
    frame: pl.DataFrame,
    centre: float | None = None,
    law: Law = "binomial",
    scale: Scale | None = None,
    trim: float = 0.1,
) -> Overdispersion:
    """The test, phi and tau² of the compared sites' `events` and `n`.

    The scale is that of the law's variance-stabilising transformation unless named.
    One degree of freedom is lost when the centre is estimated from the same sites.
    The test uses all z-scores as they are; phi and tau² the winsorised ones, so that
    the few sites that differ most do not hide themselves by widening the limits.
    """
    frame = stated(frame, law == "binomial")
    rate, obstacle = network_rate(frame, centre, law)
    counted = frame.filter("compared")
    if obstacle or counted.height < 2:
        reason = obstacle or "fewer than two sites can be compared"
        return Overdispersion(counted.height, reason=reason)
    x, n = numbers(counted, "events"), numbers(counted, "n")
    scale = scale or ("arcsine" if law == "binomial" else "square_root")
    z, s = z_scores(x, n, rate, scale)
    if not np.isfinite(z).all():
        reason = f"a site without events has no z-score on the {scale} scale"
        return Overdispersion(counted.height, reason=reason)
    return _summary(z, s, counted.height - (centre is None), trim)


def z_scores(
    x: Floats, n: Floats, centre: float, scale: Scale
) -> tuple[Floats, Floats]:
    """Each site's distance from the centre in standard errors, and the errors.

    `arcsine` is for proportions; `square_root` and `log` for counts per exposure,
    `log` as England's hospital mortality indicator has it; `pearson` is the score
    test's z of a proportion. Infinite on the log scale where a site has no events.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        if scale == "arcsine":
            y = np.arcsin(np.sqrt(x / n)) - np.arcsin(np.sqrt(centre))
            s = 1 / (2 * np.sqrt(n))
        elif scale == "square_root":
            y, s = np.sqrt(x / n) - np.sqrt(centre), 1 / (2 * np.sqrt(n))
        elif scale == "log":
            y, s = np.log(x / (n * centre)), 1 / np.sqrt(n * centre)
        else:
            y, s = x / n - centre, np.sqrt(centre * (1 - centre) / n)
        return y / s, s


def winsorised(z: Floats, trim: float) -> Floats:
    """z with its lowest and highest `trim` share drawn in to the quantiles there."""
    low, high = np.quantile(z, (trim, 1 - trim))
    return np.asarray(np.clip(z, low, high))


def tau_squared(z: Floats, s: Floats) -> float:
    """The variance between sites by moments (DerSimonian, Laird 1986), 0 or more.

    z are z-scores about the centre and s their standard errors, so that tau² is on
    the scale of s².
    """
    weight = 1 / s**2
    excess = float((z**2).sum()) - (len(z) - 1)
    spread = float(weight.sum() - (weight**2).sum() / weight.sum())
    return max(0.0, excess / spread)


def _summary(z: Floats, s: Floats, freedom: int, trim: float) -> Overdispersion:
    statistic = float((z**2).sum())
    drawn_in = winsorised(z, trim)
    return Overdispersion(
        sites=len(z),
        statistic=statistic,
        freedom=freedom,
        p_value=float(special.chdtrc(freedom, statistic)),
        phi=float((drawn_in**2).mean()),
        tau2=tau_squared(drawn_in, s),
    )
