"""Slots booked in the weeks to come: fuller the nearer they are."""

import numpy as np
import polars as pl

from etl.demo.records import Site
from etl.demo.schedule import Calendar, planned

AHEAD = 12
# Who plans by hand plans less far.
_BY_HAND = ("xlsx",)
_SHORTER = 8
_FULL = 0.9
_FADES = 5.0


def booked_ahead(
    site: Site, made: Calendar, today: int, rng: np.random.Generator
) -> pl.DataFrame:
    """`capacity` rows of slots from the week of `today` on; `used` is yet to come.

    Before GMP nothing is booked, and a site that fell silent tells of none. A week in
    which the site is closed has no staffed slot.
    """
    weeks = today - (today + 3) % 7 + 7 * np.arange(AHEAD, dtype=np.int64)
    if site.member.system in _BY_HAND:
        weeks = weeks[:_SHORTER]
    if site.member.stage == "pre_gmp" or site.horizon < today:
        weeks = weeks[:0]
    staffed = planned(site.member, made.theoretical, weeks)
    share = _FULL * np.exp(-np.arange(len(weeks)) / _FADES)
    size = len(weeks)
    return pl.DataFrame(
        {
            "site": pl.repeat(site.member.slug, size, eager=True),
            "resource": pl.repeat("slot", size, eager=True),
            "week": pl.Series(weeks).cast(pl.Int32).cast(pl.Date),
            "theoretical": pl.repeat(float(made.theoretical), size, eager=True),
            "staffed": staffed.astype(np.float64),
            "booked": rng.binomial(staffed, share).astype(np.float64),
            "used": pl.repeat(None, size, dtype=pl.Float64, eager=True),
            "waiting": pl.repeat(None, size, dtype=pl.Float64, eager=True),
        }
    )
