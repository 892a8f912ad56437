"""Where a link to a figure leads: to the figure as it stands, if that is still it."""

from html import escape
from typing import Final
from urllib.parse import quote

import dash
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from connectors import ConfigError
from dashboard import permalink
from dashboard.filters import parse
from dashboard.viewer import current_request

router = APIRouter()
_OLDER: Final = """<!DOCTYPE html>
<html lang="en"><head><title>A figure of run {run} · pocnet</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"></head><body><main>
<h1>A figure of run {run}</h1>
<p>This figure was shown in run {run}. The dashboard shows run {now} now, in which it
may be another.</p>
<p><a href="{page}">See the figure as it stands now</a></p>
<p>Whoever runs the dashboard can show it as it was, and whether it is what was shown:
<code>pocnet verify LINK</code>, with this page's address for LINK.</p>
</main></body></html>
"""


@router.get(permalink.PATH + "{card}", include_in_schema=False)
def figure(card: str, request: Request) -> Response:
    """To the figure on its page; if it was shown in another run, first a word of that.

    Nothing is told of what the link seals: who follows it sees what they may see.
    """
    try:
        asked = permalink.parse(str(request.url))
    except ConfigError as error:
        raise HTTPException(404, str(error)) from None
    page = _page(card, asked)
    now = current_request().about.snapshot
    if str(asked.run) == now:
        return RedirectResponse(page, status_code=303)
    said = _OLDER.format(run=asked.run, now=escape(now), page=escape(page))
    return HTMLResponse(said)


def _page(card: str, asked: permalink.Permalink) -> str:
    filters, _ = parse(asked.query, current_request().about.choices)
    for page in dash.page_registry.values():
        if card in {each.id for each in page.get("cards", ())}:
            path = str(page["path_template"] or page["path"])
            for name, value in filters.extra.items():
                path = path.replace(f"<{name}>", quote(value, safe=""))
            return f"{path}{filters.to_query()}#{quote(card)}"
    raise HTTPException(404, "There is no such figure to show.")
