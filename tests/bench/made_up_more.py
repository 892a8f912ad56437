"""Lots, deviations and capacity for a made-up network, which only pages ask for."""

from datetime import date

import numpy as np
import polars as pl

from tests.bench.made_up import DAY, SITES, MadeUp, batches_of, days, named, send, slug

# One of the lots that are made up.
LOT = "LV0000"


def more(made: MadeUp) -> MadeUp:
    """The same with lots, deviations and capacity, which only pages ask for."""
    for number in range(SITES):
        batches = batches_of(number, made.size)
        for dataset, rows in (
            ("material", _materials(batches)),
            ("deviation", _deviations(batches, made.size)),
            ("capacity", _capacity(number)),
        ):
            send(made.archive, slug(number), dataset, rows, DAY)
    return made


def _materials(batches: np.ndarray) -> pl.DataFrame:
    """A vector lot for every 40 batches that a site makes one after the other."""
    said = {"batch": named(batches), "lot": pl.int_range(len(batches), eager=True)}
    return pl.DataFrame(said).with_columns(
        lot=pl.format("LV{}", (pl.col("lot") // 40).cast(pl.String).str.zfill(4)),
        kind=pl.lit("vector"),
        supplier=pl.lit("supplier-a"),
        expires=pl.lit("2027-05-04"),
        _ref=pl.format("record {}", "batch"),
    )


def _deviations(batches: np.ndarray, size: int) -> pl.DataFrame:
    """One for every tenth batch, of which every third is open still."""
    some = batches[::10]
    open_still = pl.int_range(len(some), eager=True) % 3 == 0
    closed = days(some, size, 40)
    said = {
        "deviation": named(some),
        "batch": named(some),
        "opened": days(some, size, 5),
        "closed": pl.select(pl.when(~open_still).then(closed)).to_series(),
        "capa_due": days(some, size, 60),
    }
    return pl.DataFrame(said).with_columns(
        grade=pl.lit("minor"),
        category=pl.lit("equipment"),
        root_cause=pl.lit("equipment"),
        _ref=pl.format("record {}", "batch"),
    )


def _capacity(number: int) -> pl.DataFrame:
    """Slots and operators of five years of weeks."""
    weeks = pl.date_range(
        date(2021, 1, 4), date(2026, 11, 9), "1w", eager=True
    ).dt.strftime("%Y-%m-%d")
    kinds = pl.DataFrame({"resource": ["slot", "operator"]})
    rows = pl.DataFrame({"week": weeks}).join(kinds, how="cross")
    return rows.with_columns(
        theoretical=pl.lit("12"),
        staffed=pl.lit("10"),
        booked=pl.lit("9"),
        used=pl.lit(str(5 + number % 4)),
        waiting=pl.lit("3"),
        _ref=pl.format("record {}-{}", "resource", "week"),
    )
