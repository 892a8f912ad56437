"""Where the sites are: points on a map whose shapes come from this server."""

import textwrap
from collections.abc import Mapping

import plotly.graph_objects as go
import polars as pl

from dashboard.components import HIDDEN
from dashboard.figures.canvas import canvas, column, empty, flagged, marker, shown, sign
from dashboard.theme import FAINT, FLAGS, GREY, STATES

_REACH = 30.0
_MOST_INSETS = 3


def places(
    frame: pl.DataFrame,
    count: str = "batches",
    words: Mapping[str, str] | None = None,
) -> go.Figure:
    """One point a site, its size by n, its shape by flag.

    `words` says what a flag means here, where it is about something else than limits.

    `frame`: label, latitude, longitude, n, state, reason; `flag`, `hover`, `shape` (a
    plotly symbol) and `fade` (opacity, less for what is old) when there are any. The
    outlines are Natural Earth's at 1 : 50 million, enough to recognise a country and
    too coarse to be about borders. A site whose number cannot be shown keeps its place,
    as an open mark with its state's words. Sites on another continent would shrink all
    the others to a blot: they have a map of their own beside the first.
    """
    located = frame.drop_nulls(["latitude", "longitude"])
    if located.is_empty():
        return empty("No site has a place on the map.")
    figure = canvas()
    parts = _parts(located)
    for i, part in enumerate(parts):
        geo = f"geo{i + 1 if i else ''}"
        rows = flagged(shown(part))
        for flag in rows["flag"].unique(maintain_order=True):
            said = (words or {}).get(flag, FLAGS[flag].words)
            marks = rows.filter(pl.col("flag") == flag)
            _points(figure, marks, (said, count), geo)
        _without_number(figure, part, geo)
        figure.update_layout({geo: _map(part, i, len(parts) - 1)})
        if i:
            _headed(figure, part, i)
    return figure


def _parts(rows: pl.DataFrame) -> list[pl.DataFrame]:
    """The sites in reach of the middle one, then those far away, by continent or so."""
    parts: list[pl.DataFrame] = []
    while rows.height:
        middle = rows.select(pl.col("longitude", "latitude").median()).row(0)
        if parts:
            middle = rows.select("longitude", "latitude").row(0)
        near = (pl.col("longitude") - middle[0]).abs().lt(_REACH) & (
            pl.col("latitude") - middle[1]
        ).abs().lt(_REACH)
        if not rows.filter(near).height or len(parts) == _MOST_INSETS:
            return [*parts, rows]
        parts.append(rows.filter(near))
        rows = rows.filter(~near)
    return parts


def _map(rows: pl.DataFrame, place: int, insets: int) -> dict[str, object]:
    """The look of one map: the first takes all the room but a column of insets."""
    domain: dict[str, list[float]] = {"x": [0, 0.76 if insets else 1], "y": [0, 1]}
    if place:
        tall = min(0.44, 0.96 / insets)
        domain = {"x": [0.79, 1], "y": [(place - 1) / insets, 0]}
        domain["y"][1] = domain["y"][0] + tall - 0.06
    return {
        "domain": domain,
        "resolution": 50,
        "projection": {"type": "mercator"},
        "showland": True,
        "landcolor": FAINT,
        "showcountries": True,
        "countrycolor": GREY,
        "showcoastlines": bool(place),
        "coastlinecolor": FAINT,
        "showframe": bool(place),
        "framecolor": GREY,
        "showlakes": False,
        "bgcolor": "rgba(0,0,0,0)",
        **_window(rows),
    }


def _headed(figure: go.Figure, rows: pl.DataFrame, place: int) -> None:
    """Who is on an inset, above it: a lone map of a coast tells nobody where it is."""
    domain = figure.layout[f"geo{place + 1}"].domain
    figure.add_annotation(
        text="<br>".join(textwrap.wrap(", ".join(rows["label"]), 22)),
        xref="paper",
        yref="paper",
        x=domain.x[0],
        y=domain.y[1],
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


def _without_number(figure: go.Figure, located: pl.DataFrame, geo: str) -> None:
    for state in HIDDEN:
        rows = located.filter(pl.col("state") == state)
        if rows.is_empty():
            continue
        figure.add_scattergeo(
            geo=geo,
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


def _points(
    figure: go.Figure, rows: pl.DataFrame, said_as: tuple[str, str], geo: str
) -> None:
    words, count = said_as
    mark = marker(str(rows["flag"][0]))
    sizes = [9 + 2.2 * (n or 0) ** 0.35 for n in rows["n"]]
    said = [
        f"<b>{label}</b><br>{n:,} {count}<br>{words}"
        for label, n in rows.select("label", pl.col("n").fill_null(0)).iter_rows()
    ]
    figure.add_scattergeo(
        geo=geo,
        lon=rows["longitude"].to_list(),
        lat=rows["latitude"].to_list(),
        mode="markers",
        marker={
            **mark,
            "size": sizes,
            "symbol": column(rows, "shape", mark["symbol"]),
            "opacity": column(rows, "fade", 0.9),
        },
        name=words,
        hovertext=column(rows, "hover", None) if "hover" in rows.columns else said,
        hoverinfo="text",
    )
