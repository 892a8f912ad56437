"""The criteria matrix as it stands on the page: sentence, signs, cells and links."""

from collections.abc import Callable
from typing import Any

import polars as pl
from dash import dcc, html
from dash.development.base_component import Component

from dashboard.analysis.agreement import USUAL
from dashboard.analysis.wording import chapter
from dashboard.components import aria, written
from dashboard.figures import crosstab
from dashboard.figures.crosstab import Heading, Mark
from dashboard.filters import Filters
from dashboard.pages._specifications import Asked

_PATH = "/harmonisation"
# From here on a criterion asks more (or less) than nearly all it can be compared with.
_NEARLY_ALL = 0.9
_ENOUGH = 5
_GROUPS = {
    "acceptance": "Acceptance",
    "in_process": "In process",
    "release": "Release: provisional, final or one-stage",
}
_STAGES = {
    "starting_material": "acceptance",
    "in_process": "in_process",
    "final_product": "release",
}
_LOOKS = {
    "reference": ("reference", ""),
    "equal": ("equal", ""),
    "stricter": ("stricter", "▲"),
    "looser": ("looser", "▽"),
    "not_comparable": ("unlike", "✕"),
    "added": ("added", "+"),
}
_KEY = (
    Mark("equal", "\u00a0", "the same: no shade, no sign"),
    Mark("stricter", "▲", "stricter"),
    Mark("strictest", "▲▲", "stricter than nearly all comparable"),
    Mark("looser", "▽", "looser"),
    Mark("loosest", "▽▽", "looser than nearly all comparable"),
    Mark("unlike", "✕", "not comparable; why stands on hover and in the table"),
    Mark("added", "+", "the reference has no such test"),
    Mark("missing", "∅", "not tested"),
    Mark("silent", "○", "not reported"),
)


def matrix(
    frame: pl.DataFrame,
    question: Asked,
    filters: Filters,
    said: Callable[[pl.DataFrame], str],
) -> Component:
    """Specifications by tests, each beside the reference; a name makes it the one."""
    cells = {
        (row["site"], str(row["place"])): _mark(row)
        for row in frame.iter_rows(named=True)
    }
    heading = f"{question.subject.title}: criteria side by side"
    filled = frame.drop_nulls("limit").height
    return html.Article(
        [
            html.H2(heading, id="criteria-side-by-side"),
            html.P(said(frame), className="sentence"),
            _reference(question, filters),
            crosstab.key(_KEY),
            crosstab.crosstab(
                cells, _sites(frame, question, filters), _tests(frame), heading
            ),
            html.P(
                [
                    html.Span(f"n = {filled} criteria", className="n"),
                    html.A("In words, as a table", href="#harmonisation-criteria"),
                ],
                className="card-foot",
            ),
        ],
        className="card-figure criteria-matrix",
        **aria(labelledby="criteria-side-by-side"),
    )


def _reference(question: Asked, filters: Filters) -> Component:
    words: list[Component | str] = [
        "Compared with ",
        html.Strong(question.reference_words),
        ". Choose a name in the first column to compare with its specification",
    ]
    asked = filters.extra.get("reference")
    if asked and asked != question.reference:
        words.insert(0, f"There is no specification of “{asked[:60]}” here. ")
    members = question.held.filter("member")["site"].n_unique()
    if question.reference != USUAL and members > 1:
        href = _PATH + filters.without("reference").to_query()
        words += [", or go back to ", dcc.Link("what most members ask", href=href)]
    return html.P([*words, "."], className="note")


def _sites(frame: pl.DataFrame, question: Asked, filters: Filters) -> list[Heading]:
    sites = frame.unique("site", maintain_order=True).sort(
        pl.col("site") != question.reference, ~pl.col("member"), "site"
    )
    stricter = _tally(frame, "stricter")
    looser = _tally(frame, "looser")
    return [
        Heading(
            row["site"],
            row["site"],
            _about(row, stricter.get(row["site"], 0), looser.get(row["site"], 0)),
            href=_PATH + filters.option("reference", row["site"]).to_query()
            if row["spec_version"] is not None and row["site"] != question.reference
            else None,
            current=row["site"] == question.reference,
        )
        for row in sites.iter_rows(named=True)
    ]


def _tally(frame: pl.DataFrame, relation: str) -> dict[str, int]:
    mine = frame.filter(pl.col("relation") == relation)
    return dict(mine["site"].value_counts().iter_rows())


def _about(row: dict[str, Any], stricter: int, looser: int) -> str:
    """Version, days, stages and whose: what must be known of a whole specification."""
    if row["spec_version"] is None:
        return "no specification sent"
    since, until = row["valid_from"], row["valid_to"]
    parts = [
        "" if row["member"] else "published",
        f"v{row['spec_version']}"
        + (f" since {written(since, 'date')}" if since else ""),
        f"until {written(until, 'date')}" if until else "",
        "" if row["holds"] else "not in force today",
        "two-stage" if row["two_stage"] else "one-stage",
        f"▲ {stricter} ▽ {looser}" if stricter or looser else "",
    ]
    return " · ".join(part for part in parts if part)


def _tests(frame: pl.DataFrame) -> list[Heading]:
    tests = frame.unique("place", maintain_order=True).sort("place")
    return [
        Heading(
            str(row["place"]),
            row["test"],
            " · ".join(filter(None, (chapter(row["parameter"]), _stage(row)))),
            _GROUPS.get(row["gate"], row["gate"]),
        )
        for row in tests.iter_rows(named=True)
    ]


def _stage(row: dict[str, Any]) -> str:
    """The stage where it is not the one that its gate suggests."""
    usual = _STAGES.get(row["stage"]) == row["gate"]
    return "" if usual else str(row["stage"]).replace("_", " ")


def _mark(row: dict[str, Any]) -> Mark:
    if row["limit"] is None:
        silent = row["state"] == "not_reported"
        look, sign, words = (
            ("silent", "○", "not reported")
            if silent
            else ("missing", "∅", "not tested")
        )
        return Mark(look, sign, words, hover=_hover(row))
    look, sign = _LOOKS.get(row["relation"], ("equal", ""))
    far = row["strictness"] if row["n"] and row["n"] >= _ENOUGH else 0.5
    if look == "stricter" and far >= _NEARLY_ALL:
        look, sign = "strictest", "▲▲"
    if look == "looser" and far <= 1 - _NEARLY_ALL:
        look, sign = "loosest", "▽▽"
    return Mark(look, sign, row["limit"], row["note"] or "", _hover(row))


def _hover(row: dict[str, Any]) -> str:
    lines = [f"{row['site']}, {row['test']}: {row['full'] or row['reason']}"]
    if row["relation"] not in (None, "reference"):
        against = f" ({row['against']})" if row["against"] else ""
        lines.append(f"{row['stands']}, beside {row['compared_with']}{against}")
    if row["because"]:
        lines.append(row["because"])
    if row["n"]:
        lines.append(
            f"stricter than {row['stricter_than']}, same as {row['same_as']}, looser"
            f" than {row['looser_than']} of {row['n']} comparable members"
        )
    if row["unlike"]:
        lines.append(f"not comparable with {row['unlike']} members")
    return "\n".join(lines)
