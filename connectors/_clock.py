"""What time it is where a source is, as far as it tells anybody who asks."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx

from connectors._page import Source

SECONDS = 10.0


def web_clock(source: Source) -> datetime | None:
    """The time in a web server's answer, whatever else it answers; None without one.

    Nobody signs in for this: the date stands on a refusal, too.
    """
    said = str(source.options.get("url") or source.options.get("address") or "")
    if urlsplit(said).scheme not in ("http", "https"):
        return None
    try:
        answer = httpx.head(said, timeout=SECONDS)
        told = parsedate_to_datetime(answer.headers["date"])
    except (httpx.HTTPError, KeyError, ValueError):
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)
