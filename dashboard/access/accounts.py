"""Local accounts: a name, a role and a password that only its owner knows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from connectors import ConfigError
from dashboard.access.store import Store
from dashboard.viewer import Viewer

# NIST SP 800-63B-4, 3.1.1.2: a password that stands alone has 15 characters or more,
# and at least 64 are taken.
SHORTEST: Final = 15
LONGEST: Final = 1000
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
# RFC 9106's second choice: argon2id with 64 MiB, three passes, four lanes.
_HASHER: Final = PasswordHasher()


@dataclass(frozen=True)
class Account:
    """Somebody who signs in here with a password, and what they may see."""

    name: str
    viewer: Viewer


@dataclass(frozen=True)
class Accounts:
    """The accounts of a network folder."""

    store: Store

    def add(self, name: str, viewer: Viewer, password: str) -> None:
        """Make an account; ConfigError for a name that is taken or is none."""
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"“{name}” is no name for an account. Use small letters, digits and "
                ". _ @ - only, 64 at most, such as maria.garcia."
            )
        hashed = _hashed(name, password)
        with self.store.open() as db:
            if self._known(name):
                raise ConfigError(
                    f"There is an account {name} already. `pocnet user change` gives "
                    "it another role or password."
                )
            db.execute(
                "INSERT INTO account VALUES (?, ?, ?)", (name, str(viewer), hashed)
            )

    def change(self, name: str, viewer: Viewer | None, password: str | None) -> Account:
        """The account as it was; its role, its password or both are others now.

        Whoever is signed in to it has to sign in again.
        """
        with self.store.open() as db:
            before = self.of(name)
            if viewer is not None:
                db.execute(
                    "UPDATE account SET viewer = ? WHERE name = ?", (str(viewer), name)
                )
            if password is not None:
                hashed = _hashed(name, password)
                db.execute("UPDATE account SET hash = ? WHERE name = ?", (hashed, name))
            db.execute("DELETE FROM session WHERE account = ?", (name,))
        return before

    def remove(self, name: str) -> Account:
        """The account as it was; it is gone, and so are its sessions."""
        before = self.of(name)
        with self.store.open() as db:
            db.execute("DELETE FROM account WHERE name = ?", (name,))
        return before

    def of(self, name: str) -> Account:
        """The account of this name; ConfigError where there is none."""
        for account in self.every():
            if account.name == name:
                return account
        raise ConfigError(f"There is no account {name}. `pocnet user list` names all.")

    def every(self) -> Iterator[Account]:
        """All accounts by name."""
        with self.store.open() as db:
            rows = db.execute("SELECT name, viewer FROM account ORDER BY name")
            found = [Account(name, Viewer.parse(viewer)) for name, viewer in rows]
        yield from found

    def check(self, name: str, password: str) -> Account | None:
        """The account, if this is its password.

        For a name that nobody has, a password is checked all the same, so that the
        time taken does not tell which names there are.
        """
        with self.store.open() as db:
            row = db.execute(
                "SELECT viewer, hash FROM account WHERE name = ?", (name,)
            ).fetchone()
        viewer, hashed = row or (None, _nobody())
        if not _is(hashed, password[:LONGEST]) or viewer is None:
            return None
        return Account(name, Viewer.parse(viewer))

    def _known(self, name: str) -> bool:
        return any(account.name == name for account in self.every())


def _hashed(name: str, password: str) -> str:
    if len(password) < SHORTEST or name in password.lower():
        raise ConfigError(
            f"A password has {SHORTEST} characters or more and does not hold the "
            "account's name. Several words in a row are easy to keep in mind."
        )
    return _HASHER.hash(password[:LONGEST])


def _is(hashed: str, password: str) -> bool:
    try:
        return _HASHER.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobody() -> str:
    return _HASHER.hash("nobody has this password")
