"""Tracing: from a lot to every batch that it went into, and on to their records."""

import polars as pl
from dash import dcc, html
from dash.development.base_component import Component

from dashboard import queries
from dashboard.card import Card
from dashboard.components import Column, notice
from dashboard.filters import Filters
from dashboard.names import some
from dashboard.pages import _recall
from dashboard.shell import Page, register
from dashboard.viewer import Viewer

PATH = "/tracing"


def lots(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """The lots of the sites seen by name, the latest first, each with its list."""
    frame = queries.lots(viewer, filters)
    query = pl.format("?kind={}&supplier={}&lot={}", "kind", "supplier", "lot")
    return frame.with_columns(pl.format(f"{PATH}{{}}", query).alias("list"))


def _lots_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "No lot of a site that you see by name can be shown."
    number = frame.select("kind", "supplier", "lot").n_unique()
    shared = (
        frame.select("kind", "supplier", "lot")
        .unique()
        .filter(pl.col("lot").is_duplicated())["lot"]
        .n_unique()
    )
    twice = (
        f" {some(shared, 'number is', 'numbers are')} used for several lots: the"
        " supplier tells them apart."
        if shared
        else ""
    )
    return (
        f"{some(number, 'lot')} at {some(frame['site'].n_unique(), 'site')}, the"
        f" latest used first.{twice} Fewer failures are better; whether a lot's are"
        " more than chance is on the Overview."
    )


def _top(viewer: Viewer, filters: Filters) -> Component:
    """The search, and what stands above a lot's list."""
    number = filters.extra.get("lot", "")
    search = html.Form(
        [
            html.Label(
                [
                    html.Span("Lot, written in any way"),
                    dcc.Input(id="lot-sought", name="lot", value=number, type="search",
                              maxLength=80, className="form-control"),
                ],
                className="filter",
            ),
            html.Button("Find", type="submit", className="btn btn-primary btn-sm"),
        ],
        action=PATH,
        method="get",
        role="search",
        className="search",
    )  # fmt: skip
    return html.Div([search, *_found(viewer, filters)] if number else [search])


def _found(viewer: Viewer, filters: Filters) -> list[Component]:
    found = queries.lot_asked(viewer, filters)
    if not found:
        return [notice(f"{_recall.NONE} Without the lot, all are listed.")]
    if len(found) > 1:
        links = [
            html.Li(dcc.Link(_recall.title(lot), href=f"{PATH}?{lot.query}"))
            for lot in found
        ]
        return [
            html.P("Several lots bear this number. Which one?"),
            html.Ul(links, className="choices"),
        ]
    (lot,) = found
    title = _recall.title(lot)
    heading = html.H2(f"{title[0].upper()}{title[1:]}")
    lists = _recall.lists(viewer, lot, filters)
    return [html.Section([heading, lists], className="card-figure")]


def _foot(viewer: Viewer, filters: Filters) -> Component:
    found = queries.lot_asked(viewer, filters)
    known = viewer.role in ("lead", "site") and len(found) == 1
    return _recall.agreement(viewer, found[0]) if known else html.Div()


register(
    __name__,
    Page(
        PATH,
        "Tracing",
        "Which batches did a lot go into, and what became of each of them?",
        order=68,
        shown=("region", "site"),
        top=_top,
        foot=_foot,
        cards=(
            _recall.CARD,
            Card(
                "lots",
                "Lots",
                lots,
                _lots_said,
                columns=(
                    Column("lot", "Lot"),
                    Column("list", "Its batches", "page"),
                    Column("kind", "Material", "words"),
                    Column("supplier", "Supplier"),
                    Column("site", "Site", "site"),
                    Column("used", "Batches", "count"),
                    Column("ended", "Ended", "count"),
                    Column("failed", "Without product", "count"),
                    Column("first", "First used", "date"),
                    Column("last", "Last used", "date"),
                    Column("expires", "Expires", "date"),
                ),
                count=lambda f: some(
                    f.select("kind", "supplier", "lot").n_unique(), "lot"
                ),
                metric="lot_failure",
            ),
        ),
    ),
)
