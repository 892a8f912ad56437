"""A matrix whose cells hold words, as an HTML table that keeps its headings in view.

A drawing cannot wrap text, be selected or be walked through by a screen reader. Each
cell has a shade and a sign that mean the same, and its full words on hover.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from dash import dcc, html
from dash.development.base_component import Component

from dashboard.components import aria


@dataclass(frozen=True)
class Heading:
    """A row's or column's heading: its key in the cells, its words, what is under it.

    `group` puts neighbouring columns under one heading; `href` makes the words a link,
    `current` marks the row the others are compared with.
    """

    key: str
    words: str
    note: str = ""
    group: str = ""
    href: str | None = None
    current: bool = False


@dataclass(frozen=True)
class Mark:
    """One cell: a look (class of the style sheet), its sign, words, a note, a hover."""

    look: str
    sign: str
    words: str
    note: str = ""
    hover: str = ""


def crosstab(
    cells: Mapping[tuple[str, str], Mark],
    rows: Sequence[Heading],
    columns: Sequence[Heading],
    caption: str,
) -> Component:
    """The table, in a region that scrolls by itself; a pair without mark is blank."""
    body = html.Table(
        [
            html.Caption(caption, className="visually-hidden"),
            html.Thead(_head(columns)),
            html.Tbody([_line(row, columns, cells) for row in rows]),
        ]
    )
    return html.Div(
        body, className="crosstab", role="region", tabIndex=0, **aria(label=caption)
    )


def key(marks: Sequence[Mark]) -> Component:
    """What each look and sign means."""
    items = [
        html.Li([html.Span(m.sign, className=f"look-{m.look}"), m.words]) for m in marks
    ]
    return html.Ul(items, className="crosstab-key", **aria(label="Signs"))


def _head(columns: Sequence[Heading]) -> list[Component]:
    groups = [(name, len(list(of))) for name, of in groupby(c.group for c in columns)]
    titles = [
        html.Th(
            [html.Span(c.words), html.Small(c.note) if c.note else None], scope="col"
        )
        for c in columns
    ]
    if not any(name for name, _ in groups):
        return [html.Tr([html.Td(), *titles])]
    over = [html.Th(name, colSpan=n, scope="colgroup") for name, n in groups]
    return [html.Tr([html.Td(rowSpan=2), *over]), html.Tr(titles)]


def _line(
    row: Heading,
    columns: Sequence[Heading],
    cells: Mapping[tuple[str, str], Mark],
) -> Component:
    name = dcc.Link(row.words, href=row.href) if row.href else html.Span(row.words)
    head = html.Th([name, html.Small(row.note)], scope="row")
    marks = [cells.get((row.key, column.key)) for column in columns]
    return html.Tr(
        [head, *(html.Td() if m is None else _cell(m) for m in marks)],
        className="is-reference" if row.current else None,
    )


def _cell(mark: Mark) -> Component:
    parts: list[Component | str] = [
        f"{mark.sign}\u00a0{mark.words}" if mark.sign else mark.words
    ]
    if mark.note:
        parts.append(html.Small(mark.note))
    return html.Td(parts, className=f"look-{mark.look}", title=mark.hover or None)
