"""Published criteria, batches and cohorts, brought in like the data of any site.

Papers state their limits in the same tangled ways as sites do, so they go through the
same mapping, gate and checks and can be laid beside the members' criteria everywhere.
Each paper is a site of kind `published` and a product of its own; such sites are never
counted as members, and their batch numbers are citations and not pseudonyms. The
facts are in the tables beside this file, row by row with their source; `mapping.toml`
fills in what papers do not say.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import polars as pl

from connectors import ConfigError, Source
from etl.contract.words import slug_expr
from etl.network import Network, Site
from etl.settings import ColumnRule, DatasetRules, SiteInfo, Style
from etl.settings_network import Product

COHORTS: Final = "published-cohorts"
_SOURCE: Final = "library"
_BY_PAPER: Final = ("criteria.csv", "results.csv")


@cache
def sources() -> pl.DataFrame:
    """The papers: site (slug), source_id, citation, identifier, product_class,
    programme, country, note.

    Null where the paper does not say.
    """
    said = _table("sources.csv")
    return said.select(slug_expr(pl.col("source_id")).alias("site"), pl.all())


def with_library(network: Network) -> Network:
    """The network with a published site and a product for each paper.

    Each paper's share of the tables is written into the network's data folder, where
    the connector for files reads it. ConfigError where a member has a paper's slug.
    """
    folder = network.folder / "data" / "published"
    library = {site.slug: site for site in _sites(folder)}
    products = tuple(_products())
    taken = {product.product for product in network.products} | network.sites.keys()
    if both := sorted(taken & (library.keys() | {each.product for each in products})):
        raise ConfigError(
            f'"{both[0]}" is the name of a published source; give the site or the '
            "product of your network another name"
        )
    return replace(
        network,
        sites={**network.sites, **library},
        products=(*network.products, *products),
    )


@cache
def cohorts() -> pl.DataFrame:
    """The published counts as printed, each with the denominator of its paper."""
    counts = [pl.col(name).cast(pl.Int64) for name in ("denominator", "numerator")]
    return _table("cohorts.csv").with_columns(counts)


def _sites(folder: Path) -> Iterator[Site]:
    mapping = tomllib.loads(files("etl.published").joinpath("mapping.toml").read_text())
    datasets = [DatasetRules.model_validate(entry) for entry in mapping["dataset"]]
    populations: Mapping[str, Any] = mapping["population"]
    for paper in sources().iter_rows(named=True):
        share = folder / paper["site"]
        there = _write_share(share, paper["source_id"])
        own = [
            _of_paper(rules, populations.get(paper["source_id"], {}))
            for rules in datasets
            if rules.location in there
        ]
        country = paper["country"] or "-"
        yield _site(paper["site"], paper["programme"], country, share, own)
    share = folder / COHORTS
    _write(share / "cohorts.csv", _table("cohorts.csv"))
    counted = [rules for rules in datasets if rules.location == "cohorts.csv"]
    yield _site(COHORTS, "Published cohorts", "-", share, counted)


def _site(
    slug: str, name: str, country: str, folder: Path, datasets: list[DatasetRules]
) -> Site:
    named = [rules.model_copy(update={"source": _SOURCE}) for rules in datasets]
    return Site(
        slug=slug,
        info=SiteInfo(name=name, country=country, kind="published", stage="active"),
        sources={_SOURCE: Source(slug, _SOURCE, "files", {"folder": str(folder)})},
        style=Style(),
        privacy=None,
        datasets=tuple(named),
    )


def _of_paper(rules: DatasetRules, populations: Mapping[str, str]) -> DatasetRules:
    """The rules with the populations of a paper's results filled in."""
    if rules.name != "result":
        return rules
    rule = ColumnRule(column="parameter", codes=populations)
    return rules.model_copy(update={"columns": {**rules.columns, "population": rule}})


def _products() -> Iterator[Product]:
    for paper in sources().iter_rows(named=True):
        yield Product(
            product=paper["site"],
            title=paper["programme"],
            product_class=paper["product_class"],
        )


def _write_share(folder: Path, source_id: str) -> set[str]:
    """Write a paper's rows of each table that has any; gives those tables' names."""
    shares = {
        name: _table(name).filter(pl.col("source_id") == source_id)
        for name in _BY_PAPER
    }
    there = {name: rows for name, rows in shares.items() if not rows.is_empty()}
    for name, rows in there.items():
        _write(folder / name, rows)
    return set(there)


def _write(path: Path, rows: pl.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.write_csv(path)


@cache
def _table(name: str) -> pl.DataFrame:
    """A table as it stands beside this file, every column text."""
    text = files("etl.published").joinpath(name).read_bytes()
    return pl.read_csv(text, infer_schema=False)
