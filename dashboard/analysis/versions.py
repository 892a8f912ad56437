"""Which version of a specification holds, and what a later one changed."""

from itertools import pairwise

import polars as pl

from etl.demand import Cell, Test, stand, test_of
from etl.specification import criteria_from

_ORDER = ("valid_from", "spec_version")


def in_force(criteria: pl.DataFrame) -> pl.DataFrame:
    """The rows of one version a site: the latest that holds, else the latest of all.

    `criteria`: the contract's rows, with `current` where the version holds today. A
    site whose versions have all ended, or have not begun, keeps the latest, marked by
    `holds` = false, so that it does not look as if it asked for nothing.
    """
    versions = (
        criteria.group_by("site", "product", "spec_version")
        .agg(pl.col("current").any().alias("holds"), pl.col("valid_from").min())
        .sort("holds", *_ORDER, nulls_last=False)
        .unique("site", keep="last", maintain_order=True)
        .drop("valid_from")
    )
    rows = criteria.join(versions, on=["site", "product", "spec_version"])
    return rows.filter(pl.col("current") | ~pl.col("holds"))


def changes(criteria: pl.DataFrame) -> pl.DataFrame:
    """One row a criterion that a later version changed: site, test, before and after.

    `change` is stricter, looser, not_comparable, added or dropped, or `method` where
    the limit stayed and only how it is measured is new. Versions follow each other by
    their first day; what stayed as it was has no row. `versions` is their number.
    """
    rows: list[tuple[object, ...]] = []
    for (site, product), mine in criteria.sort(*_ORDER, nulls_last=False).group_by(
        "site", "product", maintain_order=True
    ):
        versions = mine.partition_by("spec_version", maintain_order=True)
        for old, new in pairwise(versions):
            begun = new["valid_from"].min()
            names = old["spec_version"][0], new["spec_version"][0]
            for test, change, why, before, after in _changed(_cells(old), _cells(new)):
                told = (site, product, *test, *names, begun, change, why)
                rows.append((*told, words(before), words(after)))
    return pl.DataFrame(rows, schema=_CHANGES, orient="row")


_CHANGES = {
    **dict.fromkeys(("site", "product", "gate", "stage", "parameter"), pl.String()),
    "from_version": pl.String(),
    "to_version": pl.String(),
    "since": pl.Date(),
    **dict.fromkeys(("change", "why", "before", "after"), pl.String()),
}


def history(criteria: pl.DataFrame) -> pl.DataFrame:
    """One row a version of a specification: its days, its tests, what it changed.

    `stricter`, `looser` and `other` count the tests that differ from the version
    before; the first version of a site has none. `what` spells them out.
    """
    versions = criteria.group_by("site", "product", "spec_version").agg(
        pl.col("valid_from").min(),
        pl.when(pl.col("valid_to").is_not_null().all()).then(pl.col("valid_to").max()),
        pl.col("current").any().alias("holds"),
        pl.col("parameter").n_unique().alias("parameters"),
    )
    change = pl.col("change")
    changed = (
        changes(criteria)
        .group_by("site", "product", pl.col("to_version").alias("spec_version"))
        .agg(
            (change == "stricter").sum().alias("stricter"),
            (change == "looser").sum().alias("looser"),
            (~change.is_in(["stricter", "looser"])).sum().alias("other"),
            pl.format(
                "{}: {} → {} ({})",
                "parameter",
                pl.col("before").fill_null("not tested"),
                pl.col("after").fill_null("not tested"),
                change.str.replace("_", " "),
            )
            .str.join("; ")
            .alias("what"),
        )
    )
    first = pl.col("valid_from").rank("ordinal").over("site", "product") == 1
    return (
        versions.sort("site", "product", *_ORDER, nulls_last=False)
        .join(changed, on=["site", "product", "spec_version"], how="left")
        .with_columns(pl.col("stricter", "looser", "other").fill_null(0))
        .with_columns(
            pl.when(first.fill_null(True) & pl.col("what").is_null())
            .then(pl.lit("first version"))
            .otherwise(pl.col("what").fill_null("no limit and no method changed"))
            .alias("what")
        )
    )


def words(cell: Cell) -> str | None:
    """The criteria of one test with their methods, as the specification has them."""
    said = [
        f"{item.in_words()}{'' if item.method == '-' else f', {item.method}'}"
        for item in cell
    ]
    return "; ".join(said) or None


def _cells(version: pl.DataFrame) -> dict[Test, Cell]:
    cells: dict[Test, Cell] = {}
    for item in criteria_from(version):
        cells[test_of(item)] = (*cells.get(test_of(item), ()), item)
    return cells


def _changed(
    old: dict[Test, Cell], new: dict[Test, Cell]
) -> list[tuple[Test, str, str | None, Cell, Cell]]:
    found: list[tuple[Test, str, str | None, Cell, Cell]] = []
    for test in dict.fromkeys((*old, *new)):
        before, after = old.get(test, ()), new.get(test, ())
        if not (before and after):
            found.append((test, "added" if after else "dropped", None, before, after))
            continue
        said = stand(after, before)
        if said.relation != "equal":
            found.append((test, said.relation, said.reason, before, after))
        elif {c.method for c in before} != {c.method for c in after}:
            found.append((test, "method", said.reason, before, after))
    return found
