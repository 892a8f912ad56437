"""What surrounds every page: header, navigation, main landmark, footer; and `register`.

A page is a `Page`: a path, an introduction, its cards. It is rendered anew from its URL
each time, so links, Back and tests need nothing else.
"""

import asyncio
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import dash
from dash import dcc, html
from dash.development.base_component import Component

from dashboard import card, filter_bar, filters, log, queries
from dashboard.addresses import page_at
from dashboard.audit import Deed
from dashboard.components import aria, notice, written
from dashboard.filters import SHARED, Filters
from dashboard.making import noted
from dashboard.names import counts_only
from dashboard.viewer import About, Request, Viewer, current_request
from dashboard.wider import offer
from etl.roles import ROLES, Role


@dataclass(frozen=True)
class Page:
    """One page: where it is, what it answers, and its figures in reading order.

    `intro` is one sentence under the heading. `shown` names the filters the page obeys.
    `top` makes what stands above the cards (tiles, a switch), `foot` what stands below.
    Variables of the path, as in `/site/<slug>`, arrive in `filters.extra`. A page
    without `order` is reached by links only; one for some `roles` stands in the
    navigation of these. Until `ready` holds, what stands above
    asks the reader for a choice, and there are no cards.
    """

    path: str
    title: str
    intro: str
    order: int | None = None
    cards: tuple[card.Card, ...] = ()
    shown: tuple[str, ...] = SHARED
    top: Callable[[Viewer, Filters], Component] | None = None
    foot: Callable[[Viewer, Filters], Component] | None = None
    ready: Callable[[Viewer, Filters], bool] | None = None
    roles: tuple[Role, ...] = ROLES


def register(module: str, page: Page) -> None:
    """Put `page` on the dashboard: `register(__name__, Page(...))` is all.

    Rendering runs in a thread of its own, so that one slow page keeps nobody waiting.
    """

    async def layout(**query: object) -> Component:
        return await asyncio.to_thread(_page, page, query)

    at = "path_template" if "<" in page.path else "path"
    dash.register_page(
        module,
        **{at: page.path},
        name=page.title,
        title=f"{page.title} · pocnet",
        order=page.order,
        layout=layout,
        cards=page.cards,
        roles=page.roles,
    )


def template(path: str) -> str:
    """The template of the registered page that answers at `path`, blank for none.

    What varies in an address, as in `/proposal/7`, is no part of it:
    `/proposal/<number>`.
    """
    page = page_at(path)
    return str(page["path_template"] or page["path"]) if page else ""


def known(path: str) -> bool:
    """Whether a registered page answers at `path`."""
    return bool(template(path))


def layout() -> Component:
    """The frame around the pages, as the current viewer sees it."""
    request = current_request()
    return html.Div(
        [
            dcc.Location(id="address", refresh="callback-nav"),
            html.A("Skip to content", href="#main", className="skip-link"),
            _header(request.about, _who(request)),
            html.Div(
                [_navigation(request.viewer), _main(request.about)], className="frame"
            ),
        ],
        className="app",
    )


def not_found(**_query: object) -> Component:
    """The page for an address that no page answers."""
    return html.Div(
        [
            html.H1("There is no such page", tabIndex="-1"),
            html.P("The address may be mistyped, or the page may have moved."),
            html.P(dcc.Link("Go to the overview", href="/")),
        ],
        className="page-head",
    )


def _header(about: About, who: Component) -> Component:
    return html.Header(
        [
            html.Button(
                [html.Span(className="bars", **aria(hidden="true")), "Menu"],
                className="menu-toggle btn",
                **aria(expanded="false", controls="navigation"),
            ),
            dcc.Link(about.name, href="/", className="brand"),
            html.P(_age(about, datetime.now(UTC)), className="as-of"),
            who,
        ],
        className="top",
    )


