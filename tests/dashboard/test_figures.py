import json
from collections.abc import Callable
from datetime import date

import plotly.graph_objects as go
import polars as pl
import pytest

from dashboard import figures

CURVE = pl.DataFrame(
    {"n": [10, 100], "centre": [0.1, 0.1], "low95": [0.0, 0.05], "low998": [0.0, 0.02],
     "high95": [0.3, 0.15], "high998": [0.4, 0.2]}
)  # fmt: skip

ROW = {
    "label": "Alpha", "x": date(2025, 1, 1), "part": "all", "row": "Viability",
    "column": "Alpha", "series": "one", "text": "≥ 70 %", "flag": "high998",
    "n": 40, "count": 4, "value": 0.25, "low": 0.1, "high": 0.4, "p10": 1.0, "p25": 2.0,
    "p50": 3.0, "p75": 4.0, "p90": 9.0, "latitude": 41.0, "longitude": 2.0,
    "state": "data", "reason": None,
}  # fmt: skip

NUMBERS = ["n", "count", "value", "low", "high", "p10", "p25", "p50", "p75", "p90"]

DRAWN: dict[str, Callable[[pl.DataFrame], go.Figure]] = {
    "funnel": lambda f: figures.funnel(f, CURVE),
    "pareto": figures.pareto,
    "stacked_bars": figures.stacked_bars,
    "series": lambda f: figures.series(f, "share", percent=True),
    "matrix": figures.matrix,
    "caterpillar": lambda f: figures.caterpillar(f, "share", centre=0.1),
    "quantiles": lambda f: figures.quantiles(f, "days"),
    "histogram": lambda f: figures.histogram(f.with_columns(x=pl.lit(1.0)), "days"),
    "steps": lambda f: figures.steps(f.with_columns(x=pl.lit(1.0)), "days", "share"),
    "places": figures.places,
}


def frame(*rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame(
        [{**ROW, **row} for row in rows], schema_overrides={"reason": pl.String}
    )


def hidden(state: str, reason: str) -> dict[str, object]:
    return {**dict.fromkeys(NUMBERS), "label": "Hidden", "row": "Hidden",
            "series": "two", "part": "other", "flag": "none", "x": date(2025, 2, 1),
            "state": state, "reason": reason}  # fmt: skip


def said(figure: go.Figure) -> str:
    return " ".join(a.text.replace("<br>", " ") for a in figure.layout.annotations)


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_draws_its_rows(name: str) -> None:
    figure = DRAWN[name](frame({}))
    assert len(figure.data) >= 1
    assert "Nothing to show" not in said(figure)


@pytest.mark.parametrize("name", [n for n in DRAWN if n != "places"])
def test_an_empty_frame_is_a_sentence(name: str) -> None:
    figure = DRAWN[name](frame({}).clear())
    assert not figure.data
    assert said(figure) == "Nothing to show for these filters."


@pytest.mark.parametrize("name", [n for n in DRAWN if n != "places"])
def test_rows_that_are_all_hidden_say_why(name: str) -> None:
    figure = DRAWN[name](frame(hidden("suppressed", "fewer than 5 batches")))
    assert not figure.data
    assert said(figure) == "Hidden: fewer than 5 batches"


def numbers(value: object) -> set[float]:
    if isinstance(value, list):
        return set().union(*map(numbers, value))
    return {value} if isinstance(value, int | float) else set()


@pytest.mark.parametrize("name", DRAWN)
def test_a_hidden_row_adds_no_number_but_its_sign_at_zero(name: str) -> None:
    both, alone = (
        set().union(*(numbers(t.get(k)) for t in traces for k in ("x", "y", "z")))
        for traces in (
            json.loads(DRAWN[name](frame({}, hidden("suppressed", "few"))).to_json())[
                "data"
            ],
            json.loads(DRAWN[name](frame({})).to_json())["data"],
        )
    )
    rows = {1} if name == "matrix" else set()  # which it numbers
    assert both - alone <= {0, *rows}


def test_a_month_without_a_report_breaks_the_line_and_stands_on_the_axis() -> None:
    missing = {**hidden("not_reported", "no report came"), "series": "one"}
    figure = figures.series(frame({}, missing), "share")
    line = next(t for t in figure.data if t.name == "one")
    sign = next(t for t in figure.data if t.name == "not reported")
    assert list(line.y) == [0.25, None]
    assert line.connectgaps is False
    assert list(sign.hovertext) == ["no report came"]


def test_flags_differ_in_shape_and_words_not_only_in_colour() -> None:
    flags = ["high998", "high95", "none", "low95", "low998", "not_compared"]
    figure = figures.funnel(frame(*({"flag": flag} for flag in flags)), CURVE)
    points = [t for t in figure.data if "markers" in t.mode]
    assert len({t.marker.symbol for t in points}) == 6
    assert len({t.name for t in points}) == 6


def test_a_pareto_starts_with_the_largest_and_ends_at_all() -> None:
    rows = ({"label": name, "count": n} for name, n in (("a", 1), ("b", 3)))
    figure = figures.pareto(frame(*rows))
    (bars,) = figure.data
    assert list(figure.layout.yaxis.ticktext) == ["b", "a"]
    assert list(bars.x) == [3, 1]
    assert list(bars.text) == ["3 · 75%", "1 · 100%"]


def test_a_site_without_a_number_keeps_its_place_on_the_map() -> None:
    figure = figures.places(frame({}, hidden("not_reported", "nothing since March")))
    (mark,) = [t for t in figure.data if t.name == "not reported"]
    assert mark.hovertext == ("<b>Hidden</b><br>nothing since March",)


def test_a_matrix_signs_the_cells_it_cannot_shade() -> None:
    figure = figures.matrix(frame({}, hidden("suppressed", "few")))
    assert said(figure) == "▨"
    assert list(figure.data[0].z[1]) == [None]


@pytest.mark.parametrize("name", ["pareto", "caterpillar"])
def test_names_that_are_cut_to_the_same_words_stay_apart(name: str) -> None:
    long = "a published panel of many centres in many countries, "
    rows = ({"label": long + end, "count": 2} for end in ("lymphoma", "myeloma"))
    figure = DRAWN[name](frame(*rows))
    assert sorted(figure.data[0].y) == [0, 1]
    assert len(figure.layout.yaxis.ticktext) == 2
