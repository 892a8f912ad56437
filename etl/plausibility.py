"""What each rule over several datasets looks at, and where it is broken.

Every function gives a frame with site, batch, key, read, `n` (how many rows of the
dataset a line stands for) and `broken`. The key names those rows: see `etl.rules`.
"""

from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

from etl.contract.parameters import parameters

Tables = Mapping[str, pl.DataFrame]
# What rules ask of results, of which there are too many to be looked at one by one.
SUMMARIES: Final = {
    "result_of_batch": (
        "select site, batch, count(*) as n from result group by site, batch"
    ),
    "result_of_test": (
        "select site, parameter, method, count(*) as n, max(value) as highest "
        "from result where unit = '%' and value > 0 group by site, parameter, method"
    ),
}
_NO_BATCH: Final = pl.lit(None, pl.String).alias("batch")
_FEW: Final = 5


def summarised(result: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The summaries of results that are at hand as a frame."""
    context = pl.SQLContext(result=result, eager=True)
    return {name: context.execute(sql) for name, sql in SUMMARIES.items()}


def without(dataset: str, column: str, parent: str) -> Callable[[Tables], pl.DataFrame]:
    """Rows of a dataset that name something which its own dataset does not hold.

    One finding for each thing named: a batch never sent may have forty results. Sites
    that send nothing of the parent at all owe it, which is another finding.
    """

    def looked_at(tables: Tables) -> pl.DataFrame:
        summary = tables.get(f"{dataset}_of_{column}")
        if summary is None:
            named = tables[dataset].filter(pl.col(column).is_not_null())
            summary = named.group_by("site", column).len("n")
        things = summary.with_columns(pl.col("n").cast(pl.Int64))
        there = tables[parent].select("site", column).unique().with_columns(there=True)
        joined = things.join(there, on=["site", column], how="left")
        return joined.select(
            "site",
            pl.col(column).alias("batch") if column == "batch" else _NO_BATCH,
            "n",
            key=pl.col(column),
            read=pl.format("{} (rows: {})", column, "n"),
            broken=pl.col("there").is_null(),
        )

    return looked_at


def early_release(tables: Tables) -> pl.DataFrame:
    """Decisions of the later gates, and whether they came before the harvest."""
    late_gates = ["provisional", "final", "release"]
    decided = tables["release"].filter(pl.col("gate").is_in(late_gates))
    harvested = tables["batch"].select("site", "batch", "harvested").drop_nulls()
    return decided.join(harvested, on=["site", "batch"]).select(
        "site",
        "batch",
        key="batch",
        n=pl.lit(1),
        read=pl.format("decided {}, harvested {}", "decided", "harvested"),
        broken=pl.col("decided") < pl.col("harvested"),
    )


def unreleased_infusion(tables: Tables) -> pl.DataFrame:
    """Infused batches, and whether nobody decided to release them."""
    released = (
        tables["release"]
        .filter(pl.col("decision") != "rejected")
        .select("site", "batch")
        .unique()
        .with_columns(released=True)
    )
    infused = tables["batch"].filter(pl.col("infused").is_not_null())
    return infused.join(released, on=["site", "batch"], how="left").select(
        "site",
        "batch",
        key="batch",
        n=pl.lit(1),
        read=pl.format("infused {}", "infused"),
        broken=pl.col("released").is_null(),
    )


def overbooked(tables: Tables) -> pl.DataFrame:
    """Weeks of a resource, and whether more was booked than staffed."""
    both = tables["capacity"].drop_nulls(["booked", "staffed"])
    return both.select(
        "site",
        _NO_BATCH,
        key=pl.format("{} {}", "resource", "week"),
        n=pl.lit(1),
        read=pl.format(
            "{} week {}: booked {}, staffed {}", "resource", "week", "booked", "staffed"
        ),
        broken=pl.col("booked") > pl.col("staffed"),
    )


def overlapping_versions(tables: Tables) -> pl.DataFrame:
    """Versions of a specification, and whether they end after the next begins.

    One without an end ends where the next begins: sites rarely close them.
    """
    versions = (
        tables["criterion"]
        .drop_nulls("valid_from")
        .group_by("site", "product", "spec_version")
        .agg(pl.col("valid_from").min(), pl.col("valid_to").max())
        .sort("site", "product", "valid_from", "spec_version")
    )
    following = pl.col("valid_from").shift(-1).over("site", "product")
    later = pl.col("spec_version").shift(-1).over("site", "product")
    return versions.with_columns(following=following, later=later).select(
        "site",
        _NO_BATCH,
        key=pl.format("{} {}", "product", "spec_version"),
        n=pl.lit(1),
        read=pl.format(
            "{}: version {} to {}, version {} from {}",
            "product",
            "spec_version",
            "valid_to",
            "later",
            "following",
        ),
        broken=(pl.col("following") <= pl.col("valid_to")).fill_null(False),
    )


def fractions(tables: Tables) -> pl.DataFrame:
    """Tests in percent, and whether no result is above 1: those were fractions."""
    high = [
        c for c, p in parameters().items() if p.unit == "%" and p.better == "higher"
    ]
    groups = tables["result_of_test"].filter(pl.col("parameter").is_in(high))
    return groups.select(
        "site",
        _NO_BATCH,
        "n",
        key="parameter",
        read=pl.format("{}: {} results, none above {} %", "parameter", "n", "highest"),
        broken=(pl.col("n") >= _FEW) & (pl.col("highest") <= 1),
    )
