"""A proposal as a table for a working group's minutes: a workbook, or a page to print.

Both are written from the same rows, as the viewer who asks may see them.
"""

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Final, cast

from fastapi import APIRouter, HTTPException, Response
from fpdf import FPDF
from fpdf.fonts import FontFace, TTFFont

from dashboard import proposals, queries
from dashboard.analysis.wording import title
from dashboard.components import written
from dashboard.filters import Filters
from dashboard.housed import FONTS, assets
from dashboard.names import site_name, words
from dashboard.proposals import VOTES, Proposal
from dashboard.queries import Draft, Under
from dashboard.viewer import Viewer, current_request
from dashboard.workbook import WORKBOOK, Cell, Part, workbook

router = APIRouter()

_FAMILY: Final = "DejaVu"
# A space that no line breaks at is as wide as the font says, and it says nothing.
_WRITTEN: Final = str.maketrans({"\u202f": "\u00a0"})


def parts(viewer: Viewer, mine: Proposal) -> list[Part]:
    """The tables of a proposal: what it is, limits, counts and votes."""
    return [
        _facts(mine),
        _limits(viewer, mine),
        _counts(viewer, mine),
        _votes(viewer, mine),
    ]


def printed(viewer: Viewer, mine: Proposal) -> bytes:
    """The tables as PDF, A4 upright, one below the other."""
    pdf = _paper()
    pdf.set_creation_date(mine.at)
    pdf.set_title(mine.title)
    pdf.add_page()
    pdf.set_font(_FAMILY, "B", 15)
    pdf.multi_cell(0, 8, fitting(pdf, mine.title), new_x="LMARGIN", new_y="NEXT")
    for part in parts(viewer, mine):
        pdf.ln(4)
        pdf.set_font(_FAMILY, "B", 11)
        pdf.cell(0, 7, part.heading, new_x="LMARGIN", new_y="NEXT")
        pdf.set_font(_FAMILY, size=8)
        head = FontFace(emphasis="BOLD", fill_color=(221, 235, 247))
        with pdf.table(
            headings_style=head,
            col_widths=_widths(part),
            line_height=5,
            text_align=_aligned(part),
        ) as table:
            for row in (part.columns, *part.rows):
                table.row([fitting(pdf, _text(cell)) for cell in row])
    return bytes(pdf.output())


def _paper() -> FPDF:
    """A document with its own fonts: those of every reader know Latin letters only."""
    pdf = FPDF(format="A4")
    for style, file in FONTS.items():
        pdf.add_font(_FAMILY, style, assets() / "fonts" / file)
    return pdf


def fitting(pdf: FPDF, text: str) -> str:
    """A text in the letters of the font (Latin, Greek, Cyrillic); others become `?`.

    An unknown letter would leave nothing at all where it stood.
    """
    known = cast("TTFFont", pdf.fonts[_FAMILY.lower()]).cmap
    said = unicodedata.normalize("NFC", text.translate(_WRITTEN))
    return "".join(c if c == "\n" or ord(c) in known else "?" for c in said)


@router.get("/api/v1/proposals/{number}.xlsx", tags=["proposals"])
def as_workbook(number: str) -> Response:
    """The proposal as a workbook."""
    viewer, mine = _asked(number)
    return _sent(
        workbook(parts(viewer, mine)), WORKBOOK, f"proposal-{mine.number}.xlsx"
    )


@router.get("/api/v1/proposals/{number}.pdf", tags=["proposals"])
def as_pdf(number: str) -> Response:
    """The proposal as a page to print."""
    viewer, mine = _asked(number)
    return _sent(
        printed(viewer, mine), "application/pdf", f"proposal-{mine.number}.pdf"
    )


def _asked(number: str) -> tuple[Viewer, Proposal]:
    viewer = current_request().viewer
    mine = proposals.proposal(viewer, number)
    if mine is None:
        raise HTTPException(404, "There is no such proposal for you to read.")
    return viewer, mine


def _sent(content: bytes, kind: str, name: str) -> Response:
    attached = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=kind, headers=attached)


def _facts(mine: Proposal) -> Part:
    said = (
        ("Name", mine.name),
        ("Version", mine.version),
        ("Proposed by", mine.author),
        ("Why", mine.rationale),
        ("To hold from", mine.effective.isoformat()),
        ("Product", mine.product),
        ("Written", _day(mine.at)),
    )
    return Part("Proposal", ("What", "Said"), said)


def _limits(viewer: Viewer, mine: Proposal) -> Part:
    beside, before = proposals.compared_with(viewer, mine)
    found = proposals.differences(
        mine.after.clear() if before is None else before, mine.after
    )
    rows = tuple(
        (title(row["test"]), words(row["gate"]), row["before"], row["after"])
        for row in found.iter_rows(named=True)
    )
    return Part("Limits", ("Test", "Gate", beside or "Before", "Proposed"), rows)


def _counts(viewer: Viewer, mine: Proposal) -> Part:
    _, before = proposals.compared_with(viewer, mine)
    start = Under(mine.after if before is None else before)
    draft = Draft(start, Under(mine.after))
    found = queries.drafted(viewer, Filters(), mine.product, draft).sort("site")
    headings = (
        *("Batches of", "Tested", "Fail before", "Fail after", "Lost", "Gained"),
        *("Fail one test alone", "Undecided", "Why not told"),
    )
    columns = found.select(*queries.DRAFT_COUNTS, "reason").rows()
    rows = tuple(
        (site_name(site), *row)
        for site, row in zip(found["site"], columns, strict=True)
    )
    return Part("Batches", headings, rows)


def _votes(viewer: Viewer, mine: Proposal) -> Part:
    seen, others = proposals.votes(viewer, str(mine.number))
    rows: list[tuple[Cell, ...]] = [
        (site_name(vote.site), VOTES[vote.vote], vote.reason, _day(vote.at))
        for vote in seen
    ]
    if others:
        rows.append(("Others", "", others, ""))
    return Part("Votes", ("Site", "Vote", "Why", "On"), tuple(rows))


def _day(at: datetime) -> str:
    return at.date().isoformat()


def _text(cell: Cell) -> str:
    return written(cell, "count") if isinstance(cell, int | float) else cell or ""


def _widths(part: Part) -> Sequence[int]:
    """Wide enough for the longest word, and for a text up to sixty letters."""
    widths = []
    for i, name in enumerate(part.columns):
        texts = [_text(row[i]) for row in part.rows]
        words_of = [word for text in (name, *texts) for word in text.split()]
        longest = max(map(len, texts), default=0)
        widths.append(max(8, min(48, longest), 4 + max(map(len, words_of), default=0)))
    return widths


def _aligned(part: Part) -> Sequence[str]:
    """Numbers to the right, words to the left."""
    return [
        "RIGHT" if any(isinstance(row[i], int | float) for row in part.rows) else "LEFT"
        for i in range(len(part.columns))
    ]
