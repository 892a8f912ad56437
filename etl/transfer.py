"""The ways a package can go: to the hub by HTTPS, by SFTP, or in somebody's pocket.

All three may be repeated without effect: the hub answers a bundle that it has with the
receipt that it gave before. By SFTP and by hand the answer is a file beside where the
package lay, `<package>.receipt.json`, to be found the next time.
"""

import asyncio
import shutil
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final, Protocol, TypeVar
from urllib.parse import SplitResult, urlsplit

import asyncssh
import httpx
from pydantic import ValidationError

from connectors import ConfigError, PocnetError
from etl.network import Agent
from etl.receipt import Receipt
from etl.reception import RECEIPT
from etl.shelf import sync

ADDRESS: Final = "/api/v1/bundles"
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
TRIES: Final = 3
_PATIENCE: Final = httpx.Timeout(900.0, connect=20.0)
_LATER: Final = (429, 500, 502, 503, 504)
_SECONDS: Final = 30
_SAID: Final = 300
Answer = TypeVar("Answer")


class UndeliveredError(PocnetError):
    """The package stays where it is: the hub did not answer, or not to this."""


class Way(Protocol):
    """How packages reach the hub."""

    def deliver(self, package: Path) -> Receipt | None:
        """The hub's answer, None while there is none; UndeliveredError if it cannot."""

    def clear(self, package: Path) -> None:
        """Take away what the answer to a package left on the way."""


@contextmanager
def open_way(agent: Agent, here: Path) -> Iterator[Way]:
    """The way that a site's settings name; relative folders start from `here`.

    ConfigError for an address that nothing can be sent to, UndeliveredError if nobody
    answers there.
    """
    send = str(agent.rules.send)
    to = urlsplit(send)
    if to.scheme in ("http", "https"):
        if to.scheme == "http" and to.hostname not in LOOPBACK:
            said = "must begin with https://, so that nobody on the way reads along"
            raise ConfigError(said, key="agent.send")
        with httpx.Client(timeout=_PATIENCE) as client:
            yield _Https(client, send.rstrip("/") + ADDRESS)
    elif to.scheme == "sftp":
        with _sftp(to, agent) as way:
            yield way
    elif "://" in send:
        said = "is neither https://, sftp:// nor a folder"
        raise ConfigError(said, key="agent.send")
    else:
        yield _Folder((here / Path(send).expanduser()).resolve())


class _Https:
    def __init__(self, client: httpx.Client, address: str) -> None:
        self._client, self._address = client, address

    def deliver(self, package: Path) -> Receipt | None:
        for left in reversed(range(TRIES)):
            try:
                answer = self._post(package)
            except httpx.HTTPError as error:
                said = f"{type(error).__name__}: {error}"
            else:
                if answer.status_code not in _LATER:
                    return _answered(answer)
                said = _cut(answer)
            time.sleep(2 ** (TRIES - left) - 1 if left else 0)
        raise UndeliveredError(
            f"{self._address} did not take the package ({said}). It stays in the "
            "outbox and goes the next time."
        )

    def _post(self, package: Path) -> httpx.Response:
        size = str(package.stat().st_size)
        kind = {"Content-Type": "application/octet-stream", "Content-Length": size}
        with package.open("rb") as file:
            return self._client.post(self._address, content=file, headers=kind)

    def clear(self, package: Path) -> None:
        """Nothing is left on the way."""


def _answered(answer: httpx.Response) -> Receipt:
    if answer.status_code in (200, 201, 422):
        try:
            return Receipt.model_validate_json(answer.content)
        except ValidationError:
            pass
    raise UndeliveredError(
        f"{answer.url} answered {_cut(answer)}. The package stays in the outbox; show "
        "this line to the hub's data manager."
    )


def _cut(answer: httpx.Response) -> str:
    return f"{answer.status_code} {' '.join(answer.text.split())[:_SAID]}"


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def deliver(self, package: Path) -> Receipt | None:
        try:
            receipt = self._folder / (package.name + RECEIPT)
            if receipt.is_file():
                return _read(receipt.read_bytes(), str(receipt))
            target = self._folder / package.name
            if not target.exists():
                self._folder.mkdir(parents=True, exist_ok=True)
                temporary = target.with_suffix(".part")
                shutil.copyfile(package, temporary)
                sync(temporary)
                temporary.rename(target)
        except OSError as error:
            raise UndeliveredError(
                f"{self._folder} could not be written: {error.strerror}. The package "
                "stays in the outbox."
            ) from error
        return None

    def clear(self, package: Path) -> None:
        for name in (package.name, package.name + RECEIPT):
            (self._folder / name).unlink(missing_ok=True)


