"""What a site says in its own name: written for itself alone, and never without why."""

from collections.abc import Mapping

from dashboard.proposals import LONGEST, NotWrittenError
from dashboard.viewer import current_request


def own_site(refused: str) -> str:
    """The site that asks; NotWrittenError in the words `refused` for who is none."""
    viewer = current_request().viewer
    if viewer.role != "site" or viewer.site is None:
        raise NotWrittenError(refused)
    return viewer.site


def declare(kind: str, site: str, body: Mapping[str, object], why: str | None) -> None:
    """Write a site's word into the journal; NotWrittenError without a reason."""
    reason = (why or "").strip()[:LONGEST]
    if not reason:
        raise NotWrittenError("Say why, in your own words.")
    request = current_request()
    request.journal.write(str(request.viewer), kind, site, body, reason)
