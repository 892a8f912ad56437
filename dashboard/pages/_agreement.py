"""How far specifications agree: test by test, and every two of them as wholes."""

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis import agreement as agreeing
from dashboard.analysis.clustering import clustered
from dashboard.analysis.wording import title
from dashboard.card import Card
from dashboard.components import Column, written
from dashboard.filters import Filters
from dashboard.pages._specifications import NO_ROWS, asked, many, test_at
from dashboard.theme import BLUE, GREY, PALE_ORANGE
from dashboard.viewer import Viewer


def agreement(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a test: how many pairs of members ask the same, of those comparable."""
    question = asked(viewer, filters)
    if question is None or question.subject.product is None:
        return NO_ROWS
    frame = queries.agreement(viewer, question.subject.product, question.reference)
    return frame.with_columns(
        pl.col("parameter").map_elements(title, pl.String).alias("test"),
        (pl.col("comparable") - pl.col("equal")).alias("different"),
        (pl.col("pairs") - pl.col("comparable")).alias("not_comparable"),
        pl.format(
            "same as {}, stricter than {}, looser than {}, not comparable with {}",
            *agreeing.STANDING,
        ).alias("standing"),
    ).with_columns(test_at())


def agreement_said(frame: pl.DataFrame) -> str:
    """Which tests agree least; high is good."""
    known = (
        frame.filter(pl.col("state") == "data") if "share" in frame.columns else None
    )
    if known is None or known.is_empty():
        return "How far members agree cannot be shown here; more agreement is better."
    judged = known.drop_nulls("share")
    if judged.is_empty():
        return (
            "No two members' criteria can be compared: each test is asked by one of"
            " them, or in units or cells that no conversion joins."
        )
    alike = judged.filter(pl.col("share") == 1).height
    least = judged.sort("share").row(0, named=True)
    words = f"In {alike} of {many(judged.height, 'test')} all comparable members agree"
    if least["share"] == 1:
        return f"{words}. More agreement is better."
    return (
        f"{words}; the least in {least['test_at']}:"
        f" {written(least['share'], 'percent')} of {many(least['comparable'], 'pair')}"
        " of members ask the same. More agreement is better."
    )


def _agreement_drawn(frame: pl.DataFrame) -> go.Figure:
    if "share" not in frame.columns:
        return figures.empty("No agreement can be shown.")
    parts = {
        "ask the same": "equal",
        "ask more or less": "different",
        "not comparable": "not_comparable",
    }
    rows = pl.concat(
        frame.select(
            pl.col("test_at").alias("label"),
            pl.lit(words).alias("part"),
            pl.col(name).alias("count"),
            "state",
            "reason",
        )
        for words, name in parts.items()
    )
    return figures.parts(rows, "pairs of members", (BLUE, PALE_ORANGE, GREY))


def distances(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row for every two specifications seen: the share of tests not asked alike."""
    question = asked(viewer, filters)
    if question is None:
        return NO_ROWS
    frame = agreeing.distances(agreeing.lay_out(question.held))
    both = pl.col("site").is_in(question.shown) & pl.col("other").is_in(question.shown)
    none = pl.col("distance").is_null()
    return frame.filter(both).with_columns(
        pl.when(none)
        .then(pl.lit("not_applicable"))
        .otherwise(pl.lit("data"))
        .alias("state"),
        pl.when(none).then(pl.lit("neither asks anything at release")).alias("reason"),
    )


def distances_said(frame: pl.DataFrame) -> str:
    """The nearest and the farthest pair; near is good."""
    known = frame.drop_nulls("distance") if "distance" in frame.columns else frame
    if known.is_empty():
        return "There are no two specifications to measure a distance between."
    near, far = (
        known.sort("distance", "site", "other", descending=[down, False, False]).row(
            0, named=True
        )
        for down in (False, True)
    )
    return (
        f"Of {many(known.height, 'pair')} of specifications the nearest"
        f" are {_pair(near)}, the farthest {_pair(far)}. Nearer is better: 0 % is"
        " the same specification."
    )


def _pair(row: dict[str, object]) -> str:
    share = written(row["distance"], "percent")
    return f"{row['site']} and {row['other']} ({share} of {row['n']} tests not alike)"


def _distances_drawn(frame: pl.DataFrame) -> go.Figure | list[go.Figure]:
    if "distance" not in frame.columns:
        return figures.empty("There are no two specifications to compare.")
    tree = clustered(frame)
    rows = frame.select(
        pl.col("site").alias("one"),
        "other",
        pl.col("distance").alias("value"),
        pl.format(
            "<b>{} and {}</b><br>{} tests: {} the same, {} with another limit,"
            "<br>{} not comparable, {} only in one",
            *("site", "other", "n", "same", "different", "unlike", "only_one"),
        ).alias("hover"),
        "state",
        "reason",
    )
    others = {*frame["site"], *frame["other"]} - {*tree.names}
    names = [*tree.names, *sorted(others)]
    pairs = figures.triangle(rows, names)
    if not tree.joins:
        return pairs
    words = "share of tests not alike, on average, where two groups meet"
    return [figures.tree(tree.names, tree.joins, words), pairs]


def _pairs(frame: pl.DataFrame, column: str) -> str:
    total = int(frame[column].sum() or 0) if column in frame.columns else 0
    return f"n = {written(total, 'count')} comparable pairs"


AGREEMENT = Card(
    "harmonisation-agreement",
    "Agreement by test",
    agreement,
    agreement_said,
    _agreement_drawn,
    (
        Column("test_at", "Test"),
        Column("share", "Agree", "percent"),
        Column("equal", "Pairs alike", "count"),
        Column("comparable", "of n", "count"),
        Column("not_comparable", "Unlike", "count"),
        Column("sites", "Members", "count"),
        Column("without", "Without", "count"),
        Column("standing", "The chosen reference, among the other members"),
    ),
    count=lambda f: _pairs(f, "comparable"),
    metric="agreement",
    note="All members' specifications in force, whichever are shown above;"
    " published programmes are never counted. Every pair is counted, not a"
    " sample of them, so there is no interval.",
)

DISTANCE = Card(
    "harmonisation-distance",
    "Distance between specifications",
    distances,
    distances_said,
    _distances_drawn,
    (
        Column("site", "Specification", "site"),
        Column("other", "and"),
        Column("distance", "Not alike", "percent"),
        Column("n", "Tests of either", "count"),
        Column("same", "The same", "count"),
        Column("different", "Another limit", "count"),
        Column("unlike", "Not comparable", "count"),
        Column("only_one", "Only in one", "count"),
    ),
    count=lambda f: f"n = {many(f.height, 'pair')}",
    note="Numbers are percent: of the release tests that either has, those"
    " that the two do not ask alike. A limit that cannot be compared is"
    " not alike. In the tree two groups meet at the mean distance of their members"
    " (average linkage), and the square keeps its order.",
)
