"""Where a broken read goes on: what a connector must remember between two pulls."""

from __future__ import annotations

import json
from collections.abc import Mapping
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
