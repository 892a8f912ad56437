"""Where the sites are: points on a map whose shapes come from this server."""

import textwrap
from collections.abc import Mapping

import plotly.graph_objects as go
import polars as pl

from dashboard.components import HIDDEN
from dashboard.figures.canvas import canvas, column, empty, flagged, marker, shown, sign
from dashboard.theme import FAINT, FLAGS, GREY, STATES


def places(
    frame: pl.DataFrame,
    count: str = "batches",
    words: Mapping[str, str] | None = None,
) -> go.Figure:
    """One point a site, its size by n, its shape by flag.

    `words` says what a flag means here, where it is about something else than limits.

    `frame`: label, latitude, longitude, n, state, reason; `flag`, `hover` when there
    are any. The outlines are Natural Earth's at 1 : 50 million, enough to recognise a
    country and too coarse to be about borders. A site whose number cannot be shown
    keeps its place, as an open mark with its state's words.
    """
    located = frame.drop_nulls(["latitude", "longitude"])
    if located.is_empty():
        return empty("No site has a place on the map.")
    near = _near(located)
    located, far = located.filter(near), located.filter(~near)
    rows = flagged(shown(located))
    figure = canvas()
    for flag in rows["flag"].unique(maintain_order=True):
        said = (words or {}).get(flag, FLAGS[flag].words)
        _points(figure, rows.filter(pl.col("flag") == flag), said, count)
    _without_number(figure, located)
    figure.update_geos(
        resolution=50,
        projection_type="mercator",
        showland=True,
        landcolor=FAINT,
        showcountries=True,
        countrycolor=GREY,
        showcoastlines=False,
        showframe=False,
        showlakes=False,
        bgcolor="rgba(0,0,0,0)",
        **_window(located),
    )
    _far_away(figure, far)
    return figure


def _near(rows: pl.DataFrame) -> pl.Series:
    """Which sites the map shows: those in reach of the middle one.

    One site on another continent would shrink all the others to a blot.
    """
    reach = 30.0
    return rows.select(
        ((pl.col("longitude") - pl.col("longitude").median()).abs() < reach)
        & ((pl.col("latitude") - pl.col("latitude").median()).abs() < reach)
    ).to_series()


def _far_away(figure: go.Figure, rows: pl.DataFrame) -> None:
    """Sites beyond the map in words, so that nobody is left out."""
    if rows.is_empty():
        return
    names = ", ".join(rows["label"])
    figure.add_annotation(
        text="<br>".join(textwrap.wrap(f"Beyond this map: {names}", 44)),
        xref="paper",
        yref="paper",
        x=0,
        y=0,
        xanchor="left",
        yanchor="bottom",
        align="left",
        showarrow=False,
    )


def _window(rows: pl.DataFrame) -> dict[str, object]:
    """Bounds with room around the sites, at least a few hundred kilometres across."""
    ends: dict[str, object] = {}
    for axis, name, room in (
        ("lonaxis", "longitude", 6.0),
        ("lataxis", "latitude", 4.0),
    ):
        low, high = min(rows[name].to_list()), max(rows[name].to_list())
        pad = max(room, 0.12 * (high - low))
        ends[axis] = {"range": [low - pad, high + pad]}
    return ends


def _without_number(figure: go.Figure, located: pl.DataFrame) -> None:
    for state in HIDDEN:
        rows = located.filter(pl.col("state") == state)
        if rows.is_empty():
            continue
        figure.add_scattergeo(
            lon=rows["longitude"].to_list(),
            lat=rows["latitude"].to_list(),
            mode="markers",
            marker={**sign(state), "color": GREY, "size": 9},
            name=STATES[state].words,
            hovertext=[
                f"<b>{label}</b><br>{reason or STATES[state].words}"
                for label, reason in rows.select("label", "reason").iter_rows()
            ],
            hoverinfo="text",
        )


def _points(figure: go.Figure, rows: pl.DataFrame, words: str, count: str) -> None:
    sizes = [9 + 2.2 * (n or 0) ** 0.35 for n in rows["n"]]
    said = [
        f"<b>{label}</b><br>{n:,} {count}<br>{words}"
        for label, n in rows.select("label", pl.col("n").fill_null(0)).iter_rows()
    ]
    figure.add_scattergeo(
        lon=rows["longitude"].to_list(),
        lat=rows["latitude"].to_list(),
        mode="markers",
        marker={**marker(str(rows["flag"][0])), "size": sizes, "opacity": 0.9},
        name=words,
        hovertext=column(rows, "hover", None) if "hover" in rows.columns else said,
        hoverinfo="text",
    )
