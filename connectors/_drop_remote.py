"""The drops that are reached over a network, each from the settings that name it.

What speaks a protocol is imported only where it is used: a site with a folder of its
own needs none.
"""

from __future__ import annotations

import ssl
from contextlib import AbstractContextManager, nullcontext
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from connectors._drop import Drop
from connectors._drop_settings import Options
from connectors._errors import ConfigError
from connectors._page import Source


def remote(source: Source, options: Options) -> AbstractContextManager[Drop]:
    """The drop at the address; ConfigError where `ca_file` holds no certificate."""
    if options.way == "sftp":
        return _sftp(source, options)
    if options.way == "s3":
        return nullcontext(_s3(source, options))
    return _web(source, options)


def _sftp(source: Source, options: Options) -> AbstractContextManager[Drop]:
    from connectors._drop_sftp import Login, Sftp

    parts = urlsplit(options.address or "")
    path = unquote(parts.path)
    # As curl writes it: /~/drop is where the user starts, /drop is absolute.
    folder = path[3:] if path.startswith("/~/") else path.rstrip("/") or "/"
    login = Login(
        host=parts.hostname or "",
        port=parts.port or 22,
        folder=folder,
        user=options.user or "",
        fingerprint=options.fingerprint or "",
        password=_plain(options.password),
        private_key=_plain(options.private_key),
    )
    return Sftp(source, login)


def _s3(source: Source, options: Options) -> Drop:
    from connectors._bucket import Bucket
    from connectors._drop_s3 import S3

    parts = urlsplit(options.address or "")
    bucket = Bucket(
        name=parts.netloc,
        prefix=unquote(parts.path).strip("/"),
        endpoint=options.endpoint,
        region=options.region,
        access_key=_plain(options.access_key) or "",
        secret_key=_plain(options.secret_key) or "",
        authority=_authority(source, options),
    )
    return S3(source, bucket)


def _web(source: Source, options: Options) -> AbstractContextManager[Drop]:
    from connectors._drop_web import Web
    from connectors._drop_webdav import WebDav

    authority = _authority(source, options)
    trusted = ssl.create_default_context()
    if authority:
        trusted.load_verify_locations(cadata=authority.decode())
    user, password = options.user, _plain(options.password)
    login = (user, password) if user and password else None
    kind = WebDav if options.protocol == "webdav" else Web
    return kind(source, options.address or "", login, trusted)


def _authority(source: Source, options: Options) -> bytes | None:
    """The certificates of a private authority, known to be some."""
    if options.ca_file is None:
        return None
    try:
        pem = options.ca_file.read_text("ascii")
        ssl.create_default_context().load_verify_locations(cadata=pem)
    except (OSError, ValueError, ssl.SSLError):
        raise ConfigError(
            "cannot be read as certificates (PEM)", key=f"source.{source.name}.ca_file"
        ) from None
    return pem.encode()


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
