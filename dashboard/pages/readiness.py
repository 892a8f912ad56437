"""Readiness: how far a site has come on its way to routine, and what it still lacks."""

import plotly.graph_objects as go
import polars as pl

from dashboard import figures, queries
from dashboard.analysis.readiness import ALL, CHECKS, NOT_YET, Known, readiness
from dashboard.card import Card
from dashboard.components import Column
from dashboard.filters import Filters
from dashboard.names import site_name, some, words
from dashboard.shell import Page, register
from dashboard.viewer import Viewer, current_request

NOBODY = (
    "No site that you see by name is still on its way; choose one to see how it came."
)
_MARKS = {"done": "✓", "missing": "✗ missing", "not applicable": "–"}


def asked(viewer: Viewer, filters: Filters) -> list[str]:
    """The sites chosen, or all that are not in routine yet; no testing laboratory."""
    frame = queries.sites(viewer, filters).filter(
        pl.col("kind") != "testing_laboratory"
    )
    if not filters.site:
        frame = frame.filter(pl.col("stage").is_in(NOT_YET))
    return frame["site"].to_list()


def checks(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """One row a site, product and check; what is missing comes first."""
    sites = asked(viewer, filters)
    missing = pl.col("standing") != "missing"
    return readiness(_known(viewer, filters), sites).sort(
        missing, "site", maintain_order=True
    )


def _known(viewer: Viewer, filters: Filters) -> Known:
    criteria = queries.criteria(viewer, Filters(site=filters.site)).filter("current")
    return Known(
        today=queries.current().as_of,
        milestones=queries.milestones(viewer, filters).to_dicts(),
        authorisations=queries.authorisations(viewer, filters).to_dicts(),
        criteria=criteria.to_dicts(),
        tests=queries.tests_run(viewer, filters).to_dicts(),
        runs=queries.products_made(viewer, filters).to_dicts(),
        usual=queries.usual_tests(viewer).to_dicts(),
        reports=queries.reports(viewer, filters).to_dicts(),
        agreed=float(str(queries.agreed_completeness())),
    )


def _checks_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return NOBODY
    told = frame.filter(pl.col("state") == "data")
    parts = []
    for (site,), mine in told.group_by("site", maintain_order=True):
        gone = mine.filter(pl.col("standing") == "missing")
        names = "; ".join(gone["title"].unique(maintain_order=True).str.to_lowercase())
        said = f"lacks {gone.height} of {mine.height}: {names}"
        whole = f"lacks none of {mine.height}"
        parts.append(f"{site_name(str(site))} {said if gone.height else whole}")
    return f"{'. '.join(parts)}. Fewer lacking is nearer to routine."


def _checks_drawn(frame: pl.DataFrame) -> go.Figure:
    if frame.is_empty():
        return figures.empty(NOBODY)
    several = frame["site"].n_unique() > 1
    rows = [
        f"{site_name(site)}: {_product(product)}" if several else _product(product)
        for site, product in frame.select("site", "product").iter_rows()
    ]
    cells = frame.select(
        pl.Series("row", rows, pl.String),
        pl.col("title").alias("column"),
        pl.when(pl.col("state") == "data")
        .then((pl.col("standing") == "done").cast(pl.Float64))
        .alias("value"),
        pl.when(pl.col("state") == "data")
        .then(pl.col("standing").replace_strict(_MARKS))
        .alias("text"),
        "state",
        "reason",
    )
    order = {check.id: place for place, check in enumerate(CHECKS)}
    placed = frame["check"].replace_strict(order).alias("place")
    return figures.matrix(cells.with_columns(placed).sort("place", "row"))


def _product(product: str) -> str:
    titles = dict(queries.products().select("product", "title").rows())
    return "the site" if product == ALL else titles.get(product, product)


def way(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Milestones and authorisations by day: what was reached, for which product."""
    sites = asked(viewer, filters)
    reached = queries.milestones(viewer, filters).select(
        "site", "product", pl.col("kind"), pl.col("date").alias("x"), "state", "reason"
    )
    allowed = queries.authorisations(viewer, filters).select(
        "site",
        "product",
        pl.format("authorised: {}", "kind").alias("kind"),
        pl.col("valid_from").alias("x"),
        "state",
        "reason",
    )
    both = pl.concat([reached, allowed]).filter(pl.col("site").is_in(sites))
    return both.sort("site", "x", "kind", "product")


def _way_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return NOBODY
    parts = []
    for (site,), mine in frame.group_by("site", maintain_order=True):
        last = mine.row(-1, named=True)
        parts.append(
            f"{site_name(str(site))} has {some(mine.height, 'step')} on record, the"
            f" last one {words(last['kind'])} on {last['x']:%-d %b %Y}"
        )
    return (
        f"{'; '.join(parts)}. Further to the right is later; no pace is good by itself."
    )


def _way_drawn(frame: pl.DataFrame) -> go.Figure:
    if frame.is_empty():
        return figures.empty(NOBODY)
    labels = [
        f"{site_name(site)}: {_product(product)}"
        if frame["site"].n_unique() > 1
        else _product(product)
        for site, product in frame.select("site", "product").iter_rows()
    ]
    rows = frame.with_columns(pl.Series("label", labels, pl.String)).sort("label", "x")
    hover = pl.format("{}, {}", pl.col("kind").str.replace_all("_", " "), "x")
    return figures.timeline(
        rows.select("label", "x", "kind", "state", "reason", hover.alias("hover")),
        current_request().about.as_of,
    )


register(
    __name__,
    Page(
        "/readiness",
        "Readiness",
        "How far is a site on its way to routine, and what does it still lack?",
        order=66,
        shown=("region", "site"),
        cards=(
            Card(
                "readiness-checks",
                "What is still missing",
                checks,
                _checks_said,
                _checks_drawn,
                (
                    Column("title", "Check"),
                    Column("site", "Site", "site"),
                    Column("product", "Product"),
                    Column("standing", "Stands"),
                    Column("since", "Since", "date"),
                    Column("found", "Found"),
                    Column("looks_at", "Looks at"),
                    Column("why", "Why"),
                ),
                count=lambda f: some(
                    f.filter(pl.col("state") == "data").height, "check"
                ),
                note="Sites that are not in routine yet, unless one is chosen. Each"
                " check says what it looks at; a step that nobody recorded is taken as"
                " done where a permission in force presupposes it.",
            ),
            Card(
                "readiness-way",
                "The way so far",
                way,
                _way_said,
                _way_drawn,
                (
                    Column("x", "Day", "date"),
                    Column("site", "Site", "site"),
                    Column("product", "Product"),
                    Column("kind", "Step", "words"),
                ),
                count=lambda f: some(f.height, "step"),
            ),
        ),
    ),
)
