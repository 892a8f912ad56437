"""The table behind a figure, sent as one component and built in the browser.

Dash compares every component with every other each time a page changes: a table of 200
rows, one component a cell, holds the page for twenty seconds. So a table is one
component with its texts, and assets/pocnet.js builds the rows when they can be seen.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from dash import html
from dash.development.base_component import Component

from dashboard.addresses import page_at
from dashboard.components import HIDDEN, Column, Kind, aria, written
from dashboard.names import may_list
from dashboard.theme import STATES

MOST_ROWS = 200


def table(
    frame: pl.DataFrame, columns: Sequence[Column], caption: str, csv: str | None = None
) -> Component:
    """A real table: caption, scoped headings, the state in words, at most 200 rows.

    Rows whose state hides their values show the state's sign in each empty cell and its
    reason at the end. Longer frames say so and point to the CSV, which has every row.
    """
    texts: dict[str, Any] = {"data-table": json.dumps(content(frame, columns, caption))}
    scroller = html.Div(
        className="scroller", role="region", tabIndex=0, **aria(label=caption), **texts
    )
    return html.Div([scroller, _more(frame.height, csv)])


def content(
    frame: pl.DataFrame, columns: Sequence[Column], caption: str
) -> dict[str, object]:
    """What the browser builds the table from: texts only, never markup.

    `cells` holds texts, a state's name where its sign stands for a hidden value, a
    page's path and title where a link stands, or a site whose batches it leads to;
    `state` is null in a table in which every row is data.
    """
    columns = columns or _columns(frame)
    states = "state" in frame.columns and bool((frame["state"] != "data").any())
    rows = frame.head(MOST_ROWS).to_dicts()
    return {
        "caption": caption,
        "columns": [{"heading": c.heading, "kind": c.kind} for c in columns],
        "rows": [_row(row, columns, states) for row in rows],
        "states": {name: [n.sign, n.words] for name, n in STATES.items()}
        if states
        else None,
    }


def _columns(frame: pl.DataFrame) -> list[Column]:
    return [
        Column(
            name, name.replace("_", " ").capitalize(), _kind(name, frame.schema[name])
        )
        for name in frame.columns
        if name not in ("state", "reason") and not name.startswith("_")
    ]


def _kind(name: str, dtype: pl.DataType) -> Kind:
    if name in ("site", "parameter"):
        return "site" if name == "site" else "parameter"
    if dtype.is_integer():
        return "count"
    return "number" if dtype.is_float() else "text"


def _row(
    row: Mapping[str, object], columns: Sequence[Column], states: bool
) -> dict[str, object]:
    state = str(row.get("state") or "data")
    cells = [_cell(row[c.name], c.kind, state) for c in columns]
    if not states:
        return {"cells": cells}
    return {"cells": cells, "state": state, "reason": row.get("reason")}


def _cell(value: object, kind: Kind, state: str) -> str | dict[str, str]:
    if value is None and state in HIDDEN:
        return {"state": state}
    match kind:
        case "page" if value is not None:
            return _link(str(value))
        case "behind":
            return _behind(str(value))
        case _:
            return written(value, kind)


def _behind(site: str) -> str | dict[str, str]:
    """A link to the batches of a site, where the viewer may see them one by one."""
    if may_list(site):
        return {"site": site, "words": "batches"}
    return "counts only"


def _link(path: str) -> dict[str, str]:
    """A page of this dashboard by its title; the browser adds the filters in force."""
    page = page_at(path)
    return {"path": path, "words": page["name"] if page else path}


def _more(height: int, csv: str | None) -> Component | None:
    if height <= MOST_ROWS:
        return None
    words = f"The first {MOST_ROWS} of {written(height, 'count')} rows."
    link = html.A("All of them as CSV", href=csv, download="") if csv else None
    return html.P([words, " ", link], className="table-more")
