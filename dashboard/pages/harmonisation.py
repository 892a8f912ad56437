"""Harmonisation: where release criteria differ, and whether they can be compared."""

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard.analysis import versions
from dashboard.analysis.side_by_side import RELATIONS, side_by_side
from dashboard.card import Card
from dashboard.components import Column, notice
from dashboard.filters import Filters
from dashboard.pages._agreement import AGREEMENT, DISTANCE
from dashboard.pages._criteria_matrix import matrix
from dashboard.pages._specifications import (
    NO_ROWS,
    Asked,
    asked,
    many,
    test_at,
)
from dashboard.pages._subject_links import subject_links, whose_criteria
from dashboard.shell import Page, register
from dashboard.viewer import Viewer
from etl.contract.vocabulary import POPULATIONS

PATH = "/harmonisation"
_NOBODY = (
    "No specification can be shown: none was sent for this selection, or what members"
    " ask is not yours to see."
)
_PAPERS = "Published programmes only: what members ask is theirs to show."

# What the reasons of a comparison write in the contract's codes.
_SPELT = {
    ">=": "≥",
    "<=": "≤",
    ": - and ": ": not stated and ",
    " and -": " and not stated",
    **{
        code: words
        for code, words in POPULATIONS.items()
        if "_" in code or code == "tnc"
    },
}


def criteria(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a test and specification: limit, words, relation to the reference.

    Tests in which anything differs come first, the others need no reading; and in each
    what is known before what is not.
    """
    question = asked(viewer, filters)
    if question is None:
        return NO_ROWS
    unknown = pl.col("state") == "not_reported"
    alike = pl.col("relation").is_in(["equal", "reference"]).fill_null(False) | unknown
    return _rows(question).sort(
        alike.all().over("place"), "place", unknown, maintain_order=True
    )


def _rows(question: Asked) -> pl.DataFrame:
    frame = side_by_side(question.held, question.reference, question.silent)
    return frame.filter(pl.col("site").is_in(question.shown)).with_columns(
        pl.lit(question.reference_words).alias("compared_with"),
        pl.when(pl.col("state") != "not_reported")
        .then(pl.col("relation").replace_strict(RELATIONS, default=""))
        .alias("stands"),
        _because(),
        pl.when(pl.col("limit").is_not_null())
        .then(pl.sum_horizontal("same_as", "stricter_than", "looser_than"))
        .alias("n"),
        test_at(),
    )


def _because() -> pl.Expr:
    """Why, with the marks; two limits that are the same need no reason."""
    why = pl.when(~pl.col("relation").is_in(["equal", "reference"])).then("why")
    said = pl.concat_str(why, "marks", separator="; ", ignore_nulls=True)
    said = said.str.replace_many([*_SPELT], [*_SPELT.values()], leftmost=True)
    return said.str.strip_chars("; ").replace("", None).alias("because")


def criteria_said(frame: pl.DataFrame) -> str:
    """How many criteria are equal, stricter, looser or cannot be compared."""
    if frame.is_empty():
        return _NOBODY
    counts = dict(frame["relation"].drop_nulls().value_counts().iter_rows())
    tests, sites = frame["place"].n_unique(), frame["site"].n_unique()
    if sites == 1:
        return (
            f"One specification with {many(tests, 'test')}; none that you may see"
            " by name stands beside it."
        )
    lacking = frame.filter(pl.col("state") == "zero").height
    said = ", ".join(
        f"{counts.get(name, 0)} {words}"
        for name, words in (
            ("equal", "the same"),
            ("stricter", "stricter"),
            ("looser", "looser"),
            ("not_comparable", "not comparable"),
        )
    )
    return (
        f"{many(sites, 'specification')} and {many(tests, 'test')}; beside"
        f" {frame['compared_with'][0]}: {said}; {lacking} not tested. Neither stricter"
        " nor looser is good in itself: good is that one product means the same."
    )


def history(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a version of each specification shown: its days and what it changed."""
    question = asked(viewer, filters)
    if question is None:
        return NO_ROWS
    frame = versions.history(question.criteria)
    return frame.filter(pl.col("site").is_in(question.shown)).with_columns(
        pl.when("holds").then(pl.lit("yes")).otherwise(pl.lit("no")).alias("in_force"),
        pl.lit("data").alias("state"),
        pl.lit(None, pl.String).alias("reason"),
    )


def history_said(frame: pl.DataFrame) -> str:
    """How many versions there are, and how many limits were tightened or loosened."""
    if frame.is_empty():
        return "There is no specification whose history could be shown."
    later = frame.filter(pl.col("what") != "first version")
    stricter, looser = int(later["stricter"].sum()), int(later["looser"].sum())
    other = int(later["other"].sum())
    return (
        f"{many(frame.height, 'version')} of"
        f" {many(frame['site'].n_unique(), 'specification')}. Later versions made"
        f" {many(stricter, 'test')} stricter and {looser} looser, and changed {other}"
        " in another way."
    )


def _top(viewer: Viewer, filters: Filters) -> Component:
    question = asked(viewer, filters)
    if question is None:
        return notice(_NOBODY)
    papers = question.subject.product is None
    return html.Div(
        [
            subject_links(question.subjects, question, filters, PATH),
            notice(_PAPERS) if papers else whose_criteria(filters, PATH),
            matrix(_rows(question), question, filters, criteria_said),
        ]
    )


register(
    __name__,
    Page(
        PATH,
        "Harmonisation",
        "Where release criteria differ, how far, and where nobody can say because they"
        " do not measure the same thing.",
        order=50,
        shown=("product_class", "product", "region", "site"),
        top=_top,
        cards=(
            AGREEMENT,
            DISTANCE,
            Card(
                "harmonisation-criteria",
                "Every criterion in words",
                criteria,
                criteria_said,
                columns=(
                    Column("test_at", "Test"),
                    Column("site", "Site or programme", "site"),
                    Column("limit", "Limit"),
                    Column("stands", "Beside the reference"),
                    Column("full", "What it asks"),
                    Column("because", "Why"),
                    Column("strictness", "Strictness", "percent"),
                    Column("n", "of n", "count"),
                ),
                count=lambda f: (
                    f"n = {f.drop_nulls('limit').height} criteria"
                    if "limit" in f.columns
                    else "n = 0 criteria"
                ),
                note="Strictness is the share of the other members' comparable criteria"
                " that ask less; those that ask the same count half.",
            ),
            Card(
                "harmonisation-history",
                "History of the specifications",
                history,
                history_said,
                columns=(
                    Column("site", "Site or programme", "site"),
                    Column("product", "Product"),
                    Column("spec_version", "Version"),
                    Column("valid_from", "From", "date"),
                    Column("valid_to", "Until", "date"),
                    Column("in_force", "In force"),
                    Column("parameters", "Parameters", "count"),
                    Column("what", "Changed to the version before"),
                ),
            ),
        ),
    ),
)
