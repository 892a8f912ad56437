"""The door: who a request comes from, and whether it comes from where it says."""

from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from dashboard.access.sessions import Sessions
from dashboard.access.tokens import Tokens
from dashboard.viewer import Viewer

READING: Final = ("GET", "HEAD", "OPTIONS")
# Where strangers come to, and what their browser needs there.
_OPEN: Final = ("/assets/", "/sign-in/")
_OPEN_EXACTLY: Final = ("/healthz",)
# Where sites send to, who sign what they send.
PACKAGES: Final = "/api/v1/bundles"


@dataclass(frozen=True)
class Guest:
    """Somebody who is let in: what they may see, and their name for the record."""

    viewer: Viewer
    who: str = ""


class Door(Protocol):
    """Says who stands before the dashboard."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names under which this dashboard is opened."""
        ...

    def guest(self, connection: HTTPConnection) -> Guest | None:
        """Who asks; None for somebody who is to sign in first."""
        ...


@dataclass(frozen=True)
class SignedIn:
    """A door that opens for sessions and tokens, and for the public if it may come."""

    sessions: Sessions
    tokens: Tokens
    hosts: tuple[str, ...]
    cookie: str
    public: bool = False

    def guest(self, connection: HTTPConnection) -> Guest | None:
        """The person of the session, or the program of the token, that asks."""
        if bearer := _bearer(connection):
            token = self.tokens.of(bearer)
            if token is None or not token.opens(connection.url.path):
                return None
            return Guest(token.viewer, f"token {token.label}")
        secret = connection.cookies.get(self.cookie)
        session = self.sessions.of(secret) if secret else None
        if session is not None:
            return Guest(session.viewer, session.who)
        return Guest(Viewer("public"), "the public") if self.public else None


def is_open(connection: HTTPConnection) -> bool:
    """Whether a request is for nothing of the network, so that anybody may ask it."""
    path = connection.url.path
    if path == PACKAGES:
        return connection.scope["method"] not in READING
    return path in _OPEN_EXACTLY or path.startswith(_OPEN)


def refusal(door: Door, connection: HTTPConnection) -> str | None:
    """Why a request is turned away before anybody looks at what it asks; else None.

    A page of somebody else's can make a browser ask here, with the reader's cookie. A
    browser then says where it comes from (Fetch Metadata, W3C; RFC 6454), and only
    this dashboard's own pages may write. A name of another host that leads here (DNS
    rebinding) is none under which it is opened.
    """
    host = connection.headers.get("host", "")
    if _name(f"//{host}") not in door.hosts:
        return "This dashboard is not opened under this name."
    if connection.scope["method"] in READING:
        return None
    site = connection.headers.get("sec-fetch-site", "same-origin")
    origin = connection.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != host
    if foreign or site not in ("same-origin", "none"):
        return "Only this dashboard's own pages may write here."
    return None


def _name(address: str) -> str:
    return urlsplit(address).hostname or ""


def _bearer(connection: HTTPConnection) -> str | None:
    scheme, _, secret = connection.headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None
