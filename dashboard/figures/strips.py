"""Small multiples of control charts: one strip a site, all on one axis of time.

Drawn as one pair of axes with few traces, since plotly needs a second for two dozen
axes of their own. The vertical unit is a pixel: each strip has its own scale inside its
own height, and stays as readable on a telephone as on a wide screen.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboard.components import HIDDEN
from dashboard.figures.canvas import canvas, cut, nothing, sign
from dashboard.figures.strip import AREA, LINE, Row, Strip, laid, runs, stepped
from dashboard.theme import BAND, BLUE, FAINT, GREY, ORANGE, PURPLE, STATES

SIGNALS: Mapping[str, tuple[str, str, str]] = {
    "worse": ("signal: worse", ORANGE, "diamond"),
    "better": ("signal: better", BLUE, "square"),
    "pattern": ("signal: a pattern", PURPLE, "star"),
}
MANY = 6
_NEAR = 0.3


def strips(frame: pl.DataFrame) -> list[go.Figure]:
    """A strip a `panel`: points, limits as a band, signals and marks on vertical lines.

    `frame`: panel, title (lines, parted by a line feed), what (`point`, else the words
    of a mark), x (date), value, centre, lower, upper, phase, scale (share of batches,
    gap between failures on a square-root scale, or sum), side (worse, better,
    pattern), hover, state, reason. A value that is hidden or was not reported breaks
    the line and leaves its state's sign; it is never drawn as zero.

    Many strips come as two figures, to stand side by side where there is room.
    """
    drawn = frame.filter(pl.col("x").is_not_null())
    points = frame.filter(pl.col("what") == "point")
    if drawn.is_empty() or nothing(points.filter(pl.col("x").is_not_null())):
        return [nothing(points) or canvas(height=160)]
    ends = drawn["x"].min(), drawn["x"].max()
    panels = points.filter(pl.col("x").is_not_null())["panel"].unique(
        maintain_order=True
    )
    half = (len(panels) + 1) // 2 if len(panels) >= MANY else len(panels)
    parts = (panels[:half], panels[half:])
    return [
        _figure(drawn.filter(pl.col("panel").is_in(part.implode())), ends)  # type: ignore[arg-type]  # a column of dates
        for part in parts
        if len(part)
    ]


def _figure(drawn: pl.DataFrame, ends: tuple[date, date]) -> go.Figure:
    parts, height = laid(drawn)
    figure = canvas(height=int(height) + 64)
    _years(figure, parts, ends)
    for draw in (_bands, _centres, _values, _signals, _signs, _marks):
        draw(figure, parts)
    _titles(figure, parts, ends[0])
    _axes(figure, parts, height, ends)
    return figure


def _bands(figure: go.Figure, parts: Iterable[Strip]) -> None:
    x: list[datetime | None] = []
    y: list[float | None] = []
    for strip in parts:
        for run in runs(strip, "upper"):
            over, high = stepped(strip, run, "upper")
            _, low = stepped(strip, run, "lower")
            x += [*over, *over[::-1], over[0], None]
            y += [*high, *low[::-1], high[0], None]
    _add(figure, x, y, "limits", fill="toself", fillcolor=BAND, line={"width": 0})


def _centres(figure: go.Figure, parts: Iterable[Strip]) -> None:
    x: list[datetime | None] = []
    y: list[float | None] = []
    for strip in parts:
        for run in runs(strip, "centre"):
            over, middle = stepped(strip, run, "centre")
            x, y = [*x, *over, None], [*y, *middle, None]
    line = {"color": GREY, "width": 1.2, "dash": "dash"}
    _add(figure, x, y, "centre", line=line)


def _values(figure: go.Figure, parts: Iterable[Strip]) -> None:
    found = [(s, run) for s in parts for run in runs(s, "value")]
    x, y, said = _spread(found, lambda p: p["hover"])
    _add(figure, x, y, "value", mode="lines+markers", hovertext=said,
         hoverinfo="text", line={"color": BLUE, "width": 1.4},
         marker={"size": 4.5, "color": BLUE})  # fmt: skip


def _signals(figure: go.Figure, parts: Iterable[Strip]) -> None:
    for side, (words, colour, symbol) in SIGNALS.items():
        chosen = [
            (strip, [p]) for strip in parts for p in strip.points if p["side"] == side
        ]
        if chosen:
            x, y, said = _spread(chosen, lambda p: p["hover"])
            marker = {"symbol": symbol, "color": colour, "size": 10}
            _add(figure, x, y, words, mode="markers", marker=marker,
                 hovertext=said, hoverinfo="text")  # fmt: skip


def _signs(figure: go.Figure, parts: Iterable[Strip]) -> None:
    """The sign of each point's state where its value is held back or never came."""
    for state in HIDDEN:
        rows = [(s, p) for s in parts for p in s.points
                if p["value"] is None and p["state"] == state]  # fmt: skip
        if rows:
            marker = {**sign(state), "color": GREY, "size": 8}
            _add(figure, [p["x"] for _, p in rows], [s.base for s, _ in rows],
                 STATES[state].words, mode="markers", marker=marker,
                 hovertext=[p["hover"] for _, p in rows],
                 hoverinfo="text")  # fmt: skip


