"""API tokens: for programs, which cannot sign in; each for one purpose and a while."""

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from connectors import ConfigError
from dashboard.access.store import Store, fingerprint
from dashboard.viewer import Viewer

PREFIX: Final = "pocnet_"
# What a scope opens: the beginning of the addresses that may be read with it.
SCOPES: Final = {
    "figures": "/api/v1/cards/",
    "proposals": "/api/v1/proposals/",
}
ALWAYS: Final = ("/api/v1/", "/api/v1/metrics", "/api/v1/openapi.json", "/readyz")
LONGEST_DAYS: Final = 366


@dataclass(frozen=True)
class Token:
    """A program that may read some of the API as one viewer, until a day."""

    label: str
    viewer: Viewer
    scope: tuple[str, ...]
    ends: datetime

    def opens(self, path: str) -> bool:
        """Whether it may ask for this address."""
        begins = tuple(SCOPES[name] for name in self.scope)
        return path in ALWAYS or path.startswith(begins)


@dataclass(frozen=True)
class Tokens:
    """The tokens of a network folder."""

    store: Store
    clock: Callable[[], float] = time.time

    def add(
        self, label: str, viewer: Viewer, scope: tuple[str, ...], days: int
    ) -> tuple[str, Token]:
        """The secret, which is shown once and kept nowhere, and what it opens."""
        secret, ends = PREFIX + secrets.token_urlsafe(32), self.clock() + days * 86_400
        with self.store.open() as db:
            if any(token.label == label for token in self.every()):
                raise ConfigError(
                    f"There is a token {label} already. Choose another label, or "
                    f"`pocnet token remove {label}` first."
                )
            db.execute(
                "INSERT INTO token VALUES (?, ?, ?, ?, ?)",
                (fingerprint(secret), label, str(viewer), " ".join(scope), ends),
            )
        return secret, _token(label, str(viewer), " ".join(scope), ends)

    def of(self, secret: str) -> Token | None:
        """The token of this secret; None if there is none, or it has ended."""
        with self.store.open() as db:
            row = db.execute(
                "SELECT label, viewer, scope, ends FROM token"
                " WHERE id = ? AND ends > ?",
                (fingerprint(secret), self.clock()),
            ).fetchone()
        return _token(*row) if row else None

    def every(self) -> Iterator[Token]:
        """All tokens by label, those that have ended too."""
        with self.store.open() as db:
            rows = db.execute(
                "SELECT label, viewer, scope, ends FROM token ORDER BY label"
            ).fetchall()
        yield from (_token(*row) for row in rows)

    def remove(self, label: str) -> Token:
        """The token as it was; it opens nothing any more."""
        for token in self.every():
            if token.label == label:
                with self.store.open() as db:
                    db.execute("DELETE FROM token WHERE label = ?", (label,))
                return token
        raise ConfigError(f"There is no token {label}. `pocnet token list` names all.")


def _token(label: str, viewer: str, scope: str, ends: float) -> Token:
    until = datetime.fromtimestamp(ends, UTC)
    return Token(label, Viewer.parse(viewer), tuple(scope.split()), until)
