"""Who is asking, and what the answer is made from.

Every page, callback and API answer reads its viewer here and nowhere else. Until
sign-in is configured the viewer is one of a few fixed kinds, chosen in the header; what
each may see is decided in `queries`, never on a page.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Final

from dashboard.journal import Journal
from etl.roles import ROLES, Role

_SCOPES: Final[Mapping[str, str]] = {"authority": "region", "site": "site"}


@dataclass(frozen=True)
class Viewer:
    """One reader: a role and, for an authority its region, for a site its slug.

    lead sees all sites by name; an authority its region's; a site itself; the public
    only network totals, with small counts suppressed. A data manager sees of all sites
    what arrived and what did not, an auditor the audit trail, both of the rest what
    the public sees.
    """

    role: Role = "lead"
    region: str | None = None
    site: str | None = None

    @classmethod
    def parse(cls, text: str | None) -> "Viewer":
        """The viewer written as `lead`, `authority:REGION`, `site:SLUG` and so on.

        Anything else raises ValueError, so that a mistyped viewer is never shown more
        than it asked for. None and blank are the default, `lead`.
        """
        role, _, scope = (text or "lead").partition(":")
        if role in ROLES and bool(scope) == (role in _SCOPES):
            given = {_SCOPES[role]: scope} if scope else {}
            return cls(role, **given)
        raise ValueError(
            f"“{text}” is no viewer. Use lead, authority:REGION, site:SLUG, "
            "data_manager, auditor or public."
        )

    def __str__(self) -> str:
        scope = self.region or self.site
        return f"{self.role}:{scope}" if scope else self.role

    @property
    def audience(self) -> Role:
        """The role whose rules hold for what this viewer sees of the network.

        Data managers and auditors have a right of their own, to what arrived and to the
        audit trail; for all the rest they are the public.
        """
        return "public" if self.role in ("data_manager", "auditor") else self.role

    @property
    def title(self) -> str:
        """The words for this viewer in the header's switch."""
        return {
            "lead": "Network lead",
            "authority": f"Authority, {self.region}",
            "site": f"Site, {self.site}",
            "data_manager": "Data manager",
            "auditor": "Auditor",
            "public": "Public",
        }[self.role]


@dataclass(frozen=True)
class Choices:
    """What each filter can be set to: pairs of value and words, in reading order."""

    months: tuple[str, ...] = ()
    product: tuple[tuple[str, str], ...] = ()
    product_class: tuple[tuple[str, str], ...] = ()
    pathway: tuple[tuple[str, str], ...] = ()
    region: tuple[tuple[str, str], ...] = ()
    site: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class About:
    """The snapshot's own facts: what the header, the footer and the filters need.

    `built` is None while nothing was ever published; pages then say so instead of
    drawing empty axes. `unseen` says what the viewer's audience is not shown of others,
    by the network's rule. `counts_only` are the sites, of those seen by name, that send
    counts and no batches. `unreadable` says why what was published cannot be shown.
    """

    name: str = "No network yet"
    as_of: date | None = None
    built: datetime | None = None
    snapshot: str = "none"
    viewers: tuple[Viewer, ...] = (Viewer("lead"), Viewer("public"))
    choices: Choices = field(default_factory=Choices)
    counts_only: tuple[str, ...] = ()
    unseen: str = ""
    unreadable: str = ""


@dataclass(frozen=True)
class Request:
    """One question: who asks, of which snapshot folder, with which journal.

    `who` is the person for the record; blank where nobody signs in, and a role is all
    that is known.
    """

    viewer: Viewer
    snapshots: Path
    journal: Journal
    about: About
    who: str = ""


_request: ContextVar[Request] = ContextVar("pocnet_request")


@contextmanager
def asking(request: Request) -> Iterator[None]:
    """Make `request` the one that pages and queries read, until the block ends.

    A ContextVar, because Dash calls layouts with the URL's parameters only, and because
    two requests are answered at the same time.
    """
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


def current_request() -> Request:
    """The question being answered; LookupError outside of one."""
    return _request.get()


def current_viewer() -> Viewer:
    """Who is asking; LookupError outside of a request, never a default with rights."""
    return _request.get().viewer
