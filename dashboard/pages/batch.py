"""One batch's own record: what was said of it, by whom, and which run brought it."""

from collections.abc import Callable
from datetime import date
from typing import Any

import plotly.graph_objects as go
import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard import figures, queries
from dashboard.analysis.wording import title
from dashboard.card import Card
from dashboard.components import Column, notice, written
from dashboard.filters import Filters
from dashboard.names import site_name, some, words
from dashboard.shell import Page, register
from dashboard.viewer import Viewer

UNKNOWN = "There is no such batch for you to see."
STEPS = ("collected", "received", "started", "harvested", "infused", "ended")
GROUPS = ("Steps", "Materials", "Results", "Decisions", "Deviations")
_ROWS = {
    "x": pl.Date,
    **dict.fromkeys(("label", "kind", "said", "laboratory", "list"), pl.String),
    **dict.fromkeys(("run", "first_run"), pl.Int64),
    "at": pl.Date,
    **dict.fromkeys(("sender", "state", "reason"), pl.String),
}
Row = dict[str, Any]
Said = tuple[date | None, str, str]


def record(viewer: Viewer, filters: Filters) -> pl.DataFrame:
    """Everything that stands about the batch, one row a thing, in order of its day."""
    rows = [
        *_told(viewer, filters, "batch", "Steps", _steps),
        *_told(viewer, filters, "material", "Materials", _material),
        *_told(viewer, filters, "result", "Results", _result),
        *_told(viewer, filters, "release", "Decisions", _decision),
        *_told(viewer, filters, "deviation", "Deviations", _deviation),
    ]
    return pl.DataFrame(rows, schema=_ROWS).sort(
        "x", "label", "kind", nulls_last=True, maintain_order=True
    )


def _told(
    viewer: Viewer,
    filters: Filters,
    dataset: str,
    group: str,
    say: Callable[[Row], list[Said]],
) -> list[Row]:
    """The lines of one dataset: each row may tell of several days."""
    found = queries.batch_rows(viewer, filters, dataset).rows(named=True)
    return [
        {**{name: row.get(name) for name in _ROWS}, "label": group, "x": day,
         "kind": kind, "said": said, "list": _list(group, row)}
        for row in found
        for day, kind, said in say(row)
    ]  # fmt: skip


def _list(group: str, row: Row) -> str | None:
    if group != "Materials":
        return None
    lot = queries.Lot(row["kind"], row["supplier"], row["lot"])
    return f"/tracing?{lot.query}"


def _steps(row: Row) -> list[Said]:
    return [(row[step], step, "") for step in STEPS if row[step] is not None]


def _material(row: Row) -> list[Said]:
    expires = f", expires {written(row['expires'], 'date')}" if row["expires"] else ""
    supplier = "" if row["supplier"] == "-" else f" of {row['supplier']}"
    return [(None, words(row["kind"]), f"lot {row['lot']}{supplier}{expires}")]


def _result(row: Row) -> list[Said]:
    sign = "" if row["comparator"] in (None, "=") else f"{row['comparator']} "
    figure = f"{sign}{written(row['value'], 'number')} {row['unit'] or ''}".strip()
    found = row["text"] or figure
    if row["said_state"] != "valid":
        found = words(row["said_state"])
    verdict = f", judged by the site: {row['verdict']}" if row["verdict"] else ""
    about = ", ".join(words(row[c]) for c in ("stage", "method") if row[c] != "-")
    day = row["reported"] or row["sampled"]
    return [(day, title(row["parameter"]), f"{found} ({about}){verdict}")]


def _decision(row: Row) -> list[Said]:
    why = f": {words(row['said_reason'])}" if row["said_reason"] else ""
    said = f"{words(row['decision'])}{why}"
    return [(row["decided"], f"{words(row['gate'])} gate", said)]


