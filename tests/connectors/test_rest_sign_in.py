from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from connectors import Page, SourceError
from connectors._auth import _encoded
from connectors.standins import RestApi, serve
from tests.connectors.servers.oidc import Gate, provider

Read = Callable[..., list[Page]]

LIFE = 3
SECRET = "s3cr+t/ 100%&:"
KEY = ec.generate_private_key(ec.SECP384R1())
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
LOTS = pl.DataFrame({"id": [f"L-{number}" for number in range(90)]})
CURSOR = {"records": "items", "key": "id", "paging": "cursor", "next": "next_cursor"}


def clients() -> list[dict[str, Any]]:
    point = KEY.public_key().public_numbers()
    numbers = {"x": point.x.to_bytes(48, "big"), "y": point.y.to_bytes(48, "big")}
    public = {name: _encoded(number).decode() for name, number in numbers.items()}
    known = {"kty": "EC", "crv": "P-384", "kid": "k1", "use": "sig", **public}
    signs = {
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES384",
        "jwks": {"keys": [known]},
    }
    return [
        {"client_id": "reader", "client_secret": SECRET, "scope": "lots.read"},
        {"client_id": "signer", "scope": "lots.read", **signs},
    ]


@dataclass
class Lims:
    url: str
    token_url: str
    gate: Gate

    def options(self, client_id: str, **proof: str) -> dict[str, object]:
        return {
            "url": self.url,
            "token_url": self.token_url,
            "client_id": client_id,
            **proof,
        }


@pytest.fixture(scope="module")
def lims(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lims]:
    with provider(tmp_path_factory.mktemp("oidc"), clients(), LIFE) as issuer:
        gate = Gate(issuer, RestApi("k3y", {"/lots": LOTS}))
        with serve({"lims": gate}) as address:
            yield Lims(f"{address}/lims", f"{issuer}/token", gate)


@pytest.mark.parametrize(
    ("client", "proof"),
    [
        ("reader", {"client_secret": SECRET}),
        ("reader", {"client_secret": SECRET, "scope": "lots.read"}),
        ("signer", {"private_key": PEM, "key_id": "k1"}),
        ("signer", {"private_key": PEM}),
    ],
)
def test_a_client_is_let_in(
    read: Read, lims: Lims, client: str, proof: dict[str, str]
) -> None:
    [page] = read("rest", lims.options(client, **proof), "/lots", **CURSOR)
    assert page.frame["id"].to_list() == LOTS["id"].to_list()


def test_a_read_outlives_its_token(read: Read, lims: Lims) -> None:
    lims.gate.tokens.clear()
    lims.gate.lag = 0.12
    options = lims.options("reader", client_secret=SECRET)
    [page] = read("rest", options, "/lots", page_size=3, **CURSOR)
    lims.gate.lag = 0.0
    assert page.frame["id"].to_list() == LOTS["id"].to_list()
    # It is renewed early; where a second is rounded down, when it is refused.
    assert len(lims.gate.tokens) >= 2


@pytest.mark.parametrize(
    ("client", "proof", "words"),
    [
        ("reader", {"client_secret": "wr0ng"}, "client authentication failed"),
        ("nobody", {"client_secret": SECRET}, "client authentication failed"),
        (
            "reader",
            {"client_secret": SECRET, "scope": "lots.write"},
            "requested scope",
        ),
        ("reader", {"private_key": PEM}, "client authentication failed"),
    ],
)
def test_a_client_that_is_not_let_in_is_told_why(
    read: Read, lims: Lims, client: str, proof: dict[str, str], words: str
) -> None:
    with pytest.raises(SourceError, match=f"is not asked: the sign-in .*{words}") as e:
        read("rest", lims.options(client, **proof), "/lots", **CURSOR)
    assert "check the client's id, its secret or key, and the scope" in str(e.value)
    assert SECRET not in str(e.value)
    assert "wr0ng" not in str(e.value)
