"""Signing in as a program: keys, passwords and OAuth 2.0 client credentials.

A client proves who it is with a secret (RFC 6749, section 4.4) or, as SMART's backend
services do, by signing a short statement with a private key (RFC 7523).
"""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Generator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote_plus
from uuid import uuid4

import httpx
from pydantic import SecretStr, field_validator, model_validator

from connectors._http import Unusable, json_body, server_message
from connectors._settings import Settings, WebAddress

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    Key = RSAPrivateKey | EllipticCurvePrivateKey

SIGNED = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFE = 240
"""Seconds a signed statement holds; SMART allows five minutes."""


class SignIn(Settings):
    """How a system knows who is asking: in one way at most, or not at all."""

    api_key: SecretStr | None = None
    api_key_header: str = "X-API-Key"
    token: SecretStr | None = None
    user: str | None = None
    password: SecretStr | None = None
    token_url: WebAddress | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    private_key: SecretStr | None = None
    key_id: str | None = None
    scope: str | None = None

    @field_validator("private_key")
    @classmethod
    def _usable_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key:
            _algorithm(_private_key(key.get_secret_value()))
        return key

    @model_validator(mode="after")
    def _one_way_in(self) -> SignIn:
        basic = (self.user, self.password)
        proof = self.client_secret or self.private_key
        client = (self.token_url, self.client_id, proof)
        for names, group in (
            ("user and password", basic),
            ("token_url, client_id and client_secret (or private_key)", client),
        ):
            if any(group) and not all(group):
                raise ValueError(f"{names} belong together; one of them is missing")
        ways = (self.api_key, self.token, all(basic), all(client))
        if sum(map(bool, ways)) > 1 or (self.client_secret and self.private_key):
            raise ValueError(
                "give one of api_key, token, user, client_secret or private_key, "
                "not several"
            )
        return self

    @property
    def secrets(self) -> list[str]:
        """What no message may repeat."""
        kept = (self.api_key, self.token, self.password, self.client_secret)
        return [secret.get_secret_value() for secret in kept if secret]

    @property
    def headers(self) -> dict[str, str]:
        """The key or token, where every request carries it as it is."""
        if self.api_key:
            return {self.api_key_header: self.api_key.get_secret_value()}
        if self.token:
            return {"Authorization": f"Bearer {self.token.get_secret_value()}"}
        return {}

    def auth(self) -> httpx.Auth | None:
        """The sign-in that takes more than a header; None where there is none."""
        if self.user and self.password:
            return httpx.BasicAuth(self.user, self.password.get_secret_value())
        if not (self.token_url and self.client_id):
            return None
        asks = {"grant_type": "client_credentials"}
        if self.scope:
            asks["scope"] = self.scope
        return ClientCredentials(
            self.token_url, lambda: asks | self._statement(), self._basic()
        )

    def _basic(self) -> httpx.BasicAuth | None:
        if not self.client_secret:
            return None
        # RFC 6749, section 2.3.1: both are form-encoded before they are joined.
        secret = quote_plus(self.client_secret.get_secret_value())
        return httpx.BasicAuth(quote_plus(self.client_id or ""), secret)

    def _statement(self) -> dict[str, str]:
        if not self.private_key:
            return {}
        key = _private_key(self.private_key.get_secret_value())
        told = statement(self.client_id or "", self.token_url or "", key, self.key_id)
        return {"client_assertion_type": SIGNED, "client_assertion": told}


class ClientCredentials(httpx.Auth):
    """Sends a bearer token, fetched when there is none, when it ran out or is refused.

    Tokens live from seconds to hours, and a pull may outlive any of them: one is
    thrown away when a tenth of its life is left, and once more on a 401.
    """

    requires_response_body = True

    def __init__(
        self,
        token_url: str,
        form: Callable[[], Mapping[str, str]],
        basic: httpx.BasicAuth | None,
    ) -> None:
        self._url, self._form, self._basic = token_url, form, basic
        self._token = ""
        self._good_until = 0.0

    def auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        """The request with a token, preceded by one for the token where needed."""
        fresh = time.monotonic() >= self._good_until
        if fresh:
            self._take((yield self._ask(request)))
        response = yield self._signed(request)
        if response.status_code == 401 and not fresh:
            self._take((yield self._ask(request)))
            yield self._signed(request)

    def _ask(self, meant: httpx.Request) -> httpx.Request:
        # Nobody else sets a time limit for this one.
        limit = {"timeout": meant.extensions["timeout"]}
        asked = httpx.Request("POST", self._url, data=self._form(), extensions=limit)
        asked.headers["Accept"] = "application/json"
        return next(self._basic.auth_flow(asked)) if self._basic else asked

    def _take(self, response: httpx.Response) -> None:
        if not response.is_success:
            raise Unusable(self._refusal(response))
        body = json_body(response)
        if not isinstance(body, Mapping) or not body.get("access_token"):
            raise Unusable("is not asked: the sign-in gave no access_token")
        self._token = str(body["access_token"])
        self._good_until = time.monotonic() + _life(body.get("expires_in")) * 0.9

    def _refusal(self, response: httpx.Response) -> str:
        said = server_message(response)
        host, status = response.request.url.host, response.status_code
        advice = "check the client's id, its secret or key, and the scope"
        return (
            f"is not asked: the sign-in at {host} was answered with {status}"
            f"{' and says: ' + said if said else ''}; "
            f"{'pull later' if status >= 500 else advice}"
        )

    def _signed(self, request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _life(told: object) -> float:
    try:
        return float(str(told))
    except ValueError:
        return 60.0


def statement(client_id: str, audience: str, key: Key, key_id: str | None) -> str:
    """A JSON Web Token in which a client says who it is, once and for four minutes.

    Signed with ES384 or RS384, the two that SMART's backend services ask for.
    """
    algorithm = _algorithm(key)
    header = {"alg": algorithm, "typ": "JWT"} | ({"kid": key_id} if key_id else {})
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "exp": int(time.time()) + LIFE,
        "jti": str(uuid4()),
    }
    told = b".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
    return (told + b"." + _encoded(_signature(told, key))).decode()


def _encoded(content: bytes) -> bytes:
    return urlsafe_b64encode(content).rstrip(b"=")


def _private_key(pem: str) -> Key:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(pem.encode(), None)  # type: ignore[return-value]
    except (ValueError, TypeError):
        raise ValueError("holds no private key in PEM without a passphrase") from None


def _algorithm(key: Key) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if isinstance(key, rsa.RSAPrivateKey):
        return "RS384"
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size == 384:
        return "ES384"
    raise ValueError("must be an RSA key or one on the curve P-384")


def _signature(told: bytes, key: Key) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA384

    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(told, padding.PKCS1v15(), SHA384())
    pair = decode_dss_signature(key.sign(told, ec.ECDSA(SHA384())))
    return b"".join(number.to_bytes(48, "big") for number in pair)