class _Sftp:
    def __init__(
        self, runner: asyncio.Runner, client: asyncssh.SFTPClient, to: SplitResult
    ) -> None:
        self._runner, self._client, self._to = runner, client, to
        self._folder = PurePosixPath(to.path or ".")

    def deliver(self, package: Path) -> Receipt | None:
        return self._run(self._deliver(package))

    def clear(self, package: Path) -> None:
        self._run(self._clear(package))

    def _run(self, doing: Awaitable[Answer]) -> Answer:
        try:
            return self._runner.run(_timed(doing))
        except (asyncssh.Error, OSError, TimeoutError) as error:
            raise UndeliveredError(_unsent(self._to, error)) from error

    async def _deliver(self, package: Path) -> Receipt | None:
        target = str(self._folder / package.name)
        if await self._client.isfile(target + RECEIPT):
            async with self._client.open(target + RECEIPT, "rb") as file:
                return _read(await file.read(), target + RECEIPT)
        if not await self._client.exists(target):
            temporary = f"{target}.part"
            await self._client.put(str(package), temporary)
            await self._client.rename(temporary, target)
        return None

    async def _clear(self, package: Path) -> None:
        receipt = str(self._folder / (package.name + RECEIPT))
        if await self._client.exists(receipt):
            await self._client.remove(receipt)


@contextmanager
def _sftp(to: SplitResult, agent: Agent) -> Iterator[_Sftp]:
    """A connection to the one machine whose key is known, for all packages.

    Nothing of this machine's own SSH settings, keys or agent is used.
    """
    pinned = _Pinned(str(agent.rules.host_key))
    connecting = asyncssh.connect(
        to.hostname or "",
        to.port or 22,
        username=to.username or "",
        client_keys=[_login_key(agent)],
        known_hosts=b"",
        client_factory=lambda: pinned,
        agent_path=None,
        config=None,
        connect_timeout=_SECONDS,
        login_timeout=_SECONDS,
    )
    with asyncio.Runner() as runner:
        try:
            connection = runner.run(_timed(connecting))
            client = runner.run(_timed(connection.start_sftp_client()))
        except (asyncssh.Error, OSError, TimeoutError) as error:
            raise UndeliveredError(pinned.refusal or _unsent(to, error)) from error
        try:
            yield _Sftp(runner, client, to)
        finally:
            connection.abort()


class _Pinned(asyncssh.SSHClient):
    """Believes the machine whose key has this fingerprint, and no other."""

    def __init__(self, fingerprint: str) -> None:
        self._expected = fingerprint
        self.refusal = ""

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        """Whether this is the key that the hub's data manager named."""
        known = key.get_fingerprint() == self._expected
        if not known:
            self.refusal = (
                f"{host} shows another key ({key.get_fingerprint()}) than host_key of "
                "[agent], so nothing was sent. Ask the hub whether its key has changed."
            )
        return known


def _login_key(agent: Agent) -> asyncssh.SSHKey:
    try:
        return asyncssh.import_private_key(str(agent.login_key))
    except asyncssh.KeyImportError:
        said = "is no private key of SSH without a passphrase"
        raise ConfigError(said, key="agent.login_key") from None


async def _timed(doing: Awaitable[Answer]) -> Answer:
    async with asyncio.timeout(_PATIENCE.read):
        return await doing


def _unsent(to: SplitResult, error: Exception) -> str:
    said = f"{type(error).__name__} {error}".strip()[:_SAID]
    return (
        f"{to.hostname} did not take the package by SFTP ({said}). It stays in the "
        "outbox and goes the next time."
    )


def _read(raw: bytes, place: str) -> Receipt:
    try:
        return Receipt.model_validate_json(raw)
    except ValidationError:
        raise UndeliveredError(
            f"{place} is no receipt of a hub. Remove it and ask the hub again."
        ) from None
