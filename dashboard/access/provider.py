"""An OpenID Connect provider: whom it vouches for, and what they are here."""

import warnings
from collections.abc import Mapping
from typing import Any

from authlib.deprecate import AuthlibDeprecationWarning

from dashboard.viewer import Viewer
from etl.settings_access import Provider

with warnings.catch_warnings():
    # Authlib would rather go by httpx2; everything else here goes by httpx. A line of
    # advice to us is none for whoever reads the log.
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.base_client import OAuthError
    from authlib.integrations.starlette_client import OAuth

__all__ = ["OAuth", "OAuthError", "granted", "name_of", "registered"]


def registered(oauth: OAuth, provider: Provider, secret: str) -> Any:
    """The client that talks to the provider, by code flow with PKCE (RFC 7636).

    Authlib reads the provider's addresses and keys where it publishes them, and checks
    state, nonce, issuer, audience, signature and time of what comes back.
    """
    issuer = provider.issuer.rstrip("/")
    return oauth.register(
        "provider",
        client_id=provider.client_id,
        client_secret=secret,
        server_metadata_url=f"{issuer}/.well-known/openid-configuration",
        client_kwargs={
            "scope": provider.scope,
            "code_challenge_method": "S256",
            "timeout": 10,
        },
    )


def granted(provider: Provider, claims: Mapping[str, Any]) -> Viewer | None:
    """What somebody with these claims is here; None for whom no group lets in.

    The first group of network.toml that the person is in counts.
    """
    said = claims.get(provider.groups)
    groups = {said} if isinstance(said, str) else {str(each) for each in said or ()}
    for rule in provider.group:
        if rule.group in groups:
            return Viewer(rule.role, rule.region, rule.site)
    return None


def name_of(claims: Mapping[str, Any]) -> str:
    """Who it is, for the record: the provider's lasting number, and a name to read."""
    name = claims.get("preferred_username") or claims.get("email") or ""
    number = str(claims.get("sub", "-"))
    return f"{name} ({number})" if name and name != number else number
