"""What the replications of a scenario come to beside those of the base: frames to show.

Both have the same luck, so they are subtracted replication by replication. A range
holds 95 % of the replications: it is as wide as one year of such a network is
uncertain. Every frame has the column `site` (or the place asked for) and `state`.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl

from dashboard.analysis.cells import series
from dashboard.simulation.arrays import Counts, Floats, Ints
from dashboard.simulation.tally import YEAR, Tally

_ENDS: Final = (2.5, 97.5)
_MAKING: Final = (
    *("slots", "starts_base", "starts", "unused_base", "unused"),
    *("unused_low", "unused_high", "absorbed", "absorbed_low", "absorbed_high", "sent"),
)
Groups = Sequence[tuple[str, Sequence[int]]]


def patients(base: Tally, other: Tally, places: Groups) -> pl.DataFrame:
    """One row a place: days from order to infusion, patients late and lost.

    `orders` a year as recorded; of the mean days `days_base` and `days`, their
    difference `added` with `added_low` and `added_high`; the same of `late` and `lost`.
    """
    rows = []
    for place, sites in places:
        before, after = (_mean_days(tally, sites) for tally in (base, other))
        row: dict[str, object] = {
            "site": place,
            "orders": float(_sum(base.orders, sites).mean()),
            "days_base": _mean(before),
            "days": _mean(after),
            **_difference("added", after - before),
        }
        for name in ("late", "lost"):
            one, two = (_sum(getattr(t, name), sites) for t in (base, other))
            row |= {f"{name}_base": one.mean(), name: two.mean()}
            row |= _difference(f"more_{name}", two - one)
        rows.append(row)
    return _stated(rows)


def making(
    base: Tally, other: Tally, sites: Sequence[str], slots: tuple[Ints, Ints]
) -> pl.DataFrame:
    """One row a site: its starts and unused slots, and what it takes of others.

    `slots` are those staffed within the year, in the base and in the scenario.
    """
    rows = []
    for at, site in enumerate(sites):
        unused = [
            slots[i][at] - tally.starts[:, at] for i, tally in enumerate((base, other))
        ]
        rows.append(
            {
                "site": site,
                "slots": float(slots[1][at]),
                "starts_base": base.starts[:, at].mean(),
                "starts": other.starts[:, at].mean(),
                "unused_base": unused[0].mean(),
                "unused": unused[1].mean(),
                **_range("unused", unused[1]),
                **_difference("absorbed", other.taken[:, at] - base.taken[:, at]),
                "sent": other.sent[:, at].mean(),
            }
        )
    return _stated(rows, {"site": pl.String, **dict.fromkeys(_MAKING, pl.Float64)})


def waiting(base: Tally, other: Tally) -> pl.DataFrame:
    """Who waits for a slot when the year begins and at the end of each week.

    `week` counts from 0, the beginning; `value` is the scenario's mean with `low` and
    `high`, `centre` the base's mean.
    """
    before, after = (t.waiting.sum(1) for t in (base, other))
    low, high = np.percentile(after, _ENDS, axis=0)
    return pl.DataFrame(
        {
            "week": np.arange(YEAR + 1),
            "value": after.mean(0),
            "low": low,
            "high": high,
            "centre": before.mean(0),
        }
    ).with_columns(state=pl.lit("data"), reason=pl.lit(None, pl.String))


def medians(tally: Tally, lost: Floats) -> Floats:
    """The day by which half of a site's orders are infused (replication, site).

    Of all orders, also those `lost` (share by site) before their turn came, as an
    estimate by Aalen and Johansen has it; infinite where half never are.
    """
    whole = tally.orders / np.maximum(1 - lost, 1e-9)
    reached = np.cumsum(tally.spread, axis=2) >= whole[..., None] / 2
    day = np.argmax(reached, axis=2).astype(np.float64)
    return np.where(reached.any(axis=2) & (whole > 0), day, np.inf)


def spread(values: Floats) -> tuple[float, float, float]:
    """Median, low and high of the replications; infinite where most never get there."""
    low, middle, high = np.percentile(
        values, (_ENDS[0], 50, _ENDS[1]), method="closest_observation"
    )
    return float(middle), float(low), float(high)


def _sum(counts: Counts, sites: Sequence[int]) -> Ints:
    return np.asarray(counts[:, list(sites)].sum(axis=1, dtype=np.int64))


def _mean_days(tally: Tally, sites: Sequence[int]) -> Floats:
    """Mean days of a place's treated patients, NaN in years that have none."""
    treated = _sum(tally.treated, sites)
    days = tally.days[:, list(sites)].sum(axis=1)
    return np.asarray(np.where(treated > 0, days / np.maximum(treated, 1), np.nan))


def _difference(name: str, values: Floats | Ints) -> dict[str, object]:
    return {name: _mean(values), **_range(name, values)}


def _range(name: str, values: Floats | Ints) -> dict[str, object]:
    known = values[np.isfinite(values)]
    ends = np.percentile(known, _ENDS) if len(known) else (np.nan, np.nan)
    return {f"{name}_low": float(ends[0]), f"{name}_high": float(ends[1])}


def _mean(values: Floats | Ints) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _stated(
    rows: Sequence[dict[str, object]],
    schema: Mapping[str, type[pl.DataType]] | None = None,
) -> pl.DataFrame:
    """The rows as a frame, of this schema also without any; the untold is null."""
    frame = pl.DataFrame(rows, schema=schema)
    numbers = [c for c, kind in frame.schema.items() if kind == pl.Float64]
    return frame.with_columns(
        *(series(c, frame[c].to_numpy()) for c in numbers),
        state=pl.lit("data"),
        reason=pl.lit(None, pl.String),
    )
