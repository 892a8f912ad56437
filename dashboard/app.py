"""The dashboard as an ASGI application: Dash on its FastAPI backend.

One application answers pages, callbacks and the API, so that all three know their
viewer in the same way and open the same snapshot.
"""

import contextlib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import dash
from fastapi import APIRouter, FastAPI, HTTPException
from fastapi import Request as HttpRequest
from fastapi.responses import RedirectResponse

from dashboard import shell
from dashboard.access.fixed import COOKIE
from dashboard.gate import SIGN_IN, STRANGER, Gate, Sources, nameless, question
from dashboard.housed import assets
from dashboard.keeping import Keeper
from dashboard.kept import Kept
from dashboard.viewer import asking

_INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}
<meta name="color-scheme" content="light dark">
<title>{%title%}</title>
<link rel="icon" type="image/svg+xml" href="/assets/mark.svg">
{%css%}
</head>
<body>
<noscript>The dashboard draws its figures with JavaScript; the same numbers without it
are at <a href="/api/v1/">/api/v1/</a>.</noscript>
{%app_entry%}
{%config%}{%scripts%}{%renderer%}
</body>
</html>
"""


def create_app(
    sources: Sources,
    routers: Sequence[APIRouter] = (),
    pages: Callable[[], None] | None = None,
    kept: Kept | None = None,
) -> FastAPI:
    """The ASGI application over `sources`, with `routers` (the API) beside the pages.

    Dash keeps its pages and callbacks for the whole process, so a process makes one
    application. `pages` registers them; left out, it is every module of
    `dashboard.pages`. Where pages are `kept` that were made once, other processes may
    find them, too.
    """
    server = FastAPI(
        title="pocnet",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )
    _add_routes(server, sources, routers)
    app = dash.Dash(
        "dashboard",
        server=server,  # type: ignore[arg-type]  # any backend's server is taken
        backend="fastapi",
        use_pages=True,
        pages_folder="",
        assets_folder=str(assets()),
        assets_ignore=r"LICENSE.*",
        compress=True,
        include_pages_meta=False,
        use_async=True,
        index_string=_INDEX,
        suppress_callback_exceptions=True,
        title="pocnet",
        update_title="",
    )
    _register(pages or _import_pages)
    # Callbacks go by HTTP, where the viewer is known; Dash would open a socket unasked.
    app.backend.websocket_capability = False
    _add_callbacks(app)
    with asking(question(sources, STRANGER)):
        app.layout = shell.layout
        policy = _policy(app)
    _surround(server, sources, policy, kept or Kept())
    return server


def _surround(server: FastAPI, sources: Sources, policy: str, kept: Kept) -> None:
    """What every request comes through: the gate, and behind it what was made before.

    Where pages are kept is told to whoever holds the application.
    """
    server.state.kept = kept
    server.add_middleware(Keeper, kept=kept, ask=partial(nameless, sources))
    server.add_middleware(Gate, sources=sources, policy=policy)


def _register(pages: Callable[[], None]) -> None:
    pages()
    if not any("not_found_404" in module for module in dash.page_registry):
        dash.register_page("not_found_404", path="/404", layout=shell.not_found)


def _import_pages() -> None:
    package = importlib.import_module("dashboard.pages")
    for module in pkgutil.iter_modules(package.__path__, "dashboard.pages."):
        importlib.import_module(module.name)


def _add_routes(
    server: FastAPI, sources: Sources, routers: Sequence[APIRouter]
) -> None:
    for router in routers:
        server.include_router(router)

    @server.get("/healthz", tags=["service"])
    def healthz() -> dict[str, str]:
        """Says that the process answers; says nothing about the data."""
        return {"status": "ok"}

    if sources.desk is not None:
        server.mount(SIGN_IN, sources.desk)
        return

    @server.get("/viewer/{who}", include_in_schema=False)
    def choose_viewer(who: str, request: HttpRequest) -> RedirectResponse:
        if who not in {str(viewer) for viewer in sources.viewers}:
            raise HTTPException(404, f"“{who}” is no viewer of this network.")
        response = RedirectResponse(_back(request), status_code=303)
        response.set_cookie(COOKIE, who, httponly=True, samesite="lax")
        return response


def _back(request: HttpRequest) -> str:
    """The page the reader came from, as a path of this site only."""
    came_from = urlsplit(request.headers.get("referer", ""))
    if came_from.netloc != request.url.netloc or came_from.path.startswith("//"):
        return "/"
    return came_from.path + (f"?{came_from.query}" if came_from.query else "")


def _add_callbacks(app: dash.Dash) -> None:
    """What a page does in the browser: apply filters, keep them, mark where it is.

    Their code is in assets/pocnet.js, so that no script stands inside the page.
    """
    from dash import ALL, ClientsideFunction, Input, Output, State

    app.clientside_callback(
        ClientsideFunction("pocnet", "apply"),
        Output("address", "search"),
        Input("filters-apply", "n_clicks"),
        State({"kind": "filter", "key": ALL}, "value"),
        State({"kind": "filter", "key": ALL}, "id"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("pocnet", "navigate"),
        Output({"kind": "nav", "path": ALL}, "href"),
        Input("address", "pathname"),
        Input("address", "search"),
        State({"kind": "nav", "path": ALL}, "id"),
    )


def _policy(app: dash.Dash) -> str:
    """A content security policy that lets nothing in from elsewhere.

    Dash starts its renderer and sets the title with two inline scripts, allowed by
    their hashes. Styles must allow inline ones: plotly and the grid write their own.
    """
    _finish_setup(app)
    scripts = " ".join(["'self'", *app.csp_hashes()])
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline';"
        " img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self';"
        " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


def _finish_setup(app: dash.Dash) -> None:
    """Does now what Dash puts off until its first request to `/`.

    A first visitor may come by a deep link, which Dash answers without it; and the
    hashes must cover every script.
    """
    backend: Any = app.backend
    for prepare in backend._before_request_funcs:
        waiting = prepare()
        if inspect.iscoroutine(waiting):
            with contextlib.suppress(StopIteration):
                waiting.send(None)
