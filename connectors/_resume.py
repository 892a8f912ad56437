"""When a read begins and where a broken one goes on: what lasts between two pulls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors._page import Source

MARK = "resume:"


def resume_at(**place: object) -> str:
    """A place in a read as the text that goes into `Page.resume`."""
    return MARK + json.dumps(place, ensure_ascii=False)


def resumed(source: Source, since: str | None) -> Mapping[str, Any] | None:
    """The place in which a read broke off; None where it begins anew.

    A text that this version cannot read is a SourceError, not a guess: to begin
    anew would read twice what is kept already.
    """
    if since is None or not since.startswith(MARK):
        return None
    try:
        place = json.loads(since.removeprefix(MARK))
    except ValueError:
        place = None
    if not isinstance(place, dict):
        raise source.error(
            "the note of where the last pull broke off is damaged; pull everything"
        )
    return place


def begun(clock: datetime | None) -> str:
    """The instant at which a read begins, by whichever clock is behind.

    A server whose clock is late stamps a change with a time that has passed here.
    """
    now = datetime.now(UTC)
    return min(now, clock or now).astimezone(UTC).isoformat(timespec="seconds")
