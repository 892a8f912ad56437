"""Rows to check, and what the check makes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from etl.bundle import Bundle, Manifest
from etl.check import Checked, Known, check, check_rows
from etl.contract.schemas import KEYS, SCHEMAS
from etl.network import Network
from etl.reading import Reading

Cells = Mapping[str, str | None]
SPANISH: dict[str, object] = {
    "decimal": ",",
    "dates": "dmy",
    "time_zone": "Europe/Madrid",
    "fraction": False,
}
READING = Reading("alpha", [], date(2026, 11, 16))
KNOWN = Known(frozenset({"alpha"}), frozenset({"car-t-cd19", "msc"}))
BATCH: dict[str, str | None] = {
    "site": "alpha",
    "batch": "k1-1",
    "product": "msc",
    "pathway": "validation",
}
WEIGHT = "recipient_weight_band_kg"
RESULT: dict[str, str | None] = {
    "site": "alpha",
    "batch": "k1-1",
    "parameter": "viability",
    "stage": "final_product",
    "value": "97.5",
    "unit": "%",
}


def days(first: str, then: str) -> Cells:
    """Two days, the later one a day too early."""
    return {first: "2024-03-15", then: "2024-03-14"}


def mapped(rows: Sequence[Cells]) -> pl.DataFrame:
    """A mapped frame of rows given as cells of text."""
    columns = dict.fromkeys(name for row in rows for name in row)
    return pl.DataFrame(
        {name: [row.get(name) for row in rows] for name in columns},
        schema_overrides=dict.fromkeys(columns, pl.String),
    ).with_columns(
        _origin=pl.lit("lots.csv"),
        _ref=pl.format("line {}", pl.int_range(2, pl.len() + 2)),
    )


def checked(
    rows: Sequence[Cells],
    dataset: str = "batch",
    reading: Reading = READING,
    known: Known = KNOWN,
) -> Checked:
    """What the check makes of the rows."""
    return check_rows(mapped(rows), dataset, reading, known)


def rules(
    rows: Sequence[Cells],
    dataset: str = "batch",
    reading: Reading = READING,
    known: Known = KNOWN,
) -> list[tuple[str, str, str | None]]:
    """Column, rule and what was read, for each rule that was broken."""
    rejects = checked(rows, dataset, reading, known).rejects
    return rejects.select("column", "rule", "read").rows()


def spanish(dataset: str) -> Reading:
    """A site that writes all columns the Spanish way."""
    return Reading(
        "alpha",
        [dict.fromkeys(SCHEMAS[dataset].column_names(), SPANISH)],
        READING.today,
    )


@dataclass(frozen=True)
class Arrived:
    """A whole bundle as the hub sees it, once a key."""

    manifest: Manifest
    good: pl.DataFrame
    rejects: pl.DataFrame
    good_rows: int

    @property
    def repeated(self) -> int:
        return self.good_rows - self.good.height

    @property
    def rejected(self) -> int:
        return self.rejects["row"].n_unique()


def arrived(bundle: Bundle, network: Network) -> Arrived:
    """What the hub makes of a bundle, all slices together."""
    dataset = bundle.manifest.dataset
    pieces = list(check(bundle, network).slices)
    good = pl.concat(piece.good for piece in pieces if piece.good.width)
    once = good.unique(KEYS[dataset], keep="last", maintain_order=True)
    return Arrived(
        bundle.manifest,
        once.drop("_row", "entry"),
        pl.concat(piece.rejects for piece in pieces).drop("entry"),
        good.height,
    )
