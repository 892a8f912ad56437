"""The criteria matrix: one row a test and specification, in words, with its state."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import polars as pl

from dashboard.analysis.agreement import USUAL, Layout, compared, lay_out
from dashboard.analysis.wording import full, limit, small, title

RELATIONS: Final = {
    "reference": "the reference",
    "equal": "the same",
    "stricter": "stricter",
    "looser": "looser",
    "not_comparable": "not comparable",
    "added": "tested here, not by the reference",
    "missing": "not tested, though the reference does",
}
_NOT_TESTED: Final = "its specification has no such test"
_NOT_PRINTED: Final = "the publication lists no such test"
_NOT_SENT: Final = "no specification was sent for this product"


def side_by_side(
    held: pl.DataFrame, reference: str = USUAL, silent: Sequence[str] = ()
) -> pl.DataFrame:
    """Every test of every specification, beside the reference's.

    `held`: one version a site with `member`; `silent` are sites that make the product
    and sent no specification. Besides what `compared` gives: `limit` and `note` in
    short, `full` as a sentence, `against` (the reference's limit), `state` and
    `reason`: a test that a sent specification leaves out is zero, not tested; one of
    which nothing is known is not reported.
    """
    layout = lay_out(held)
    frame = compared(layout, reference).join(_words(layout), on=_TEST, how="left")
    frame = frame.join(_against(layout, reference), on=_TEST[:3], how="left")
    sites = held.unique("site").select(
        "site", "spec_version", "member", pl.col("product"), "holds"
    )
    dates = held.group_by("site").agg(
        pl.col("valid_from").min(),
        pl.col("valid_to").max(),
        pl.col("gate").is_in(["provisional", "final"]).any().alias("two_stage"),
    )
    whole = frame.join(sites, on="site").join(dates, on="site")
    order = {test: i for i, test in enumerate(layout.tests)}
    whole = pl.concat([whole, _silent(layout, silent)], how="diagonal")
    place = pl.struct(_TEST[:3]).map_elements(
        lambda t: order[(t["gate"], t["stage"], t["parameter"])], pl.Int64
    )
    return (
        whole.with_columns(
            pl.when(pl.col("site") == reference, pl.col("limit").is_not_null())
            .then(pl.lit("reference"))
            .otherwise("relation")
            .alias("relation"),
            pl.col("parameter").replace_strict(
                {name: title(name) for _, _, name in layout.tests},
                return_dtype=pl.String,
            ).alias("test"),
            place.alias("place"),
        )
        .with_columns(*_state())
        .sort("place", ~pl.col("member"), "site")
    )  # fmt: skip


_TEST: Final = ["gate", "stage", "parameter", "site"]


@lru_cache(maxsize=32)
def _words(layout: Layout) -> pl.DataFrame:
    rows = [
        (
            *layout.tests[test],
            layout.sites[site],
            " and ".join(dict.fromkeys(limit(item) for item in cell)),
            small(cell),
            "; ".join(full(item) for item in cell),
        )
        for (test, site), cell in layout.cells.items()
    ]
    schema = dict.fromkeys((*_TEST, "limit", "note", "full"), pl.String())
    return pl.DataFrame(rows, schema=schema, orient="row")


def _against(layout: Layout, reference: str) -> pl.DataFrame:
    rows = []
    for i, test in enumerate(layout.tests):
        if reference == USUAL:
            cell = layout.usual(i)
        else:
            cell = layout.cells.get((i, layout.sites.index(reference)), ())
        said = " and ".join(dict.fromkeys(limit(item) for item in cell))
        rows.append((*test, said or None))
    schema = dict.fromkeys((*_TEST[:3], "against"), pl.String())
    return pl.DataFrame(rows, schema=schema, orient="row")


def _silent(layout: Layout, sites: Sequence[str]) -> pl.DataFrame:
    rows = [(*test, site, True) for site in sites for test in layout.tests]
    schema = {**dict.fromkeys(_TEST, pl.String()), "member": pl.Boolean()}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _state() -> tuple[pl.Expr, pl.Expr]:
    told = pl.col("limit").is_not_null()
    unsent = pl.col("spec_version").is_null()
    state = (
        pl.when(told)
        .then(pl.lit("data"))
        .when(unsent | ~pl.col("member"))
        .then(pl.lit("not_reported"))
        .otherwise(pl.lit("zero"))
    )
    reason = (
        pl.when(told)
        .then(None)
        .when(unsent)
        .then(pl.lit(_NOT_SENT))
        .when(~pl.col("member"))
        .then(pl.lit(_NOT_PRINTED))
        .otherwise(pl.lit(_NOT_TESTED))
    )
    return state.alias("state"), reason.alias("reason")
