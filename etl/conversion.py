"""A result in the unit of the criterion it answers, from its lowest to its highest.

A reported result is an interval already (`<0.3` is everything under 0.3), and so is
what a weight band or two shares of CAR+ cells leave open. Kept as one interval, both
are judged by one rule: inside the limit, outside it, or across it.

Conversions are declared, never guessed (`etl.specification`). Two need the batch:
EU/mL and EU/kg its final volume and the recipient's 5-kg band (60 stands for 60 to
under 65), copies per cell and per transduced cell its share of CAR+ cells. Where a
criterion states both a reference weight and a volume, those are meant, not the
batch's.
"""

from typing import Final

import polars as pl

from etl.specification import Criterion, basis_of

_BAND_KG: Final = 5
_DIGITS: Final = 12
_PER_CELL: Final = "copies/cell"
_PER_TRANSDUCED: Final = "copies/transduced cell"
# What the batch must tell, by the bases of the result and of the criterion.
_FROM_BATCH: Final = {
    ("EU/mL", "EU/kg"): "volume_by_weight",
    ("EU/kg", "EU/mL"): "weight_by_volume",
    (_PER_CELL, _PER_TRANSDUCED): "per_fraction",
    (_PER_TRANSDUCED, _PER_CELL): "by_fraction",
}
_VOLUME: Final = "the batch has no final volume or no weight band"
_SHARE: Final = "the batch has no share of CAR+ cells"
_MISSING: Final = {
    "volume_by_weight": _VOLUME,
    "weight_by_volume": _VOLUME,
    "per_fraction": _SHARE,
    "by_fraction": _SHARE,
}


def as_interval() -> list[pl.Expr]:
    """What a reported value and its comparator leave possible: from, to, open ends."""
    sign, value = pl.col("comparator").fill_null("="), pl.col("value")
    return [
        pl.when(sign.is_in(["<", "<="]))
        .then(-float("inf"))
        .otherwise(value)
        .alias("from"),
        pl.when(sign.is_in([">", ">="]))
        .then(float("inf"))
        .otherwise(value)
        .alias("to"),
        (sign == ">").alias("from_open"),
        (sign == "<").alias("to_open"),
    ]


def converted(
    rows: pl.DataFrame, criteria: tuple[Criterion, ...], fractions: pl.DataFrame
) -> pl.DataFrame:
    """Rows whose unit is not their criterion's, with their interval in its unit.

    `rows` has the interval, assigned, criterion, unit, final_volume_ml and
    recipient_weight_band_kg; `fractions` the share of CAR+ cells per assignment,
    `lowest` and `highest`. A row that cannot be converted says why in `obstacle`.
    """
    factors = _factors(rows.select("criterion", "unit").unique(), criteria)
    known = rows.join(factors, on=["criterion", "unit"], nulls_equal=True)
    known = known.join(fractions, on="assigned", how="left")
    known = known.with_columns(_scales())
    missing = pl.col("obstacle").is_null() & pl.col("lowest_scale").is_null()
    needed = pl.col("needs").replace_strict(
        _MISSING, default=None, return_dtype=pl.String
    )
    # The upper end of a weight band is not in it.
    never_least = (pl.col("needs") == "volume_by_weight") & (pl.col("from") > 0)
    never_most = (pl.col("needs") == "weight_by_volume") & (pl.col("to") > 0)
    return known.with_columns(
        pl.when(missing).then(needed).otherwise("obstacle").alias("obstacle"),
        _scaled("from", "lowest_scale"),
        _scaled("to", "highest_scale"),
        # Nothing times more than 0.3 is exactly nothing.
        (pl.col("from_open") & (pl.col("lowest_scale") != 0))
        | never_least.fill_null(False),
        pl.col("to_open") | never_most.fill_null(False),
    ).select(*rows.columns, "obstacle")


def _factors(pairs: pl.DataFrame, criteria: tuple[Criterion, ...]) -> pl.DataFrame:
    """How each unit leads to each criterion's: factor, what the batch must tell."""
    rows = [
        (number, unit, *_step(unit, criteria[number]))
        for number, unit in pairs.iter_rows()
    ]
    names = ["criterion", "unit", "factor", "needs", "obstacle"]
    types = [pl.UInt32, pl.String, pl.Float64, pl.String, pl.String]
    return pl.DataFrame(rows, dict(zip(names, types, strict=True)), orient="row")


def _step(
    unit: str | None, item: Criterion
) -> tuple[float | None, str | None, str | None]:
    if unit is None or item.unit is None:
        return None, None, "unit not stated"
    (ours, factor), (theirs, divisor) = basis_of(unit), basis_of(item.unit)
    plain = factor / divisor
    if ours == theirs:
        return float(plain), None, None
    if (ours, theirs) not in _FROM_BATCH:
        return None, None, f"no conversion from {unit} to {item.unit}"
    if item.reference and ours == "EU/mL":
        return float(plain / item.reference), None, None
    if item.reference and ours == "EU/kg":
        return float(plain * item.reference), None, None
    return float(plain), _FROM_BATCH[ours, theirs], None


def _scales() -> list[pl.Expr]:
    """The smallest and the largest figure a result may have to be multiplied by."""
    light = pl.col("recipient_weight_band_kg").cast(pl.Float64)
    heavy = light + _BAND_KG
    volume = pl.when(pl.col("final_volume_ml") > 0).then("final_volume_ml")
    least, most = pl.col("lowest"), pl.col("highest")
    ways = {
        "volume_by_weight": (volume / heavy, volume / light),
        "weight_by_volume": (light / volume, heavy / volume),
        "per_fraction": (1 / most, 1 / least),
        "by_fraction": (least, most),
    }
    unscaled = pl.when(pl.col("needs").is_null()).then(1.0)
    lowest = [
        pl.when(pl.col("needs") == way).then(low) for way, (low, _) in ways.items()
    ]
    highest = [
        pl.when(pl.col("needs") == way).then(top) for way, (_, top) in ways.items()
    ]
    return [
        (pl.coalesce(unscaled, *lowest) * pl.col("factor")).alias("lowest_scale"),
        (pl.coalesce(unscaled, *highest) * pl.col("factor")).alias("highest_scale"),
    ]


def _scaled(end: str, scale: str) -> pl.Expr:
    """An end of the interval times its scale, to 12 digits: 1.1 times 10 is 11.

    Nothing stays nothing, whatever an unbounded scale would make of it.
    """
    kept = (pl.col(end) == 0) | pl.col(end).is_infinite()
    product = (pl.col(end) * pl.col(scale)).round_sig_figs(_DIGITS)
    return pl.when(kept).then(end).otherwise(product).alias(end)
