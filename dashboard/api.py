"""The API: every figure of every page as JSON and CSV, from the same disclosed rows.

There is no second way to the data here: a card's rows are asked for as its page asks,
with the same viewer and the same filters in the query string. The description of all
routes is at /api/v1/openapi.json.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response

from dashboard import card, export, metrics, minutes, queries, recalls, site_report
from dashboard.filters import Filters, parse
from dashboard.viewer import current_request, current_viewer

router = APIRouter()
router.include_router(minutes.router)
router.include_router(site_report.router)
router.include_router(recalls.router)


def asked(
    request: Request,
    start: Annotated[
        str | None, Query(alias="from", description="First month, such as 2025-01")
    ] = None,
    end: Annotated[
        str | None, Query(alias="to", description="Last month, such as 2025-12")
    ] = None,
    product: Annotated[str | None, Query(description="Products, by comma")] = None,
    product_class: Annotated[str | None, Query(description="Classes, by comma")] = None,
    pathway: Annotated[str | None, Query(description="Pathways, by comma")] = None,
    region: Annotated[str | None, Query(description="Regions, by comma")] = None,
    site: Annotated[str | None, Query(description="Sites, by comma")] = None,
    definition: Annotated[
        str | None, Query(description="Which definition of failure")
    ] = None,
) -> Filters:
    """The filters of the query string; 422 with a sentence for what cannot be right."""
    query: Mapping[str, object] = dict(request.query_params)
    filters, problems = parse(query, current_request().about.choices)
    if problems:
        raise HTTPException(422, " ".join(problems))
    return filters


@router.get("/readyz", tags=["service"])
def readyz() -> dict[str, object]:
    """Whether a snapshot is open, which, and how old it is; 503 while there is none."""
    try:
        snapshot = queries.current()
    except queries.NoSnapshotError as error:
        raise _not_ready(error) from error
    age = datetime.now(UTC) - snapshot.built
    return {
        "status": "ready",
        "snapshot": snapshot.path.stem,
        "age_seconds": int(age.total_seconds()),
    }


@router.get("/api/v1/", tags=["network"])
def network() -> dict[str, object]:
    """The network's name and day, and where its figures and metrics are."""
    about = current_request().about
    return {
        "network": about.name,
        "as_of": about.as_of and about.as_of.isoformat(),
        "snapshot": about.snapshot,
        "viewer": str(current_viewer()),
        "cards": [
            f"/api/v1/cards/{name}"
            for name, found in card.every().items()
            if current_viewer().role in found.roles
        ],
        "metrics": "/api/v1/metrics",
    }


@router.get("/api/v1/metrics", tags=["metrics"])
def declared_metrics() -> list[dict[str, Any]]:
    """Every metric as declared: what is counted, of what, and what is left out."""
    return [metric.as_record() for metric in metrics.METRICS.values()]


@router.get("/api/v1/cards/{name}.csv", tags=["figures"])
def card_csv(name: str, filters: Annotated[Filters, Depends(asked)]) -> Response:
    """The rows behind a figure as CSV, as this viewer may see them."""
    frame = _frame(_card(name), filters)
    return Response(
        export.csv(frame),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


@router.get("/api/v1/cards/{name}", tags=["figures"])
def card_json(
    name: str, filters: Annotated[Filters, Depends(asked)]
) -> dict[str, object]:
    """The rows behind a figure as JSON, with its title and first sentence."""
    found = _card(name)
    frame = _frame(found, filters)
    return {
        "card": name,
        "title": found.title,
        "sentence": found.sentence(frame),
        "rows": export.records(frame),
    }


def _card(name: str) -> card.Card:
    found = card.every().get(name)
    if found is None or current_viewer().role not in found.roles:
        raise HTTPException(404, f"There is no figure “{name}” to show.")
    return found


def _frame(found: card.Card, filters: Filters) -> pl.DataFrame:
    """The card's rows for who asks; 503 while nothing was published."""
    try:
        return found.frame(current_viewer(), filters)
    except queries.NoSnapshotError as error:
        raise _not_ready(error) from error


def _not_ready(error: queries.NoSnapshotError) -> HTTPException:
    if isinstance(error, queries.OtherVersionError):
        return HTTPException(503, f"Not ready: {error}")
    return HTTPException(503, f"Not ready: {error}. Run `pocnet pull`.")
