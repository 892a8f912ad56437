"""A drop on an SFTP server, whose own key is known beforehand."""

from __future__ import annotations

import asyncio
import stat
import time
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import asyncssh

from connectors._drop import Dropped
from connectors._drop_walk import Listing, walk, within
from connectors._page import Source

SECONDS = 60.0
"""How long one answer may take."""

CLOCKS_APART = 3600.0
"""How far the server's clock, which SFTP does not tell, may be from ours."""

_BLOCK = 2**20
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Login:
    """Where the folder is, who asks, and what the server's own key must be.

    A `folder` that does not begin with a slash starts where the user does.
    """

    host: str
    port: int
    folder: str
    user: str
    fingerprint: str
    password: str | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)


class _Pinned(asyncssh.SSHClient):
    """Believes a server whose key has the expected fingerprint, and no other."""

    def __init__(self, expected: str) -> None:
        self._expected = expected
        self.shown = ""

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        """Whether this is the key that the site's IT named."""
        self.shown = key.get_fingerprint()
        return self.shown == self._expected


class Sftp:
    """The files of a folder on an SFTP server; a context manager, for its connection.

    Nothing of this machine's own SSH settings, keys or agent is used: what opens a
    site's drop stands in the site's file.
    """

    def __init__(self, source: Source, login: Login) -> None:
        self._source, self._login = source, login
        self._pinned = _Pinned(login.fingerprint)
        self._runner = asyncio.Runner()
        self._connection: asyncssh.SSHClientConnection | None = None

    def __enter__(self) -> Sftp:
        try:
            self._connection = self._wait(self._connected())
            self._files = self._wait(self._started(self._connection))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection:
            self._connection.abort()
        self._runner.close()

    async def _connected(self) -> asyncssh.SSHClientConnection:
        login = self._login
        return await asyncssh.connect(
            login.host,
            login.port,
            username=login.user,
            password=login.password,
            client_keys=self._keys(),
            known_hosts=b"",
            config=None,
            agent_path=None,
            client_factory=lambda: self._pinned,
            connect_timeout=10,
            login_timeout=30,
        )

    async def _started(
        self, connection: asyncssh.SSHClientConnection
    ) -> asyncssh.SFTPClient:
        # A name in another encoding must not hide the others.
        return await connection.start_sftp_client(path_errors="replace")

    def _keys(self) -> list[asyncssh.SSHKey] | None:
        if self._login.private_key is None:
            return None
        try:
            return [asyncssh.import_private_key(self._login.private_key + "\n")]
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
            raise self._source.error(
                "`private_key` is no private key that can be read; it must be an "
                "OpenSSH or PEM one without a passphrase, its public half is no use"
            ) from None

    def look(self, patterns: Sequence[str]) -> list[Dropped]:
        """The files that match, as the server lists them."""
        return walk(self._listing, patterns, self._source)

    def _listing(self, folder: str) -> Listing:
        files, folders = [], []
        what = f"folder {self._full(folder)}"
        for name, about in self._wait(self._names(folder), what):
            path = within(folder, name)
            if stat.S_ISDIR(about.permissions or 0):
                folders.append(path)
            elif stat.S_ISREG(about.permissions or 0):
                files.append(Dropped(path, about.size, about.mtime))
        return files, folders

    async def _names(self, folder: str) -> list[tuple[str, asyncssh.SFTPAttrs]]:
        found = []
        for entry in await self._files.readdir(self._full(folder)):
            name, about = str(entry.filename), entry.attrs
            if name in (".", "..") or "/" in name:
                continue
            if stat.S_ISLNK(about.permissions or 0):
                about = await self._files.stat(self._full(within(folder, name)))
            found.append((name, about))
        return found

    def _full(self, path: str) -> str:
        return "/".join(part for part in (self._login.folder, path) if part) or "."

    def quiet_since(self) -> float:
        """Long ago: what is newer by a clock that may be wrong is looked at twice."""
        return time.time() - CLOCKS_APART

    def blocks(self, file: Dropped) -> Iterator[bytes]:
        """The content of the file, many requests for it under way at once."""
        opened = self._wait(self._open(file), file.path)
        while block := self._wait(self._read(opened), file.path):
            yield block
        self._wait(opened.close(), file.path)

    async def _open(self, file: Dropped) -> asyncssh.SFTPClientFile:
        opened: asyncssh.SFTPClientFile = await self._files.open(
            self._full(file.path), "rb"
        )
        return opened

    async def _read(self, opened: asyncssh.SFTPClientFile) -> bytes:
        read = await opened.read(_BLOCK)
        return read if isinstance(read, bytes) else read.encode()

    async def _in_time(self, asked: Coroutine[Any, Any, Answer]) -> Answer:
        # Merely cancelled, a request would first wait for the server to let go of it.
        task = asyncio.ensure_future(asked)
        done, _ = await asyncio.wait({task}, timeout=SECONDS)
        if done:
            return task.result()
        if self._connection:
            self._connection.abort()
        task.cancel()
        await asyncio.wait({task}, timeout=1)
        raise TimeoutError

    def _wait(
        self, asked: Coroutine[Any, Any, Answer], what: str = "an answer"
    ) -> Answer:
        """The answer; SourceError when none comes, or it is a refusal."""
        host = f"{self._login.host}:{self._login.port}"
        try:
            return self._runner.run(self._in_time(asked))
        except asyncssh.HostKeyNotVerifiable:
            said = (
                f"{host} shows the key {self._pinned.shown}, which is not the "
                f"`fingerprint`; nothing was sent. Ask its IT which key is right: "
                f"somebody may stand in between"
            )
        except asyncssh.PermissionDenied:
            said = f"{host} refused the user {self._login.user}; check user and secret"
        except asyncssh.SFTPPermissionDenied:
            said = f"{host} does not let the user {self._login.user} read {what}"
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            said = f"{host} has no {what}; check `address`"
        except TimeoutError:
            said = f"{host} did not answer in time; pull again later"
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection):
            said = f"{host} broke off; nothing was kept of {what}, pull again"
        except asyncssh.SFTPError:
            said = f"{host} could not read {what}; pull again, or ask its IT"
        except (asyncssh.Error, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else None
            said = f"{host} cannot be reached or broke off ({why or _name(error)}); "
            said += "check `address`, the network and the firewall, and pull again"
        raise self._source.error(said)


def _name(error: BaseException) -> str:
    return type(error).__name__
