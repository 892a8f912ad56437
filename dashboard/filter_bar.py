"""The filter bar, the alert for what the URL got wrong, and switches of one option.

All are rendered by the page from its URL and lead to another URL: nothing is kept in
the browser, so Back and links always show what they say.
"""

from collections.abc import Sequence

import dash_bootstrap_components as dbc
from dash import dcc, html
from dash.development.base_component import Component

from dashboard.components import aria
from dashboard.filters import LISTS, Filters
from dashboard.metrics import DEFINITIONS
from dashboard.viewer import Choices


def bar(
    filters: Filters, choices: Choices, path: str, shown: Sequence[str]
) -> Component:
    """The filter bar of a page, holding the URL's values.

    Rendered by the page, never by the app's frame: a widget that outlives its page goes
    stale on Back. Native selects and checkboxes, since Dash's own dropdown hides
    focusable elements from assistive technology. `shown` names the filters the page
    obeys, so that no filter is offered that would change nothing.
    """
    widgets = [w for key in shown if (w := _widget(key, filters, choices)) is not None]
    return html.Section(
        [
            html.Button(
                f"Filters{f' ({n})' if (n := len(_active(filters, choices))) else ''}",
                className="filters-toggle btn",
                **aria(expanded="false", controls="filter-fields"),
            ),
            html.Div([*widgets, _actions(path)], id="filter-fields"),
            _chips(filters, choices, path),
        ],
        className="filters",
        **aria(label="Filters"),
    )


def problems(sentences: Sequence[str]) -> Component | None:
    """An alert with one sentence for each value of the URL that was left out."""
    if not sentences:
        return None
    return html.Div(
        [html.P(sentence) for sentence in sentences], className="notice", role="alert"
    )


def switch(
    label: str,
    filters: Filters,
    path: str,
    key: str,
    options: Sequence[tuple[str, str]],
) -> Component:
    """Links that set one page option, the one in force marked; Back undoes them."""
    value = filters.definition if key == "definition" else filters.extra.get(key)
    value = value or options[0][0]
    items = [
        html.Li(
            html.Span(words, **aria(current="true"))
            if option == value
            else dcc.Link(words, href=path + filters.option(key, option).to_query())
        )
        for option, words in options
    ]
    return html.Nav(html.Ul(items), className="switch", **aria(label=label))


def _widget(key: str, filters: Filters, choices: Choices) -> Component | None:
    if key in ("from", "to"):
        value = filters.start if key == "from" else filters.end
        first = ("any", "first month" if key == "from" else "latest month")
        months = choices.months if key == "from" else choices.months[::-1]
        return _select(key, key.capitalize(), value, [first, *((m, m) for m in months)])
    if key == "definition":
        options = [(name, d.title) for name, d in DEFINITIONS.items()]
        return _select(key, "Failure means", filters.definition, options)
    options = list(getattr(choices, key))
    return _checklist(key, filters.values(key), options) if len(options) > 1 else None


def _select(
    key: str, label: str, value: str | None, options: Sequence[tuple[str, str]]
) -> Component:
    select = dbc.Select(
        id={"kind": "filter", "key": key},
        options=[{"label": words, "value": v} for v, words in options],
        value=value or "any",
        size="sm",
    )
    return html.Label([html.Span(label), select], className="filter")


def _checklist(
    key: str, chosen: Sequence[str], options: Sequence[tuple[str, str]]
) -> Component:
    words = dict(options)
    title = LISTS[key].capitalize()
    said = "all" if not chosen else words.get(chosen[0], chosen[0])
    said = f"{len(chosen)} chosen" if len(chosen) > 1 else said
    checks = dbc.Checklist(
        id={"kind": "filter", "key": key},
        options=[{"label": text, "value": value} for value, text in options],
        value=list(chosen),
    )
    legend = html.Legend(title, className="visually-hidden")
    here = html.Button("Apply", className="btn btn-primary btn-sm apply-here")
    return html.Div(
        [
            html.Span(title, **aria(hidden="true")),
            html.Details(
                [
                    html.Summary(
                        [html.Span(f"{title}: ", className="visually-hidden"), said]
                    ),
                    html.Fieldset([legend, checks, here], className="filter-options"),
                ]
            ),
        ],
        className="filter",
    )


def _actions(path: str) -> Component:
    return html.Div(
        [
            html.Button(
                "Apply", id="filters-apply", className="btn btn-primary btn-sm"
            ),
            html.Button("Copy link", className="btn btn-quiet btn-sm copy-link"),
            dcc.Link("Reset", href=path, className="btn btn-quiet btn-sm"),
        ],
        className="filter-actions",
    )


def _active(filters: Filters, choices: Choices) -> list[tuple[str, str | None, str]]:
    """What is set: key, value to take away, and the words for it."""
    active: list[tuple[str, str | None, str]] = []
    if filters.start:
        active.append(("from", None, f"From {filters.start}"))
    if filters.end:
        active.append(("to", None, f"To {filters.end}"))
    for key, title in LISTS.items():
        words = dict(getattr(choices, key))
        for value in filters.values(key):
            text = f"{title.capitalize()}: {words.get(value, value)}"
            active.append((key, value, text))
    if filters.definition != "no_product":
        text = f"Failure: {DEFINITIONS[filters.definition].title}"
        active.append(("definition", None, text))
    return active


def _chips(filters: Filters, choices: Choices, path: str) -> Component | None:
    chips = [
        html.Li(
            dcc.Link(
                [text, html.Span(", remove", className="visually-hidden")],
                href=path + filters.without(key, value).to_query(),
            )
        )
        for key, value, text in _active(filters, choices)
    ]
    return (
        html.Ul(chips, className="chips", **aria(label="In force")) if chips else None
    )
