"""How often somebody may fail to sign in before the door stays shut for a while."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dashboard.access.store import Store

# OWASP's cheat sheet on authentication asks for a limit by account; by address too,
# since one guess at each of many accounts is an attack as well.
WINDOW: Final = 900.0
BY_NAME: Final = 5
BY_ADDRESS: Final = 30


@dataclass(frozen=True)
class Throttle:
    """Failed sign-ins of the last quarter of an hour, by name and by address."""

    store: Store
    clock: Callable[[], float] = time.time

    def enter(self, name: str, address: str) -> int:
        """Seconds until this name may be tried again from this address; 0 for now.

        Where it is 0 the attempt counts as failed until `succeeded` says otherwise, so
        that many at the same moment are no more than one after the other.
        """
        now = self.clock()
        with self.store.open() as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("DELETE FROM failure WHERE at < ?", (now - WINDOW,))
            waits = [
                row[0] + WINDOW - now
                for key, most in _limits(name, address)
                for row in db.execute(
                    "SELECT at FROM failure WHERE key = ?"
                    " ORDER BY at DESC LIMIT 1 OFFSET ?",
                    (key, most - 1),
                )
            ]
            if not waits:
                db.executemany(
                    "INSERT INTO failure VALUES (?, ?)",
                    [(key, now) for key, _ in _limits(name, address)],
                )
        return max((int(wait) + 1 for wait in waits), default=0)

    def succeeded(self, name: str, address: str) -> None:
        """Take back the newest attempt: it was no failure."""
        with self.store.open() as db:
            for key, _ in _limits(name, address):
                db.execute(
                    "DELETE FROM failure WHERE rowid = (SELECT max(rowid)"
                    " FROM failure WHERE key = ?)",
                    (key,),
                )


def _limits(name: str, address: str) -> tuple[tuple[str, int], ...]:
    return (f"name {name}", BY_NAME), (f"address {address}", BY_ADDRESS)