def _age(about: About, now: datetime) -> str:
    if about.built is None:
        return "Nothing published yet"
    hours = int((now - about.built).total_seconds() // 3600)
    if hours < 1:
        age = "less than an hour ago"
    elif hours < 48:
        age = f"{hours} hour{'s' if hours > 1 else ''} ago"
    else:
        age = f"{hours // 24} days ago"
    return f"As of {written(about.as_of, 'date')}, published {age}"


def _who(request: Request) -> Component:
    """As whom the reader looks, and the way to be somebody else or nobody."""
    if not request.who:
        return _viewer_switch(request.about, request.viewer)
    if request.viewer.role == "public":
        return html.P(html.A("Sign in", href="/sign-in/"), className="viewer")
    said = f"{request.who}, {request.viewer.title}"
    button = html.Button("Sign out", className="btn btn-quiet btn-sm", type="submit")
    return html.Form(
        [html.Span(said, className="quiet"), button],
        action="/sign-in/out",
        method="post",
        className="viewer",
    )


def _viewer_switch(about: About, viewer: Viewer) -> Component:
    items = [
        html.Li(
            html.A(
                v.title,
                href=f"/viewer/{v}",
                **(aria(current="true") if v == viewer else {}),
            )
        )
        for v in about.viewers
    ]
    said: list[Component | str] = [
        html.Span("Viewing as ", className="quiet"),
        viewer.title,
    ]
    return html.Details(
        [html.Summary(said), html.Ul(items, **aria(label="View as"))],
        className="viewer",
    )


def _navigation(viewer: Viewer) -> Component:
    pages = [
        page
        for page in dash.page_registry.values()
        if page["order"] is not None and viewer.role in page.get("roles", ROLES)
    ]
    items = [
        html.Li(
            dcc.Link(p["name"], href=p["path"], id={"kind": "nav", "path": p["path"]})
        )
        for p in pages
    ]
    return html.Nav(html.Ul(items), id="navigation", **aria(label="Pages"))


def _main(about: About) -> Component:
    return html.Div(
        [
            html.Main(dash.page_container, id="main", tabIndex="-1"),
            html.Footer(
                [
                    html.Span(["Snapshot ", html.Code(about.snapshot)]),
                    html.Span("pocnet compares sites that make cell therapies."),
                ]
            ),
        ],
        className="content",
    )


def _page(page: Page, query: dict[str, object]) -> Component:
    with queries.answering_from_one():
        return _made(page, query)


def _made(page: Page, query: dict[str, object]) -> Component:
    request = current_request()
    choices = request.about.choices
    asked, sentences = filters.parse(query, choices)
    path = _filled(page.path, asked)
    _record(request, path + asked.to_query())
    empty = request.about.built is None
    ready = page.ready is None or empty or page.ready(request.viewer, asked)
    return html.Div(
        [
            html.Div(
                [html.H1(page.title, tabIndex="-1"), html.P(page.intro)],
                className="page-head",
            ),
            filter_bar.bar(asked, choices, path, page.shown) if page.shown else None,
            filter_bar.problems(sentences),
            _nothing_yet(request.about) if empty else None,
            None if empty else _part(page.top, request.viewer, asked),
            _counts_only(request.about, asked),
            notice(request.about.unseen) if request.about.unseen else None,
            _offer(page, request, asked, path),
            html.Div(
                []
                if empty or not ready
                else [
                    card.render(c, request.viewer, asked)
                    for c in page.cards
                    if request.viewer.role in c.roles
                ],
                className="cards",
            ),
            None if empty else _part(page.foot, request.viewer, asked),
        ]
    )


def _record(request: Request, address: str) -> None:
    """That somebody looked at a page is put on record."""
    if not noted(address):
        request.journal.record(viewed(request, address))


def viewed(request: Request, address: str) -> Deed:
    """That whoever asks has looked at an address."""
    return Deed(request.who or str(request.viewer), "view", address)


def _filled(path: str, asked: Filters) -> str:
    return re.sub(r"<([^>]+)>", lambda m: asked.extra.get(m[1], ""), path)


def _part(
    make: Callable[[Viewer, Filters], Component | None] | None,
    viewer: Viewer,
    asked: Filters,
) -> Component | None:
    if make is None:
        return None
    try:
        return make(viewer, asked)
    except Exception:
        reference = secrets.token_hex(4)
        log.failed("part of a page failed", reference=reference)
        return card.failure(reference)


def _counts_only(about: About, asked: Filters) -> Component | None:
    """Why a site is in every rate and in no list, where one of them sends counts."""
    shown = [s for s in about.counts_only if not asked.site or s in asked.site]
    return notice(counts_only(shown)) if shown else None


def _offer(page: Page, request: Request, asked: Filters, path: str) -> Component | None:
    """A wider selection, on pages whose filters choose among batches."""
    if request.about.built is None or "product" not in page.shown:
        return None
    return _part(partial(offer, path), request.viewer, asked)


def _nothing_yet(about: About) -> Component:
    if about.unreadable:
        return notice(
            f"Nothing can be shown: {about.unreadable}",
            "No figure is lost.",
            tone="bad",
        )
    return notice(
        "Nothing has been published yet, so there is nothing to show.",
        "Run `pocnet pull` in the network's folder; this page fills when it ends.",
    )
