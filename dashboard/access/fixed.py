"""The door of a dashboard that only this machine can reach: whoever is here chooses."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.requests import HTTPConnection

from dashboard.access.door import Guest
from dashboard.viewer import Viewer

COOKIE: Final = "pocnet_viewer"
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Chosen:
    """Lets everybody in as the viewer of their cookie; `viewers` gives all there are.

    Without a cookie the viewer is the lead; an unknown one is the public, so that a
    mistake never shows more.
    """

    viewers: Callable[[], tuple[Viewer, ...]]
    hosts: tuple[str, ...] = LOOPBACK

    def guest(self, connection: HTTPConnection) -> Guest | None:
        """The viewer that was chosen; never nobody."""
        with contextlib.suppress(ValueError):
            viewer = Viewer.parse(connection.cookies.get(COOKIE))
            if viewer in self.viewers():
                return Guest(viewer)
        return Guest(Viewer("public"))
