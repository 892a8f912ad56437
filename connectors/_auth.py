"""Signing in as a program: OAuth 2.0 client credentials (RFC 6749, section 4.4)."""

from __future__ import annotations

import time
from collections.abc import Generator

import httpx

from connectors._http import Unusable, json_body


class ClientCredentials(httpx.Auth):
    """Sends a bearer token, fetched when there is none, when it ran out or is refused.

    Tokens live from seconds to hours, and a pull may outlive any of them: one is
    thrown away when a tenth of its life is left, and once more on a 401.
    """

    requires_response_body = True

    def __init__(
        self, token_url: str, client_id: str, client_secret: str, scope: str | None
    ) -> None:
        self._url = token_url
        self._form = {"grant_type": "client_credentials"}
        if scope:
            self._form["scope"] = scope
        self._basic = httpx.BasicAuth(client_id, client_secret)
        self._token = ""
        self._good_until = 0.0

    def auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """The request with a token, preceded by one for the token where needed."""
        fresh = time.monotonic() >= self._good_until
        if fresh and not self._take((yield self._ask())):
            return
        response = yield self._signed(request)
        if (
            response.status_code == 401
            and not fresh
            and self._take((yield self._ask()))
        ):
            yield self._signed(request)

    def _ask(self) -> httpx.Request:
        request = httpx.Request("POST", self._url, data=self._form)
        return next(self._basic.auth_flow(request))

    def _take(self, response: httpx.Response) -> bool:
        """Keep the token; False when it was refused, which the caller then reports."""
        if response.status_code >= 400:
            return False
        body = json_body(response)
        if not isinstance(body, dict) or not body.get("access_token"):
            raise Unusable("answered the sign-in without an access_token")
        self._token = str(body["access_token"])
        life = float(body.get("expires_in") or 60)
        self._good_until = time.monotonic() + life * 0.9
        return True

    def _signed(self, request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request
