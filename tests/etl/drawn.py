"""What the generator of the made-up network drew, as it must arrive."""

import polars as pl

from etl.demo import World
from etl.demo.entries import sent
from etl.network import Privacy
from etl.pseudonym import pseudonymise


def rows_drawn(world: World, site: str, dataset: str) -> pl.DataFrame:
    """The rows that a sender holds of a dataset, under the pseudonyms of its key."""
    part = world.by_slug[site]
    rows = sent(world, part, dataset)
    if dataset == "ring_trial":
        rows = rows.with_columns(laboratory=pl.lit(site))
    elif "site" not in rows.columns:
        rows = rows.with_columns(site=pl.lit(site))
    if dataset == "result":
        rows = rows.with_columns(sample=pl.lit("-"))
    placed = rows.with_columns(_origin=pl.lit("-"), _ref=pl.lit("-"))
    privacy = Privacy(part.key, "k1", "day")
    hidden = pseudonymise(placed, dataset, site, privacy)
    return hidden.drop("_origin", "_ref")
