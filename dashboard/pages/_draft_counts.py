"""What a draft makes of each site's batches, and which tests decide alone."""

from collections.abc import Callable
from typing import Final

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis.wording import title
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.names import site_name, some
from dashboard.pages._drafting import NOBODY, drafting
from dashboard.viewer import Viewer
from etl.specification import criteria_from, requirements

_PARTS: Final = {
    "still": "fails before and after",
    "lost": "lost: fails only now",
    "gained": "gained: fails no longer",
    "undetermined": "undetermined",
}
_TOLD: Final = pl.col("state").is_in(["data", "zero"])
NONE: Final = pl.DataFrame(
    schema={
        **dict.fromkeys(("site", "state", "reason", "against"), pl.String),
        **dict.fromkeys((*queries.DRAFT_COUNTS, "still"), pl.Int64),
        **dict.fromkeys(("best", "worst"), pl.Float64),
    }
)
_NO_TEST: Final = pl.DataFrame(
    schema={
        **dict.fromkeys(("test", "start", "draft", "state", "reason"), pl.String),
        **dict.fromkeys(("n", "before", "after"), pl.Int64),
    }
)


def sites(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a site (or pool): its batches before and after the draft.

    `best` counts every undetermined batch as passing, `worst` as failing.
    """
    found = drafting(viewer, filters)
    if found is None:
        return NONE
    rows = queries.drafted(viewer, filters, found.product, found.draft)
    return with_shares(rows, found.against)


def with_shares(rows: pl.DataFrame, against: str) -> pl.DataFrame:
    """The answer of `drafted` with the shares that fail, and what it is `against`."""
    after, unknown = pl.col("after"), pl.col("undetermined")
    share = pl.when(pl.col("n") > 0)
    return rows.sort("site").with_columns(
        share.then(after / pl.col("n")).alias("best"),
        share.then((after + unknown) / pl.col("n")).alias("worst"),
        (after - pl.col("lost")).alias("still"),
        pl.lit(against).alias("against"),
    )


def _sites_said(frame: pl.DataFrame) -> str:
    shown = frame.filter(_TOLD)
    if frame.is_empty():
        return NOBODY
    if shown.is_empty():
        return "No count may be shown for this draft; the table says why for each."
    sums = shown.select(pl.col(*queries.DRAFT_COUNTS).sum()).row(0, named=True)
    n, after = sums["n"], sums["after"]
    if not n:
        return NOBODY
    worst = after + sums["undetermined"]
    return (
        f"Under the draft {after} of {some(n, 'tested batch', 'tested batches')} would"
        f" fail, {sums['sole']} of them by one test alone; by {shown['against'][0]}"
        f" {sums['before']} fail. So {sums['lost']} would be lost and"
        f" {sums['gained']} gained. {sums['undetermined']} lack a result that would"
        f" decide: {written(after / n, 'percent')} fail at best,"
        f" {written(worst / n, 'percent')} at worst. Fewer failures are better only"
        " where nothing is risked by it."
    )


def _sites_drawn(frame: pl.DataFrame) -> go.Figure:
    if frame.is_empty():
        return figures.empty(NOBODY)
    names = pl.Series("x", map(site_name, frame["site"]), pl.String)
    return figures.site_bars(
        pl.concat(
            frame.select(
                names,
                pl.lit(words).alias("part"),
                pl.col(part).alias("count"),
                "state",
                "reason",
            )
            for part, words in _PARTS.items()
        )
    )


def tests(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a test: its limits before and after, and how many it alone fails."""
    found = drafting(viewer, filters)
    if found is None:
        return _NO_TEST
    rows = queries.draft_causes(viewer, filters, found.product, found.draft)
    said = {
        name: _limits(under.criteria)
        for name, under in (("start", found.draft.start), ("draft", found.draft.after))
    }
    counts = ("n", "before", "after")
    sums = rows.group_by("cause", maintain_order=True).agg(
        pl.col(*counts).filter(_TOLD).sum()
    )
    return (
        said["start"]
        .rename({"limit": "start"})
        .join(said["draft"].rename({"limit": "draft"}), on="test")
        .join(sums.rename({"cause": "test"}), on="test", how="left")
        .with_columns(
            pl.lit("data").alias("state"), pl.lit(None, pl.String).alias("reason")
        )
        .sort("after", "test", descending=[True, False], nulls_last=True)
    )


def _limits(criteria: pl.DataFrame) -> pl.DataFrame:
    """The limits of each test that decides a release, in words."""
    said: dict[str, list[str]] = {}
    for arms in requirements(criteria_from(criteria)):
        test = arms[0].alternatives or arms[0].parameter
        words = " or ".join(item.in_words() for item in arms)
        said.setdefault(test, []).append(words)
    return pl.DataFrame(
        [(test, "; ".join(words)) for test, words in said.items()],
        schema={"test": pl.String, "limit": pl.String},
        orient="row",
    )


def _tests_said(frame: pl.DataFrame) -> str:
    known = frame.drop_nulls("after")
    if known.is_empty():
        return "Which tests decide is shown for batches that you may see one by one."
    first = known.row(0, named=True)
    if not first["after"]:
        return "No batch fails the draft by one test alone."
    moved = frame.filter(pl.col("start") != pl.col("draft")).height
    return (
        f"{some(moved, 'limit').capitalize()} moved. Most often decides alone:"
        f" {title(first['test'])}, by which {first['after']} of {first['n']} tested"
        f" batches fail and by nothing else, {first['before']} before. Only such"
        " batches would pass without the test."
    )


def tested_count(frame: pl.DataFrame) -> str:
    """The n of a figure in which every row is of the same batches."""
    n = frame["n"].drop_nulls().to_list()
    return f"n = {written(max(n, default=0), 'count')} tested batches"


def site_card(
    id_: str, title_: str, frame: Callable[[Viewer, Filters], pl.DataFrame]
) -> Card:
    """The figure of what a draft, of whichever page, makes of each site's batches."""
    return Card(
        id_,
        title_,
        frame,
        _sites_said,
        _sites_drawn,
        (
            Column("site", "Batches of", "site"),
            Column("n", "Tested", "count"),
            Column("before", "Fail before", "count"),
            Column("after", "Fail after", "count"),
            Column("lost", "Lost", "count"),
            Column("gained", "Gained", "count"),
            Column("sole", "Fail one test alone", "count"),
            Column("undetermined", "Undetermined", "count"),
            Column("best", "Fail, at best", "percent"),
            Column("worst", "At worst", "percent"),
        ),
        metric="replay",
        height=540,
        note="All batches that ever came to their tests, whenever they were begun. Each"
        " site is asked in the cells in which it counts. Batches that you cannot see"
        " one by one are answered as a specification in use has it, with one limit at"
        " most moved to another in use: between small steps, single batches would"
        " show.",
    )


CARDS: Final = (
    site_card("draft-sites", "What the draft makes of each site's batches", sites),
    Card(
        "draft-tests",
        "Limits, and which test decides alone",
        tests,
        _tests_said,
        columns=(
            Column("test", "Test", "parameter"),
            Column("start", "Before"),
            Column("draft", "Draft"),
            Column("before", "Decides alone, before", "count"),
            Column("after", "Decides alone, after", "count"),
            Column("n", "of n", "count"),
        ),
        count=tested_count,
        metric="replay",
    ),
)
