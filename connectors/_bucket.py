"""A bucket of an object store that speaks S3: how it is opened, and what it answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from obstore.store import S3Store

if TYPE_CHECKING:
    from obstore.store import ClientConfig

REASONS: Mapping[str, str] = {
    "NoSuchBucket": "there is no such bucket; check `address`",
    "InvalidAccessKeyId": "the key is refused; check `access_key` and `secret_key`",
    "SignatureDoesNotMatch": "the key is refused; check `access_key` and `secret_key`",
    "AccessDenied": "the key may not do that; have reading and listing granted to it",
    "PermanentRedirect": "the bucket is elsewhere; check `endpoint` and `region`",
    "AuthorizationHeaderMalformed": "check `region`",
    "RequestTimeTooSkewed": "this machine's clock is wrong",
}
"""What the error codes that a bucket can give mean to whoever set it up."""


@dataclass(frozen=True)
class Bucket:
    """Where the objects are, and the key that opens them.

    Without an `endpoint` it is Amazon's; `authority` holds the certificates (PEM) of a
    private one.
    """

    name: str
    prefix: str
    endpoint: str | None
    region: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    authority: bytes | None = None

    @property
    def place(self) -> str:
        """The bucket as a person would name it."""
        return f"{self.endpoint or 'Amazon S3'}, bucket {self.name}"


def open_bucket(bucket: Bucket) -> S3Store:
    """The store behind a bucket; it is asked nothing yet."""
    client: ClientConfig = {
        "allow_http": (bucket.endpoint or "").startswith("http://"),
        "connect_timeout": "10s",
        "timeout": "5m",
        "read_timeout": "60s",
    }
    if bucket.authority:
        client["root_certificate"] = bucket.authority
    return S3Store(
        bucket.name,
        prefix=bucket.prefix or None,
        endpoint=bucket.endpoint,
        region=bucket.region,
        access_key_id=bucket.access_key,
        secret_access_key=bucket.secret_key,
        client_options=client,
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=60)},
    )


def reason(message: str) -> str:
    """Why, by the store's code or status; its words may repeat the key."""
    code = re.search(r"<Code>(\w+)</Code>", message)
    if code and code[1] in REASONS:
        return REASONS[code[1]]
    status = re.search(r"status code: (\d{3})", message)
    told = code or status
    if re.search(r"certificate|UnknownIssuer", message):
        return (
            "its certificate is not trusted; put the hospital's own authority into a "
            "file and name that as `ca_file`"
        )
    if told:
        return f"it answered {told[1]}; pull again, or ask its IT"
    return "it cannot be reached or broke off; check `endpoint`, and pull again"