def _deviation(row: Row) -> list[Said]:
    about = words(row["category"] or "category not stated")
    due = row["capa_due"]
    action = f", corrective action due {written(due, 'date')}" if due else ""
    said: list[Said] = [(row["opened"], "opened", f"{row['grade']}: {about}{action}")]
    if row["closed"]:
        cause = words(row["root_cause"] or "root cause not stated")
        said.append((row["closed"], "closed", f"{row['grade']}: {cause}"))
    if row["capa_closed"]:
        said.append((row["capa_closed"], "action closed", row["grade"]))
    return said


def _record_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return UNKNOWN
    runs = frame["run"].drop_nulls().unique()
    changed = frame.filter(pl.col("run") > pl.col("first_run")).height
    later = f", {changed} of them corrected since" if changed else ""
    return (
        f"{some(frame.height, 'entry', 'entries')} brought by"
        f" {some(runs.len(), 'run')}{later}; each says who sent it and which run"
        " brought it as it stands. No direction is good: this is a record."
    )


def _record_drawn(frame: pl.DataFrame) -> go.Figure:
    rows = frame.drop_nulls("x")
    if rows.is_empty():
        return figures.empty(UNKNOWN)
    order = pl.col("label").replace_strict(GROUPS, range(len(GROUPS)))
    drawn = rows.sort(order, "x").select(
        "label", "x", pl.col("label").alias("kind"), "state", "reason",
        pl.format("{}: {}", "kind", "said").alias("hover"),
    )  # fmt: skip
    return figures.timeline(drawn)


def _changes_said(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "Nothing that is kept of this batch was corrected, or there is no such."
    gone = frame.filter(pl.col("column").is_null()).height
    away = f", {some(gone, 'row')} taken back" if gone else ""
    runs = frame["run"].n_unique()
    return (
        f"{some(frame.height - gone, 'value')} changed{away}, in {some(runs, 'run')}."
        " What was said before is kept with the run that brought it."
    )


def _facts(viewer: Viewer, filters: Filters) -> Component:
    found = queries.batch_facts(viewer, filters)
    if found.is_empty():
        return notice(UNKNOWN)
    row = found.row(0, named=True)
    titles = dict(queries.products().select("product", "title").iter_rows())
    facts = (
        ("Site", site_name(row["site"])),
        ("Product", titles.get(row["product"], row["product"])),
        ("Pathway", words(row["pathway"])),
        ("Trial", row["trial"] or "none"),
        ("Process", words(row["process"] or "not stated")),
        ("Attempt", written(row["attempt"], "count")),
        ("Ended as", words(row["ended_as"])),
        ("Released as", words(row["released_as"])),
        ("The site's own word", words(row["outcome"] or "none")),
    )
    rows = [html.Div([html.Dt(name), html.Dd(text)]) for name, text in facts]
    return html.Section(
        [html.H2(row["batch"]), html.Dl(rows, className="definitions facts")],
        className="card-figure",
    )


_RUNS = (
    Column("run", "Run", "count"),
    Column("at", "On", "date"),
)

register(
    __name__,
    Page(
        "/batch/<of>/<batch>",
        "Batch record",
        "All that is known of one batch, with the run that brought each row.",
        shown=(),
        top=_facts,
        cards=(
            Card(
                "batch-record",
                "What is known of this batch",
                record,
                _record_said,
                _record_drawn,
                (
                    Column("x", "Day", "date"),
                    Column("label", "What"),
                    Column("kind", "About"),
                    Column("said", "Said"),
                    Column("laboratory", "Laboratory", "site"),
                    *_RUNS,
                    Column("first_run", "First by run", "count"),
                    Column("sender", "Sent by", "site"),
                    Column("list", "Its lot", "page"),
                ),
                count=lambda f: some(f.height, "entry", "entries"),
                note="Runs are numbered; Data quality says when each was.",
            ),
            Card(
                "batch-corrections",
                "What was corrected",
                queries.corrections,
                _changes_said,
                columns=(
                    *_RUNS,
                    Column("dataset", "What", "words"),
                    Column("key", "Which"),
                    Column("column", "Value of", "words"),
                    Column("before", "Before"),
                    Column("after", "Then"),
                    Column("brought", "Brought by run", "count"),
                ),
                count=lambda f: some(f.height, "change"),
            ),
        ),
    ),
)
