import json
import logging
from datetime import date
from typing import Any

import plotly.graph_objects as go
import polars as pl
import pytest
from dash.development.base_component import Component

from dashboard import figures
from dashboard.card import Card, render
from dashboard.components import Column, grid, written
from dashboard.filters import Filters
from dashboard.table import content, table
from dashboard.viewer import Viewer

FIVE = pl.DataFrame(
    {
        "label": ["a", "b", "c", "d", "e"],
        "count": [7, 0, None, None, None],
        "state": ["data", "zero", "not_reported", "suppressed", "not_applicable"],
        "reason": [None, None, "late", "fewer than 5", "never made here"],
    }
)


def card(**given: Any) -> Card:
    whole = {"id": "x", "title": "X", "frame": lambda v, f: FIVE}
    return Card(**whole | {"sentence": lambda f: "Seven; fewer is better."} | given)


def parts(component: Component, kind: str) -> list[Any]:
    return [c for c in component._traverse() if type(c).__name__ == kind]


def text(component: Any) -> str:
    if isinstance(component, Component):
        return text(getattr(component, "children", None))
    if isinstance(component, list | tuple):
        return " ".join(filter(None, map(text, component)))
    return "" if component is None else str(component)


def test_a_card_has_its_title_sentence_n_table_csv_and_definition() -> None:
    made = render(
        card(draw=figures.pareto, metric="m", count=lambda f: "n = 7"),
        Viewer(),
        Filters(site=("a",)),
    )
    words = text(made)
    for expected in ("X", "Seven; fewer is better.", "n = 7", "Table", "CSV"):
        assert expected in words
    links = [a.href for a in (*parts(made, "A"), *parts(made, "Link"))]
    assert links == ["/api/v1/cards/x.csv?site=a", "/methods#m"]
    assert len(parts(made, "Graph")) == 1
    assert [d for d in parts(made, "Div") if hasattr(d, "data-table")]


def test_the_figure_is_named_by_its_title_and_sentence() -> None:
    made = render(card(draw=figures.pareto), Viewer(), Filters())
    (image,) = [d for d in parts(made, "Div") if getattr(d, "role", None) == "img"]
    assert getattr(image, "aria-label").startswith("X. Seven; fewer is better.")


def test_hidden_rows_are_counted_under_the_figure() -> None:
    words = text(render(card(), Viewer(), Filters()))
    assert "1 not reported" in words
    assert "1 hidden" in words
    assert "1 not applicable" in words


@pytest.mark.parametrize("part", ["frame", "sentence", "draw"])
def test_a_broken_card_gives_a_reference_and_says_nothing_more(
    part: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> go.Figure:
        raise RuntimeError("patient 123")

    with caplog.at_level(logging.ERROR):
        words = text(render(card(**{part: fail}), Viewer(), Filters()))
    assert "could not be made" in words
    assert "patient 123" not in words
    (record,) = caplog.records
    assert vars(record)["facts"]["reference"] == words.split()[-1]


def test_each_state_is_written_with_its_own_sign_and_word() -> None:
    made = content(FIVE, (Column("label", "L"), Column("count", "C", "count")), "X")
    rows: Any = made["rows"]
    states: Any = made["states"]
    assert [row["cells"][1] for row in rows] == [
        "7",
        "0",
        {"state": "not_reported"},
        {"state": "suppressed"},
        {"state": "not_applicable"},
    ]
    assert [row["reason"] for row in rows][2:] == [
        "late",
        "fewer than 5",
        "never made here",
    ]
    assert len({tuple(states[row["state"]]) for row in rows}) == 5


def test_a_table_in_which_all_is_data_has_no_column_of_states() -> None:
    assert content(FIVE.head(1), (), "X")["states"] is None


def test_a_table_is_one_component_however_long_it_is() -> None:
    made = table(pl.DataFrame({"i": range(1234)}), (), "Long", "/all.csv")
    assert len(list(made._traverse())) < 12
    (region,) = [d for d in parts(made, "Div") if hasattr(d, "data-table")]
    assert len(json.loads(getattr(region, "data-table"))["rows"]) == 200
    assert "The first 200 of 1\u202f234 rows." in text(made)
    assert parts(made, "A")[0].href == "/all.csv"


def test_a_long_list_sorts_numbers_as_numbers_and_shows_shares_in_percent() -> None:
    frame = pl.DataFrame({"share": [0.0813, None], "day": [date(2026, 1, 2)] * 2})
    columns = (Column("share", "Share", "percent"), Column("day", "Day", "date"))
    (made,) = parts(grid(frame, columns, "Shares"), "AgGrid")
    assert made.rowData == [
        {"share": 8.1, "day": "2026-01-02"},
        {"share": None, "day": "2026-01-02"},
    ]
    assert made.columnDefs[0]["headerName"] == "Share (%)"


@pytest.mark.parametrize(
    ("value", "kind", "words"),
    [
        (None, "count", "–"),
        (float("nan"), "percent", "–"),
        (0.0813, "percent", "8.1 %"),
        (1_234_567, "count", "1\u202f234\u202f567"),
        (27.25, "days", "27.2"),
        (1234.5, "number", "1\u202f234"),
        ("GMP", "text", "GMP"),
    ],
)
def test_values_are_written_for_readers(value: object, kind: Any, words: str) -> None:
    assert written(value, kind) == words
