"""What is planted beside the eight truths: overdue actions, and what a centre lacks.

They move no rate, so that every figure about failures stays what it is. Each is drawn
from a stream of its own, and told by `told` without any code that looks for it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from etl.demo.records import Site

OVERDUE_AT = "lutecine"
OVERDUE_DAYS = 900
OVERDUE_SHARE = 0.8
UNREADY = "skanelund"
UNDEFINED = ("car-t-cd19", "vcn")
UNTESTED = ("nk-expanded", "mycoplasma")
# Months before the network's day for which more was announced than came.
UNSENT = (2, 4)

Frames = dict[str, pl.DataFrame]


def planted(site: Site, frames: Frames, rng: np.random.Generator) -> Frames:
    """The site's frames with its gap in them; of most sites they are what they were."""
    slug = site.member.slug
    if slug == OVERDUE_AT:
        return frames | {"deviation": _overdue(site, frames["deviation"], rng)}
    if slug == UNREADY:
        criteria, results = frames["criterion"], _batches(frames, *UNTESTED)
        return frames | {
            "criterion": _unnamed(
                criteria.filter(~_about(criteria, UNDEFINED)), UNTESTED
            ),
            "result": results,
        }
    return frames


def announced(site: Site, declared: pl.DataFrame) -> pl.DataFrame:
    """What the site says it holds; the centre that is not ready says too much."""
    if site.member.slug != UNREADY:
        return declared
    last = np.datetime64(site.horizon, "D").astype("datetime64[M]")
    periods = [str(last - months) for months in UNSENT]
    more = pl.DataFrame(
        {"site": UNREADY, "dataset": "batch", "period": periods, "expected_rows": 3},
        schema=declared.schema,
    )
    both = pl.concat([declared, more]).group_by(
        "site", "dataset", "period", maintain_order=True
    )
    return both.agg(pl.col("expected_rows").sum()).select(declared.columns)


def told(deviations: Mapping[str, pl.DataFrame], today: Any) -> dict[str, Any]:
    """What the pages on deviations and on readiness must say, by site."""
    gone = (pl.col("capa_due") < today) & pl.col("capa_closed").is_null()
    return {
        "overdue": {
            "site": OVERDUE_AT,
            "actions": {
                site: frame.filter(gone).height for site, frame in deviations.items()
            },
        },
        "readiness": {
            UNREADY: [
                ["transfer", "car-t-cd19"],
                ["validation", "car-t-cd19"],
                ["validation", "nk-expanded"],
                ["inspection", "all"],
                ["manufacturing", "car-t-cd19"],
                ["manufacturing", "nk-expanded"],
                ["permission", "car-t-cd19"],
                ["permission", "nk-expanded"],
                ["criteria", UNDEFINED[0]],
                ["laboratory", UNTESTED[0]],
                ["reporting", "all"],
            ]
        },
    }


def _overdue(
    site: Site, deviations: pl.DataFrame, rng: np.random.Generator
) -> pl.DataFrame:
    """Most corrective actions of the last two and a half years were never closed."""
    since = pl.lit(site.horizon - OVERDUE_DAYS).cast(pl.Int32).cast(pl.Date)
    left = pl.Series(rng.random(deviations.height) < OVERDUE_SHARE)
    open_ = left & deviations.select(pl.col("opened") >= since).to_series()
    closed = deviations["capa_closed"]
    return deviations.with_columns(closed.set(open_, None))


def _about(frame: pl.DataFrame, test: tuple[str, str]) -> pl.Series:
    product, parameter = test
    return (frame["product"] == product) & (frame["parameter"] == parameter)


def _unnamed(criteria: pl.DataFrame, test: tuple[str, str]) -> pl.DataFrame:
    """No laboratory is named for one test of one product."""
    here = _about(criteria, test)
    return criteria.with_columns(criteria["laboratory"].set(here, "-"))


def _batches(frames: Frames, product: str, parameter: str) -> pl.DataFrame:
    results = frames["result"]
    mine = frames["batch"].filter(pl.col("product") == product)["batch"].implode()
    here = results.select(
        (pl.col("parameter") == parameter) & pl.col("batch").is_in(mine)
    ).to_series()
    return results.with_columns(results["laboratory"].set(here, "-"))
