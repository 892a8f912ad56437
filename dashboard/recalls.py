"""Recall lists: each site's own batches of a lot, and who agreed to be named to whom.

A list goes to the sites concerned and tells none who else is on it, unless both agreed.
A site agrees for one lot at a time, in the journal, and may take it back there; what it
agrees to is that its name is told to those on the list that agreed as well. No batch
and no number of another site is ever told.
"""

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, HTTPException, Request, Response

from dashboard import queries
from dashboard import workbook as xlsx
from dashboard.components import written
from dashboard.filters import Filters
from dashboard.names import site_name
from dashboard.proposals import LONGEST, NotWrittenError
from dashboard.queries import Lot
from dashboard.viewer import Viewer, current_request, current_viewer
from dashboard.workbook import WORKBOOK, Cell, Part

KIND = "recall"
UNKNOWN = "There is no such recall list for you."
LISTED = {
    "batch": "Batch",
    "stands": "What became of it",
    "product": "Product",
    "pathway": "Pathway",
    "started": "Started",
    "harvested": "Harvested",
    "first_release": "Released",
    "infused": "Infused",
    "ended": "Ended",
    "expires": "Lot expires",
}

router = APIRouter()


@dataclass(frozen=True)
class Agreement:
    """What a site last said of being named on a lot's list, why, and when."""

    site: str
    agreed: bool
    why: str
    at: datetime


def agreements(lot: Lot) -> dict[str, Agreement]:
    """The last word of every site on one lot."""
    entries = current_request().journal.read(kind=KIND, subject=lot.query)
    found = [
        Agreement(str(e.body["site"]), e.body["agreed"] is True, e.why, e.at)
        for e in entries
    ]
    return {each.site: each for each in found}


def named_to(viewer: Viewer, lot: Lot) -> dict[str, str]:
    """The other sites on the lot's list that this viewer may know of, with names."""
    agreed = [each.site for each in agreements(lot).values() if each.agreed]
    return queries.on_the_list(viewer, lot, agreed)


def agree(lot: Lot, agreed: bool, why: str | None) -> str:
    """Write what the viewer's own site says; the sentence that says what was done.

    NotWrittenError for who is no site on this lot's list, in the words used for a lot
    that does not exist, and where no reason is given.
    """
    request = current_request()
    site, reason = request.viewer.site, (why or "").strip()[:LONGEST]
    asked = Filters(extra={"kind": lot.kind, "supplier": lot.supplier,
                           "lot": lot.number})  # fmt: skip
    mine = queries.lot_asked(request.viewer, asked)
    if request.viewer.role != "site" or site is None or lot not in mine:
        raise NotWrittenError(UNKNOWN)
    if not reason:
        raise NotWrittenError("Say why, in your own words.")
    body = {"site": site, "agreed": agreed, "lot": lot.number}
    request.journal.write(str(request.viewer), KIND, lot.query, body, reason)
    done = "agreed to be named" if agreed else "is no longer named"
    return f"It is in the journal: your site {done} to others that agreed."


def workbook(site: str, lot: Lot) -> bytes:
    """The recall list of one site as XLSX: exactly what that site itself may see."""
    asked = Filters(site=(site,), extra={"kind": lot.kind, "supplier": lot.supplier,
                                         "lot": lot.number})  # fmt: skip
    itself = Viewer("site", site=site)
    rows = queries.recall(itself, asked)
    others = named_to(itself, lot).values()
    request = current_request()
    facts: tuple[tuple[Cell, ...], ...] = (
        ("Lot", lot.number),
        ("Supplier", lot.supplier),
        ("Material", lot.kind.replace("_", " ")),
        ("Site", site_name(site)),
        ("Batches", rows.height),
        ("Network's day", written(request.about.as_of, "date")),
        ("Snapshot", request.about.snapshot),
        ("Also on the list, and agreed to be named", "; ".join(others) or "none named"),
    )
    listed = tuple(
        tuple(_cell(row[column]) for column in LISTED)
        for row in rows.iter_rows(named=True)
    )
    return xlsx.workbook(
        [
            Part("Recall list", tuple(LISTED.values()), listed),
            Part("About", ("What", "Said"), facts),
        ]
    )


@router.get("/api/v1/recalls/{site}.xlsx", tags=["recalls"])
def as_workbook(
    site: str, request: Request, kind: str = "", supplier: str = "", lot: str = ""
) -> Response:
    """The recall list of a site for one lot: for the site itself and for the lead."""
    viewer = current_viewer()
    asked = Filters(site=(site,), extra=dict(request.query_params))
    found = queries.lot_asked(Viewer("site", site=site), asked)
    mine = viewer.role == "lead" or viewer.site == site
    if not mine or len(found) != 1:
        raise HTTPException(404, UNKNOWN)
    attached = {"Content-Disposition": f'attachment; filename="recall-{site}.xlsx"'}
    return Response(workbook(site, found[0]), media_type=WORKBOOK, headers=attached)


def _cell(value: object) -> Cell:
    return value if isinstance(value, int | float) else written(value, "words")
