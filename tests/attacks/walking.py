"""Where a walk through the made-up network goes besides what everybody finds."""

import csv
import re
from dataclasses import dataclass
from html import unescape
from io import StringIO

import dash
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Match, Mount

from tests.attacks.harvester import CALLBACK, Answer, Figures, Walk

LOT = "kind=vector&supplier=vectoria&lot=LV9317"
ERRORS = (
    "/no-such-page",
    "/api/v1/cards/no-such-card",
    "/api/v1/cards/attention?from=march",
    "/api/v1/cards/attention?site=manzanera",
    "/api/v1/cards/attention?region=FR10&product=x",
    "/figure/failure-funnel",
    "/viewer/lead",
)
FILES = (
    "/assets/pocnet.css",
    "/_favicon.ico",
    "/_reload-hash",
    "/_dash-layout",
    "/sign-in/",
    "/sign-in/provider",
    "/sign-in/back",
)


def pages() -> list[str]:
    """Every page's address; a page that is about something is asked about nothing."""
    return [str(page["path"]) for page in dash.page_registry.values()]


def of_one(site: str, proposal: int) -> list[str]:
    """What there is about one site and about one proposal."""
    return [
        f"/api/v1/sites/{site}/report.html",
        f"/api/v1/sites/{site}/report.xlsx",
        f"/api/v1/recalls/{site}.xlsx?{LOT}",
        f"/api/v1/proposals/{proposal}.xlsx",
        f"/api/v1/proposals/{proposal}.pdf",
    ]


def everywhere(walk: Walk, site: str, proposal: int, figures: Figures) -> None:
    """The whole walk of one viewer."""
    walk.harvest(pages(), [*FILES, *ERRORS, *of_one(site, proposal)], figures)
    walk.page("/site", f"?site={site}")
    walk.page(f"/proposal/{proposal}")
    for address in ("/tracing", "/failures", "/quality", "/over-time"):
        walk.page(address, f"?site={site}&{LOT}&from=2025-01")
    for callback in walk.callbacks():
        walk.call(callback, [1], [site, "2025-01", "x", "x"])
    walk.ask("POST", "/api/v1/bundles", content=b"x" * 5000)
    walk.ask("POST", CALLBACK, json={})


def cells(answer: Answer) -> list[str]:
    """Every cell that a spreadsheet would show of an answer; none where it is none."""
    kind = answer.headers.get("content-type", "")
    if answer.status == 200 and kind.startswith("text/csv"):
        return [cell for row in csv.reader(StringIO(answer.content.decode()))
                for cell in row]  # fmt: skip
    if not answer.content.startswith(b"PK"):
        return []
    assert "<f>" not in answer.text
    found = re.findall(r"<t(?: [^>]*)?>(.*?)</t>", answer.text, re.S)
    return [unescape(each) for each in found]


@dataclass(frozen=True)
class Way:
    """One route of the application, and under what it is mounted."""

    prefix: str
    route: BaseRoute

    @property
    def name(self) -> str:
        return f"{self.prefix}{getattr(self.route, 'path', '')}"

    def leads(self, method: str, path: str) -> bool:
        """Whether a request comes this way."""
        scope = {"type": "http", "method": method, "path": path[len(self.prefix) :]}
        here = path.startswith(self.prefix)
        return here and self.route.matches(scope)[0] is Match.FULL


def ways(app: FastAPI) -> list[Way]:
    """Every route that the application answers, those of what is mounted too."""
    found = []
    for route in app.routes:
        if isinstance(route, Mount) and isinstance(route.app, Starlette):
            found += [Way(route.path, inner) for inner in route.app.routes]
        else:
            found.append(Way("", route))
    return found


def reached(app: FastAPI, method: str, address: str) -> str:
    """Which route answers an address: the first that leads there."""
    path = address.partition("?")[0]
    return next((w.name for w in ways(app) if w.leads(method, path)), "")
