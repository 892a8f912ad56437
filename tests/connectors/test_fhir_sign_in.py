import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from connectors import ConfigError, Extract, Source, open_source
from tests.connectors.fhir_made_up import observation, put, read
from tests.connectors.servers.sekmet import sekmet

KEYS = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "foreign": ec.generate_private_key(ec.SECP384R1()),
}
PEM = {
    name: key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for name, key in KEYS.items()
}
SECRET = "s3cret-of-the-client"


def clients(folder: Path) -> list[dict[str, str]]:
    known = []
    for name in ("rsa", "p384"):
        public = KEYS[name].public_key()
        path = folder / f"{name}.pem"
        info = PublicFormat.SubjectPublicKeyInfo
        path.write_bytes(public.public_bytes(Encoding.PEM, info))
        known.append({"client_id": name, "public_key_path": str(path)})
    secret = {"client_id": "secret", "client_secret": SECRET}
    return [{**one, "scopes": "system/*.rs"} for one in (*known, secret)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("sekmet")
    with sekmet(folder) as address:
        put(address, [observation(number) for number in range(40)])
    signs = {
        "types": ["basic", "bearer", "smart"],
        "users": {"reader": "p4ssw0rd"},
        "tokens": ["t0k3n"],
        "smart_clients": clients(folder),
        "token_lifetime": 2,
    }
    with sekmet(folder, server_auth=signs) as address:
        yield address


def client(base: str, name: str, **proof: str) -> dict[str, object]:
    url = f"{base.removesuffix('/fhir')}/auth/token"
    return {"token_url": url, "client_id": name, "scope": "system/*.rs", **proof}


def ways(base: str) -> dict[str, dict[str, object]]:
    return {
        "Basic": {"user": "reader", "password": "p4ssw0rd"},
        "a token": {"token": "t0k3n"},
        "a key": {"api_key": "Bearer t0k3n", "api_key_header": "Authorization"},
        "RS384": client(base, "rsa", private_key=PEM["rsa"], key_id="k1"),
        "a secret": client(base, "secret", client_secret=SECRET),
        "ES384": client(base, "p384", private_key=PEM["p384"]),
    }


@pytest.mark.parametrize("way", ways(""))
def test_who_is_known_is_let_in(base: str, way: str) -> None:
    pages, error = read(base, "Observation", options=ways(base)[way])
    assert error is None
    assert sum(page.frame.height for page in pages) == 40


def test_a_token_that_runs_out_in_the_middle_is_fetched_anew(base: str) -> None:
    options = client(base, "p384", private_key=PEM["p384"])
    source = Source("alpha", "main", "fhir", {"url": base, **options})
    pages = open_source(source)(
        Extract("result", "Observation", {"page_size": 10}), None
    )
    first = next(pages)
    time.sleep(2.2)  # longer than a token lives
    assert first.frame.height + sum(page.frame.height for page in pages) == 40


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "answered 401 and says: Authentication required"),
        ({"token": "wr0ng"}, "answered 401"),
        ({"user": "reader", "password": "wr0ng"}, "answered 401 .*check the user"),
    ],
)
def test_who_is_not_known_is_told(
    base: str, options: dict[str, object], words: str
) -> None:
    pages, error = read(base, "Observation", options=options)
    assert not pages
    with pytest.raises(type(error), match=words):
        raise error
    assert "wr0ng" not in str(error)


def test_a_foreign_key_is_told_without_showing_it(base: str) -> None:
    options = client(base, "p384", private_key=PEM["foreign"])
    _, error = read(base, "Observation", options=options)
    assert "the sign-in at 127.0.0.1 was answered with 401" in str(error)
    assert "verification failed" in str(error)
    assert "PRIVATE" not in str(error)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (PEM["p256"], "must be an RSA key or one on the curve P-384"),
        ("-----BEGIN nothing", "holds no private key in PEM"),
    ],
)
def test_a_key_that_cannot_sign_is_told_before_anything_runs(
    key: str, words: str
) -> None:
    options = {
        "url": "https://h/fhir",
        **client("https://h/fhir", "c", private_key=key),
    }
    with pytest.raises(ConfigError, match=f"source.main.private_key: {words}"):
        open_source(Source("alpha", "main", "fhir", options))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"client_id": "c", "client_secret": "s"}, "token_url, client_id and client_s"),
        ({"token": "t", "api_key": "k"}, "give one of api_key, token, user"),
        (
            client("https://h/fhir", "c", private_key=PEM["p384"], client_secret="s"),
            "give one of api_key, token, user",
        ),
    ],
)
def test_one_way_to_sign_in_is_enough(options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=f"source.main: {words}"):
        open_source(Source("alpha", "main", "fhir", {"url": "https://h", **options}))
