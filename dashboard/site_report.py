"""What a site has to look at in its own rows: one page to print, or a workbook.

Each refused row and each finding leads back to where it was read, file and line or
record, and to the column, so that it can be mended where it was written. It is asked
for as the site, or as the network's lead, and made of what that viewer may see.
"""

from html import escape
from typing import Final

import polars as pl
from fastapi import APIRouter, HTTPException, Response

from dashboard import queries
from dashboard.components import written
from dashboard.filters import Filters
from dashboard.names import site_name, some, words
from dashboard.queries.disclosure import overseeing
from dashboard.viewer import Viewer, current_request
from dashboard.workbook import WORKBOOK, Cell, Part, workbook

router = APIRouter()

_ISSUE: Final = {
    "status": "Status",
    "dataset": "Dataset",
    "origin": "File or source",
    "ref": "Line or record",
    "rows": "Rows",
    "column": "Column",
    "read": "Read",
    "expected": "Expected",
    "rule": "Rule",
    "severity": "Severity",
    "batch": "Batch",
}
_COUNT: Final = {
    "dataset": "Dataset",
    "records": "Records",
    "read": "Rows read",
    "good": "Good",
    "repeated": "Said again",
    "rejected": "Refused",
}
_RULE: Final = {
    "rule": "Rule",
    "numerator": "Rows that break it",
    "denominator": "Of rows",
    "threshold": "May be broken by",
    "verdict": "Verdict",
}
_WORDS: Final = ("rule", "verdict", "dataset", "status")
_HOW: Final = (
    "Mend a row where it was written, or the site's mapping; the next pull takes it in."
    " Batches are named by pseudonyms: `pocnet lookup`, run at the site, leads from one"
    " to the site's own number. What was read is shown as its shape (Aaaa Aaaa) where"
    " it may tell of a person."
)
_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem;
  padding: 0 1rem; background: Canvas; color: CanvasText; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .4rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; }
th, td { border-bottom: 1px solid GrayText; padding: .3rem .6rem; text-align: left;
  vertical-align: top; overflow-wrap: break-word; max-width: 22rem; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
@page { size: A4 landscape; margin: 12mm; }
@media print { body { margin: 0; max-width: none; font-size: 9pt; }
  .scroll { overflow: visible; } table { font-size: 7.5pt; }
  th, td { overflow-wrap: anywhere; }
  thead { display: table-header-group; } tr { break-inside: avoid; } }
"""


def parts(viewer: Viewer, site: str) -> list[Part]:
    """The tables of a site's report: what is wrong, what was, rules and counts."""
    filters = Filters(site=(site,))
    found = queries.issues(viewer, filters).filter(site=site)
    resolved = pl.col("status") == "resolved"
    counts = queries.row_counts(viewer, filters).filter(site=site)
    rules = queries.rule_counts(viewer, filters).filter(site=site)
    return [
        _table("To look at", found.filter(~resolved), _ISSUE),
        _table("Resolved", found.filter(resolved), _ISSUE),
        _table("Rules between datasets", rules, _RULE),
        _table("Rows in, rows out", counts, _COUNT),
    ]


def as_page(viewer: Viewer, site: str) -> str:
    """The report as one HTML page that needs nothing else, to read or to print."""
    tables = parts(viewer, site)
    about = current_request().about
    heading = f"{site_name(site)}: what to look at"
    day = written(about.as_of, "date")
    head = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<link rel="icon" href="data:,">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(heading)}</title><style>{_STYLE}</style></head>"
    )
    said = f"{about.name}, run {about.snapshot}, {day}. {_sentence(tables)}"
    body = (
        f"<body><main><h1>{escape(heading)}</h1><p>{escape(said)}</p>"
        f"<p>{escape(_HOW)}</p>{''.join(map(_html, tables))}</main></body></html>"
    )
    return head + body


@router.get("/api/v1/sites/{site}/report.html", tags=["sites"])
def report_page(site: str) -> Response:
    """What a site has to look at in its own rows, as a page to print."""
    page = as_page(_asked(site), site)
    return Response(page, media_type="text/html; charset=utf-8")


@router.get("/api/v1/sites/{site}/report.xlsx", tags=["sites"])
def report_workbook(site: str) -> Response:
    """The same as a workbook, one sheet a table."""
    attached = {"Content-Disposition": f'attachment; filename="{site}-report.xlsx"'}
    content = workbook(parts(_asked(site), site))
    return Response(content, media_type=WORKBOOK, headers=attached)


def may_read(site: str) -> bool:
    """Whether the viewer may: the site itself, and who oversees what arrived."""
    viewer = current_request().viewer
    return viewer.site == site or overseeing(viewer).role == "lead"


def _asked(site: str) -> Viewer:
    """Who asks; 404 for a site that is not there or not theirs, which look alike."""
    viewer = current_request().viewer
    known = {slug for slug, _ in current_request().about.choices.site}
    if site not in known or not may_read(site):
        raise HTTPException(404, "There is no such report for you to read.")
    return viewer


def _sentence(tables: list[Part]) -> str:
    wrong, resolved = (len(part.rows) for part in tables[:2])
    new = sum(row[0] == "new" for row in tables[0].rows)
    return (
        f"{some(wrong, 'issue').capitalize()} to look at, {new} of them new since the"
        f" run before; {resolved} resolved. Fewer is better."
    )


def _table(heading: str, frame: pl.DataFrame, columns: dict[str, str]) -> Part:
    rows = frame.select(*columns).iter_rows(named=True)
    cells = tuple(tuple(_cell(name, row[name]) for name in columns) for row in rows)
    return Part(heading, (*columns.values(),), cells)


def _cell(name: str, value: str | int | float | None) -> Cell:
    if name == "threshold":
        return written(value, "percent")
    return words(value) if name in _WORDS and isinstance(value, str) else value


def _html(part: Part) -> str:
    title = escape(part.heading)
    if not part.rows:
        return f"<h2>{title}</h2><p>Nothing.</p>"
    head = "".join(
        f'<th scope="col"{_kind(first)}>{escape(name)}</th>'
        for name, first in zip(part.columns, part.rows[0], strict=True)
    )
    rows = "".join(f"<tr>{''.join(map(_td, row))}</tr>" for row in part.rows)
    return (
        f'<h2>{title}</h2><div class="scroll" role="region" tabindex="0"'
        f' aria-label="{title}"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _td(cell: Cell) -> str:
    said = written(cell, "count") if isinstance(cell, int | float) else cell or "–"
    return f"<td{_kind(cell)}>{escape(said)}</td>"


def _kind(cell: Cell) -> str:
    return ' class="number"' if isinstance(cell, int | float) else ""