def _marks(figure: go.Figure, parts: Sequence[Strip]) -> None:
    """Vertical lines with their words over the strip; near ones share their words."""
    x: list[date | None] = []
    y: list[float | None] = []
    said: list[str | None] = []
    ends = [p["x"] for s in parts for p in s.points]
    span = max((max(ends) - min(ends)).days, 1)
    for strip in parts:
        for mark in strip.marks:
            x += [mark["x"], mark["x"], None]
            y += [strip.base, strip.base + AREA, None]
            said += [mark["hover"], mark["hover"], None]
        for near in _together(strip.marks, span):
            late = (near[0]["x"] - min(ends)).days > 0.6 * span
            words = "; ".join(dict.fromkeys(m["what"] for m in near))
            figure.add_annotation(
                x=near[0]["x"], y=strip.base + AREA, text=f"│ {words}",
                showarrow=False, xanchor="right" if late else "left",
                yanchor="bottom", font={"size": 11}, borderpad=0, xshift=-2,
                hovertext="<br>".join(m["hover"] for m in near),
            )  # fmt: skip
            if late:
                figure.layout.annotations[-1].update(text=f"{words} │", xshift=3)
    if x:
        line = {"color": PURPLE, "width": 1.6, "dash": "dot"}
        _add(figure, x, y, "change or note", line=line, hovertext=said,
             hoverinfo="text")  # fmt: skip


def _together(marks: Sequence[Row], span: int) -> list[list[Row]]:
    groups: list[list[Row]] = []
    for mark in marks:
        near = groups and (mark["x"] - groups[-1][0]["x"]).days < _NEAR * span
        if near:
            groups[-1].append(mark)
        else:
            groups.append([mark])
    return groups


def _titles(figure: go.Figure, parts: Iterable[Strip], first: date) -> None:
    titles = [
        go.layout.Annotation(
            x=0, xref="paper", xanchor="left", y=strip.top - LINE * i,
            yanchor="top", text=line, showarrow=False, borderpad=0, xshift=-38,
            font={"size": 12 if i == 0 else 11},
        )
        for strip in parts
        for i, line in enumerate(
            [f"<b>{cut(strip.lines[0], 46)}</b>", *strip.lines[1:]]
        )
    ]  # fmt: skip
    # All at once: one by one, each would be a copy of those before.
    figure.update_layout(annotations=[*figure.layout.annotations, *titles])


def _years(figure: go.Figure, parts: Iterable[Strip], ends: tuple[date, date]) -> None:
    """Thin lines at each New Year, with the year under them, in every strip."""
    every = range(ends[0].year + 1, ends[1].year + 1)
    each = [date(year, 1, 1) for year in every][:: max(1, len(every) // 6 + 1)]
    x: list[date | None] = []
    y: list[float | None] = []
    for strip in parts:
        for day in each:
            x += [day, day, None]
            y += [strip.base, strip.base + AREA, None]
        x += [*ends, None]
        y += [strip.base, strip.base, None]
    figure.add_scatter(x=x, y=y, mode="lines", line={"color": FAINT, "width": 1},
                       hoverinfo="skip", showlegend=False)  # fmt: skip
    figure.add_scatter(
        x=[day for _ in parts for day in each],
        y=[strip.base - 8 for strip in parts for _ in each],
        mode="text",
        text=[str(day.year) for _ in parts for day in each],
        textfont={"size": 10},
        hoverinfo="skip",
        showlegend=False,
        cliponaxis=False,
    )


def _axes(
    figure: go.Figure,
    parts: Iterable[Strip],
    height: float,
    ends: tuple[date, date],
) -> None:
    ticks = [tick for strip in parts for tick in _ticks(strip)]
    margin = (ends[1] - ends[0]) * 0.02 + timedelta(days=10)
    figure.update_xaxes(
        range=[ends[0] - margin, ends[1] + margin], visible=False, fixedrange=True
    )
    figure.update_yaxes(
        range=[0, height],
        tickvals=[y for y, _ in ticks],
        ticktext=[words for _, words in ticks],
        tickfont={"size": 10},
        showgrid=False,
        automargin=False,
        fixedrange=True,
    )
    figure.update_layout(
        margin={"l": 40, "r": 6, "t": 64, "b": 0},
        legend={"y": 1, "yref": "container", "yanchor": "top", "font": {"size": 11}},
    )


def _ticks(strip: Strip) -> list[tuple[float, str]]:
    """Zero, the latest centre and the top, as far as they do not overlap."""
    centre = next((p["centre"] for p in strip.points[::-1] if p["centre"]), None)
    found: list[tuple[float, str]] = []
    for value in (0.0, strip.most, centre):
        y = strip.y(value)
        if y is not None and value is not None and all(
            abs(y - other) > 11 for other, _ in found
        ):  # fmt: skip
            found.append(
                (y, f"{value:.0%}" if strip.scale == "share" else f"{value:.3g}")
            )
    return found


def _spread(
    each: Iterable[tuple[Strip, Sequence[Row]]], said: Callable[[Row], str]
) -> tuple[list[date | None], list[float | None], list[str | None]]:
    x: list[date | None] = []
    y: list[float | None] = []
    words: list[str | None] = []
    for strip, run in each:
        x += [*(p["x"] for p in run), None]
        y += [*(strip.y(p["value"]) for p in run), None]
        words += [*(said(p) for p in run), None]
    return x, y, words


def _add(
    figure: go.Figure, x: Sequence[object], y: Sequence[object], name: str, **look: Any
) -> None:
    defaults = {"mode": "lines", "hoverinfo": "skip", "connectgaps": False}
    figure.add_scatter(x=x, y=y, name=name, **{**defaults, **look})
