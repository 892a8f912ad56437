"""The page where people sign in, with a password or through their institution.

Plain HTML forms, which work without scripts. Whatever is wrong, the answer is the same:
it does not tell which names there are. A session begins with a new secret, so that one
which somebody planted in a browser beforehand is worth nothing.
"""

import asyncio
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from dashboard.access.accounts import Account, Accounts
from dashboard.access.provider import (
    OAuth,
    OAuthError,
    granted,
    name_of,
    registered,
)
from dashboard.access.sessions import Sessions
from dashboard.access.sign_in_page import page
from dashboard.access.throttle import Throttle
from dashboard.audit import Deed
from dashboard.journal import Journal
from dashboard.viewer import Viewer
from etl.access import Access
from etl.settings_access import SignIn

AT: Final = "/sign-in"
WRONG: Final = "Name and password do not belong together."
# An argon2id check takes 64 MiB: no more of them at a time than this.
_AT_ONCE: Final = 2
_LONGEST_NAME: Final = 64


@dataclass(frozen=True)
class Desk:
    """What signing in needs: the rules, who is known, and where it is put on record."""

    access: Access
    rules: SignIn
    accounts: Accounts
    sessions: Sessions
    throttle: Throttle
    journal: Journal
    cookie: str

    def application(self, key: bytes) -> Starlette:
        """The pages under `/sign-in/`; `key` seals what a provider's answer must match.

        That note is a cookie of ten minutes, which other workers of this network can
        read too.
        """
        counter = _Counter(self, asyncio.Semaphore(_AT_ONCE))
        sealed = hmac.digest(key, b"sign-in", "sha256").hex()
        noted = Middleware(
            SessionMiddleware,
            secret_key=sealed,
            session_cookie=f"{self.cookie}_note",
            max_age=600,
            https_only=self.encrypted,
        )
        routes = [
            Route("/", counter.show, methods=["GET"]),
            Route("/", counter.take, methods=["POST"]),
            Route("/out", counter.leave, methods=["POST"]),
            Route("/provider", counter.send_on, methods=["GET"]),
            Route("/back", counter.welcome, methods=["GET"]),
        ]
        return Starlette(routes=routes, middleware=[noted])

    @property
    def encrypted(self) -> bool:
        """Whether people come by HTTPS, so that no cookie may go without."""
        return self.rules.address.startswith("https:")

    def let_in(
        self, who: str, viewer: Viewer, to: str, account: str | None = None
    ) -> Response:
        """Begin a session and go where the person wanted to."""
        secret = self.sessions.begin(who, viewer, account)
        self.journal.record(Deed(who, "sign_in", new=str(viewer)))
        answer = RedirectResponse(to, status_code=303)
        answer.set_cookie(
            self.cookie,
            secret,
            max_age=int(self.sessions.longest),
            secure=self.encrypted,
            httponly=True,
            samesite="lax",
        )
        return answer


@dataclass(frozen=True)
class _Counter:
    """The routes of the desk."""

    desk: Desk
    free: asyncio.Semaphore

    async def show(self, request: Request) -> Response:
        """The form."""
        return self._page(_wanted(request.query_params))

    async def take(self, request: Request) -> Response:
        """Name and password; the dashboard if they belong together."""
        form = await request.form(max_files=0, max_fields=8)
        name = str(form.get("name", "")).strip().lower()[:_LONGEST_NAME]
        to = _wanted({"next": str(form.get("next", ""))})
        address = request.client.host if request.client else "-"
        desk = self.desk
        wait = await asyncio.to_thread(desk.throttle.enter, name, address)
        if wait:
            said = f"Too many attempts. Try again in {-(-wait // 60)} minutes."
            return self._page(to, said, 429, {"Retry-After": str(wait)})
        account = await self._checked(name, str(form.get("password", "")))
        if account is None:
            desk.journal.record(Deed(name or "-", "sign_in_refused"))
            return self._page(to, WRONG, 403)
        await asyncio.to_thread(desk.throttle.succeeded, name, address)
        return desk.let_in(account.name, account.viewer, to, account.name)

    async def leave(self, request: Request) -> Response:
        """End the session at this side, and forget the cookie."""
        secret = request.cookies.get(self.desk.cookie, "")
        session = self.desk.sessions.of(secret)
        if session is not None:
            self.desk.sessions.end(secret)
            self.desk.journal.record(Deed(session.who, "sign_out"))
        answer = RedirectResponse(f"{AT}/", status_code=303)
        answer.delete_cookie(self.desk.cookie)
        return answer

    async def send_on(self, request: Request) -> Response:
        """Go to the institution's own sign-in."""
        client = self._client()
        if client is None:
            return self._page("/", "There is no other way to sign in here.", 404)
        request.session["next"] = _wanted(request.query_params)
        back = f"{self.desk.rules.address}{AT}/back"
        sent: Response = await client.authorize_redirect(request, back)
        return sent

    async def welcome(self, request: Request) -> Response:
        """What the institution says of whoever comes back from it."""
        client, provider = self._client(), self.desk.rules.provider
        if client is None or provider is None:
            return self._page("/", "There is no other way to sign in here.", 404)
        to = _wanted({"next": str(request.session.pop("next", "/"))})
        try:
            token = await client.authorize_access_token(request)
            claims: dict[str, Any] = dict(token.get("userinfo") or {})
            if provider.groups not in claims:
                claims |= dict(await client.userinfo(token=token))
        except (OAuthError, ValueError, KeyError) as error:
            self.desk.journal.record(
                Deed("-", "sign_in_refused", why=type(error).__name__)
            )
            return self._page(to, "Your institution's answer could not be used.", 403)
        who, viewer = name_of(claims), granted(provider, claims)
        if viewer is None:
            self.desk.journal.record(Deed(who, "sign_in_refused", why="in no group"))
            return self._page(
                to,
                "You are known to your institution, but none of your groups may look "
                "here. Ask the network's lead.",
                403,
            )
        return self.desk.let_in(who, viewer, to)

    async def _checked(self, name: str, password: str) -> Account | None:
        async with self.free:
            return await asyncio.to_thread(self.desk.accounts.check, name, password)

    def _client(self) -> Any:
        """The provider's client; None where there is no provider."""
        provider, secret = self.desk.rules.provider, self.desk.access.client_secret
        if provider is None or secret is None:
            return None
        return registered(OAuth(), provider, secret)

    def _page(
        self,
        to: str,
        said: str = "",
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        provider = self.desk.rules.provider
        other = (
            (f"{AT}/provider?next={quote(to)}", provider.title) if provider else None
        )
        return HTMLResponse(page(f"{AT}/", to, said, other), status, headers)


def _wanted(query: Mapping[str, str]) -> str:
    """Where the person wanted to go: a path of this dashboard, never elsewhere."""
    to = query.get("next", "/")
    inside = to.startswith("/") and not to.startswith(("//", "/\\", AT))
    return to if inside and to.isprintable() and "\\" not in to else "/"
