"""Signatures: who sent a bundle, to which network, and that nothing in it was changed.

Ed25519, because a key is 32 bytes that a person can paste into a file and there is
nothing to choose wrongly. What is signed is not the bundle but a claim about it: its
manifest's hash (which covers every object), the site, the network, and the contract.
So a bundle cannot be passed off as another site's, in another network, or later under
other rules. The claim comes first in a package and is small, so that whoever has no
key is turned away before anything else is read.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from connectors import ConfigError, PocnetError

# Part of what is signed, so that no other use of the key can ever be taken for this.
_PURPOSE: Final = b"pocnet bundle 1\n"


class RefusedError(PocnetError):
    """A package that is not let in: the rule that it breaks, and what to do.

    `stranger` says that nobody knows who sent it; such a sender is told no more than
    that.
    """

    def __init__(self, rule: str, message: str, *, stranger: bool = False) -> None:
        super().__init__(message)
        self.rule, self.stranger = rule, stranger


@dataclass(frozen=True)
class Claim:
    """What a site says of a bundle of its own; `manifest` is the manifest's SHA-256."""

    contract: str
    manifest: str
    network: str
    site: str

    def to_bytes(self) -> bytes:
        """What is signed: these four words in one way of writing them."""
        return _PURPOSE + _written(asdict(self))


@dataclass(frozen=True)
class Signed:
    """A claim with the signature under it, not checked yet."""

    claim: Claim
    signature: str

    def to_bytes(self) -> bytes:
        """The signed claim as it lies in a package; it is written in no other way."""
        return _written({**asdict(self.claim), "signature": self.signature})

    @classmethod
    def read(cls, raw: bytes) -> "Signed":
        """The signed claim of these bytes; RefusedError if they are none."""
        try:
            said = json.loads(raw)
            signature = said.pop("signature")
            signed = cls(Claim(**said), signature)
            if signed.to_bytes() == raw:
                return signed
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            pass
        raise RefusedError(
            "unsigned",
            "The package holds no signed claim of a site. Bundles are sent with "
            "`pocnet agent`, which signs them.",
            stranger=True,
        )

    def verify(self, public_key: str) -> None:
        """RefusedError unless the site that owns this key has signed the claim."""
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
            key.verify(_hex(self.signature), self.claim.to_bytes())
        except (InvalidSignature, ValueError):
            raise RefusedError(
                "signature",
                f"The signature is not by the key known for {self.claim.site}: the "
                "package was altered, or the site signs with another key than "
                f"`public_key` of sites/{self.claim.site}.toml.",
                stranger=True,
            ) from None


def new_key() -> tuple[str, str]:
    """A new pair: the private key as PEM text, and the public one in hexadecimal."""
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem.decode(), _public(private)


def written_key(file: Path, private_key: str) -> None:
    """Write a private key where only this account can read it.

    FileExistsError if there is such a file: a key that is lost cannot be made again.
    """
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as opened:
        os.fchmod(handle, 0o600)
        opened.write(private_key)


def sign(claim: Claim, private_key: str) -> Signed:
    """The claim under the signature of a private key, given as PEM text.

    The same claim and key give the same signature, so that a package that is made
    twice is the same package. ConfigError if the text is no such key.
    """
    return Signed(claim, _private(private_key).sign(claim.to_bytes()).hex())


def public_key(private_key: str) -> str:
    """The public half of a private key; ConfigError if the text is none."""
    return _public(_private(private_key))


def _private(text: str) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(
            "The signing key is none that `pocnet keys` wrote. Set the variable that "
            "signing_key names, with _FILE behind its name, to that file.",
            key="agent.signing_key",
        )
    return key


def _public(key: Ed25519PrivateKey) -> str:
    raw = key.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw
    )
    return raw.hex()


def _hex(text: str) -> bytes:
    raw = bytes.fromhex(text)
    if raw.hex() != text:
        raise ValueError(text)
    return raw


def _written(said: dict[str, str]) -> bytes:
    if not all(isinstance(word, str) for word in said.values()):
        raise TypeError
    return json.dumps(said, sort_keys=True, indent=1).encode() + b"\n"
