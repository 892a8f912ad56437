"""Sessions: who has signed in, until they are silent or gone too long."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dashboard.access.store import Store, fingerprint
from dashboard.viewer import Viewer

# A page asks many times a second; that somebody is there is noted this often.
_NOTED_EVERY: Final = 30.0


@dataclass(frozen=True)
class Session:
    """Somebody who has signed in: their name for the record, and what they may see."""

    who: str
    viewer: Viewer


@dataclass(frozen=True)
class Sessions:
    """The sessions of a network folder; `idle` and `longest` are in seconds."""

    store: Store
    idle: float
    longest: float
    clock: Callable[[], float] = time.time

    def begin(self, who: str, viewer: Viewer, account: str | None = None) -> str:
        """The secret of a new session, never one that somebody brought along.

        A session of a local `account` has that account's role at every moment and
        ends with it; another keeps the role with which it began.
        """
        secret, now = secrets.token_urlsafe(32), self.clock()
        with self.store.open() as db:
            db.execute("DELETE FROM session WHERE began < ?", (now - self.longest,))
            db.execute(
                "INSERT INTO session VALUES (?, ?, ?, ?, ?, ?)",
                (fingerprint(secret), who, str(viewer), account, now, now),
            )
        return secret

    def of(self, secret: str) -> Session | None:
        """Whose session this is; None if it is nobody's, or has ended."""
        now = self.clock()
        with self.store.open() as db:
            row = db.execute(
                "SELECT who, coalesce(a.viewer, s.viewer), seen FROM session AS s"
                " LEFT JOIN account AS a ON s.account = a.name"
                " WHERE id = ? AND began > ? AND seen > ?",
                (fingerprint(secret), now - self.longest, now - self.idle),
            ).fetchone()
            if row is None:
                return None
            if now - row[2] > _NOTED_EVERY:
                db.execute(
                    "UPDATE session SET seen = ? WHERE id = ?",
                    (now, fingerprint(secret)),
                )
        return Session(row[0], Viewer.parse(row[1]))

    def end(self, secret: str) -> None:
        """Forget a session; what was signed in with it is a stranger's now."""
        with self.store.open() as db:
            db.execute("DELETE FROM session WHERE id = ?", (fingerprint(secret),))
