"""Which page answers at an address, with or without something in its path."""

import re
from collections.abc import Mapping
from typing import Any

import dash


def page_at(path: str) -> Mapping[str, Any] | None:
    """The registered page that answers at `path`, query left out; None where none."""
    asked = path.partition("?")[0].rstrip("/")
    for page in dash.page_registry.values():
        pattern = str(page["path_template"] or page["path"]).rstrip("/")
        if re.fullmatch(re.sub(r"<[^>]+>", "[^/]+", pattern), asked):
            found: Mapping[str, Any] = page
            return found
    return None
