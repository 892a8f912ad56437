"""A made-up network of any size: an archive of bundles with 30 results a batch.

Bundles are what leaves a site, so everything from the check on is the pipeline's own
work. The same rows come for the same size; nothing is planted in them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from etl.bundle import Archive, Bundle, Manifest, Part
from etl.mapping import REJECT_SCHEMA
from etl.network import Network, load_network

SITES = 24
RESULTS = 30
DAY = datetime(2026, 11, 16, tzinfo=UTC)
DAYS = 2000
PRODUCTS = ("car-t-cd19", "car-t-bcma", "treg-expanded", "til-melanoma")
CLASSES = ("car_t", "car_t", "treg", "til")
PATHWAYS = ("hospital_exemption", "clinical_trial", "compassionate_use")
STAGES = ("in_process", "final_product", "post_thaw")
# Parameter, population, unit, mean, spread, least of the site's own criterion.
TESTS = (
    ("viability", "viable_cells", "%", 90.0, 5.0, 70.0),
    ("cd3_purity", "viable_cells", "%", 93.0, 3.0, 80.0),
    ("car_positive", "viable_cells", "%", 40.0, 9.0, 15.0),
    ("cd4_purity", "viable_cells", "%", 50.0, 9.0, 20.0),
    ("cd34_purity", "viable_cells", "%", 70.0, 9.0, 40.0),
    ("cd56_purity", "viable_cells", "%", 60.0, 9.0, 30.0),
    ("treg_purity", "viable_cells", "%", 80.0, 6.0, 60.0),
    ("potency_killing", "cells", "%", 60.0, 12.0, 25.0),
    ("cd73", "viable_cells", "%", 95.0, 2.0, 90.0),
    ("cd90", "viable_cells", "%", 96.0, 2.0, 90.0),
)
_NETWORK = """
[network]
name = "Benchmark"
today = 2026-11-16
[reporting]
period = "month"
days = 14
completeness = 0.8
[disclosure.public]
threshold = 5
rounding = 5
"""
_PRODUCT = """
[[product]]
product = "{}"
title = "{}"
product_class = "{}"
source = "autologous"
"""
_SITE = """
[site]
name = "Site {number}"
country = "ES"
region = "ES-{region}"
kind = "manufacturer"
stage = "active"
[source.main]
kind = "files"
folder = "drops"
[privacy]
key = {{ env = "POCNET_KEY_BENCH" }}
key_id = "k1"
[[dataset]]
name = "batch"
from = "batches.csv"
columns = {{ batch = "Lot", product = "Product", pathway = "Pathway", started = "Started" }}
"""  # noqa: E501


@dataclass(frozen=True)
class MadeUp:
    """A network folder with its archive; `size` counts batches."""

    folder: Path
    size: int

    @property
    def archive(self) -> Archive:
        return Archive(self.folder / "data" / "archive")

    def network(self) -> Network:
        return load_network(self.folder, {"POCNET_KEY_BENCH": "of the bench"})


def made_up(folder: Path, size: int) -> MadeUp:
    """A network of so many batches, and the bundles in which its sites sent them."""
    (folder / "sites").mkdir(parents=True)
    products = (
        _PRODUCT.format(p, p, c) for p, c in zip(PRODUCTS, CLASSES, strict=True)
    )
    (folder / "network.toml").write_text(_NETWORK + "".join(products))
    made = MadeUp(folder, size)
    for number in range(SITES):
        text = _SITE.format(number=number, region=f"R{number % 6}")
        (folder / "sites" / f"{slug(number)}.toml").write_text(text)
        for dataset, rows in _said(number, size):
            send(made.archive, slug(number), dataset, rows, DAY)
    return made


def slug(number: int) -> str:
    return f"site-{number:02}"


def changed(made: MadeUp, results: int, hour: int = 1) -> None:
    """So many results are corrected, here and there in every site's batches."""
    whole, left = divmod(results // RESULTS, SITES)
    for number in range(SITES):
        many = whole + (number < left)
        mine = batches_of(number, made.size)
        chosen = mine[:: max(1, len(mine) // many)][:many] if many else mine[:0]
        rows = _results(number, chosen, 1000 + hour)
        if rows.height:
            send(made.archive, slug(number), "result", rows,
                 DAY + timedelta(hours=hour), since=DAY)  # fmt: skip


def send(
    archive: Archive,
    site: str,
    dataset: str,
    rows: pl.DataFrame,
    at: datetime,
    since: datetime | None = None,
) -> Manifest:
    """Put a bundle into the archive; `since` says that it is not all the site has."""
    part = Part(
        source="main",
        kind="files",
        location=f"{dataset}.csv",
        since=since.isoformat() if since else None,
        records=rows.height,
        read=rows.height,
        styles={},
    )
    manifest = Manifest(
        site=site,
        dataset=dataset,
        extracted_at=at,
        full=since is None,
        empty=rows.is_empty(),
        mapping="bench",
        records=rows.height,
        read=rows.height,
        parts=(part,),
    )
    whole = rows.with_columns(
        site=pl.lit(site),
        _origin=pl.lit(f"{dataset}.csv"),
        _part=pl.lit(0, pl.Int64),
        _row=pl.int_range(pl.len(), dtype=pl.Int64),
    )
    rejects = pl.LazyFrame(schema=REJECT_SCHEMA)
    return archive.put(Bundle(manifest, whole.lazy(), rejects))


def _said(number: int, size: int) -> Iterator[tuple[str, pl.DataFrame]]:
    batches = batches_of(number, size)
    yield "criterion", _criteria(number)
    yield "demand", _orders(batches, size)
    yield "batch", _lives(batches, size)
    yield "release", _releases(batches, size)
    yield "result", _results(number, batches, number)


def batches_of(number: int, size: int) -> np.ndarray:
    return np.arange(number, size, SITES)


def named(batches: np.ndarray) -> pl.Series:
    """Pseudonyms as a key would make them: as long, and in no order."""
    mixed = (batches.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)).tolist()
    return pl.Series("batch", [f"k1-{each:016x}" for each in mixed])


def days(batches: np.ndarray, size: int, after: int) -> pl.Series:
    day = np.datetime64("2021-01-04") + (batches * DAYS // size) + after
    return pl.Series(day.astype("datetime64[D]")).dt.strftime("%Y-%m-%d")


def _pick(words: tuple[str, ...], batches: np.ndarray, by: int) -> pl.Series:
    return pl.Series(words).gather(batches // SITES // by % len(words))


def _lives(batches: np.ndarray, size: int) -> pl.DataFrame:
    draw = np.random.default_rng(len(batches))
    lost = pl.Series(draw.random(len(batches)) < 0.05)
    names = named(batches)
    cells = draw.integers(1, 90, len(batches)) * 1_000_000
    lives = pl.DataFrame(
        {
            "batch": names,
            "product": _pick(PRODUCTS, batches, 1),
            "pathway": _pick(PATHWAYS, batches, 4),
            "order_key": names,
            "collected": days(batches, size, 0),
            "received": days(batches, size, 1),
            "started": days(batches, size, 2),
            "harvested": days(batches, size, 12),
            "infused": days(batches, size, 24),
            "ended": days(batches, size, 24),
            "process": _pick(("prodigy", "cocoon", "bioreactor"), batches, 12),
            "starting_material": _pick(("fresh", "frozen"), batches, 36),
            "cells_final": pl.Series(cells).cast(pl.String),
        }
    )
    return lives.with_columns(
        *(pl.when(~lost).then(pl.col(c)).alias(c) for c in ("infused", "harvested")),
        attempt=pl.lit("1"),
        doses_made=pl.lit("1"),
        _ref=pl.format("record {}", "batch"),
    )


def _orders(batches: np.ndarray, size: int) -> pl.DataFrame:
    said = {
        "order_key": named(batches),
        "product": _pick(PRODUCTS, batches, 1),
        "ordered": days(batches, size, -20),
        "collected": days(batches, size, 0),
        "closed": days(batches, size, 24),
    }
    return pl.DataFrame(said).with_columns(
        close_reason=pl.lit("treated"), _ref=pl.format("record {}", "order_key")
    )


def _releases(batches: np.ndarray, size: int) -> pl.DataFrame:
    said = {"batch": named(batches), "decided": days(batches, size, 20)}
    return pl.DataFrame(said).with_columns(
        gate=pl.lit("release"),
        decision=pl.lit("released"),
        _ref=pl.format("record {}", "batch"),
    )


def _results(number: int, batches: np.ndarray, seed: int) -> pl.DataFrame:
    draw = np.random.default_rng([seed, number])
    within = np.tile(np.arange(RESULTS), len(batches))
    of = np.repeat(np.arange(len(batches)), RESULTS)
    test, stage = within % len(TESTS), within // len(TESTS)
    mean, spread = (np.array([t[i] for t in TESTS])[test] for i in (3, 4))
    value = np.clip(mean + draw.normal(size=len(of)) * spread, 0, 100).round(1)
    rows = pl.DataFrame(
        {
            "batch": named(batches).gather(of),
            "parameter": pl.Series([t[0] for t in TESTS]).gather(test),
            "population": pl.Series([t[1] for t in TESTS]).gather(test),
            "stage": pl.Series(STAGES).gather(stage),
            "value": pl.Series(value).cast(pl.String),
            "unit": pl.Series([t[2] for t in TESTS]).gather(test),
        }
    )
    return rows.with_columns(
        sampled=pl.lit("2026-05-04"),
        reported=pl.lit("2026-05-08"),
        state=pl.lit("valid"),
        spec_version=pl.lit("1"),
        _ref=pl.format("record {}-{}", "batch", pl.Series(within)),
    )


def _criteria(number: int) -> pl.DataFrame:
    rows = [
        {
            "product": product,
            "spec_version": "1",
            "gate": "release",
            "parameter": parameter,
            "population": population,
            "stage": "final_product",
            "status": "release",
            "operator": ">=",
            "limit_low": str(least + number % 3),
            "unit": unit,
            "_ref": f"record {product}-{parameter}",
        }
        for product in PRODUCTS
        for parameter, population, unit, *_, least in TESTS
    ]
    return pl.DataFrame(rows)
