"""Where a drop is, and how to get in: the settings of a `files` source."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from connectors._settings import LOOPBACK, Settings, WebAddress

USED = {
    "folder": frozenset({"max_mb"}),
    "https": frozenset({"max_mb", "protocol", "user", "password", "ca_file"}),
    "sftp": frozenset({"max_mb", "user", "password", "private_key", "fingerprint"}),
    "s3": frozenset(
        {"max_mb", "endpoint", "region", "access_key", "secret_key", "ca_file"}
    ),
}
"""Which settings each way to a drop uses, besides `folder` or `address` itself."""

NEEDED = {"sftp": ("user", "fingerprint"), "s3": ("access_key", "secret_key")}


def _drop_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("https", "http", "sftp", "s3") or not parts.hostname:
        raise ValueError(
            "must be like https://host/folder, sftp://host/folder or s3://bucket/folder"
        )
    if parts.username or parts.password:
        raise ValueError("must not hold a user or password; they have their own keys")
    if parts.query or parts.fragment:
        raise ValueError("must be the address of a folder, without ? or #")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("must start with https://, or the secret travels readable")
    return text


def _known_fingerprint(text: str) -> str:
    if not re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}=?", text):
        raise ValueError(
            "must be the SHA256:… of the server's key, as `ssh-keygen -lf` shows it"
        )
    return text.rstrip("=")


class Options(Settings):
    """The drop: a `folder` of this machine, or an `address` and how to get in there.

    An SFTP server is known by the `fingerprint` of its key, which its IT can tell;
    without it, whoever stands in between could take the password and the data. A file
    may have at most `max_mb` MiB.
    """

    folder: Path | None = None
    address: Annotated[str, AfterValidator(_drop_address)] | None = None
    protocol: Literal["listing", "webdav"] = "listing"
    user: str | None = None
    password: SecretStr | None = None
    private_key: SecretStr | None = None
    fingerprint: Annotated[str, AfterValidator(_known_fingerprint)] | None = None
    endpoint: WebAddress | None = None
    region: str = "us-east-1"
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None
    ca_file: Path | None = None
    max_mb: int = Field(default=2048, ge=1)

    @property
    def way(self) -> str:
        """How the drop is reached: folder, https, sftp or s3."""
        scheme = urlsplit(self.address or "folder:").scheme
        return "https" if scheme == "http" else scheme

    @model_validator(mode="after")
    def _one_way_in(self) -> Options:
        if (self.folder is None) == (self.address is None):
            raise ValueError("give either folder or address")
        given = self.model_fields_set - {"folder", "address"}
        for name in sorted(given - USED[self.way]):
            users = " and ".join(way for way in USED if name in USED[way])
            raise ValueError(f"{name} is for {users}, not for {self.way}; leave it out")
        for name in NEEDED.get(self.way, ()):
            if not getattr(self, name):
                raise ValueError(f"{self.way} needs {name}")
        if self.way == "sftp" and bool(self.password) == bool(self.private_key):
            raise ValueError("sftp needs either password or private_key")
        if self.way == "https" and bool(self.user) != bool(self.password):
            raise ValueError("user and password belong together; one is missing")
        return self
