"""One lot's recall list, and what its site says of being named to the others on it."""

import plotly.graph_objects as go
import polars as pl
from dash import Input, Output, State, callback, ctx, dcc, html
from dash.development.base_component import Component

from dashboard import figures, queries, recalls
from dashboard.card import Card
from dashboard.components import Column, aria, reason_field, written
from dashboard.filters import Filters
from dashboard.names import site_name, some, words
from dashboard.proposals import LONGEST, NotWrittenError
from dashboard.queries import Lot
from dashboard.viewer import Viewer, current_request

NONE = "No batch that you may list was made with the lot asked for."
_ORDER = ("in process", "released, not infused", "infused", "released, never infused",
          "gave no product", "never sent")  # fmt: skip


def listed(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Every batch made with the lot, with the way to its record."""
    titles = dict(queries.products().select("product", "title").rows())
    return queries.recall(viewer, filters).with_columns(
        pl.when(pl.col("stands") != "never sent")
        .then(pl.format("/batch/{}/{}", "site", "batch"))
        .alias("record"),
        pl.col("product").replace(titles),
    )


def _said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return NONE
    counts = dict(frame.group_by("stands").agg(pl.col("batch").n_unique()).iter_rows())
    told = ", ".join(f"{counts[s]} {s}" for s in _ORDER if s in counts)
    lots = frame.select("kind", "supplier").n_unique()
    several = (
        f" The number names {lots} lots, of different suppliers or kinds: choose one."
        if lots > 1
        else ""
    )
    return (
        f"{some(frame['batch'].n_unique(), 'batch', 'batches')} at"
        f" {some(frame['site'].n_unique(), 'site')}: {told}. All of them, whatever the"
        f" period or the product asked for; fewer still to be infused are better."
        f"{several}"
    )


def _drawn(frame: pl.DataFrame) -> go.Figure:
    begun = frame.drop_nulls("started")
    if begun.is_empty():
        return figures.empty(NONE)
    order = pl.col("stands").replace_strict(_ORDER, range(len(_ORDER)))
    rows = begun.sort("site", order, "started")
    return figures.timeline(
        rows.select(
            pl.Series("label", map(site_name, rows["site"]), pl.String),
            pl.col("started").alias("x"),
            pl.col("stands").alias("kind"),
            "state",
            "reason",
            pl.format("{}, {}", "batch", "stands").alias("hover"),
        )
    )


CARD = Card(
    "recall-list",
    "Recall list",
    listed,
    _said,
    _drawn,
    (
        Column("batch", "Batch"),
        Column("site", "Site", "site"),
        Column("stands", "What became of it"),
        Column("kind", "Material", "words"),
        Column("supplier", "Supplier"),
        Column("lot", "Lot"),
        Column("product", "Product"),
        Column("pathway", "Pathway", "words"),
        Column("started", "Started", "date"),
        Column("first_release", "Released", "date"),
        Column("infused", "Infused", "date"),
        Column("expires", "Lot expires", "date"),
        Column("record", "Its record", "page"),
    ),
    count=lambda f: some(f["batch"].n_unique(), "batch", "batches"),
    metric="lot_failure",
    note="Each batch by the day on which it was started; the pseudonyms lead back to a"
    " site's own numbers only at the site.",
)


def lists(viewer: Viewer, lot: Lot, filters: Filters) -> Component:
    """Where each site's own list is to be had as a workbook, for who may have it."""
    frame = queries.recall(viewer, filters)
    sites = frame["site"].unique().sort().to_list()
    if not sites:
        return html.Div()
    links = [
        html.Li(html.A(site_name(site), href=f"/api/v1/recalls/{site}.xlsx?{lot.query}",
                       download=""))
        for site in sites
    ]  # fmt: skip
    said = (
        "As XLSX, one list a site: each holds that site's batches and names no other."
        if viewer.role == "lead"
        else "Your list as XLSX:"
    )
    return html.Div([html.P(said), html.Ul(links, className="choices")])


def others(viewer: Viewer, lot: Lot) -> list[Component]:
    """Who else is on the list, for the lead and for sites that agreed both."""
    told = recalls.named_to(viewer, lot)
    agreed = recalls.agreements(lot)
    if viewer.role == "lead":
        both = [told[s] for s in told if s in agreed and agreed[s].agreed]
        return [
            html.P(
                f"On the list: {'; '.join(told.values())}. Agreed to be named to each"
                f" other: {'; '.join(both) or 'none'}."
            )
        ]
    own = agreed.get(viewer.site or "")
    if own is None or not own.agreed:
        return [
            html.P(
                "You are named to no other site, and none is named to you. If you"
                " agree, your name is told to those on this list that agreed as well,"
                " and theirs to you; no batch and no number is. Whether there are any"
                " is not said before."
            )
        ]
    said = (
        f"Named to each other, as both agreed: {'; '.join(told.values())}."
        if told
        else "No other site is named to you."
    )
    return [html.P(f"You agreed on {written(own.at, 'date')} UTC: “{own.why}”. {said}")]


def agreement(viewer: Viewer, lot: Lot) -> Component:
    """What is known of the others on the list, and a site's form to agree or not."""
    parts: list[Component] = [
        html.H2("Who else is on this list", id="recall-others"),
        html.Div(others(viewer, lot), id="recall-known", **aria(live="polite")),
    ]
    if viewer.role == "site":
        parts += [
            reason_field("recall-why", LONGEST),
            html.Div(
                [
                    html.Button("Agree to be named", id="recall-agree",
                                className="btn btn-primary btn-sm"),
                    html.Button("Take it back", id="recall-withdraw",
                                className="btn btn-quiet btn-sm"),
                ],
                className="decide",
            ),
            html.Div(id="recall-said", className="note", **aria(live="polite")),
            dcc.Store(id="recall-lot", data=[lot.kind, lot.supplier, lot.number]),
        ]  # fmt: skip
    return html.Section(
        parts, className="card-figure", **aria(labelledby="recall-others")
    )


@callback(
    Output("recall-said", "children"),
    Output("recall-known", "children"),
    Output("recall-why", "value"),
    Input("recall-agree", "n_clicks"),
    Input("recall-withdraw", "n_clicks"),
    State("recall-why", "value"),
    State("recall-lot", "data"),
    prevent_initial_call=True,
)
def _agree(
    _agreed: int | None, _withdrawn: int | None, why: str | None, lot: list[str]
) -> tuple[Component, list[Component], str | None]:
    return answer(Lot(*lot), ctx.triggered_id == "recall-agree", why)


def answer(
    lot: Lot, agreed: bool, why: str | None
) -> tuple[Component, list[Component], str | None]:
    """What came of writing, what is known now, and what stays in the form."""
    viewer = current_request().viewer
    try:
        said, left = html.P(recalls.agree(lot, agreed, why)), ""
    except NotWrittenError as error:
        said, left = html.P(f"Nothing was written: {error}", role="alert"), why or ""
        if not queries.lot_asked(viewer, asked(lot)):
            return said, [], left
    return said, others(viewer, lot), left


def asked(lot: Lot) -> Filters:
    """The question that a lot's own address asks."""
    named = {"kind": lot.kind, "supplier": lot.supplier, "lot": lot.number}
    return Filters(extra=named)


def title(lot: Lot) -> str:
    """A lot as a reader knows it: material, number, supplier."""
    supplier = "" if lot.supplier == "-" else f" of {lot.supplier}"
    return f"{words(lot.kind)} lot {lot.number}{supplier}"
